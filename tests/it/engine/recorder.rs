//! The recorder: groups, notes that ride along, and what is held while the store can't be written.

use std::sync::Arc;
use std::time::Duration;

use dcs_wait::engine::Recorder;
use dcs_wait::model::{Fence, NoMeter, Progress, Watch};
use dcs_wait::store::{Change, Effect, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::harness::secs;
use super::rows::{answers, attempted, end, watches};
use super::store::Fickle;

const MILLI: Duration = Duration::from_millis(1);

/// A recorder, and so many watches that are stored already.
async fn recorder(store: Arc<Fickle>, count: u64) -> (Arc<Fickle>, Recorder, Vec<Watch>) {
    let watches = watches(count);
    let accept: Vec<Change> = watches.iter().cloned().map(Change::Accept).collect();
    store.commit(&accept).await.unwrap();
    store.groups.lock().unwrap().clear();
    let recorder = Recorder::start(store.clone(), Arc::new(NoMeter));
    (store, recorder, watches)
}

fn keep_all(recorder: &Recorder, watches: &[Watch]) -> JoinSet<Effect> {
    let keep = |watch: &Watch| {
        let (recorder, end) = (recorder.clone(), end(watch));
        async move { recorder.keep(end).await }
    };
    watches.iter().map(keep).collect()
}

async fn are_ended(store: &Fickle, watches: &[Watch]) -> usize {
    let mut ended = 0;
    for watch in watches {
        let (record, _) = store.watch(watch.id).await.unwrap().unwrap();
        ended += usize::from(record.end.is_some());
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn a_thousand_ends_are_few_transactions() {
    let (store, recorder, watches) = recorder(Fickle::slow(2 * MILLI), 1000).await;
    let effects = keep_all(&recorder, &watches).join_all().await;
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Done)));
    assert_eq!(are_ended(&store, &watches).await, 1000);
    let groups = store.groups.lock().unwrap().len();
    assert!(groups <= 10, "{groups}");
}

#[tokio::test(start_paused = true)]
async fn where_many_wait_ends_overtake_attempts_which_get_on_all_the_same() {
    let (store, recorder, watches) = recorder(Fickle::slow(2 * MILLI), 5000).await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut attempts: JoinSet<Effect> = std::iter::repeat_with(|| {
        let (recorder, attempt) = (recorder.clone(), attempted(&mut random));
        async move { recorder.keep(attempt).await }
    })
    .take(5000)
    .collect();
    keep_all(&recorder, &watches).join_all().await;
    assert_eq!(are_ended(&store, &watches).await, 5000);
    let left = attempts.len() - std::iter::from_fn(|| attempts.try_join_next()).count();
    assert!((3000..4900).contains(&left), "{left}");
    attempts.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_can_be_refused_is_refused_by_a_full_store_and_not_kept() {
    let (store, recorder, _) = recorder(Fickle::new(), 0).await;
    store.set_full(true);
    let watch = watches(1).remove(0);
    let refused = recorder.store(Change::Accept(watch.clone())).await;
    assert!(refused.unwrap_err().to_string().contains("no space"));
    assert_eq!(recorder.trouble().map(|(_, held)| held), Some(0));
    store.set_full(false);
    tokio::time::sleep(secs(10)).await;
    assert!(store.watch(watch.id).await.unwrap().is_none());
    assert_eq!(recorder.trouble(), None, "it is noticed without any change");
}

#[tokio::test(start_paused = true)]
async fn ends_are_held_until_the_store_is_back() {
    let (store, recorder, watches) = recorder(Fickle::new(), 300).await;
    store.set_full(true);
    let effects = keep_all(&recorder, &watches);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(are_ended(&store, &watches).await, 0);
    let (why, held) = recorder.trouble().unwrap();
    assert!(why.contains("no space"), "{why}");
    assert_eq!(held, 300);
    store.set_full(false);
    effects.join_all().await;
    assert_eq!(are_ended(&store, &watches).await, 300);
    assert_eq!(recorder.trouble(), None);
    let groups = store.groups.lock().unwrap().len();
    assert!(groups < 12, "{groups}");
}

#[tokio::test(start_paused = true)]
async fn an_end_is_stored_even_when_nobody_waits_for_that() {
    let (store, recorder, watches) = recorder(Fickle::new(), 1).await;
    store.set_full(true);
    let asked = timeout(MILLI, recorder.keep(end(&watches[0]))).await;
    assert!(asked.is_err());
    store.set_full(false);
    tokio::time::sleep(secs(6)).await;
    assert_eq!(are_ended(&store, &watches).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_never_taken_holds_up_no_other() {
    let (store, recorder, watches) = recorder(Fickle::new(), 100).await;
    *store.spurned.lock().unwrap() = Some(watches[50].id);
    let effects = keep_all(&recorder, &watches);
    tokio::time::sleep(secs(10)).await;
    assert_eq!(are_ended(&store, &watches).await, 99);
    assert_eq!(recorder.trouble().map(|(_, held)| held), Some(1));
    assert_eq!(effects.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_note_waits_for_company_but_not_for_long() {
    let (store, recorder, watches) = recorder(Fickle::new(), 2).await;
    let note = || {
        let progress = Progress {
            polls: 3,
            job: None,
        };
        recorder.note(
            watches[0].id,
            Fence::FIRST,
            progress,
            vec![answers("RUNNING")],
        );
    };
    note();
    recorder.keep(end(&watches[1])).await;
    assert_eq!(*store.groups.lock().unwrap(), [2]);
    let (record, history) = store.watch(watches[0].id).await.unwrap().unwrap();
    assert_eq!((record.progress.polls, history.len()), (3, 1));

    let start = Instant::now();
    note();
    while store.groups.lock().unwrap().len() == 1 {
        tokio::time::sleep(MILLI).await;
    }
    assert!(start.elapsed() > 100 * MILLI && start.elapsed() < secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_was_noted_is_part_of_the_end() {
    let (store, recorder, watches) = recorder(Fickle::new(), 1).await;
    recorder.note(
        watches[0].id,
        Fence::FIRST,
        Progress::default(),
        vec![answers("INIT")],
    );
    recorder.note(
        watches[0].id,
        Fence::FIRST,
        Progress::default(),
        vec![answers("RUNNING")],
    );
    recorder.keep(end(&watches[0])).await;
    assert_eq!(*store.groups.lock().unwrap(), [1]);
    let (_, history) = store.watch(watches[0].id).await.unwrap().unwrap();
    let history: Vec<_> = history.into_iter().map(|line| line.answer).collect();
    assert_eq!(history, ["INIT", "RUNNING", "SUCCESS"]);
}

#[tokio::test(start_paused = true)]
async fn notes_outlast_a_full_store() {
    let (store, recorder, watches) = recorder(Fickle::new(), 1).await;
    store.set_full(true);
    for answer in ["INIT", "RUNNING"] {
        recorder.note(
            watches[0].id,
            Fence::FIRST,
            Progress::default(),
            vec![answers(answer)],
        );
        tokio::time::sleep(secs(3)).await;
    }
    store.set_full(false);
    tokio::time::sleep(secs(6)).await;
    let (_, history) = store.watch(watches[0].id).await.unwrap().unwrap();
    let history: Vec<_> = history.into_iter().map(|line| line.answer).collect();
    assert_eq!(history, ["INIT", "RUNNING"]);
}

#[tokio::test(start_paused = true)]
async fn the_pulse_goes_on_with_a_store_that_is_full_or_known_to_hang() {
    let (store, full, _) = recorder(Fickle::new(), 0).await;
    store.set_full(true);
    let watch = watches(1).remove(0);
    full.store(Change::Accept(watch.clone())).await.unwrap_err();
    timeout(MILLI, full.pulse()).await.unwrap();

    let hanging = Recorder::start(Fickle::slow(secs(1000)), Arc::new(NoMeter));
    let asked = hanging.store(Change::Accept(watch));
    let pulse = async {
        tokio::task::yield_now().await;
        assert!(timeout(secs(9), hanging.pulse()).await.is_err());
        timeout(secs(2), hanging.pulse()).await
    };
    tokio::select! {
        biased;
        _ = asked => panic!("it hangs"),
        pulse = pulse => assert!(pulse.is_ok()),
    }
    assert!(hanging.trouble().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_flush_stores_what_waits_at_once() {
    let (store, recorder, watches) = recorder(Fickle::new(), 1).await;
    recorder.note(
        watches[0].id,
        Fence::FIRST,
        Progress::default(),
        vec![answers("INIT")],
    );
    let start = Instant::now();
    recorder.flush().await;
    assert!(start.elapsed() < 10 * MILLI);
    assert_eq!(*store.groups.lock().unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_trouble_until_it_has_ended() {
    let (store, recorder, watches) = recorder(Fickle::new(), 2).await;
    let until = store.hang();
    let mut first = keep_all(&recorder, &watches[..1]);
    tokio::time::sleep(MILLI).await;
    let waiting = tokio::spawn({
        let recorder = recorder.clone();
        async move { recorder.store(Change::Prune(std::time::UNIX_EPOCH)).await }
    });
    tokio::time::sleep(secs(9)).await;
    assert_eq!(recorder.trouble(), None);
    tokio::time::sleep(secs(2)).await;
    let (why, held) = recorder.trouble().unwrap();
    assert!(why.contains("more than 10 s"), "{why}");
    assert_eq!(held, 1);
    assert!(recorder.is_stalled());
    // What waited behind it and what comes now is refused, as its caller can try again.
    assert!(waiting.await.unwrap().is_err());
    let refused = recorder.store(Change::Accept(watches[0].clone())).await;
    assert!(refused.unwrap_err().to_string().contains("more than 10 s"));
    recorder.pulse().await;
    // What may not be lost is held.
    let second = keep_all(&recorder, &watches[1..]);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(recorder.trouble().map(|(_, held)| held), Some(2));
    assert_eq!(are_ended(&store, &watches).await, 0);
    until.notify_one();
    let effect = first.join_next().await.unwrap().unwrap();
    assert!(matches!(effect, Effect::Done), "{effect:?}");
    second.join_all().await;
    assert_eq!(are_ended(&store, &watches).await, 2);
    assert_eq!(recorder.trouble(), None);
    assert!(!recorder.is_stalled());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_and_fails_is_tried_again() {
    let (store, recorder, watches) = recorder(Fickle::new(), 1).await;
    let until = store.hang();
    let ending = keep_all(&recorder, &watches);
    tokio::time::sleep(secs(20)).await;
    store.set_full(true);
    until.notify_one();
    tokio::time::sleep(secs(20)).await;
    let (why, held) = recorder.trouble().unwrap();
    assert!(why.contains("no space"), "{why}");
    assert_eq!(held, 1);
    store.set_full(false);
    ending.join_all().await;
    assert_eq!(are_ended(&store, &watches).await, 1);
    assert_eq!(recorder.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn a_suspicion_is_found_out_by_writing() {
    let (store, recorder, _) = recorder(Fickle::new(), 0).await;
    recorder.probe();
    recorder.flush().await;
    assert_eq!(recorder.trouble(), None);
    assert_eq!(*store.groups.lock().unwrap(), [0]);
    store.set_full(true);
    recorder.probe();
    tokio::time::sleep(secs(1)).await;
    assert!(recorder.trouble().is_some());
    store.set_full(false);
    tokio::time::sleep(secs(10)).await;
    assert_eq!(recorder.trouble(), None);
}
