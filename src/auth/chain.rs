//! The sources in their order. The first that is present is used; one that is present but broken
//! is an error, and never skipped.

use std::sync::Arc;

use reqwest::Url;

use super::error::{AuthError, Considerations};
use super::found::{Found, Source};
use super::sign;
use super::sources::{self, Given, Presence};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::http::Connector;
use crate::sanitize::ForeignText;

/// The sources of credentials, in order.
pub struct Chain {
    given: Given,
    environment: Arc<dyn Environment>,
    connector: Connector,
    pub(super) clock: Arc<dyn Clock>,
    metadata_base: Option<Url>,
}

/// One source, and what came of it.
#[derive(Debug)]
pub struct Considered {
    /// The source's name.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of looking at a source.
#[derive(Debug)]
pub enum Verdict {
    /// It has no credentials, and why.
    NotPresent(ForeignText),
    /// Its credentials are used.
    Used(Box<Found>),
    /// It is there, but can't be used; sources after it aren't asked.
    Broken(AuthError),
    /// A source before it was used, or is broken.
    NotReached,
}

/// A source that can be looked at.
#[derive(Debug, Clone, Copy)]
enum Place {
    Files,
    Environment,
    Profile,
    KooCli,
    Metadata,
    Oidc,
}

impl Place {
    const IN_ORDER: [Self; 6] = [
        Self::Files,
        Self::Environment,
        Self::Profile,
        Self::KooCli,
        Self::Metadata,
        Self::Oidc,
    ];

    fn of(source: &Source) -> Self {
        match source {
            Source::Files => Self::Files,
            Source::Environment(_) => Self::Environment,
            Source::Profile(_) => Self::Profile,
            Source::KooCli { .. } => Self::KooCli,
            Source::Metadata => Self::Metadata,
            Source::Oidc => Self::Oidc,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Files => "options",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::KooCli => "KooCLI",
            Self::Metadata => "ECS metadata",
            Self::Oidc => "OIDC",
        }
    }
}

impl Chain {
    /// The chain of the vendor's tools, headed by the files that are given.
    #[must_use]
    pub fn new(
        given: Given,
        environment: Arc<dyn Environment>,
        connector: Connector,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            given,
            environment,
            connector,
            clock,
            metadata_base: Url::parse(sources::DEFAULT_METADATA_BASE).ok(),
        }
    }

    /// Asks another server than `http://169.254.169.254` for the keys of an agency.
    #[must_use]
    pub fn with_metadata_base(mut self, base: Url) -> Self {
        self.metadata_base = Some(base);
        self
    }

    /// The credentials of the first source that is present.
    ///
    /// # Errors
    /// When that one is broken, or none is present.
    pub async fn find(&self) -> Result<Found, AuthError> {
        let mut looked_at = Vec::new();
        for place in Place::IN_ORDER {
            match self.look(place).await? {
                Presence::Present(found) => return Ok(*found),
                Presence::Absent(why) => looked_at.push((place.name(), why)),
            }
        }
        Err(AuthError::Nowhere(Considerations(looked_at)))
    }

    /// What [`find`](Self::find) does, source by source.
    pub async fn explain(&self) -> Vec<Considered> {
        let mut considered = Vec::new();
        let mut is_decided = false;
        for place in Place::IN_ORDER {
            let verdict = if is_decided {
                Verdict::NotReached
            } else {
                match self.look(place).await {
                    Ok(Presence::Present(found)) => Verdict::Used(found),
                    Ok(Presence::Absent(why)) => Verdict::NotPresent(why),
                    Err(error) => Verdict::Broken(error),
                }
            };
            is_decided |= !matches!(verdict, Verdict::NotPresent(_));
            considered.push(Considered {
                name: place.name(),
                verdict,
            });
        }
        considered
    }

    /// What the source has by now. Sources before it aren't asked again.
    pub(super) async fn read_again(&self, source: &Source) -> Result<Found, AuthError> {
        match self.look(Place::of(source)).await? {
            Presence::Present(found) => Ok(*found),
            Presence::Absent(why) => Err(AuthError::Gone {
                source_of: source.clone(),
                why,
            }),
        }
    }

    async fn look(&self, place: Place) -> Result<Presence, AuthError> {
        let presence = self.ask(place).await?;
        if let Presence::Present(found) = &presence {
            sign::check(&found.credential).map_err(|why| AuthError::Unsendable {
                source_of: found.source.clone(),
                why,
            })?;
        }
        Ok(presence)
    }

    async fn ask(&self, place: Place) -> Result<Presence, AuthError> {
        let environment = self.environment.as_ref();
        match place {
            Place::Files => sources::look_into_files(&self.given),
            Place::Environment => sources::look_into_environment(environment),
            Place::Profile => sources::look_into_profile(environment),
            Place::KooCli => sources::look_into_koocli(environment),
            Place::Metadata => match &self.metadata_base {
                Some(base) => {
                    let has_next = sources::oidc_is_set_up(environment);
                    sources::look_into_metadata(base, &self.connector, has_next).await
                }
                None => Ok(Presence::Absent("it has no address".into())),
            },
            Place::Oidc => sources::look_into_oidc(environment, &self.connector).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Folder, Server, SetClock, key_pair, keys, variables};

    /// All sources but the options, each with an access key of its own.
    struct World {
        folder: Folder,
        metadata: Server,
        sts: Server,
    }

    impl World {
        async fn new() -> Self {
            let folder = Folder::new();
            folder.private(
                ".huaweicloud/credentials",
                "[basic]\nak = AKOFPROFILE\nsk = s3cret\n",
            );
            folder.private(
                ".hcloud/config.json",
                r#"{"authEncrypt": "false", "current": "a", "profiles": [{"name": "a", "accessKeyId": "AKOFKOOCLI", "secretAccessKey": "s3cret"}]}"#,
            );
            Self {
                folder,
                metadata: Server::start(|_| (200, keys("METADATA"))).await,
                sts: Server::start(|_| (200, keys("OIDC"))).await,
            }
        }

        /// The chain without the named variables.
        fn chain(&self, given: Given, without: &[&str]) -> Chain {
            let mut environment = variables(&[
                ("HOME", self.folder.path().to_str().unwrap()),
                ("HW_ACCESS_KEY", "AKOFENVIRONMENT"),
                ("HW_SECRET_KEY", "s3cret"),
                ("HUAWEICLOUD_OIDC_PROVIDER_URN", "urn"),
                ("HUAWEICLOUD_OIDC_AGENCY_URN", "urn"),
                ("HUAWEICLOUD_OIDC_ID_TOKEN", "t0ken"),
                ("HUAWEICLOUD_SDK_STS_ENDPOINT", self.sts.url().as_str()),
            ]);
            for name in without {
                environment.remove(*name);
            }
            chain(given, environment).with_metadata_base(self.metadata.url().clone())
        }
    }

    fn chain(given: Given, environment: impl Environment + 'static) -> Chain {
        let clock = SetClock::at("2026-01-01T00:00:00Z");
        Chain::new(given, Arc::new(environment), Connector::default(), clock)
    }

    async fn access_key(chain: &Chain) -> String {
        key_pair(&chain.find().await.unwrap()).0.to_owned()
    }

    #[tokio::test]
    async fn each_source_comes_before_those_after_it() {
        let world = World::new().await;
        let given = Given {
            ak_file: Some(world.folder.private("ak", "AKOFFILES")),
            sk_file: Some(world.folder.private("sk", "s3cret")),
            ..Given::default()
        };
        let keys = ["HW_ACCESS_KEY", "HW_SECRET_KEY"];
        assert_eq!(access_key(&world.chain(given, &[])).await, "AKOFFILES");

        let rest = world.chain(Given::default(), &[]);
        assert_eq!(access_key(&rest).await, "AKOFENVIRONMENT");

        let rest = world.chain(Given::default(), &keys);
        assert_eq!(access_key(&rest).await, "AKOFPROFILE");

        std::fs::remove_file(world.folder.path().join(".huaweicloud/credentials")).unwrap();
        assert_eq!(access_key(&rest).await, "AKOFKOOCLI");

        std::fs::remove_file(world.folder.path().join(".hcloud/config.json")).unwrap();
        assert_eq!(access_key(&rest).await, "AKOFSERVICEMETADATA");

        let rest = rest.with_metadata_base(Server::nobody().await);
        assert_eq!(access_key(&rest).await, "AKOFSERVICEOIDC");
    }

    #[tokio::test]
    async fn a_broken_source_is_never_skipped() {
        let world = World::new().await;
        let half = world.chain(Given::default(), &["HW_SECRET_KEY"]);
        let error = half.find().await.unwrap_err();
        assert!(error.to_string().contains("HW_SECRET_KEY isn't"), "{error}");

        world.folder.open(".huaweicloud/credentials", "[basic]");
        let rest = world.chain(Given::default(), &["HW_ACCESS_KEY", "HW_SECRET_KEY"]);
        assert!(matches!(rest.find().await, Err(AuthError::SecretFile(_))));
    }

    #[tokio::test]
    async fn no_source_at_all_is_an_error_that_lists_them_and_says_what_to_do() {
        let chain = chain(Given::default(), variables(&[("HOME", "/nowhere")]))
            .with_metadata_base(Server::nobody().await);
        let message = chain.find().await.unwrap_err().to_string();
        for part in Place::IN_ORDER.map(Place::name) {
            assert!(message.contains(part), "{message}");
        }
        assert!(message.contains("set HUAWEICLOUD_SDK_AK"), "{message}");
    }

    #[tokio::test]
    async fn the_explanation_names_every_source_and_why() {
        let world = World::new().await;
        let keys = ["HW_ACCESS_KEY", "HW_SECRET_KEY"];
        let considered = world.chain(Given::default(), &keys).explain().await;
        let verdicts: Vec<&Verdict> = considered.iter().map(|one| &one.verdict).collect();
        assert!(
            matches!(
                verdicts[..],
                [
                    Verdict::NotPresent(_),
                    Verdict::NotPresent(_),
                    Verdict::Used(_),
                    Verdict::NotReached,
                    Verdict::NotReached,
                    Verdict::NotReached,
                ]
            ),
            "{verdicts:?}"
        );
        assert!(!format!("{considered:?}").contains("s3cret"));

        world.folder.private(".huaweicloud/credentials", "s3cret");
        let considered = world.chain(Given::default(), &keys).explain().await;
        assert!(matches!(considered[2].verdict, Verdict::Broken(_)));
        assert!(matches!(considered[3].verdict, Verdict::NotReached));
        assert!(!format!("{considered:?}").contains("s3cret"));
    }
}
