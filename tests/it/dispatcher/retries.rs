//! When a delivery is tried again, and when no more.

use std::sync::Arc;

use dcs_wait::engine::Told;
use dcs_wait::model::{Delivery, DeliveryId, DeliveryState};

use super::harness::{Act, House, INTERVALS, START, Scripted, named, secs};

#[tokio::test(start_paused = true)]
async fn a_delivery_that_arrives_is_stored_and_told_of() {
    let house = House::new();
    let hook = Scripted::new([Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(watch_id).await;

    let (delivery, attempts) = house.delivery(ids[0]).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].delivered);
    assert_eq!(house.results.of("a"), ["delivered"]);
    assert_eq!(
        *house.told.lock().unwrap(),
        [Told::Delivery {
            delivery_id: ids[0],
            watch_id,
            hook: "a".parse().unwrap(),
            attempt: 1,
            answer: "HTTP 204".to_owned(),
            state: DeliveryState::Delivered,
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_in_vain_is_tried_after_each_interval_and_then_dead() {
    let house = House::new();
    let hook = Scripted::new([Act::Fail]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(watch_id).await;

    let mut due = vec![0];
    due.extend(INTERVALS.iter().scan(0, |sum, interval| {
        *sum += interval;
        Some(*sum)
    }));
    let seconds: Vec<f64> = hook.seconds();
    for (at, due) in seconds.iter().zip(&due) {
        assert!((at - *due as f64).abs() < 0.1, "{seconds:?}");
    }
    assert_eq!(seconds.len(), due.len());
    let is_it = |seen: &(DeliveryId, _)| seen.0 == ids[0];
    assert!(hook.seen.lock().unwrap().iter().all(is_it));

    let (delivery, attempts) = house.delivery(ids[0]).await;
    assert_eq!(delivery.state, DeliveryState::Dead);
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(attempts.iter().all(|attempt| !attempt.delivered));
    let results = [vec!["failed"; 7], vec!["dead"]].concat();
    assert_eq!(house.results.of("a"), results);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_may_ask_for_a_later_try_and_not_for_an_earlier_one() {
    let house = House::new();
    let hook = Scripted::new([
        Act::FailAndAsk(secs(60)),
        Act::FailAndAsk(secs(1)),
        Act::Deliver,
    ]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, _) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(watch_id).await;
    let rounded: Vec<u64> = hook.seconds().iter().map(|at| at.round() as u64).collect();
    assert_eq!(rounded, [0, 60, 360]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_delivery_that_is_replayed_has_all_its_tries_again() {
    let house = House::new();
    let fails = vec![Act::Fail; 9];
    let hook = Scripted::new([fails, vec![Act::Deliver]].concat());
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(watch_id).await;
    assert_eq!(house.delivery(ids[0]).await.0.state, DeliveryState::Dead);

    house.replay(ids[0]).await;
    house.dispatcher.settled(watch_id).await;
    let (delivery, attempts) = house.delivery(ids[0]).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(attempts.len(), 10);
    let seconds = hook.seconds();
    assert!((seconds[9] - seconds[8] - 5.0).abs() < 0.1, "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_waits_and_is_replayed_is_tried_at_once() {
    let house = House::new();
    let hook = Scripted::new([Act::Fail, Act::Fail, Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(60)).await;
    house.replay(ids[0]).await;
    house.dispatcher.settled(watch_id).await;
    let rounded: Vec<u64> = hook.seconds().iter().map(|at| at.round() as u64).collect();
    assert_eq!(rounded, [0, 5, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_replayed_after_it_arrived_arrives_again() {
    let house = House::new();
    let hook = Scripted::new([Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(watch_id).await;
    house.replay(ids[0]).await;
    house.dispatcher.settled(watch_id).await;
    assert_eq!(house.delivery(ids[0]).await.1.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_goes_on_when_it_is_due() {
    let house = House::new();
    let hook = Scripted::new([Act::Fail]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, _) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    house.dispatcher.stop(secs(1)).await;

    // A clock that starts over, so that what is due in 5 s of the other is due in 5 s of this.
    let next = House::on(Arc::clone(&house.store));
    let hook = Scripted::new([Act::Deliver]);
    next.dispatcher.configure(vec![named("a", 1, &hook)]);
    let pending = next.store.pending(None, 10).await.unwrap();
    assert_eq!(pending[0].state, DeliveryState::Pending(START + secs(5)));
    next.dispatcher.take_on(pending);
    next.dispatcher.settled(watch_id).await;
    let rounded: Vec<u64> = hook.seconds().iter().map(|at| at.round() as u64).collect();
    assert_eq!(rounded, [5]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_replayed_during_its_last_try_is_not_given_up() {
    let house = House::new();
    let acts = [
        vec![Act::Fail; INTERVALS.len()],
        vec![Act::FailAfter(secs(10)), Act::Fail, Act::Deliver],
    ];
    let hook = Scripted::new(acts.concat());
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    let all: u64 = INTERVALS.iter().sum();
    tokio::time::sleep(secs(all + 5)).await;
    assert_eq!(hook.seconds().len(), INTERVALS.len() + 1);
    house.replay(ids[0]).await;
    house.dispatcher.settled(watch_id).await;
    let (delivery, _) = house.delivery(ids[0]).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_ahead_delays_nothing_by_more_than_a_day() {
    let house = House::new();
    let hook = Scripted::new([Act::Fail]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    house.dispatcher.stop(secs(1)).await;

    let next = House::on(Arc::clone(&house.store));
    let hook = Scripted::new([Act::Deliver]);
    next.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (delivery, _) = next.delivery(ids[0]).await;
    let year = secs(365 * 86_400);
    let tried = Delivery {
        state: DeliveryState::Pending(START + year),
        ..delivery
    };
    next.dispatcher.take_on(vec![tried]);
    next.dispatcher.settled(watch_id).await;
    let rounded: Vec<u64> = hook.seconds().iter().map(|at| at.round() as u64).collect();
    assert_eq!(rounded, [86_400]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_never_tried_is_due_whatever_the_clock_says() {
    let house = House::new();
    let hook = Scripted::new([Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, deliveries) = house.end_watch_at(START + secs(3600), &["a"]).await;
    assert_eq!(deliveries.len(), 1);
    house.dispatcher.settled(watch_id).await;
    assert_eq!(hook.seconds()[0].round() as u64, 0);
}
