//! What a poller tells of as it goes on.

use std::time::Duration;

use super::poller::Poller;
use super::{Subject, Verdict};
use crate::api::Content;
use crate::model::{Estimate, Fault, WatchEvent, WatchEventKind};

impl<S: Subject> Poller<'_, S> {
    /// Tells of an answer that was noted, and of when the next one is asked for.
    pub(super) fn tell_next(
        &self,
        content: &Content,
        verdict: Verdict,
        changed: bool,
        next: Duration,
        estimate: Option<Estimate>,
    ) {
        match (content.reading(), verdict, content) {
            (Ok(_), ..) => {
                if let Some(job) = self.progress.job.clone() {
                    self.tell(WatchEventKind::Polled {
                        job,
                        changed,
                        next,
                        estimate,
                    });
                }
            }
            (_, Verdict::NotYetVisible(grace), _) => {
                self.tell(WatchEventKind::NotYetVisible { next, grace });
            }
            (_, Verdict::Throttled, Content::Refused(refusal)) => {
                self.tell(WatchEventKind::Throttled {
                    limit: refusal.limit.map(|limit| (limit.requests, limit.per)),
                    next,
                });
            }
            (Err(fault), ..) => self.tell_trouble(fault, next),
        }
    }

    pub(super) fn tell_trouble(&self, fault: Fault, next: Duration) {
        self.tell(WatchEventKind::Trouble {
            fault,
            in_a_row: self.failures,
            next,
        });
    }

    pub(super) fn tell(&self, kind: WatchEventKind) {
        self.subject.hear(WatchEvent {
            job_id: self.subject.job_id().clone(),
            waited: self.subject.start().elapsed(),
            polls: self.progress.polls,
            kind,
        });
    }
}
