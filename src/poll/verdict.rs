//! What an answer means. Pure, and the only place that knows.

use std::time::Duration;

use crate::api::{Content, Refusal};
use crate::http::is_transient_status;
use crate::model::{JobStatus, Outcome};
use crate::sanitize::ForeignText;

/// What a waiter does about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The job goes on: ask again as the schedule says.
    GoesOn,
    /// The watch has ended.
    Ended(Outcome),
    /// The service doesn't know the job, but may yet come to: ask again while this much of the
    /// grace is left.
    NotYetVisible(Duration),
    /// The service refused the credential: renew it, and ask once more if that changed anything.
    Reauthenticate,
    /// The service wants fewer requests: all that share the credential slow down.
    Throttled,
    /// Passing trouble: ask again, after a backoff.
    Trouble,
    /// The service rejects this request in words of its own: no other for the job will do better.
    Rejected,
    /// Where is asked is wrong: no other request will do better, for any job.
    Misconfigured,
    /// A final answer that contradicts what the service has shown before. It counts once it has
    /// repeated; until then, it is retried.
    Unconfirmed(FinalAnswer),
}

/// The answers that end a watch without describing its job. One proxy or one bad backend can give any of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalAnswer {
    /// There is no such job.
    NotFound,
    /// The credential doesn't permit this request.
    Denied,
    /// The request is rejected.
    Rejected,
    /// The endpoint is wrong.
    Misconfigured,
}

impl FinalAnswer {
    /// What it means once it counts.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::NotFound => Verdict::Ended(Outcome::NotFound),
            Self::Denied => Verdict::Ended(Outcome::Denied),
            Self::Rejected => Verdict::Rejected,
            Self::Misconfigured => Verdict::Misconfigured,
        }
    }
}

/// What the meaning of an answer depends on, beside the answer.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// How long the watch has lasted.
    pub waited: Duration,
    /// How long a job may stay unknown from the start of the watch on.
    pub not_found_grace: Duration,
    /// Whether the service has described the job before.
    pub seen: bool,
    /// Whether the endpoint has described a job before, to any watch of the session.
    pub endpoint_seen: bool,
    /// Whether the credential has been renewed, or the clock corrected, after a refusal.
    pub second_chance: bool,
    /// The codes of answers of 400 that mean that there is no such job. For other objects of DCS
    /// the vendor's clients read some codes so; for jobs nothing is documented.
    pub not_found_codes: &'a [String],
}

/// Says what an answer means. The rules are those of the table in the README.
#[must_use]
pub fn judge(content: &Content, context: &Context<'_>) -> Verdict {
    match content {
        Content::Job(job) => match job.status {
            JobStatus::Success => Verdict::Ended(Outcome::Succeeded),
            JobStatus::Fail => Verdict::Ended(Outcome::Failed),
            JobStatus::Init | JobStatus::Running | JobStatus::Other(_) => Verdict::GoesOn,
        },
        Content::Refused(refusal) => judge_refusal(refusal, context),
        Content::NoAnswer(trouble) if !trouble.is_transient() => {
            context.final_answer(FinalAnswer::Misconfigured)
        }
        Content::NoAnswer(_) | Content::Unreadable(_) | Content::NoCredential(_) => {
            Verdict::Trouble
        }
    }
}

fn judge_refusal(refusal: &Refusal, context: &Context<'_>) -> Verdict {
    let code = refusal.fault.code.as_ref().map_or("", ForeignText::raw);
    match refusal.status {
        // From a service that has answered before, it is a page about maintenance, say.
        300..=399 if !context.is_endpoint_good() => Verdict::Misconfigured,
        400 if matches!(code, "DCS.4070" | "111400063") => {
            context.final_answer(FinalAnswer::NotFound)
        }
        400 if context.not_found_codes.iter().any(|known| known == code) => not_found(context),
        401 if context.second_chance => Verdict::Ended(Outcome::Denied),
        401 => Verdict::Reauthenticate,
        403 => context.final_answer(FinalAnswer::Denied),
        404 if is_gateways(code, "0101") => context.final_answer(FinalAnswer::Misconfigured),
        404 => not_found(context),
        429 => Verdict::Throttled,
        300..=399 => Verdict::Trouble,
        status if is_transient_status(status) => Verdict::Trouble,
        _ => context.final_answer(FinalAnswer::Rejected),
    }
}

/// Gateways say `APIGW.` or `APIG.` before the same numbers.
fn is_gateways(code: &str, number: &str) -> bool {
    code.strip_prefix("APIGW.")
        .or_else(|| code.strip_prefix("APIG."))
        == Some(number)
}

fn not_found(context: &Context<'_>) -> Verdict {
    match context.not_found_grace.checked_sub(context.waited) {
        Some(left) if !context.seen && !left.is_zero() => Verdict::NotYetVisible(left),
        _ => context.final_answer(FinalAnswer::NotFound),
    }
}

impl Context<'_> {
    /// Whether the endpoint has shown that it is the right one.
    fn is_endpoint_good(&self) -> bool {
        self.seen || self.endpoint_seen
    }

    /// The verdict of a final answer: at once, unless it contradicts what the service has shown. What
    /// concerns the endpoint is contradicted by the description of any job, the rest by that of this one.
    fn final_answer(&self, answer: FinalAnswer) -> Verdict {
        let is_contradicted = match answer {
            FinalAnswer::NotFound | FinalAnswer::Denied | FinalAnswer::Rejected => self.seen,
            FinalAnswer::Misconfigured => self.is_endpoint_good(),
        };
        match is_contradicted {
            true => Verdict::Unconfirmed(answer),
            false => answer.verdict(),
        }
    }
}

/// What an answer says about the credential: whether the service took it, where it says that.
pub(super) fn credential_accepted(content: &Content) -> Option<bool> {
    match content {
        Content::Job(_) => Some(true),
        Content::Refused(refusal) => match refusal.status {
            401 => Some(false),
            400 | 403 | 404 => Some(true),
            _ => None,
        },
        Content::Unreadable(_) | Content::NoAnswer(_) | Content::NoCredential(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Trouble, TroubleKind};
    use crate::model::{Fault, Job};
    use Outcome::{Denied, Failed, NotFound, Succeeded};
    use Verdict::{
        Ended, GoesOn, Misconfigured, NotYetVisible, Reauthenticate, Rejected, Throttled,
        Trouble as Passing, Unconfirmed,
    };

    const GRACE: Duration = Duration::from_secs(30);

    fn known() -> [String; 1] {
        ["DCS.4133".to_owned()]
    }

    fn verdict(content: &Content, change: impl FnOnce(&mut Context<'_>)) -> Verdict {
        let codes = known();
        let mut context = Context {
            waited: Duration::from_secs(10),
            not_found_grace: GRACE,
            seen: false,
            endpoint_seen: false,
            second_chance: false,
            not_found_codes: &codes,
        };
        change(&mut context);
        judge(content, &context)
    }

    fn job(status: &str) -> Content {
        Content::Job(Job {
            status: status.into(),
            job_type: None,
            begin_time: None,
            end_time: None,
            fail_reason: None,
        })
    }

    fn refused(status: u16, code: &str) -> Content {
        Content::Refused(Refusal {
            status,
            fault: Fault {
                http_status: Some(status),
                code: (!code.is_empty()).then(|| code.into()),
                message: "as the service puts it".into(),
                request_id: None,
            },
            retry_after: None,
            limit: None,
        })
    }

    fn no_answer(kind: TroubleKind) -> Content {
        Content::NoAnswer(Trouble {
            kind,
            message: "as it happened".into(),
        })
    }

    #[test]
    fn each_answer_means_what_the_table_says() {
        let left = NotYetVisible(Duration::from_secs(20));
        let cases = [
            (job("INIT"), GoesOn),
            (job("RUNNING"), GoesOn),
            (job("PAUSED"), GoesOn),
            (job("success"), GoesOn),
            (job("SUCCESS"), Ended(Succeeded)),
            (job("FAIL"), Ended(Failed)),
            (refused(400, "DCS.4070"), Ended(NotFound)),
            (refused(400, "111400063"), Ended(NotFound)),
            (refused(400, "DCS.4133"), left),
            (refused(400, "DCS.4999"), Rejected),
            (refused(400, ""), Rejected),
            (refused(401, "APIGW.0301"), Reauthenticate),
            (refused(401, "APIG.0301"), Reauthenticate),
            (refused(401, "APIGW.0307"), Reauthenticate),
            (refused(401, "DCS.1001"), Reauthenticate),
            (refused(401, "111401004"), Reauthenticate),
            (refused(401, ""), Reauthenticate),
            (refused(403, "APIGW.0302"), Ended(Denied)),
            (refused(403, "DCS.2003"), Ended(Denied)),
            (refused(403, ""), Ended(Denied)),
            (refused(404, "APIGW.0101"), Misconfigured),
            (refused(404, "APIG.0101"), Misconfigured),
            (refused(404, "DCS.4041"), left),
            (refused(404, ""), left),
            (refused(405, ""), Rejected),
            (refused(101, ""), Passing),
            (refused(407, ""), Rejected),
            (refused(408, ""), Passing),
            (refused(421, ""), Passing),
            (refused(425, ""), Passing),
            (refused(429, "APIGW.0308"), Throttled),
            (refused(429, ""), Throttled),
            (refused(500, "DCS.5000"), Passing),
            (refused(500, "DCS.4842"), Passing),
            (refused(502, ""), Passing),
            (refused(503, ""), Passing),
            (refused(504, ""), Passing),
            (refused(302, ""), Misconfigured),
            (refused(204, ""), Passing),
            (Content::Unreadable(Fault::local("HTML")), Passing),
            (Content::NoCredential(Fault::local("no source")), Passing),
            (no_answer(TroubleKind::TimedOut), Passing),
            (no_answer(TroubleKind::NoAddress), Passing),
            (no_answer(TroubleKind::NoConnection), Passing),
            (no_answer(TroubleKind::Tls), Passing),
            (no_answer(TroubleKind::CutShort), Passing),
            (no_answer(TroubleKind::TooLarge), Passing),
            (no_answer(TroubleKind::Other), Passing),
            (no_answer(TroubleKind::Certificate), Misconfigured),
        ];
        for (content, expected) in cases {
            assert_eq!(verdict(&content, |_| ()), expected, "{content:?}");
        }
    }

    #[test]
    fn an_unknown_job_is_waited_for_until_the_grace_has_passed() {
        let unknown = refused(404, "");
        let at = |seconds| verdict(&unknown, |c| c.waited = Duration::from_secs(seconds));
        assert_eq!(at(29), NotYetVisible(Duration::from_secs(1)));
        assert_eq!(at(30), Ended(NotFound));
        assert_eq!(at(3000), Ended(NotFound));
    }

    #[test]
    fn a_final_answer_about_a_job_that_was_seen_is_to_be_confirmed() {
        let cases = [
            (refused(404, ""), FinalAnswer::NotFound),
            (refused(404, "DCS.4004"), FinalAnswer::NotFound),
            (refused(400, "DCS.4070"), FinalAnswer::NotFound),
            (refused(400, "111400063"), FinalAnswer::NotFound),
            (refused(400, "DCS.4133"), FinalAnswer::NotFound),
            (refused(400, ""), FinalAnswer::Rejected),
            (refused(405, ""), FinalAnswer::Rejected),
            (refused(410, ""), FinalAnswer::Rejected),
            (refused(451, ""), FinalAnswer::Rejected),
            (refused(403, ""), FinalAnswer::Denied),
            (refused(403, "DCS.2003"), FinalAnswer::Denied),
            (refused(404, "APIGW.0101"), FinalAnswer::Misconfigured),
            (refused(404, "APIG.0101"), FinalAnswer::Misconfigured),
            (
                no_answer(TroubleKind::Certificate),
                FinalAnswer::Misconfigured,
            ),
        ];
        for (content, expected) in cases {
            let seen = verdict(&content, |c| c.seen = true);
            assert_eq!(seen, Unconfirmed(expected), "{content:?}");
            // What another job's description shows is the endpoint, and nothing of this job.
            let elsewhere = verdict(&content, |c| {
                c.endpoint_seen = true;
                c.waited = GRACE;
            });
            let expected = match expected {
                FinalAnswer::Misconfigured => Unconfirmed(expected),
                answer => answer.verdict(),
            };
            assert_eq!(elsewhere, expected, "{content:?}");
        }
        for status in ["SUCCESS", "FAIL"] {
            let ended = verdict(&job(status), |c| c.seen = true);
            assert!(matches!(ended, Ended(_)), "{status}");
        }
    }

    #[test]
    fn a_redirect_is_a_wrong_endpoint_unless_the_service_has_answered_before() {
        let redirect = refused(307, "");
        assert_eq!(verdict(&redirect, |_| ()), Misconfigured);
        assert_eq!(verdict(&redirect, |c| c.seen = true), Passing);
        assert_eq!(verdict(&redirect, |c| c.endpoint_seen = true), Passing);
    }

    #[test]
    fn a_second_refusal_of_the_credential_is_final() {
        let refusal = refused(401, "APIGW.0301");
        assert_eq!(verdict(&refusal, |c| c.second_chance = true), Ended(Denied));
    }
}
