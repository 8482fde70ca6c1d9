//! Several jobs: when the wait is over, and how it ends.

use dcs_wait::engine::Until;
use dcs_wait::model::Outcome;

use super::harness::{Wait, job, refused, secs};

#[tokio::test(start_paused = true)]
async fn a_wrong_endpoint_ends_all_watches_at_once() {
    let ended = Wait::for_jobs(&["j1", "j2", "j3"], [refused(404, "APIGW.0101")])
        .ended()
        .await;
    let others = Outcome::Cancelled;
    assert_eq!(ended.outcomes(), [Outcome::Rejected, others, others]);
    let mut faults = ended
        .result
        .reports
        .iter()
        .filter_map(|report| report.fault.clone());
    let fault = faults.next().unwrap();
    assert_eq!(
        faults.next(),
        None,
        "one watch found out, the others were called off"
    );
    assert_eq!(fault.code, Some("APIGW.0101".into()));
    assert_eq!(ended.exit(), 2);
    assert!(ended.took < secs(1));
}

#[tokio::test(start_paused = true)]
async fn with_any_the_first_that_ends_ends_the_wait() {
    let answers = [job("RUNNING"), job("RUNNING"), job("SUCCESS")];
    let mut wait = Wait::for_jobs(&["j1", "j2"], answers);
    wait.until = Until::AnyEnds;
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Succeeded, Outcome::Cancelled]);
    assert_eq!(ended.result.exit(Until::AnyEnds).code(), 0);
    assert!(!ended.result.is_cut_short(Until::AnyEnds));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_called_off_before_enough_have_ended_is_cut_short() {
    for until in [Until::AllEnd, Until::AnyEnds, Until::AnyFails] {
        let answers = [
            job("RUNNING"),
            job("RUNNING"),
            job("SUCCESS"),
            job("RUNNING"),
        ];
        let mut wait = Wait::for_jobs(&["j1", "j2"], answers);
        wait.until = until;
        wait.cancel_after = Some(secs(5));
        let is_over = until == Until::AnyEnds;
        assert_eq!(wait.ended().await.result.is_cut_short(until), !is_over);
    }
}

#[tokio::test(start_paused = true)]
async fn with_fail_fast_the_first_that_fails_ends_the_wait() {
    let answers = [job("SUCCESS"), job("RUNNING"), job("FAIL"), job("RUNNING")];
    let mut wait = Wait::for_jobs(&["j1", "j2", "j3"], answers);
    wait.until = Until::AnyFails;
    let ended = wait.ended().await;
    assert!(ended.outcomes().contains(&Outcome::Failed));
    assert_eq!(ended.exit(), 1);
    assert!(ended.took < secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_service_rejects_ends_its_own_watch_alone() {
    let answers = [refused(400, "DCS.4999"), job("RUNNING"), job("FAIL")];
    let ended = Wait::for_jobs(&["j1", "j2"], answers).ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Rejected, Outcome::Failed]);
    assert_eq!(ended.exit(), 1);

    let ended = Wait::for_a_job([refused(400, "DCS.4999")]).ended().await;
    assert_eq!(ended.exit(), 2);
}
