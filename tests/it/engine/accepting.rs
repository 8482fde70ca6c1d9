//! Orders: what is accepted is durable, and what is there already is joined.

use std::sync::Arc;

use dcs_wait::engine::{AcceptError, Heard, Order};
use dcs_wait::model::Outcome;

use super::harness::{House, Inbox, hook, job, north, order, pass, project, secs};

#[tokio::test(start_paused = true)]
async fn a_watch_is_stored_before_it_is_accepted_and_polled_at_once() {
    let house = House::new();
    let accepted = house.accept("j1").await;
    assert!(!accepted.joined);
    let record = house.record(accepted.record.watch.id).await;
    assert_eq!(record, accepted.record);
    assert_eq!(record.watch.project, north());
    let patience = record
        .watch
        .deadline_at
        .unwrap()
        .duration_since(record.watch.accepted_at);
    assert_eq!(patience.unwrap(), secs(3600));
    pass(secs(4)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_added_twice_has_one_watch_and_one_loop() {
    let house = House::new();
    let first = house.accept("j1").await;
    let second = house.accept("j1").await;
    assert!(second.joined);
    assert_eq!(second.record.watch.id, first.record.watch.id);
    pass(secs(4)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn hooks_of_all_who_joined_fire_once_each() {
    let mut house = House::new();
    let other = Inbox::new();
    house.setup.hooks.push(hook("other", &other));
    house.engine.configure(house.setup.clone());
    for name in ["inbox", "other", "inbox"] {
        let order = Order {
            hooks: Some(vec![name.parse().unwrap()]),
            ..order("j1")
        };
        house.engine.accept(order).await.unwrap();
    }
    house.jobs.answer("j1", [job("SUCCESS")]);
    pass(secs(2)).await;
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    assert_eq!(other.types(), ["dcs.job.succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn joining_a_job_that_has_ended_fires_only_what_has_not_fired() {
    let mut house = House::new();
    house.jobs.answer("j1", [job("FAIL")]);
    let id = house.accept_id("j1").await;
    pass(secs(1)).await;
    assert_eq!(house.inbox.types(), ["dcs.job.failed"]);

    let other = Inbox::new();
    house.setup.hooks.push(hook("other", &other));
    house.engine.configure(house.setup.clone());
    for _ in 0..2 {
        let accepted = house.accept("j1").await;
        assert!(accepted.joined);
        assert_eq!(accepted.record.watch.id, id);
        house.engine.settled(id).await;
    }
    assert_eq!(house.inbox.types(), ["dcs.job.failed"]);
    assert_eq!(other.types(), ["dcs.job.failed"]);
    assert_eq!(house.jobs.asked_at("j1", house.start), [0]);
}

#[tokio::test(start_paused = true)]
async fn after_an_end_that_is_not_the_jobs_own_a_new_watch_begins() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Yes);
    assert_eq!(house.outcome(id).await, Some(Outcome::Cancelled));
    let again = house.accept("j1").await;
    assert!(!again.joined);
    assert_ne!(again.record.watch.id, id);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_configured_is_refused_with_what_is() {
    let mut house = House::new();
    let unknown = Order {
        project: Some("south".parse().unwrap()),
        ..order("j1")
    };
    let error = house.engine.accept(unknown).await.unwrap_err();
    assert!(error.to_string().contains("there are: north"), "{error}");
    let unknown = Order {
        hooks: Some(vec!["outbox".parse().unwrap()]),
        ..order("j1")
    };
    let error = house.engine.accept(unknown).await.unwrap_err();
    assert!(error.to_string().contains("there are: inbox"), "{error}");

    let south = project(&house.jobs);
    house.setup.projects.insert("south".parse().unwrap(), south);
    house.engine.configure(house.setup.clone());
    let error = house.engine.accept(order("j1")).await.unwrap_err();
    assert!(error.to_string().contains("north, south"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_accepted_and_not_polled() {
    let house = House::new();
    house.store.set_full(true);
    let error = house.engine.accept(order("j1")).await.unwrap_err();
    assert!(matches!(error, AcceptError::Store(_)), "{error}");
    assert!(house.engine.health().store_trouble.is_some());
    house.store.set_full(false);
    pass(secs(10)).await;
    assert!(house.engine.health().store_trouble.is_none());
    assert!(house.jobs.asked.lock().unwrap().is_empty());
    assert!(!house.accept("j1").await.joined);
}

#[tokio::test(start_paused = true)]
async fn who_joins_while_the_end_is_held_gets_that_end() {
    let mut house = House::new();
    let other = Inbox::new();
    let mut theirs = hook("other", &other);
    theirs.by_default = false;
    house.setup.hooks.push(theirs);
    house.engine.configure(house.setup.clone());
    house.jobs.answer("j1", [job("RUNNING"), job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    house.store.set_full(true);
    pass(secs(2)).await;
    assert_eq!(house.engine.health().held, 1);

    // The store is back before the recorder has found that out.
    house.store.set_full(false);
    let join = Order {
        hooks: Some(vec!["other".parse().unwrap()]),
        ..order("j1")
    };
    let joined = house.engine.accept(join).await.unwrap();
    assert_eq!(joined.record.watch.id, id);
    pass(secs(10)).await;
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    assert_eq!(other.types(), ["dcs.job.succeeded"]);
    assert_eq!(house.deliveries(id).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stops_accepts_nothing() {
    let house = House::new();
    house.engine.stop_polling().await;
    let error = house.engine.accept(order("j1")).await.unwrap_err();
    assert!(matches!(error, AcceptError::Stopping), "{error}");
}

#[tokio::test(start_paused = true)]
async fn many_orders_for_one_job_at_once_make_one_watch() {
    let house = Arc::new(House::new());
    let mut orders = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let house = Arc::clone(&house);
        orders.spawn(async move { house.accept("j1").await });
    }
    let accepted = orders.join_all().await;
    assert_eq!(accepted.iter().filter(|one| !one.joined).count(), 1);
    pass(secs(2)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1]);
}
