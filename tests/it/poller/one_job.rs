//! One job: intervals, deadlines, faults that pass and answers that are final.

use std::time::Duration;

use dcs_wait::model::{Outcome, WatchEventKind};

use super::harness::{Wait, job, refused, secs};

#[tokio::test(start_paused = true)]
async fn intervals_grow_until_the_job_has_ended() {
    let answers = [
        "INIT", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCESS",
    ]
    .map(job);
    let ended = Wait::for_a_job(answers).ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 3000, 7000, 15_000, 23_000]);
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert_eq!(ended.result.reports[0].polls, 6);
    assert_eq!(ended.exit(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_ended_already_is_asked_for_once() {
    let ended = Wait::for_a_job([job("FAIL")]).ended().await;
    assert_eq!(ended.asked_at(), [0]);
    assert_eq!(ended.exit(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_request_falls_exactly_on_the_deadline() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.timeout = Some(secs(20));
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 3000, 7000, 15_000, 20_000]);
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    assert_eq!(ended.took, secs(20));
    assert_eq!(ended.exit(), 124);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_just_before_the_deadline_has_succeeded() {
    let mut answers = vec![job("RUNNING"); 5];
    answers.push(job("SUCCESS"));
    let mut wait = Wait::for_a_job(answers);
    wait.timeout = Some(secs(20));
    assert_eq!(wait.ended().await.only_outcome(), Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_of_zero_asks_once() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.timeout = Some(Duration::ZERO);
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0]);
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_when_the_deadline_passes_is_the_last_one() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.service.takes = secs(3);
    wait.timeout = Some(secs(6));
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 4000]);
    assert_eq!(ended.took, secs(7));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_job_is_waited_for_a_week() {
    let mut answers = vec![job("RUNNING"); 75_000];
    answers.push(job("SUCCESS"));
    let mut wait = Wait::for_a_job(answers);
    wait.timeout = None;
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert!(ended.took > secs(6 * 24 * 3600), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn a_status_of_no_known_kind_does_not_end_the_wait() {
    let answers = ["PAUSED", "PAUSED", "SUCCESS"].map(job);
    assert_eq!(Wait::for_a_job(answers).ended().await.exit(), 0);
}

#[tokio::test(start_paused = true)]
async fn being_called_off_ends_a_sleep_at_once() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.cancel_after = Some(Duration::from_millis(7001));
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Cancelled);
    assert_eq!(ended.took, Duration::from_millis(7001));
}

#[tokio::test(start_paused = true)]
async fn being_called_off_ends_a_request_at_once() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.service.takes = secs(30);
    wait.cancel_after = Some(secs(2));
    assert_eq!(wait.ended().await.took, secs(2));
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_never_ends_a_wait_and_a_success_resets_the_backoff() {
    let answers = [
        refused(503, ""),
        refused(502, ""),
        refused(500, "DCS.4842"),
        job("RUNNING"),
        refused(503, ""),
        job("SUCCESS"),
    ];
    let ended = Wait::for_a_job(answers).ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 3000, 7000, 8000, 9000]);
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    let in_a_row: Vec<u32> = ended
        .events
        .iter()
        .filter_map(|event| match event.kind {
            WatchEventKind::Trouble { in_a_row, .. } => Some(in_a_row),
            _ => None,
        })
        .collect();
    assert_eq!(in_a_row, [1, 2, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_times_out_in_trouble_names_the_last_error() {
    let ended = Wait::for_a_job([refused(500, "DCS.4842")]).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    let fault = ended.result.reports[0].fault.clone().unwrap();
    assert_eq!(fault.code, Some("DCS.4842".into()));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_is_asked_for_until_the_grace_is_over_and_once_more_then() {
    let ended = Wait::for_a_job([refused(404, "")]).ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 3000, 7000, 10_000]);
    assert_eq!(ended.only_outcome(), Outcome::NotFound);
    assert_eq!(ended.exit(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_appears_within_the_grace_is_waited_for() {
    let answers = [refused(404, ""), job("RUNNING"), job("SUCCESS")];
    assert_eq!(Wait::for_a_job(answers).ended().await.exit(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_job_ends_as_denied_at_once() {
    let ended = Wait::for_a_job([refused(403, "DCS.2003")]).ended().await;
    assert_eq!(ended.asked_at(), [0]);
    assert_eq!(ended.exit(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_no_later_than_one_request_after_its_deadline() {
    let mut wait = Wait::for_jobs(&["j1", "j2", "j3"], [job("RUNNING")]);
    wait.service.takes = secs(4);
    wait.max_rps = 0.5;
    wait.timeout = Some(secs(10));
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::TimedOut; 3]);
    assert!(ended.took <= secs(15), "{:?}", ended.took);
}
