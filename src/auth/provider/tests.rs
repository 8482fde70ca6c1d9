//! Renewal: when it happens, who shares it, and what a failure leaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::auth::sources::Given;
use crate::auth::testing::{Answer, Folder, Server, SetClock, key_pair, keys_until, variables};
use crate::http::Connector;

const START: &str = "2026-01-01T00:00:00Z";
/// An hour after the start.
const ONE: &str = "2026-01-01T01:00:00Z";
/// Two hours after the start.
const TWO: &str = "2026-01-01T02:00:00Z";

const fn minutes(number: u64) -> Duration {
    Duration::from_secs(60 * number)
}

/// A provider whose OIDC source gives out these answers, the last one for ever.
struct World {
    clock: Arc<SetClock>,
    sts: Server,
    provider: Arc<Provider>,
}

impl World {
    async fn new(answers: Vec<Answer>) -> Self {
        let next = AtomicUsize::new(0);
        let last = answers.len() - 1;
        let sts =
            Server::start(move |_| answers[next.fetch_add(1, Ordering::Relaxed).min(last)].clone())
                .await;
        let environment = variables(&[
            ("HUAWEICLOUD_OIDC_PROVIDER_URN", "urn"),
            ("HUAWEICLOUD_OIDC_AGENCY_URN", "urn"),
            ("HUAWEICLOUD_OIDC_ID_TOKEN", "t0ken"),
            ("HUAWEICLOUD_SDK_STS_ENDPOINT", sts.url().as_str()),
        ]);
        let clock = SetClock::at(START);
        let chain = Chain::new(
            Given::default(),
            Arc::new(environment),
            Connector::default(),
            Arc::clone(&clock) as Arc<dyn crate::clock::Clock>,
        )
        .with_metadata_base(Server::nobody().await);
        let provider = Arc::new(Provider::load(chain).await.unwrap());
        Self {
            clock,
            sts,
            provider,
        }
    }

    async fn access_key(&self) -> String {
        let found = self.provider.credential().await.unwrap();
        key_pair(&found).0.to_owned()
    }

    fn asked(&self) -> usize {
        self.sts.requests().len()
    }
}

fn keys(number: &str, end: &str) -> Answer {
    (200, keys_until(number, end)).into()
}

fn failure() -> Answer {
    (500, String::new()).into()
}

#[test]
fn a_renewal_is_due_in_the_last_quarter_or_the_last_forty_minutes() {
    let now = SystemTime::UNIX_EPOCH + minutes(1_000_000);
    for (life, after) in [
        (minutes(24 * 60), minutes(24 * 60 - 40)),
        (minutes(160), minutes(120)),
        (minutes(60), minutes(45)),
        (minutes(15), Duration::from_secs(675)),
        (minutes(1), minutes(1)),
        (minutes(0), minutes(1)),
    ] {
        assert_eq!(due(now, now + life), now + after, "{life:?}");
    }
    assert_eq!(due(now, now - minutes(5)), now + minutes(1), "over already");
}

#[tokio::test]
async fn a_credential_is_renewed_ahead_of_its_end_and_not_before() {
    let world = World::new(vec![keys("1", ONE), keys("2", TWO)]).await;
    world.clock.advance(minutes(44));
    assert_eq!(world.access_key().await, "AKOFSERVICE1");
    assert_eq!(world.asked(), 1);
    world.clock.advance(minutes(1));
    assert_eq!(world.access_key().await, "AKOFSERVICE2");
    assert_eq!(world.access_key().await, "AKOFSERVICE2");
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn concurrent_callers_share_one_renewal() {
    for late in [minutes(45), minutes(61)] {
        let world = World::new(vec![keys("1", ONE), keys("2", TWO)]).await;
        world.clock.advance(late);
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let provider = Arc::clone(&world.provider);
                tokio::spawn(async move { provider.credential().await })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        assert_eq!(world.asked(), 2, "{late:?}");
        assert_eq!(world.access_key().await, "AKOFSERVICE2");
    }
}

#[tokio::test]
async fn a_valid_credential_outlives_a_failed_renewal_and_the_source_is_left_alone() {
    let world = World::new(vec![keys("1", ONE), failure(), keys("2", TWO)]).await;
    world.clock.advance(minutes(50));
    for _ in 0..3 {
        assert_eq!(world.access_key().await, "AKOFSERVICE1");
    }
    assert_eq!(world.asked(), 2);
    world.clock.advance(PAUSE);
    assert_eq!(world.access_key().await, "AKOFSERVICE2");
}

#[tokio::test]
async fn a_failed_renewal_is_an_error_once_the_credential_is_over() {
    let world = World::new(vec![keys("1", ONE), failure(), keys("2", TWO)]).await;
    world.clock.advance(minutes(60));
    for _ in 0..3 {
        let error = world.provider.credential().await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(world.asked(), 2);
    world.clock.advance(PAUSE);
    assert_eq!(world.access_key().await, "AKOFSERVICE2");
}

#[tokio::test]
async fn a_refused_credential_is_renewed_once_for_all_who_were_refused() {
    let world = World::new(vec![keys("1", ONE), keys("2", TWO)]).await;
    let refused = world.provider.found();
    assert!(world.provider.renew(&refused).await.unwrap());
    assert!(world.provider.renew(&refused).await.unwrap());
    assert_eq!(world.asked(), 2);
    assert_eq!(key_pair(&world.provider.found()).0, "AKOFSERVICE2");
}

#[tokio::test]
async fn those_who_are_refused_at_once_share_even_an_answer_that_does_not_help() {
    for (answer, is_ok) in [(keys("1", ONE), true), (failure(), false)] {
        let world = World::new(vec![keys("1", ONE), answer]).await;
        let refused = world.provider.found();
        let (one, two) = tokio::join!(
            world.provider.renew(&refused),
            world.provider.renew(&refused)
        );
        for result in [one, two] {
            assert_eq!(result.is_ok(), is_ok);
            assert!(!result.unwrap_or_default());
        }
        assert_eq!(world.asked(), 2);
    }
}

#[tokio::test]
async fn every_renewal_waits_for_as_long_as_the_service_asks() {
    let throttled = Answer {
        status: 429,
        headers: "Retry-After: 120\r\n",
        body: String::new(),
    };
    let world = World::new(vec![keys("1", ONE), throttled, keys("2", TWO)]).await;
    let refused = world.provider.found();
    for _ in 0..3 {
        let error = world.provider.renew(&refused).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    world.clock.advance(Duration::from_secs(119));
    assert!(world.provider.renew(&refused).await.is_err());
    assert_eq!(world.asked(), 2);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.provider.renew(&refused).await.unwrap());
}

#[tokio::test]
async fn a_service_that_refuses_to_renew_is_asked_again_after_five_minutes() {
    let refusal: Answer = (403, String::new()).into();
    let world = World::new(vec![keys("1", ONE), refusal, keys("2", TWO)]).await;
    let refused = world.provider.found();
    world.clock.advance(minutes(60));
    for _ in 0..3 {
        let error = world.provider.renew(&refused).await.unwrap_err();
        assert_eq!(error.refused_with(), Some(403), "{error}");
        assert!(world.provider.credential().await.is_err());
    }
    world.clock.advance(minutes(4));
    assert!(world.provider.credential().await.is_err());
    assert_eq!(world.asked(), 2);
    world.clock.advance(minutes(1));
    assert_eq!(world.access_key().await, "AKOFSERVICE2");
}

#[tokio::test]
async fn files_that_were_exchanged_are_read_again() {
    let folder = Folder::new();
    let given = Given {
        ak_file: Some(folder.private("ak", "AKOFFILES")),
        sk_file: Some(folder.private("sk", "one")),
        ..Given::default()
    };
    let chain = Chain::new(
        given,
        Arc::new(variables(&[])),
        Connector::default(),
        SetClock::at(START),
    );
    let provider = Provider::load(chain).await.unwrap();
    let refused = provider.credential().await.unwrap();
    assert!(!provider.renew(&refused).await.unwrap());

    folder.private("sk", "two");
    assert!(provider.renew(&refused).await.unwrap());
    let found = provider.credential().await.unwrap();
    assert_eq!(key_pair(&found).1, "two");

    std::fs::remove_file(folder.path().join("sk")).unwrap();
    assert!(provider.renew(&found).await.is_err());
    let found = provider.credential().await.unwrap();
    assert_eq!(key_pair(&found).1, "two");
}
