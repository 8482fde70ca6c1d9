//! The watch that a poller polls for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{Control, Experience};
use crate::model::{Job, JobId, JobType, WatchEvent};

/// A watch, as its poller sees it: what it would hold twice otherwise.
pub trait Subject: Send + Sync {
    /// The job.
    fn job_id(&self) -> &JobId;

    /// When the watch began, be it before this process.
    fn start(&self) -> Instant;

    /// When it times out; `None` for never. The last request falls exactly on it.
    fn deadline(&self) -> Option<Instant>;

    /// Its reins.
    fn control(&self) -> &Control;

    /// The last description of the job that goes on, where there was one.
    fn job(&self) -> Option<Job>;

    /// Whether it may be asked for now. Where it may not, it is about to be called off.
    fn is_held(&self) -> bool {
        true
    }

    /// The span that it is polled in, where there is one.
    fn span(&self) -> tracing::Span {
        tracing::Span::none()
    }

    /// What jobs of this type in its project tell about the next, where any has ended.
    fn experience(&self, _job_type: &JobType) -> Option<Arc<Experience>> {
        None
    }

    /// The service itself has answered, with this `Date` if any.
    fn answered(&self, _date: Option<SystemTime>) {}

    /// Hears of everything that happens but the watch's end, which is for whoever keeps it to tell.
    fn hear(&self, event: WatchEvent);
}

pin_project! {
    /// What comes of a future that polls for a watch, unless that is called off first.
    pub(super) struct Steered<'a, S, F> {
        pub(super) subject: &'a S,
        #[pin]
        pub(super) future: F,
    }
}

impl<S: Subject, F: Future> Future for Steered<'_, S, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.subject.control().is_cancelled(context) {
            return Poll::Ready(None);
        }
        let polled = this.subject.span().in_scope(|| this.future.poll(context));
        polled.map(Some)
    }
}
