//! A credential or an endpoint that may be mended, and many watches that wait for that.

use std::sync::Arc;

use dcs_wait::api::{Gate, Session};
use dcs_wait::model::{NoMeter, Outcome, WatchEventKind};
use dcs_wait::poll::Poller;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::harness::{Ended, Lone, Wait, job, refused, secs};

const MINUTE: u64 = 60;

/// A wait for many jobs that has a quarter of an hour to be mended.
fn held(jobs: usize, answers: impl IntoIterator<Item = dcs_wait::api::Answer>) -> Wait {
    let ids: Vec<String> = (0..jobs).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, answers);
    wait.watch.mending_grace = secs(15 * MINUTE);
    wait.timeout = None;
    wait
}

fn seconds(ended: &Ended) -> Vec<u128> {
    ended
        .asked_at()
        .iter()
        .map(|millis| millis / 1000)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_tried_once_a_lock_and_ends_all_watches_after_the_grace() {
    let ended = held(20, [refused(401, "APIGW.0301")]).ended().await;
    assert_eq!(seconds(&ended), [0, 300, 600, 900], "the last at its end");
    assert_eq!(ended.outcomes(), [Outcome::Denied; 20]);
    assert_eq!(ended.took.as_secs(), 900);
    assert!(ended.result.reports.iter().all(|one| one.fault.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_mended_in_time_costs_no_watch() {
    let answers = [refused(401, "APIGW.0301"), job("SUCCESS")];
    let ended = held(20, answers).ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Succeeded; 20]);
    assert_eq!(ended.asked_at().len(), 21);
    assert!(
        ended.took >= secs(300) && ended.took < secs(310),
        "{:?}",
        ended.took
    );
    let told =
        |event: &&dcs_wait::model::WatchEvent| matches!(event.kind, WatchEventKind::Trouble { .. });
    assert_eq!(ended.events.iter().filter(told).count(), 20, "one a watch");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_watch_that_is_held_as_denied() {
    let mut wait = held(2, [refused(401, "APIGW.0301")]);
    wait.timeout = Some(secs(100));
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Denied; 2]);
    assert_eq!(ended.took, secs(100));
    let fault = ended.result.reports[1].fault.clone().unwrap();
    assert_eq!(fault.code, Some("APIGW.0301".into()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_endpoint_is_passing_trouble_until_the_grace_is_over() {
    let wrong = refused(404, "APIGW.0101");
    let ended = held(1, [wrong.clone()]).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Rejected);
    assert!(
        ended.took >= secs(900) && ended.took < secs(910),
        "{:?}",
        ended.took
    );

    let ended = held(1, [wrong.clone(), wrong, job("SUCCESS")])
        .ended()
        .await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert_eq!(ended.asked_at(), [0, 1000, 3000]);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_a_turn_do_not_send_a_credential_that_was_refused_meanwhile() {
    // A request a second. The second is refused, while all others wait for their turns.
    let mut wait = held(30, [job("RUNNING"), refused(401, "APIGW.0301")]);
    wait.max_rps = 1.0;
    wait.watch.mending_grace = secs(0);
    let ended = wait.ended().await;
    assert_eq!(seconds(&ended), [0, 1]);
    assert_eq!(ended.outcomes(), [Outcome::Denied; 30]);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_refused_tries_the_new_credential_before_those_in_the_queue() {
    let answers = [job("RUNNING"), refused(401, "APIGW.0307"), job("SUCCESS")];
    let mut wait = held(30, answers);
    wait.max_rps = 1.0;
    wait.service.renews = true;
    let ended = wait.ended().await;
    assert_eq!(seconds(&ended)[..3], [0, 1, 2]);
    assert_eq!(ended.outcomes(), [Outcome::Succeeded; 30]);
}

/// The work is counted, not timed: a watch that is woken to no purpose is polled once more.
#[tokio::test(start_paused = true)]
async fn ten_thousand_watches_in_an_outage_are_woken_one_at_a_time() {
    const WATCHES: usize = 10_000;
    let mut wait = held(0, [refused(503, "")]);
    wait.service.takes = std::time::Duration::from_millis(20);
    let session = Arc::new(Session {
        source: Box::new(wait.service),
        gate: Arc::new(Gate::new(1000.0, 64)),
        endpoint: dcs_wait::api::EndpointProof::default(),
        meter: Arc::new(NoMeter),
    });
    let spec = Arc::new(wait.watch);
    let woken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for n in 0..WATCHES {
        let watch = Lone {
            deadline: Some(start + secs(2 * MINUTE)),
            ..Lone::new(&format!("j{n}"))
        };
        let (spec, session) = (Arc::clone(&spec), Arc::clone(&session));
        let mut polling = Box::pin(async move {
            let random = fastrand::Rng::with_seed(7);
            Poller::new(&watch, spec, session, 0, random).run().await
        });
        let woken = Arc::clone(&woken);
        loops.spawn(async move {
            std::future::poll_fn(|context| {
                woken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                polling.as_mut().poll(context)
            })
            .await
        });
    }
    while let Some(ended) = loops.join_next().await {
        let report = ended.unwrap().unwrap().unwrap();
        assert_eq!(report.outcome, Outcome::TimedOut);
    }
    let woken = woken.load(std::sync::atomic::Ordering::Relaxed);
    assert!(woken < 12 * WATCHES, "{woken}");
}
