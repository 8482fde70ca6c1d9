//! After the credential was refused: renews it, and asks once more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Subject;
use super::deadline::within;
use super::poller::{Poller, Step};
use crate::api::{Pass, Renewal, Session};
use crate::model::{Fault, WatchEventKind};

/// A refusal of the credential that this watch alone is to do something about.
pub(super) struct Refused<'a> {
    pub(super) pass: Pass<'a>,
    pub(super) fault: Fault,
    /// Whether the next request is signed with another time, which may be all that was wrong.
    pub(super) sign_again: bool,
}

impl<S: Subject> Poller<'_, S> {
    /// Sends the request again, where there is reason to after the credential was refused.
    pub(super) async fn try_once_more(
        &mut self,
        session: &Session,
        refused: Box<Refused<'_>>,
    ) -> Step {
        let Refused {
            pass,
            fault,
            sign_again,
        } = *refused;
        if !sign_again {
            let too_late = self.deadline().too_late();
            match within(too_late, self.renew(session)).await {
                Some(true) => {}
                Some(false) => {
                    pass.give_up(fault, session.source.refused_for());
                    return Step::AskAgain(Duration::ZERO);
                }
                None => return Step::End(self.out_of_time(session)),
            }
        }
        let due = Instant::now();
        if !self.turn(session).await {
            return Step::End(self.at_the_deadline(session).await);
        }
        match self.send(session, due).await {
            Some(answer) => {
                let verdict = self.judge(&answer.content, true);
                self.conclude(session, pass, answer, verdict)
            }
            None => Step::End(self.out_of_time(session)),
        }
    }

    /// Reads the credential anew. Whether it is another one now.
    async fn renew(&mut self, session: &Session) -> bool {
        loop {
            match session.source.renew().await {
                Renewal::Changed => {
                    self.tell(WatchEventKind::CredentialRefreshed);
                    return true;
                }
                Renewal::Unchanged => return false,
                Renewal::NotNow(fault) => {
                    let next = self.after_failure();
                    self.held.fail(fault.clone());
                    self.tell_trouble(fault, next);
                    sleep(next).await;
                }
            }
        }
    }
}
