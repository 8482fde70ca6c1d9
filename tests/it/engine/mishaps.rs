//! What happens between two steps: nothing that was stored may be left lying.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dcs_wait::engine::{AcceptError, Order};
use dcs_wait::hooks::Receipt;
use dcs_wait::model::Outcome;
use dcs_wait::store::{Change, Store};

use tokio::time::{Instant, timeout};

use super::harness::{House, Inbox, hook, job, order, pass, secs};
use super::store::Fickle;

fn order_with(job: &str, hooks: &[&str]) -> Order {
    Order {
        hooks: Some(hooks.iter().map(|hook| hook.parse().unwrap()).collect()),
        ..order(job)
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_stored_though_the_store_said_no_is_told_and_delivered() {
    let house = House::new();
    let is_end = |change: &Change| matches!(change, Change::End { .. });
    *house.store.lie.lock().unwrap() = Some(is_end);
    house.jobs.answer("j1", [job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    pass(secs(5)).await;
    assert_eq!(house.deliveries(id).await[0].state.as_str(), "delivered");
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    assert_eq!(house.told_outcomes(), [Outcome::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_stored_though_the_store_said_no_is_followed_by_the_next() {
    let mut house = House::new();
    let failing = Inbox::that(Receipt::Failed {
        answer: "HTTP 503".to_owned(),
        retry_after: None,
    });
    house.setup.hooks = vec![hook("inbox", &failing)];
    house.engine.configure(house.setup.clone());
    let is_attempt = |change: &Change| matches!(change, Change::Attempted { .. });
    *house.store.lie.lock().unwrap() = Some(is_attempt);
    house.jobs.answer("j1", [job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    pass(secs(30)).await;
    assert_eq!(failing.types().len(), 2);
    let delivery = &house.deliveries(id).await[0];
    assert_eq!((delivery.state.as_str(), delivery.attempts), ("dead", 2));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_joins_an_end_is_carried_out_though_nothing_can_be_read_any_more() {
    let mut house = House::new();
    let late = Inbox::new();
    house.setup.hooks.push(hook("late", &late));
    house.engine.configure(house.setup.clone());
    house.jobs.answer("j1", [job("SUCCESS")]);
    let first = order_with("j1", &["inbox"]);
    house.engine.accept(first).await.unwrap();
    pass(secs(1)).await;
    *house.store.lists_left.lock().unwrap() = Some(1);
    let joined = house.engine.accept(order_with("j1", &["late"])).await;
    assert!(joined.unwrap().joined);
    pass(secs(1)).await;
    assert_eq!(late.types(), ["dcs.job.succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_joins_a_watch_that_is_forgotten_in_that_moment_is_refused() {
    let mut house = House::new();
    house.setup.hooks.push(hook("late", &Inbox::new()));
    house.engine.configure(house.setup.clone());
    house.jobs.answer("j1", [job("SUCCESS")]);
    let first = order_with("j1", &["inbox"]);
    house.engine.accept(first).await.unwrap();
    pass(secs(1)).await;
    house.store.forgets.store(true, Ordering::SeqCst);
    let joined = house.engine.accept(order_with("j1", &["late"])).await;
    assert!(matches!(joined, Err(AcceptError::Store(_))), "{joined:?}");
    let again = house.engine.accept(order_with("j1", &["late"])).await;
    assert!(!again.unwrap().joined);
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_is_stored_even_when_the_time_to_stop_is_over() {
    let house = House::on(Fickle::slow(secs(1)), secs(0));
    house.jobs.answer("j1", [job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    // The end is stored by now, and what came of the delivery isn't.
    pass(secs(1) + secs(1) / 2).await;
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    assert_eq!(house.deliveries(id).await[0].state.as_str(), "pending");
    house.engine.stop(secs(0)).await;
    assert_eq!(house.deliveries(id).await[0].state.as_str(), "delivered");

    let next = House::on(house.store.for_another(), secs(60));
    let pending = next.store.pending(None, 10).await.unwrap();
    assert!(pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_loop_whose_end_fails_while_everything_stops_polls_no_more() {
    let house = House::on_telling(
        Fickle::slow(secs(1)),
        secs(0),
        Arc::new(|told| {
            let ended = format!("{told:?}").contains("Ended");
            assert!(!ended, "as this test wants it");
        }),
    );
    house.jobs.answer("j1", [job("SUCCESS"), job("RUNNING")]);
    house.accept_id("j1").await;
    pass(secs(1) / 2).await;
    house.engine.stop_polling().await;
    pass(secs(600)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_has_failed_is_trouble_and_no_sign_of_life() {
    let house = House::new();
    house.store.panics.store(true, Ordering::SeqCst);
    assert!(house.engine.accept(order("j1")).await.is_err());
    let trouble = house.engine.health().store_trouble;
    assert!(trouble.is_some_and(|why| why.contains("has failed")));
    let pulse = timeout(secs(3600), house.engine.pulse()).await;
    assert!(pulse.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_store_hangs_stops_at_its_limit() {
    let house = House::new();
    house.jobs.answer("j1", [job("SUCCESS")]);
    house.accept_id("j1").await;
    let _until = house.store.hang();
    pass(secs(30)).await;
    let begun = Instant::now();
    assert!(!house.engine.stop(secs(5)).await);
    assert_eq!(begun.elapsed(), secs(5));
    assert!(
        house.inbox.types().is_empty(),
        "nothing is delivered that isn't stored"
    );
}
