//! A hook that asks for the process to end. It is delivered once it has asked.

use tokio::sync::mpsc::UnboundedSender;

use super::{ExitSpec, Hook, Message, Payload, Receipt};
use crate::model::{self, BoxFuture, Outcome, WatchId};

/// A hook's wish that the process end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitRequest {
    /// The watch that ended.
    pub watch_id: WatchId,
    /// The exit code.
    pub code: u8,
}

pub(super) struct Exit {
    codes: Vec<(Outcome, u8)>,
    requests: UnboundedSender<ExitRequest>,
}

impl Exit {
    pub(super) fn new(spec: &ExitSpec, requests: UnboundedSender<ExitRequest>) -> Self {
        let codes = spec.codes.clone();
        Self { codes, requests }
    }

    fn code(&self, outcome: Outcome) -> u8 {
        let own = self.codes.iter().find(|(of, _)| *of == outcome);
        own.map_or_else(|| default_code(outcome), |(_, code)| *code)
    }

    fn ask(&self, body: &str) -> Receipt {
        let Some((watch_id, outcome)) = read(body) else {
            return Receipt::failed("the payload can't be read");
        };
        let code = self.code(outcome);
        match self.requests.send(ExitRequest { watch_id, code }) {
            Ok(()) => Receipt::Delivered {
                answer: format!("asked to exit with code {code}"),
            },
            Err(_) => Receipt::failed("the process is ending already"),
        }
    }
}

/// The code of the command line. One that is called off there was interrupted.
fn default_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Cancelled => model::Exit::Interrupted,
        other => model::Exit::of(&[other]),
    }
    .code()
}

fn read(body: &str) -> Option<(WatchId, Outcome)> {
    let payload: Payload = serde_json::from_str(body).ok()?;
    let outcome = Outcome::of_word(&payload.data.outcome)?;
    Some((payload.data.watch_id.parse().ok()?, outcome))
}

impl Hook for Exit {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(async { self.ask(&message.body) })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::super::samples::{WATCH_ID, message};
    use super::*;

    #[tokio::test]
    async fn each_outcome_asks_for_the_code_of_the_command_line_or_its_own() {
        let (requests, mut asked) = mpsc::unbounded_channel();
        let codes = vec![(Outcome::TimedOut, 75)];
        let hook = Exit::new(&ExitSpec { codes }, requests);
        for (outcome, code) in Outcome::ALL.into_iter().zip([0, 1, 3, 4, 75, 2, 130]) {
            let receipt = hook.deliver(&message(outcome)).await;
            assert!(matches!(receipt, Receipt::Delivered { .. }), "{receipt:?}");
            let watch_id = WATCH_ID.parse().unwrap();
            assert_eq!(asked.recv().await, Some(ExitRequest { watch_id, code }));
        }
    }

    #[tokio::test]
    async fn a_request_that_nobody_takes_is_not_delivered() {
        let (requests, _) = mpsc::unbounded_channel();
        let hook = Exit::new(&ExitSpec { codes: Vec::new() }, requests);
        let receipt = hook.deliver(&message(Outcome::Succeeded)).await;
        assert_eq!(receipt, Receipt::failed("the process is ending already"));
    }
}
