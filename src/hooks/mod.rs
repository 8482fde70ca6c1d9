//! What happens once a watch has ended: one file a kind of hook, and the payload that all carry.
//! When a hook is tried, and how often, is decided elsewhere.

mod exec;
mod exit;
mod file;
mod make;
mod payload;
#[cfg(test)]
mod samples;
mod spec;
mod webhook;

pub use exit::ExitRequest;
pub use make::{HookError, Problem, Tools, make};
pub use payload::{Data, ErrorData, Payload};
pub use spec::{ExecSpec, ExitSpec, FileSpec, HookKind, HookSpec, WebhookSpec};
pub use webhook::Secrets;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::{BoxFuture, DeliveryId, HookName, Outcome};

/// The outcomes that a hook fires for unless it says otherwise: all but that it was called off.
pub const DEFAULT_ON: [Outcome; 6] = [
    Outcome::Succeeded,
    Outcome::Failed,
    Outcome::TimedOut,
    Outcome::NotFound,
    Outcome::Denied,
    Outcome::Rejected,
];

/// The longest answer of a receiver that is kept, in characters.
const ANSWER: usize = 200;

/// One delivery, for one attempt.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same for every attempt.
    pub id: DeliveryId,
    /// When this attempt is made.
    pub at: SystemTime,
    /// The payload as JSON, the same for every attempt.
    pub body: Arc<str>,
}

/// What came of an attempt. The texts are one line, without secrets, and cleaned of whatever a
/// terminal would act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It arrived.
    Delivered {
        /// What the receiver said, such as `HTTP 204`.
        answer: String,
    },
    /// It did not, this time.
    Failed {
        /// What the receiver said, or why there was nobody to say anything.
        answer: String,
        /// How long the receiver asks to wait.
        retry_after: Option<Duration>,
    },
    /// The receiver wants no more deliveries, of this or any other.
    Gone {
        /// What the receiver said.
        answer: String,
    },
}

impl Receipt {
    /// An attempt in vain, about which the receiver said nothing of when to come again.
    fn failed(answer: impl Into<String>) -> Self {
        Self::Failed {
            answer: answer.into(),
            retry_after: None,
        }
    }
}

/// A way to tell somebody that a watch has ended.
pub trait Hook: Send + Sync {
    /// Tries once, and takes no longer than its time-out.
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt>;
}

/// A hook as it is configured, ready to be used.
#[derive(Clone)]
pub struct Configured {
    /// What it is called.
    pub name: HookName,
    /// The outcomes that it fires for.
    pub on: Vec<Outcome>,
    /// Whether watches that name no hooks have it.
    pub by_default: bool,
    /// How many attempts may be under way at once, at least 1.
    pub concurrency: usize,
    /// The hook.
    pub hook: Arc<dyn Hook>,
}

/// Does what blocks on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}
