//! A credential that is refused: who tries again, and how often.

use dcs_wait::api::ClockOffset;
use dcs_wait::model::{Outcome, WatchEventKind};

use super::harness::{Wait, job, refused, secs};

#[tokio::test(start_paused = true)]
async fn a_bad_credential_costs_one_request_however_many_jobs_there_are() {
    let ids: Vec<String> = (0..50).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let ended = Wait::for_jobs(&ids, [refused(401, "APIGW.0301")])
        .ended()
        .await;
    assert_eq!(ended.asked_at().len(), 1);
    assert_eq!(*ended.log.renewals.lock().unwrap(), 1);
    assert_eq!(ended.outcomes(), [Outcome::Denied; 50]);
    assert_eq!(ended.exit(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_renewed_credential_gets_one_more_request_and_the_wait_goes_on() {
    let answers = [job("RUNNING"), refused(401, "APIGW.0307"), job("SUCCESS")];
    let mut wait = Wait::for_a_job(answers);
    wait.service.renews = true;
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 1001]);
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_renewed_credential_that_is_refused_again_is_denied() {
    let mut wait = Wait::for_jobs(&["j1", "j2"], [refused(401, "APIGW.0307")]);
    wait.service.renews = true;
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at().len(), 2);
    assert_eq!(ended.outcomes(), [Outcome::Denied; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_from_before_the_renewal_only_costs_another_request() {
    let refusal = || refused(401, "APIGW.0307");
    let (running, done) = (|| job("RUNNING"), || job("SUCCESS"));
    let answers = [running(), running(), refusal(), refusal(), done(), done()];
    let mut wait = Wait::for_jobs(&["j1", "j2"], answers);
    wait.service.renews = true;
    wait.service.slow = Some(2);
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Succeeded; 2]);
    assert_eq!(*ended.log.renewals.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_corrected_clock_gets_one_more_request_without_a_new_credential() {
    let mut wrong_time = refused(401, "APIGW.0301");
    wrong_time.clock_off = Some(ClockOffset {
        off_by: secs(1800),
        ahead: true,
    });
    wrong_time.sign_again = true;
    let ended = Wait::for_a_job([wrong_time, job("SUCCESS")]).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert_eq!(*ended.log.renewals.lock().unwrap(), 0);
    assert!(ended.events.iter().any(|event| matches!(
        event.kind,
        WatchEventKind::ClockCorrected { off_by, ahead: true } if off_by == secs(1800)
    )));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_outlast_the_wait_either() {
    let mut wait = Wait::for_a_job([refused(401, "APIGW.0307")]);
    wait.service.renewal_takes = secs(100);
    wait.timeout = Some(secs(10));
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    assert_eq!(ended.took, secs(15));
    assert!(ended.result.reports[0].fault.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_cannot_be_renewed_for_the_moment_is_not_denied_for_it() {
    let answers = [job("RUNNING"), refused(401, "APIGW.0307"), job("SUCCESS")];
    let mut wait = Wait::for_a_job(answers);
    wait.service.renews = true;
    wait.service.renewals_in_vain = 2;
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert_eq!(
        ended.asked_at(),
        [0, 1000, 4000],
        "nothing is sent meanwhile"
    );

    let mut wait = Wait::for_a_job([refused(401, "APIGW.0307")]);
    wait.service.renewals_in_vain = usize::MAX;
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    assert_eq!(ended.asked_at(), [0]);
}
