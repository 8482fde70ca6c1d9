//! What one can't go on with, others do.

use std::collections::HashSet;
use std::time::Duration;

use dcs_wait::model::{Outcome, WatchId};
use dcs_wait::store::Store;
use tokio::time::sleep;

use super::harness::{Cluster, Daemon, LEASE, LONG, until};
use crate::engine::harness::job;

async fn outcome(daemon: &Daemon, id: WatchId) -> Option<Outcome> {
    daemon.record(id).await.end.map(|end| end.outcome)
}

#[tokio::test]
async fn the_watches_of_one_that_stops_go_on_with_others_at_once() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon_with("one", LONG).await;
    one.accept_many(60).await;
    let two = cluster.daemon_with("two", LONG).await;
    until("both hold some", async || two.polls() > 20).await;
    one.stop().await;
    until("the other holds all", async || two.polls() == 60).await;
    until("it is forgotten", async || two.instances().await.len() == 1).await;
}

#[tokio::test]
async fn the_watches_of_one_that_dies_go_on_with_others_when_its_lease_has_ended() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    let id = one.accept("job").await;
    one.accept_many(40).await;
    one.die();
    until("the other holds all", async || two.polls() == 41).await;
    cluster.jobs.answer("job", [job("SUCCESS")]);
    two.engine.poll_now(id).await.unwrap();
    until("it ends", async || outcome(&two, id).await.is_some()).await;
    until("it is told", async || cluster.inbox.types().len() == 1).await;
}

#[tokio::test]
async fn what_a_dead_one_owed_is_delivered_by_another_under_the_same_id() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let two = cluster.daemon("two").await;
    cluster.jobs.answer("job", [job("SUCCESS")]);
    cluster.inbox.refuse();
    let id = one.accept("job").await;
    until("it is tried", async || {
        !cluster.inbox.messages.lock().unwrap().is_empty()
    })
    .await;
    one.die();
    cluster.inbox.take_again();
    until("it is delivered", async || cluster.inbox.has_taken(1)).await;
    let ids: HashSet<_> = {
        let messages = cluster.inbox.messages.lock().unwrap();
        messages.iter().map(|one| one.id).collect()
    };
    assert_eq!(ids.len(), 1);
    assert_eq!(outcome(&two, id).await, Some(Outcome::Succeeded));
}

#[tokio::test]
async fn one_that_has_lost_the_database_goes_on_until_its_lease_ends_and_again_when_it_is_back() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let id = one.accept("job").await;
    one.accept_many(5).await;
    until("it polls", async || cluster.asked() >= 6).await;
    one.proxy.hold(true);
    let asked = cluster.asked();
    until("the lease ends", async || !one.holds_lease()).await;
    assert!(cluster.asked() > asked, "it polled meanwhile");
    let asked = cluster.asked();
    cluster.jobs.answer("job", [job("SUCCESS")]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(cluster.asked(), asked, "and then no more");
    one.proxy.hold(false);
    until("it ends", async || outcome(&one, id).await.is_some()).await;
    until("all are polled again", async || one.polls() == 5).await;
    let (_, answers) = one.store.watch(id).await.unwrap().unwrap();
    let answers: u32 = answers.iter().map(|one| one.count).sum();
    assert_eq!(answers as usize, cluster.asked_for("job"), "none is lost");
    until("it is told", async || cluster.inbox.types().len() == 1).await;
}

#[tokio::test]
async fn an_outcome_that_comes_too_late_changes_nothing_and_is_not_told() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    let id = one.accept("job").await;
    until("it is polled", async || cluster.asked() > 0).await;
    let two = cluster.daemon("two").await;
    // It finds out how the job ended, and can't say so before its lease ends.
    one.proxy.hold(true);
    let asked = cluster.asked();
    cluster.jobs.answer("job", [job("FAIL"), job("SUCCESS")]);
    until("it is asked again", async || cluster.asked() > asked).await;
    until("the other ends it", async || {
        outcome(&two, id).await.is_some()
    })
    .await;
    one.proxy.hold(false);
    until("it is refused", async || one.stale() > 0).await;
    until("it is back", async || one.holds_lease()).await;
    sleep(LEASE / 3).await;
    assert_eq!(outcome(&two, id).await, Some(Outcome::Succeeded));
    assert_eq!(cluster.inbox.types(), ["dcs.job.succeeded"]);
}

#[tokio::test]
async fn nothing_is_delivered_without_a_lease() {
    let cluster = Cluster::new().await;
    let one = cluster.daemon("one").await;
    cluster.jobs.answer("job", [job("SUCCESS")]);
    cluster.inbox.refuse();
    one.accept("job").await;
    until("it is tried", async || {
        !cluster.inbox.messages.lock().unwrap().is_empty()
    })
    .await;
    one.proxy.hold(true);
    until("the lease ends", async || !one.holds_lease()).await;
    let tries = cluster.inbox.messages.lock().unwrap().len();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(cluster.inbox.messages.lock().unwrap().len(), tries);
    cluster.inbox.take_again();
    one.proxy.hold(false);
    until("it is delivered", async || cluster.inbox.has_taken(1)).await;
}
