//! Who holds how much.

use std::time::Duration;

use super::harness::{Cluster, Daemon, LONG, LONGER, MAX_RPS, until};

async fn all_hold(daemons: &[&Daemon], range: std::ops::RangeInclusive<u64>) -> bool {
    for daemon in daemons {
        if !range.contains(&daemon.holds().await) || daemon.polls() as u64 != daemon.holds().await {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn one_alone_holds_everything() {
    let cluster = Cluster::new().await;
    let daemon = cluster.daemon("one").await;
    daemon.accept_many(700).await;
    assert_eq!(daemon.holds().await, 700);
    assert_eq!(daemon.polls(), 700);
}

#[tokio::test]
async fn a_newcomer_gets_its_share_before_any_lease_is_renewed_by_itself_and_polls_it() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon_with("one", LONG).await;
    one.accept_many(90).await;
    let two = cluster.daemon_with("two", LONG).await;
    until("two share", async || all_hold(&[&one, &two], 42..=48).await).await;
    let three = cluster.daemon_with("three", LONG).await;
    until("three share", async || {
        all_hold(&[&one, &two, &three], 28..=32).await
    })
    .await;
}

#[tokio::test]
async fn nothing_is_given_up_for_a_newcomer_that_waits_for_one_that_is_silent() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon_with("one", LONGER).await;
    let two = cluster.daemon_with("two", LONGER).await;
    one.accept_many(60).await;
    until("two share", async || all_hold(&[&one, &two], 29..=31).await).await;
    two.die();
    let three = cluster.daemon_with("three", LONGER).await;
    let held = one.holds().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(one.holds().await, held);
    until("two share again", async || {
        all_hold(&[&one, &three], 29..=31).await
    })
    .await;
}

#[tokio::test]
async fn what_is_added_to_one_is_shared_by_all() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    one.accept_many(1200).await;
    until("they share", async || {
        all_hold(&[&one, &two], 570..=630).await
    })
    .await;
}

#[tokio::test]
async fn daemons_keep_to_the_request_limit_together() {
    let cluster = Cluster::new().await;
    let spacing = |daemon: &Daemon| daemon.gate.limiter.spacing();
    let alone = Duration::from_secs_f64(1.0 / MAX_RPS);
    let one = cluster.daemon("one").await;
    assert_eq!(spacing(&one), alone);
    let two = cluster.daemon("two").await;
    until("both know", async || {
        [&one, &two].iter().all(|it| spacing(it) == alone * 2)
    })
    .await;
    assert_eq!(one.gate.seats.available_permits(), 32);
    two.stop().await;
    until("one is alone", async || spacing(&one) == alone).await;
    assert_eq!(one.gate.seats.available_permits(), 64);
}

#[tokio::test]
async fn a_newcomer_asks_nothing_before_the_others_know_of_it() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon_with("one", LONGER).await;
    // It can't hear of anybody.
    one.proxy.hold(true);
    let two = cluster.daemon_with("two", LONGER).await;
    two.accept("job").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(cluster.asked(), 0);
    // Once its lease has ended it asks nothing any more.
    until("it is asked", async || cluster.asked() > 0).await;
    assert!(!one.holds_lease());
}
