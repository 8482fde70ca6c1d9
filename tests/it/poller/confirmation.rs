//! Final answers that contradict what the service has shown: they count once they repeat.

use std::time::Duration;

use dcs_wait::api::{Answer, Content};
use dcs_wait::http::{Trouble, TroubleKind};
use dcs_wait::model::{Outcome, WatchEventKind};
use dcs_wait::poll::{Backoff, BackoffSpec};

use super::harness::{Ended, Wait, job, refusal, refused, secs};

fn bad_certificate() -> Answer {
    Content::NoAnswer(Trouble {
        kind: TroubleKind::Certificate,
        message: "the server's certificate doesn't verify".into(),
    })
    .into()
}

/// Each answer that ends a watch without describing its job, and the exit code that it brings.
fn final_answers() -> [(Answer, u8); 9] {
    [
        (refused(404, ""), 3),
        (refused(404, "DCS.4004"), 3),
        (refused(400, "DCS.4070"), 3),
        (refused(403, ""), 4),
        (refused(403, "APIGW.0302"), 4),
        (refused(400, ""), 2),
        (refused(451, ""), 2),
        (refused(404, "APIGW.0101"), 2),
        (bad_certificate(), 2),
    ]
}

fn wait(answers: impl IntoIterator<Item = Answer>) -> Wait {
    let mut wait = Wait::for_a_job(answers);
    wait.timeout = None;
    wait
}

fn with_intervals(mut wait: Wait, from: Duration, to: Duration) -> Wait {
    let spec = BackoffSpec {
        initial_interval: from,
        max_interval: to,
        multiplier: 2.0,
        jitter: 0.0,
    };
    wait.watch.backoff = Backoff::try_from(spec).unwrap();
    wait
}

fn reports_of_errors(ended: &Ended) -> usize {
    let is_trouble = |kind: &WatchEventKind| matches!(kind, WatchEventKind::Trouble { .. });
    let events = ended.events.iter();
    events.filter(|event| is_trouble(&event.kind)).count()
}

#[tokio::test(start_paused = true)]
async fn one_or_two_odd_answers_end_no_wait_for_a_job_that_was_seen() {
    for (odd, _) in final_answers() {
        for count in [1, 2] {
            let mut answers = vec![job("RUNNING")];
            answers.extend(vec![odd.clone(); count]);
            answers.push(job("SUCCESS"));
            let ended = wait(answers).ended().await;
            assert_eq!(ended.only_outcome(), Outcome::Succeeded, "{odd:?}");
            assert_eq!(reports_of_errors(&ended), count, "each is reported");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_third_such_answer_in_a_row_ends_the_wait_after_five_seconds_at_the_earliest() {
    for (odd, exit) in final_answers() {
        let ended = wait([job("RUNNING"), odd.clone()]).ended().await;
        assert_eq!(ended.exit(), exit, "{odd:?}");
        // A second after the description, and then after one and after four.
        assert_eq!(ended.asked_at(), [0, 1000, 2000, 6000], "{odd:?}");
        assert!(ended.result.reports[0].fault.is_some());
        assert!(ended.result.reports[0].job.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_description_in_between_begins_the_row_anew() {
    let gone = || refused(404, "");
    let answers = [
        job("RUNNING"),
        gone(),
        gone(),
        job("RUNNING"),
        gone(),
        gone(),
        job("SUCCESS"),
    ];
    let ended = wait(answers).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn transient_errors_in_between_neither_count_nor_begin_the_row_anew() {
    let answers = [
        job("RUNNING"),
        refused(404, ""),
        refused(503, ""),
        refused(404, ""),
        refused(429, "APIGW.0308"),
        refused(307, ""),
        refused(404, ""),
    ];
    let ended = wait(answers).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::NotFound);
    assert_eq!(ended.asked_at().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn of_different_answers_the_last_says_how_the_wait_ends() {
    let answers = [
        job("RUNNING"),
        refused(404, ""),
        bad_certificate(),
        refused(403, ""),
    ];
    assert_eq!(wait(answers).ended().await.exit(), 4);
}

#[tokio::test(start_paused = true)]
async fn short_intervals_still_take_five_seconds_and_long_ones_twenty_at_most() {
    let (short, long) = (Duration::from_millis(10), secs(300));
    let answers = || [job("RUNNING"), refused(404, "")];
    let ended = with_intervals(wait(answers()), short, short).ended().await;
    assert_eq!(ended.asked_at(), [0, 10, 20, 5010]);
    let ended = with_intervals(wait(answers()), long, long).ended().await;
    assert_eq!(ended.asked_at(), [0, 300_000, 310_000, 320_000]);
}

#[tokio::test(start_paused = true)]
async fn the_service_says_when_it_wants_to_be_asked_again() {
    let answers = [job("RUNNING"), refusal(403, "", Some(60), None)];
    let ended = wait(answers).ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 61_000, 121_000]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unconfirmed_at_the_deadline_times_out_and_names_the_answer() {
    let mut wait = wait([job("RUNNING"), refused(404, "DCS.4004")]);
    wait.timeout = Some(secs(4));
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 1000, 2000, 4000], "the last is cut");
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    let fault = ended.result.reports[0].fault.clone().unwrap();
    assert_eq!(fault.code, Some("DCS.4004".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_by_the_request_at_the_deadline_counts() {
    let mut wait = wait([job("RUNNING"), refused(404, "")]);
    wait.timeout = Some(secs(6));
    assert_eq!(wait.ended().await.only_outcome(), Outcome::NotFound);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_seen_yet_ends_as_soon_as_before() {
    for (odd, exit) in final_answers() {
        let mut wait = wait([odd.clone()]);
        wait.watch.not_found_grace = Duration::ZERO;
        let ended = wait.ended().await;
        assert_eq!(ended.exit(), exit, "{odd:?}");
        assert_eq!(ended.asked_at(), [0], "{odd:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_described_one_job_is_right_for_the_others_as_well() {
    for odd in [
        refused(307, ""),
        refused(404, "APIGW.0101"),
        bad_certificate(),
    ] {
        let answers = [job("RUNNING"), odd.clone(), job("SUCCESS")];
        let mut wait = Wait::for_jobs(&["j1", "j2"], answers);
        wait.max_rps = 10.0;
        let ended = wait.ended().await;
        assert_eq!(ended.outcomes(), [Outcome::Succeeded; 2], "{odd:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_turns_wrong_ends_all_jobs_with_the_third_answer_to_one() {
    let answers = [job("RUNNING"), refused(404, "APIGW.0101")];
    let ended = Wait::for_jobs(&["j1", "j2"], answers).ended().await;
    assert_eq!(ended.exit(), 2);
    assert!(ended.result.misconfigured);
    assert!(ended.took >= secs(5), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_turns_wrong_may_be_mended_from_its_third_answer_on() {
    let mut wait = wait([job("RUNNING"), refused(404, "APIGW.0101")]);
    wait.watch.mending_grace = secs(60);
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Rejected);
    // The third such answer comes after six seconds.
    let took = ended.took;
    assert!(took >= secs(66) && took < secs(75), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_odd_answer_while_the_endpoint_is_being_mended_ends_nothing() {
    let wrong = || refused(404, "APIGW.0101");
    let mut answers = vec![job("RUNNING"), wrong(), wrong(), wrong(), refused(403, "")];
    answers.push(job("SUCCESS"));
    let mut wait = wait(answers);
    wait.watch.mending_grace = secs(60);
    assert_eq!(wait.ended().await.only_outcome(), Outcome::Succeeded);
}
