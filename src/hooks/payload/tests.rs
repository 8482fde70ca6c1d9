use insta::assert_snapshot;
use proptest::prelude::*;

use super::super::samples::{job, payload};
use super::*;
use crate::model::Outcome;

fn fault(text: &str) -> Fault {
    Fault {
        http_status: Some(403),
        code: Some(text.into()),
        message: text.into(),
        request_id: Some(text.into()),
    }
}

#[test]
fn the_members_are_those_of_the_contract_in_their_order() {
    let failed = Job {
        job_type: Some("masterStandbySwapJob".into()),
        fail_reason: Some("no space left".into()),
        ..job("FAIL")
    };
    assert_snapshot!(payload(Outcome::Failed, Some(failed), None).to_body(), @r#"{"type":"dcs.job.failed","timestamp":"2023-05-15T22:59:10.001Z","data":{"version":1,"watch_id":"01936c2f-5e00-7000-8000-000000000000","project":"north","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","job_id":"ff8080818822bbf70188235afc24141a","outcome":"failed","status":"FAIL","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":"2023-05-15T22:59:08.248Z","duration_ms":2869,"fail_reason":"no space left","polls":7,"waited_ms":10001,"error":null}}"#);
    let denied = payload(Outcome::Denied, None, Some(fault("APIGW.0302")));
    assert_snapshot!(denied.to_body(), @r#"{"type":"dcs.job.denied","timestamp":"2023-05-15T22:59:10.001Z","data":{"version":1,"watch_id":"01936c2f-5e00-7000-8000-000000000000","project":"north","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","job_id":"ff8080818822bbf70188235afc24141a","outcome":"denied","status":null,"job_type":null,"begin_time":null,"end_time":null,"duration_ms":null,"fail_reason":null,"polls":7,"waited_ms":10001,"error":{"http_status":403,"code":"APIGW.0302","message":"APIGW.0302","request_id":"APIGW.0302"}}}"#);
}

#[test]
fn each_outcome_has_its_type() {
    let types = Outcome::ALL.map(|outcome| payload(outcome, None, None).event_type);
    assert_snapshot!(types.join(" "), @"dcs.job.succeeded dcs.job.failed dcs.job.not_found dcs.job.denied dcs.job.timed_out dcs.job.rejected dcs.job.cancelled");
}

#[test]
fn a_long_text_ends_in_an_ellipsis() {
    assert_eq!(cut("abcdef", 6), "abcdef");
    assert_eq!(cut("abcdefg", 6), "abc…");
    assert_eq!(cut("任务任务", 9), "任务…");
    assert_eq!(cut("\u{1b}\u{1b}", 11), "\u{1b}…");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_text_makes_it_longer_than_20_kilobytes(
        text in proptest::collection::vec(
            prop_oneof![any::<char>(), Just('#'), Just('"'), Just('\u{E0041}'), Just('\0')],
            0..9_000,
        )
    ) {
        let text: String = text.into_iter().collect();
        let payload = payload(Outcome::Failed, Some(job(&text)), Some(fault(&text)));
        let body = payload.to_body();
        prop_assert!(body.len() < 20_000, "{}", body.len());
        prop_assert!(!body.contains(char::is_control));
        prop_assert_eq!(serde_json::from_str::<Payload>(&body).unwrap(), payload);
    }
}
