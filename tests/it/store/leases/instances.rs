//! Who is alive.

use std::time::{Duration, SystemTime};

use dcs_wait::store::{Held, PostgresStore, Renewal, SharedStore, Store, StoreError};

use super::{accept_each, alive, close, die, expire, owe, two, watches};
use crate::postgres::Database;
use crate::store::samples::accept;

async fn names(store: &PostgresStore) -> Vec<String> {
    let all = store.instances().await.unwrap();
    all.into_iter().map(|one| one.name).collect()
}

#[tokio::test]
async fn one_daemon_is_alone_and_known_to_all() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    let alive = alive(&store).await;
    assert_eq!((alive.instances, alive.next_death), (1, None));
    assert!(alive.is_known);
    assert_eq!(alive.all, Held::default());
    #[expect(
        clippy::disallowed_methods,
        reason = "server and test are on one machine"
    )]
    let now = SystemTime::now();
    let difference = now
        .duration_since(alive.now)
        .unwrap_or_else(|behind| behind.duration());
    assert!(difference < Duration::from_secs(60), "{difference:?}");
    store.close().await;
}

#[tokio::test]
async fn a_newcomer_is_known_once_all_others_have_renewed() {
    let (_database, one, two) = two().await;
    let third = _database.joined("three").await;
    assert!(!alive(&third).await.is_known);
    alive(&one).await;
    assert!(!alive(&third).await.is_known);
    alive(&two).await;
    let known = alive(&third).await;
    assert!(known.is_known);
    assert_eq!(known.instances, 3);
    third.close().await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn all_that_is_active_and_pending_is_told() {
    let (_database, one, two) = two().await;
    accept_each(&one, 0..5).await;
    owe(&two, 9).await;
    let all = Held {
        watches: 5,
        deliveries: 1,
    };
    assert_eq!(alive(&one).await.all, all);
    assert_eq!(alive(&two).await.all, all);
    close([&one, &two]).await;
}

#[tokio::test]
async fn the_next_death_is_when_the_first_of_the_others_must_have_renewed() {
    let (database, one, two) = two().await;
    let next = alive(&one).await.next_death.unwrap();
    let lease = one.lease();
    assert!(
        next <= lease && next > lease - Duration::from_secs(10),
        "{next:?}"
    );
    let sql = "UPDATE instance SET expires_at = renewed_at + 3000 WHERE name = 'two'";
    database.change(sql).await;
    let next = alive(&one).await.next_death.unwrap();
    assert!(next <= Duration::from_secs(3), "{next:?}");
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_lease_that_has_ended_goes_on_where_nobody_has_noticed() {
    let (database, one, two) = two().await;
    expire(&database, "two").await;
    alive(&two).await;
    assert_eq!(alive(&one).await.instances, 2);
    close([&one, &two]).await;
}

#[tokio::test]
async fn the_dead_stay_dead_and_join_as_others() {
    let (database, one, two) = two().await;
    accept_each(&two, 0..1).await;
    die(&database, "two", &one).await;
    assert_eq!(alive(&one).await.instances, 1);
    for _ in 0..2 {
        let renewal = two.renew(Held::default()).await.unwrap();
        assert_eq!(renewal, Renewal::Lost);
    }
    let before = one.instances().await.unwrap();
    assert_eq!(
        before.iter().map(|one| one.is_dead).collect::<Vec<_>>(),
        [false, true]
    );
    two.join().await.unwrap();
    assert!(two.held_watches(None, 9).await.unwrap().is_empty());
    assert_eq!(alive(&two).await.instances, 2);
    let all = two.instances().await.unwrap();
    let number_of_this = |this: bool| {
        let found = all
            .iter()
            .find(|one| one.is_this == this && one.name == "two");
        found.map(|one| one.number)
    };
    assert!(number_of_this(true) > number_of_this(false));
    close([&one, &two]).await;
}

#[tokio::test]
async fn the_dead_are_forgotten_once_nothing_of_them_is_left() {
    let (database, one, two) = two().await;
    accept_each(&two, 0..3).await;
    owe(&two, 9).await;
    die(&database, "two", &one).await;
    assert_eq!(names(&one).await, ["one", "two"]);
    assert_eq!(one.claim_watches(9).await.unwrap().len(), 3);
    alive(&one).await;
    assert_eq!(names(&one).await, ["one", "two"]);
    assert_eq!(one.claim_deliveries(9).await.unwrap().len(), 1);
    alive(&one).await;
    assert_eq!(names(&one).await, ["one"]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn instances_are_listed_with_what_they_hold() {
    let (_database, one, two) = two().await;
    accept_each(&two, 0..3).await;
    owe(&one, 9).await;
    let all = one.instances().await.unwrap();
    let held: Vec<_> = all
        .iter()
        .map(|one| {
            (
                one.is_this,
                one.is_dead,
                one.held.watches,
                one.held.deliveries,
            )
        })
        .collect();
    assert_eq!(held, [(true, false, 0, 1), (false, false, 3, 0)]);
    for one in &all {
        assert_eq!(one.version, env!("CARGO_PKG_VERSION"));
        assert!(one.renewed < Duration::from_secs(10), "{one:?}");
    }
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_was_held_is_free_at_once_when_its_owner_leaves() {
    let (_database, one, two) = two().await;
    accept_each(&two, 0..3).await;
    owe(&two, 9).await;
    two.leave().await.unwrap();
    let claimed = one.claim_watches(9).await.unwrap();
    assert_eq!(watches(&claimed), [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(one.claim_deliveries(9).await.unwrap().len(), 1);
    close([&one, &two]).await;
}

#[tokio::test]
async fn whoever_has_left_writes_nothing_more_until_it_joins_again() {
    let (_database, one, two) = two().await;
    two.leave().await.unwrap();
    let refused = two.commit(&[accept(1)]).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotNow { .. }), "{refused}");
    assert!(refused.to_string().contains("has left"), "{refused}");
    assert!(two.renew(Held::default()).await.is_err());
    assert!(two.claim_watches(9).await.unwrap().is_empty());
    assert_eq!(two.counts().await.unwrap().active, 0);
    two.join().await.unwrap();
    alive(&two).await;
    two.commit(&[accept(1)]).await.unwrap();
    close([&one, &two]).await;
}

#[tokio::test]
async fn two_that_find_others_dead_at_once_agree() {
    let (database, one, two) = two().await;
    for n in 0..5 {
        let third = database.joined("three").await;
        accept_each(&third, n..n + 1).await;
        expire(&database, "three").await;
        let (first, second) = tokio::join!(alive(&one), alive(&two));
        assert!(first.instances <= 3 && second.instances <= 3);
        assert_eq!(alive(&one).await.instances, 2);
        assert_eq!(third.renew(Held::default()).await.unwrap(), Renewal::Lost);
        third.close().await;
    }
    close([&one, &two]).await;
}
