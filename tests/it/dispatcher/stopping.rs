//! What becomes of attempts when the dispatcher stops, and who waits for what.

use dcs_wait::model::DeliveryState;
use tokio::time::{Instant, timeout};

use super::harness::{Act, House, Scripted, named, secs};

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_what_is_under_way_and_begins_nothing() {
    let house = House::new();
    let hook = Scripted::new([Act::Take(secs(3))]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (_, first) = house.end_watch(&["a"]).await;
    let (_, second) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    let stopping = Instant::now();
    house.dispatcher.stop(secs(10)).await;
    assert_eq!(stopping.elapsed().as_secs_f64().round() as u64, 2);
    assert_eq!(
        house.delivery(first[0]).await.0.state,
        DeliveryState::Delivered
    );
    assert!(matches!(
        house.delivery(second[0]).await.0.state,
        DeliveryState::Pending(_)
    ));
    assert_eq!(hook.seconds().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_breaks_off_what_takes_longer_and_leaves_it_in_the_store() {
    let house = House::new();
    let hook = Scripted::new([Act::Take(secs(3600))]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    house.dispatcher.stop(secs(10)).await;
    let (delivery, attempts) = house.delivery(ids[0]).await;
    assert!(matches!(delivery.state, DeliveryState::Pending(_)));
    assert!(attempts.is_empty());
    // Nobody waits for ever for a dispatcher that has stopped.
    house.dispatcher.settled(watch_id).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_settled_once_all_of_its_hooks_are_through() {
    let house = House::new();
    let (fast, slow) = (
        Scripted::new([Act::Deliver]),
        Scripted::new([Act::Take(secs(30))]),
    );
    house
        .dispatcher
        .configure(vec![named("fast", 1, &fast), named("slow", 1, &slow)]);
    let (watch_id, _) = house.end_watch(&["fast", "slow"]).await;
    let settled = house.dispatcher.settled(watch_id);
    tokio::pin!(settled);
    assert!(timeout(secs(29), &mut settled).await.is_err());
    settled.await;

    let (nothing_owed, _) = house.end_watch(&[]).await;
    house.dispatcher.settled(nothing_owed).await;
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_shows_that_it_goes_on_until_it_has_stopped() {
    let house = House::new();
    let hook = Scripted::new([Act::Take(secs(60))]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    house.end_watch(&["a"]).await;
    timeout(secs(1), house.dispatcher.pulse()).await.unwrap();
    house.dispatcher.stop(secs(60)).await;
    let pulse = timeout(secs(3600), house.dispatcher.pulse()).await;
    assert!(pulse.is_err());
}
