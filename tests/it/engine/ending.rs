//! Ends: decided once, stored before they are told, and held while they can't be stored.

use std::sync::Arc;

use dcs_wait::engine::{Engine, Heard, Parts, Retries, Told};
use dcs_wait::model::{Fence, NoMeter, Outcome, WatchEventKind};
use dcs_wait::store::{Change, Effect, Store};

use super::harness::{House, Inbox, PausedClock, hook, job, order, pass, refused, secs};
use super::store::Fickle;

#[tokio::test(start_paused = true)]
async fn an_end_is_stored_told_and_delivered() {
    let house = House::new();
    house.jobs.answer("j1", [job("RUNNING"), job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    pass(secs(2)).await;
    let record = house.record(id).await;
    assert_eq!(record.end.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(record.progress.polls, 2);
    assert_eq!(house.told_outcomes(), [Outcome::Succeeded]);
    let deliveries = house.deliveries(id).await;
    assert_eq!(deliveries[0].state.as_str(), "delivered");
    let messages = house.inbox.messages.lock().unwrap();
    assert_eq!(messages[0].id, deliveries[0].id);
    assert_eq!(messages[0].body, deliveries[0].body);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_or_delivered_before_it_is_stored() {
    let house = House::new();
    house.jobs.answer("j1", [job("RUNNING"), job("FAIL")]);
    let id = house.accept_id("j1").await;
    house.store.set_full(true);
    pass(secs(60)).await;
    assert_eq!(house.outcome(id).await, None);
    assert_eq!(house.told_outcomes(), []);
    assert!(house.inbox.types().is_empty());
    let health = house.engine.health();
    assert_eq!(health.held, 1);
    assert!(health.store_trouble.unwrap().contains("no space"));

    house.store.set_full(false);
    pass(secs(6)).await;
    assert_eq!(house.outcome(id).await, Some(Outcome::Failed));
    assert_eq!(house.told_outcomes(), [Outcome::Failed]);
    assert_eq!(house.inbox.types(), ["dcs.job.failed"]);
    assert_eq!(house.engine.health().store_trouble, None);
    let asked = house.jobs.asked_at("j1", house.start);
    assert_eq!(asked, [0, 1], "an end that is held is final");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_stored_before_is_told_and_delivered_as_it_was_stored() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    let record = house.record(id).await;
    let end = Change::End {
        watch_id: id,
        fence: Fence::FIRST,
        progress: record.progress,
        end: dcs_wait::model::End {
            outcome: Outcome::TimedOut,
            fault: None,
            at: record.watch.accepted_at,
        },
        answers: Vec::new(),
        deliveries: Vec::new(),
        ran: None,
    };
    let effects = house.store.commit(&[end]).await.unwrap();
    assert!(matches!(effects[..], [Effect::Done]));
    house.jobs.answer("j1", [job("SUCCESS")]);
    pass(secs(2)).await;
    assert_eq!(house.outcome(id).await, Some(Outcome::TimedOut));
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
    assert_eq!(house.inbox.types(), ["dcs.job.timed_out"]);
}

#[tokio::test(start_paused = true)]
async fn hooks_fire_for_the_outcomes_that_they_are_for() {
    let mut house = House::new();
    let failures = Inbox::new();
    let mut hook = hook("failures", &failures);
    hook.on = vec![Outcome::Failed, Outcome::Cancelled];
    house.setup.hooks.push(hook);
    house.engine.configure(house.setup.clone());
    house.jobs.answer("good", [job("SUCCESS")]);
    house.jobs.answer("bad", [job("FAIL")]);
    house.jobs.answer("odd", [refused(400, "DCS.4999")]);
    for job in ["good", "bad", "odd", "long"] {
        let id = house.accept_id(job).await;
        pass(secs(1)).await;
        if job == "long" {
            assert_eq!(house.engine.cancel(id).await.unwrap(), Heard::Yes);
            house.engine.settled(id).await;
        }
    }
    let all = ["dcs.job.succeeded", "dcs.job.failed", "dcs.job.rejected"];
    assert_eq!(house.inbox.types(), all);
    assert_eq!(failures.types(), ["dcs.job.failed", "dcs.job.cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_is_gone_is_owed_its_delivery() {
    let mut house = House::new();
    let id = house.accept_id("j1").await;
    let hooks = std::mem::take(&mut house.setup.hooks);
    house.engine.configure(house.setup.clone());
    house.jobs.answer("j1", [job("SUCCESS")]);
    pass(secs(2)).await;
    assert_eq!(house.deliveries(id).await[0].state.as_str(), "pending");
    house.setup.hooks = hooks;
    house.engine.configure(house.setup.clone());
    house.engine.settled(id).await;
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_carried_out_again_when_asked() {
    let house = House::new();
    house.jobs.answer("j1", [job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    pass(secs(1)).await;
    let delivery = house.deliveries(id).await[0].id;
    assert!(house.engine.replay(delivery).await.unwrap());
    house.engine.settled(id).await;
    let messages = house.inbox.messages.lock().unwrap().clone();
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.id == delivery));
    let unknown = "01936c2f-5e00-7000-8000-000000000000".parse().unwrap();
    assert!(!house.engine.replay(unknown).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_ends_in_the_same_moment_are_few_transactions() {
    let house = House::new();
    for number in 0..1000 {
        let id = format!("job-{number}");
        house.jobs.answer(&id, [job("RUNNING"), job("SUCCESS")]);
        house.accept(&id).await;
    }
    house.engine.pulse().await;
    let before = house.store.groups.lock().unwrap().len();
    pass(secs(5)).await;
    assert_eq!(house.told_outcomes().len(), 1000);
    assert_eq!(house.inbox.types().len(), 1000);
    // Ends, attempts, and the notes of the first answers.
    let groups = house.store.groups.lock().unwrap().len() - before;
    assert!(groups < 150, "{groups}");
}

#[tokio::test(start_paused = true)]
async fn an_end_is_in_the_store_when_it_is_told() {
    let store = Fickle::new();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (teller_store, teller_seen) = (Arc::clone(&store), Arc::clone(&seen));
    let teller = move |told| {
        if let Told::Watch {
            watch_id, event, ..
        } = told
            && let WatchEventKind::Ended(_) = event.kind
        {
            // A store in memory answers without waiting.
            let watch = futures_now(teller_store.watch(watch_id));
            teller_seen.lock().unwrap().push(watch.unwrap().unwrap().0);
        }
    };
    let house = House::new();
    house.jobs.answer("j1", [job("SUCCESS")]);
    let engine = Engine::start(Parts {
        store,
        membership: None,
        clock: Arc::new(PausedClock::now()),
        meter: Arc::new(NoMeter),
        teller: Arc::new(teller),
        retries: Retries {
            after: Vec::new(),
            jitter: 0.0,
            honors_retry_after: true,
        },
        seed: 3,
        polling: tokio::runtime::Handle::current(),
    });
    engine.configure(house.setup.clone());
    engine.accept(order("j1")).await.unwrap();
    pass(secs(1)).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].end.is_some());
}

fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}
