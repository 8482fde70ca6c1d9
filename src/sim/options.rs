//! How a simulator is set up.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, SystemClock};
use crate::model::ProjectId;
use crate::secret::Secret;

use super::{RateLimit, ScriptedJob};

/// The access key that a simulator knows by default.
pub const ACCESS_KEY: &str = "SIMULATEDACCESSKEY00";
/// The secret key to [`ACCESS_KEY`]. It opens nothing but simulators.
pub const SECRET_KEY: &str = "simulated-secret-key-that-opens-nothing0";
/// The project that a simulator serves by default.
pub const PROJECT_ID: &str = "5111a7ed5111a7ed5111a7ed5111a7ed";
/// The region that the project belongs to by default.
pub const REGION: &str = "simulated-1";

/// How a simulator is set up. The default takes [`ACCESS_KEY`] and [`SECRET_KEY`] for
/// [`PROJECT_ID`], and is as fast as it can be.
#[derive(Clone)]
pub struct SimOptions {
    /// The one access key that is known.
    pub access_key: String,
    /// The secret key to it.
    pub secret_key: Secret,
    /// The token that has to come with it, as for a temporary credential.
    pub security_token: Option<Secret>,
    /// The IAM token that is accepted in place of a signature.
    pub auth_token: Option<Secret>,
    /// The one project that is served.
    pub project_id: ProjectId,
    /// The region that the project belongs to; its name is the project's, as in the service.
    pub region: String,
    /// The time that every answer takes.
    pub latency: Duration,
    /// How many requests are admitted.
    pub rate_limit: Option<RateLimit>,
    /// How many requests are remembered for [`Simulator::requests`](super::Simulator::requests): the
    /// last ones.
    pub remembered: usize,
    /// Whether more than five authentication failures in a row lock the access key for five
    /// minutes.
    pub lock: bool,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How far the service's clock is from `clock`.
    pub clock_offset: ClockOffset,
    /// Serve HTTPS with these.
    pub tls: Option<TlsFiles>,
    /// The jobs, besides those of [`PLAYGROUND`](super::PLAYGROUND); one with the same ID replaces
    /// that one.
    pub jobs: Vec<ScriptedJob>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: Secret::from(SECRET_KEY),
            security_token: None,
            auth_token: None,
            project_id: ProjectId::built_in(PROJECT_ID),
            region: REGION.to_owned(),
            latency: Duration::ZERO,
            rate_limit: None,
            remembered: 100_000,
            lock: true,
            clock: Arc::new(SystemClock),
            clock_offset: ClockOffset::default(),
            tls: None,
            jobs: Vec::new(),
        }
    }
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// A PEM file with the certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// How far a clock is from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOffset {
    /// It shows a later time.
    Ahead(Duration),
    /// It shows an earlier time.
    Behind(Duration),
}

impl Default for ClockOffset {
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

impl ClockOffset {
    /// What the clock shows when the other shows `time`.
    #[must_use]
    pub fn shift(self, time: SystemTime) -> SystemTime {
        match self {
            Self::Ahead(offset) => time.checked_add(offset),
            Self::Behind(offset) => time.checked_sub(offset),
        }
        .unwrap_or(time)
    }
}

/// Reads `20m` or `+20m` as ahead and `-20m` as behind.
impl FromStr for ClockOffset {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('-') {
            Some(behind) => humantime::parse_duration(behind).map(Self::Behind),
            None => {
                humantime::parse_duration(text.strip_prefix('+').unwrap_or(text)).map(Self::Ahead)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_with_its_sign_and_shifts_the_clock() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (text, offset) in [
            ("20m", ClockOffset::Ahead(minutes(20))),
            ("+20m", ClockOffset::Ahead(minutes(20))),
            ("-1h 1m", ClockOffset::Behind(minutes(61))),
        ] {
            assert_eq!(text.parse::<ClockOffset>().unwrap(), offset, "{text}");
        }
        assert!("--1m".parse::<ClockOffset>().is_err());
        let noon = SystemTime::UNIX_EPOCH + minutes(720);
        assert_eq!(
            ClockOffset::Ahead(minutes(1)).shift(noon),
            noon + minutes(1)
        );
        assert_eq!(
            ClockOffset::Behind(minutes(1)).shift(noon),
            noon - minutes(1)
        );
    }
}
