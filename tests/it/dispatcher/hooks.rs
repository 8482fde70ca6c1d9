//! Hooks that are slow, gone, missing or broken, and what the others notice of that: nothing.

use dcs_wait::model::DeliveryState;

use super::harness::{Act, House, Scripted, named, secs};

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_holds_up_no_other_hook() {
    let house = House::new();
    let (slow, fast) = (
        Scripted::new([Act::Take(secs(30))]),
        Scripted::new([Act::Deliver]),
    );
    house
        .dispatcher
        .configure(vec![named("slow", 1, &slow), named("fast", 1, &fast)]);
    for _ in 0..20 {
        house.end_watch(&["slow", "fast"]).await;
    }
    tokio::time::sleep(secs(1)).await;
    assert_eq!(fast.seconds().len(), 20);
    assert_eq!(slow.seconds().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_are_under_way_at_once_than_the_hook_allows() {
    let house = House::new();
    let hook = Scripted::new([Act::Take(secs(1))]);
    house.dispatcher.configure(vec![named("a", 3, &hook)]);
    let mut watches = Vec::new();
    for _ in 0..10 {
        watches.push(house.end_watch(&["a"]).await.0);
    }
    for watch_id in watches {
        house.dispatcher.settled(watch_id).await;
    }
    assert_eq!(hook.most_at_once(), 3);
    assert_eq!(hook.seconds().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_held_in_memory_arrives_all_the_same() {
    let mut house = House::new();
    // 15 MiB altogether.
    house.body = "x".repeat(10 * 1024).into();
    let hook = Scripted::new([Act::Take(secs(1))]);
    house.dispatcher.configure(vec![named("a", 100, &hook)]);
    let mut watches = Vec::new();
    for _ in 0..1500 {
        watches.push(house.end_watch(&["a"]).await.0);
    }
    for watch_id in watches {
        house.dispatcher.settled(watch_id).await;
    }
    assert_eq!(hook.seconds().len(), 1500);
    assert_eq!(house.store.counts().await.unwrap().pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_wants_no_more_gets_no_more_until_the_next_configuration() {
    let house = House::new();
    let hook = Scripted::new([Act::Fail, Act::Gone, Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (first, waiting) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    let (second, gone) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(first).await;
    house.dispatcher.settled(second).await;
    let (third, late) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(third).await;

    let refused = "not sent: the receiver wants no more (HTTP 410)";
    assert_eq!(house.answers(gone[0]).await, ["HTTP 410"]);
    assert_eq!(house.answers(waiting[0]).await, ["HTTP 503", refused]);
    assert_eq!(house.answers(late[0]).await, [refused]);
    for id in [gone[0], waiting[0], late[0]] {
        assert_eq!(house.delivery(id).await.0.state, DeliveryState::Dead);
    }
    assert_eq!(hook.seconds().len(), 2);

    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    house.replay(late[0]).await;
    house.dispatcher.settled(third).await;
    assert_eq!(
        house.delivery(late[0]).await.0.state,
        DeliveryState::Delivered
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_is_not_configured_is_tried_in_vain_until_it_is() {
    let house = House::new();
    let (watch_id, ids) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    let hook = Scripted::new([Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    house.dispatcher.settled(watch_id).await;
    assert_eq!(
        house.answers(ids[0]).await,
        ["no hook of this name is configured", "HTTP 204"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_has_failed_and_leaves_its_place_to_others() {
    let house = House::new();
    let hook = Scripted::new([Act::Panic, Act::Deliver]);
    house.dispatcher.configure(vec![named("a", 1, &hook)]);
    let (first, panicked) = house.end_watch(&["a"]).await;
    tokio::time::sleep(secs(1)).await;
    let (second, _) = house.end_watch(&["a"]).await;
    house.dispatcher.settled(second).await;
    house.dispatcher.settled(first).await;
    assert_eq!(
        house.answers(panicked[0]).await,
        ["this program failed: a hook panicked", "HTTP 204"]
    );
}
