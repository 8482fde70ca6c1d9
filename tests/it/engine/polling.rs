//! Loops: panics, calling off, asking now, stopping.

use dcs_wait::engine::Heard;
use dcs_wait::model::{Outcome, WatchEventKind};

use super::harness::{House, job, pass, refused, secs};

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_is_started_again_and_touches_no_other() {
    let house = House::new();
    house.jobs.answer("j1", [job("RUNNING"), job("SUCCESS")]);
    house.jobs.answer("j2", [job("RUNNING")]);
    let first = house.accept_id("j1").await;
    let second = house.accept_id("j2").await;
    pass(secs(0)).await;
    house.jobs.panics.lock().unwrap().insert("j1".into(), 1);
    pass(secs(4)).await;
    assert_eq!(*house.meter.0.lock().unwrap(), 1);
    // Asked at 0, panics at 1, pauses a second, and has not forgotten its first request.
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 2]);
    let record = house.record(first).await;
    assert_eq!(record.end.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(record.progress.polls, 2);
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    assert_eq!(house.outcome(second).await, None);
    assert_eq!(house.jobs.asked_at("j2", house.start), [0, 1, 3]);
    assert_eq!(started(&house), 2);
}

fn started(house: &House) -> usize {
    let told = house.told.lock().unwrap();
    let is_start = |one: &&dcs_wait::engine::Told| match one {
        dcs_wait::engine::Told::Watch { event, .. } => event.kind == WatchEventKind::Started,
        _ => false,
    };
    told.iter().filter(is_start).count()
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_goes_on_panicking_pauses_longer_each_time() {
    let house = House::new();
    house.jobs.panics.lock().unwrap().insert("j1".into(), 8);
    house.accept("j1").await;
    pass(secs(220)).await;
    let asked = house.jobs.asked_at("j1", house.start);
    assert_eq!(asked[..9], [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    assert_eq!(*house.meter.0.lock().unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_watch_in_the_pause_after_a_panic_can_be_called_off() {
    let house = House::new();
    house.jobs.panics.lock().unwrap().insert("j1".into(), 100);
    let id = house.accept_id("j1").await;
    pass(secs(100)).await;
    assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Yes);
    assert_eq!(house.outcome(id).await, Some(Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_called_off_has_ended_when_the_answer_comes() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(5)).await;
    assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Yes);
    assert_eq!(house.outcome(id).await, Some(Outcome::Cancelled));
    assert!(house.inbox.types().is_empty());
    assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Ended);
    assert_eq!(house.engine.poll_now(id).await.unwrap(), Heard::Ended);
    let unknown = "01936c2f-5e00-7000-8000-000000000000".parse().unwrap();
    assert_eq!(house.engine.cancel(unknown).await.unwrap(), Heard::Unknown);
    pass(secs(60)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn calling_off_with_a_full_store_is_answered_and_stored_later() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    house.store.set_full(true);
    house
        .engine
        .accept(super::harness::order("j2"))
        .await
        .unwrap_err();
    assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Yes);
    pass(secs(1)).await;
    assert_eq!(house.outcome(id).await, None);
    house.store.set_full(false);
    pass(secs(6)).await;
    assert_eq!(house.outcome(id).await, Some(Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn who_calls_off_while_the_engine_stops_does_not_wait_for_ever() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(1)).await;
    house.store.set_full(true);
    let stopping = async {
        pass(secs(1)).await;
        house.engine.stop(secs(2)).await;
    };
    let (heard, ()) = tokio::join!(house.engine.cancel(id), stopping);
    assert_eq!(heard.unwrap(), Heard::Yes);
    assert_eq!(house.outcome(id).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_polled_now_when_asked() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(5)).await;
    assert_eq!(house.engine.poll_now(id).await.unwrap(), Heard::Yes);
    pass(secs(1)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn health_knows_how_the_watches_are() {
    let house = House::new();
    house.jobs.answer("bad", [refused(500, "DCS.4842")]);
    house.jobs.answer("new", [refused(404, "")]);
    for job in ["good", "bad", "new"] {
        house.accept(job).await;
    }
    pass(secs(1)).await;
    let health = house.engine.health();
    assert_eq!(
        (health.unseen, health.running, health.in_trouble),
        (1, 1, 1)
    );
    assert_eq!(health.projects[0].name.as_str(), "north");
    assert_eq!(health.projects[0].refused, None);
    house.engine.pulse().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stops_polls_no_more_and_ends_no_watch() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(2)).await;
    house.engine.stop_polling().await;
    pass(secs(60)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1]);
    house.engine.stop(secs(10)).await;
    let record = house.record(id).await;
    assert_eq!(record.end, None);
    assert_eq!(record.progress.polls, 2, "how far it came is kept");
    assert_eq!(house.told_outcomes(), []);
}
