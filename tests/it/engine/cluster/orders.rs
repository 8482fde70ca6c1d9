//! Any of them can be asked for what another holds.

use dcs_wait::engine::{Heard, Order, Told};
use dcs_wait::model::Outcome;
use dcs_wait::store::{DeliveryFilter, Page, Store};

use super::harness::{Cluster, until};
use crate::engine::harness::{job, order};

#[tokio::test]
async fn one_calls_off_what_another_polls() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    let id = one.accept("job").await;
    assert_eq!(two.engine.cancel(id).await.unwrap(), Heard::Yes);
    let end = two.record(id).await.end.unwrap();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert_eq!(two.engine.cancel(id).await.unwrap(), Heard::Ended);
    until("it is let go", async || one.polls() == 0).await;
}

#[tokio::test]
async fn what_is_called_off_while_it_is_handed_over_is_called_off() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    let id = one.accept("job").await;
    until("it is polled", async || cluster.asked() > 0).await;
    one.proxy.hold(true);
    let (stopping, cancelling) = (one.engine.clone(), one.engine.clone());
    let stopping = tokio::spawn(async move { stopping.stop_polling().await });
    // Its loop has stopped, and that can't be stored.
    until("it is asked no more", async || stopping.is_finished()).await;
    let cancelling = tokio::spawn(async move { cancelling.cancel(id).await });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    one.proxy.hold(false);
    assert_eq!(cancelling.await.unwrap().unwrap(), Heard::Yes);
    until("it has ended", async || two.record(id).await.end.is_some()).await;
    let end = two.record(id).await.end.unwrap();
    assert_eq!(end.outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn one_has_another_ask_now() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    let id = one.accept("job").await;
    until("it waits for long", async || cluster.asked() >= 3).await;
    let asked = cluster.asked();
    assert_eq!(two.engine.poll_now(id).await.unwrap(), Heard::Yes);
    until("it is asked", async || cluster.asked() > asked).await;
}

#[tokio::test]
async fn hooks_that_are_joined_elsewhere_fire_as_well() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    let id = one.accept("job").await;
    let more = Order {
        hooks: Some(vec!["second".parse().unwrap()]),
        ..order("job")
    };
    let joined = two.engine.accept(more).await.unwrap();
    assert!(joined.joined && !joined.held);
    assert_eq!(joined.record.watch.id, id);
    cluster.jobs.answer("job", [job("SUCCESS")]);
    two.engine.poll_now(id).await.unwrap();
    until("both fire", async || {
        cluster.inbox.has_taken(1) && cluster.second.has_taken(1)
    })
    .await;
}

#[tokio::test]
async fn the_others_hear_that_a_watch_has_ended() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    until("they know of each other", async || {
        one.knows(2) && two.told.lock().unwrap().contains(&Told::Missed)
    })
    .await;
    cluster.jobs.answer("job", [job("SUCCESS")]);
    let id = one.accept("job").await;
    until("it is told", async || {
        two.told.lock().unwrap().contains(&Told::Elsewhere(id))
    })
    .await;
    let told = one.told.lock().unwrap();
    assert!(!told.contains(&Told::Elsewhere(id)));
}

#[tokio::test]
async fn a_delivery_is_replayed_by_whoever_is_asked_or_has_it() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    cluster.jobs.answer("job", [job("SUCCESS")]);
    let watch_id = one.accept("job").await;
    until("it arrives", async || cluster.inbox.has_taken(1)).await;
    let filter = DeliveryFilter {
        watch_id: Some(watch_id),
        ..DeliveryFilter::default()
    };
    let page = Page {
        before: None,
        limit: 10,
    };
    let of_watch = two.store.deliveries(&filter, page).await.unwrap();
    cluster.inbox.refuse();
    assert!(two.engine.replay(of_watch[0].id).await.unwrap());
    until("it is tried in vain", async || {
        cluster.inbox.messages.lock().unwrap().len() == 2
    })
    .await;
    cluster.inbox.take_again();
    assert!(one.engine.replay(of_watch[0].id).await.unwrap());
    until("it arrives again", async || cluster.inbox.has_taken(2)).await;
}
