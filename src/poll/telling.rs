//! What a poller tells of as it goes on.

use std::sync::Arc;
use std::time::Duration;

use super::Verdict;
use super::poller::Poller;
use crate::api::Content;
use crate::model::{Fault, WatchEvent, WatchEventKind};

impl<E: Fn(WatchEvent) + Send> Poller<E> {
    pub(super) fn tell_next(
        &self,
        content: &Content,
        verdict: Verdict,
        changed: bool,
        next: Duration,
    ) {
        match (content.reading(), verdict, content) {
            (Ok(job), ..) => self.tell(WatchEventKind::Polled {
                job: match &self.progress.job {
                    Some(job) => Arc::clone(job),
                    None => Arc::new(job.clone()),
                },
                changed,
                next,
            }),
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
        (self.emit)(WatchEvent {
            job_id: self.job_id.clone(),
            waited: self.start.elapsed(),
            polls: self.progress.polls,
            kind,
        });
    }
}
