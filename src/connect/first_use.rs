//! A source that connects when it is first asked, and again and again until it can.

use std::sync::{Arc, Mutex as StdMutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{ConnectError, Plan};
use crate::api::{Answer, Content, DcsClient, HoldBook, JobSource, Renewal};
use crate::clock::SaturatingAdd as _;
use crate::model::{BoxFuture, Fault, JobId, ProjectId};

/// The time between the first two attempts. It doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The time until the next attempt after the credential was refused: as long as the service would
/// lock its key for asking often.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5 * 60);

/// A source that connects when it is first asked: a daemon starts before its network does. Until it
/// is connected, every question is answered with what is missing; one of those who ask makes the
/// attempt, and not more often than makes sense.
pub struct OnFirstUse {
    plan: Plan,
    /// What services said in earlier runs.
    book: Arc<HoldBook>,
    client: OnceLock<DcsClient>,
    /// Held by whoever makes an attempt.
    last: Mutex<Option<Failure>>,
    /// What the last attempt failed with. Can be read while another is made.
    error: StdMutex<Option<Arc<ConnectError>>>,
}

/// An attempt that was in vain.
struct Failure {
    error: Arc<ConnectError>,
    /// How long none is made.
    pause: Duration,
    over: Instant,
}

impl OnFirstUse {
    /// A source that has yet to connect.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            book: Arc::default(),
            client: OnceLock::new(),
            last: Mutex::default(),
            error: StdMutex::default(),
        }
    }

    /// The same, with what services said in earlier runs.
    #[must_use]
    pub fn keeping(self, book: Arc<HoldBook>) -> Self {
        Self { book, ..self }
    }

    /// The DCS endpoint, as soon as it is known: without a region and an endpoint in the configuration, the
    /// credential's source names the region.
    #[must_use]
    pub fn endpoint(&self) -> Option<Url> {
        match self.client.get() {
            Some(client) => Some(client.endpoint().clone()),
            None => self.plan.configured_endpoint(),
        }
    }

    /// Connects, where that is yet to be done and may be tried again.
    ///
    /// # Errors
    /// With what stands in the way, or did a moment ago.
    pub async fn try_connect(&self) -> Result<&DcsClient, Arc<ConnectError>> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut last = self.last.lock().await;
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        if let Some(failure) = &*last
            && Instant::now() < failure.over
        {
            return Err(Arc::clone(&failure.error));
        }
        match self.plan.open_with(&self.book).await {
            Ok(client) => Ok(self.client.get_or_init(|| client)),
            Err(error) => {
                let error = Arc::new(error);
                let pause = pause(&error, last.as_ref().map(|failure| failure.pause));
                tracing::debug!(%error, ?pause, "can't connect");
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&error));
                *last = Some(Failure {
                    error: Arc::clone(&error),
                    pause,
                    over: Instant::now().saturating_add(pause),
                });
                Err(error)
            }
        }
    }
}

/// How long to wait after a failed attempt, where `before` was the backoff before it; and no shorter
/// than the service asks for.
fn pause(error: &ConnectError, before: Option<Duration>) -> Duration {
    let backoff = if error.is_denied() {
        PAUSE_AFTER_REFUSAL
    } else {
        before.map_or(FIRST_PAUSE, |before| {
            before.saturating_mul(2).min(LONGEST_PAUSE)
        })
    };
    backoff.max(error.retry_after().unwrap_or_default())
}

impl JobSource for OnFirstUse {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        if let Some(client) = self.client.get() {
            return client.ask(job);
        }
        Box::pin(async move {
            match self.try_connect().await {
                Ok(client) => client.ask(job).await,
                Err(error) => Content::NoCredential(Fault::local(error.to_string())).into(),
            }
        })
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        match self.client.get() {
            Some(client) => client.renew(),
            None => Box::pin(async { Renewal::Unchanged }),
        }
    }

    fn refused_for(&self) -> Option<Duration> {
        self.client.get()?.refused_for()
    }

    fn lift_hold(&self) {
        if let Some(client) = self.client.get() {
            client.lift_hold();
        }
    }

    fn project_id(&self) -> Option<ProjectId> {
        self.client.get()?.project_id()
    }

    fn connect(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { drop(self.try_connect().await) })
    }

    fn not_ready(&self) -> Option<String> {
        if self.client.get().is_some() {
            return None;
        }
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        Some(error.as_ref().map_or_else(
            || "its credential and its project are being looked up".to_owned(),
            ToString::to_string,
        ))
    }
}

#[cfg(test)]
mod tests;
