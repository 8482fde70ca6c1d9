//! What a poller tells of as it goes on.

use std::sync::Arc;
use std::time::Duration;

use super::poller::Poller;
use super::{Subject, Verdict};
use crate::api::Content;
use crate::model::{Estimate, Fault, WatchEvent, WatchEventKind};

impl<S: Subject> Poller<'_, S> {
    /// Tells of an answer that was noted, and of when the next one is asked for.
    pub(super) fn tell_next(
        &self,
        content: Content,
        verdict: Verdict,
        changed: bool,
        next: Duration,
        estimate: Option<Estimate>,
    ) {
        self.tell(match (content, verdict) {
            (Content::Job(job), _) => WatchEventKind::Polled {
                job: Arc::new(job),
                changed,
                next,
                estimate,
            },
            (_, Verdict::NotYetVisible(grace)) => WatchEventKind::NotYetVisible { next, grace },
            (Content::Refused(refusal), Verdict::Throttled) => WatchEventKind::Throttled {
                limit: refusal.limit.map(|limit| (limit.requests, limit.per)),
                next,
            },
            (content, _) => {
                if let Err(fault) = content.reading() {
                    self.tell_trouble(fault, next);
                }
                return;
            }
        });
    }

    pub(super) fn tell_trouble(&self, fault: Fault, next: Duration) {
        self.tell(WatchEventKind::Trouble {
            fault,
            in_a_row: self.held.faults(),
            next,
        });
    }

    pub(super) fn tell(&self, kind: WatchEventKind) {
        self.subject.hear(WatchEvent {
            job_id: self.subject.job_id().clone(),
            waited: self.subject.start().elapsed(),
            polls: self.polls,
            kind,
        });
    }
}
