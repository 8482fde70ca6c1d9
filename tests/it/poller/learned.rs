//! The learned schedule: jobs are asked for as those of their type usually end.

use std::time::Duration;

use dcs_wait::api::Content;
use dcs_wait::http::{Trouble, TroubleKind};
use dcs_wait::model::{Durations, Estimate, JobType, Outcome, WatchEventKind};
use dcs_wait::poll::{DelayPerRequest, ScheduleSpec};

use super::harness::{Ended, Life, Wait, refusal, refused, secs};

const MINUTE: Duration = secs(60);

/// What a request is worth unless a test says otherwise, in seconds.
const WORTH: f64 = 0.5;

fn learned(worth: Duration) -> ScheduleSpec {
    ScheduleSpec::Learned(DelayPerRequest::try_from(worth).unwrap())
}

/// A wait for these jobs, `j0` and so on, without a history.
fn wait_for(lives: impl IntoIterator<Item = Life>) -> Wait {
    let lives: Vec<Life> = lives.into_iter().collect();
    let ids: Vec<String> = (0..lives.len()).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, []);
    wait.service.lives = wait.jobs.iter().cloned().zip(lives).collect();
    wait.watch.schedule = learned(Duration::from_secs_f64(WORTH));
    wait.timeout = None;
    wait
}

/// Thirty jobs of this type, of about this duration.
fn about(job_type: &str, took: Duration) -> (JobType, Durations) {
    let durations = (0..30u32).map(|n| took.mul_f64(0.95 + 0.1 * f64::from(n * 7 % 30) / 29.0));
    (job_type.into(), durations.collect())
}

/// When requests for a job were sent, in seconds from the start.
fn seconds(ended: &Ended, job: &str) -> Vec<f64> {
    let asked = ended.log.asked.lock().unwrap();
    let of_job = asked.iter().filter(|(asked, _)| asked == job);
    of_job
        .map(|(_, at)| at.duration_since(ended.start).as_secs_f64())
        .collect()
}

/// The time between two requests is about √(2κ(t + 10 s)), where t is the age of the job at the first.
#[track_caller]
fn is_without_history(ages: &[f64], worth: f64) {
    for pair in ages.windows(2) {
        let interval = pair[1] - pair[0];
        let expected = (2.0 * worth * (pair[0] + 10.0)).sqrt().max(worth);
        let share = interval / expected;
        // Timers count whole milliseconds.
        assert!((0.899..=1.101).contains(&share), "{share} in {ages:?}");
    }
}

/// A job of a type that usually takes a minute is asked for twice or thrice about then, and hardly
/// before, after the first answer.
#[track_caller]
fn is_asked_for_around_a_minute(ages: &[f64]) {
    let before = ages.iter().filter(|age| **age < 55.0).count();
    let about_then = ages.len() - before;
    assert!(before <= 1, "{ages:?}");
    assert!((1..=3).contains(&about_then), "{ages:?}");
}

/// What was told to be expected after each good answer.
fn estimates(ended: &Ended, job: &str) -> Vec<Option<Estimate>> {
    let of_job = ended
        .events
        .iter()
        .filter(|event| event.job_id.as_str() == job);
    of_job
        .filter_map(|event| match event.kind {
            WatchEventKind::Polled { estimate, .. } => Some(estimate),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn without_history_intervals_grow_like_the_root_of_the_age() {
    let ended = wait_for([Life::of("swap", 20 * MINUTE)]).ended().await;
    let ages = seconds(&ended, "j0");
    is_without_history(&ages[..ages.len() - 1], WORTH);
    assert!(ages.len() > 40, "{ages:?}");
}

#[tokio::test(start_paused = true)]
async fn with_history_a_job_is_asked_for_when_those_of_its_type_usually_end() {
    for took in [57, 60, 62].map(secs) {
        let mut wait = wait_for([Life::of("swap", took)]);
        wait.known = vec![about("swap", MINUTE)];
        let ended = wait.ended().await;
        let ages = seconds(&ended, "j0");
        is_asked_for_around_a_minute(&ages[1..]);
        let delay = ages[ages.len() - 1] - took.as_secs_f64();
        assert!(delay <= 3.0, "{ages:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_type_is_asked_for_as_without_history() {
    let mut wait = wait_for([Life::of("resize", 20 * MINUTE)]);
    wait.known = vec![about("swap", MINUTE)];
    let ended = wait.ended().await;
    let ages = seconds(&ended, "j0");
    is_without_history(&ages, WORTH);
    assert!(estimates(&ended, "j0").iter().all(Option::is_none));
}

#[tokio::test(start_paused = true)]
async fn no_interval_is_shorter_than_what_a_request_is_worth() {
    let worth = secs(5);
    for known in [Vec::new(), vec![about("swap", secs(1))]] {
        let mut wait = wait_for([Life::of("swap", MINUTE)]);
        wait.watch.schedule = learned(worth);
        wait.known = known;
        let ended = wait.ended().await;
        let ages = seconds(&ended, "j0");
        assert!(
            ages.windows(2).all(|pair| pair[1] - pair[0] >= 5.0),
            "{ages:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_worth_more_is_sent_less_often() {
    let mut wait = wait_for([Life::of("swap", 20 * MINUTE)]);
    wait.watch.schedule = learned(secs(8));
    let ended = wait.ended().await;
    is_without_history(&seconds(&ended, "j0"), 8.0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_began_before_its_watch_is_as_old_as_the_service_says() {
    let age = 20 * MINUTE;
    let life = || Life::of("swap", 30 * MINUTE).begun(age);
    let ended = wait_for([life()]).ended().await;
    let ages: Vec<f64> = seconds(&ended, "j0")
        .iter()
        .map(|at| at + age.as_secs_f64())
        .collect();
    is_without_history(&ages, WORTH);

    let mut wait = wait_for([life()]);
    wait.known = vec![about("swap", 21 * MINUTE)];
    let ended = wait.ended().await;
    let second = seconds(&ended, "j0")[1];
    assert!(
        second < 70.0,
        "its type usually ends a minute later: {second}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_answers_have_no_time_is_as_old_as_its_watch() {
    let mut life = Life::of("swap", 30 * MINUTE).begun(20 * MINUTE);
    life.dated = false;
    let ended = wait_for([life]).ended().await;
    is_without_history(&seconds(&ended, "j0"), WORTH);
}

#[tokio::test(start_paused = true)]
async fn trouble_backs_off_and_then_the_job_is_asked_for_by_its_age_again() {
    let trouble = Trouble {
        kind: TroubleKind::CutShort,
        message: "reset".into(),
    };
    let troubles = [
        refused(503, ""),
        Content::NoAnswer(trouble).into(),
        refused(500, "DCS.4842"),
    ];
    let mut wait = wait_for([Life::of("swap", 10 * MINUTE)]);
    wait.service.instead = (5..).zip(troubles).collect();
    let ended = wait.ended().await;
    let ages = seconds(&ended, "j0");
    is_without_history(&ages[..=5], WORTH);
    let backoff: Vec<f64> = ages[5..9]
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).round())
        .collect();
    assert_eq!(backoff, [1.0, 2.0, 4.0]);
    is_without_history(&ages[8..], WORTH);
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn trouble_does_not_make_a_job_of_a_known_type_any_younger() {
    let mut wait = wait_for([Life::of("swap", MINUTE)]);
    wait.known = vec![about("swap", MINUTE)];
    wait.service.instead = (0..4).map(|n| (n, refused(503, ""))).collect();
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at()[..5], [0, 1000, 3000, 7000, 15_000]);
    is_asked_for_around_a_minute(&seconds(&ended, "j0")[5..]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_visible_yet_is_asked_for_by_the_backoff() {
    let mut wait = wait_for([Life::of("swap", MINUTE)]);
    wait.known = vec![about("swap", MINUTE)];
    wait.service.instead = (0..3).map(|n| (n, refused(404, "DCS.4004"))).collect();
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at()[..4], [0, 1000, 3000, 7000]);
    is_asked_for_around_a_minute(&seconds(&ended, "j0")[4..]);
}

#[tokio::test(start_paused = true)]
async fn no_request_is_sent_before_the_service_wants_it() {
    for status in [429, 503] {
        let mut wait = wait_for([Life::of("swap", MINUTE)]);
        wait.known = vec![about("swap", secs(3))];
        wait.service.instead = [(1, refusal(status, "", Some(20), None))].into();
        let ended = wait.ended().await;
        let ages = seconds(&ended, "j0");
        assert!(ages[2] - ages[1] >= 20.0, "{ages:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_request_falls_exactly_on_the_deadline() {
    for known in [Vec::new(), vec![about("swap", 10 * MINUTE)]] {
        let mut wait = wait_for([Life::of("swap", 10 * MINUTE)]);
        wait.known = known;
        wait.timeout = Some(secs(100));
        let ended = wait.ended().await;
        assert_eq!(ended.asked_at().last(), Some(&100_000));
        assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_expected_is_told_with_each_answer() {
    let mut wait = wait_for([Life::of("swap", MINUTE).begun(secs(50))]);
    wait.known = vec![(
        "swap".into(),
        [40, 58, 60, 62, 80].map(secs).into_iter().collect(),
    )];
    let ended = wait.ended().await;
    let estimate = estimates(&ended, "j0")[0].unwrap();
    assert_eq!(estimate.count, 5);
    assert_eq!(estimate.median, MINUTE);
    assert_eq!(estimate.p90, secs(80));
    assert_eq!(estimate.left, Some(secs(10)));
}

/// From how many jobs that was known which was told to be expected, after each good answer.
fn counts(ended: &Ended, job: &str) -> Vec<usize> {
    let estimates = estimates(ended, job).into_iter();
    estimates
        .map(|estimate| estimate.map_or(0, |estimate| estimate.count))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_teaches_those_that_follow_in_the_same_wait() {
    let lives = (0..5).map(|n| Life::of("swap", MINUTE).later(n * 80 * secs(1)));
    let mut wait = wait_for(lives);
    wait.watch.not_found_grace = 10 * MINUTE;
    let ended = wait.ended().await;
    for n in 0..5 {
        let counts = counts(&ended, &format!("j{n}"));
        assert!(counts.iter().all(|count| *count == n), "{n}: {counts:?}");
    }
    let answers = |job| counts(&ended, job).len();
    assert!(answers("j0") > 8, "{}", answers("j0"));
    assert!(answers("j4") < 5, "{}", answers("j4"));
}

#[tokio::test(start_paused = true)]
async fn where_enough_is_known_a_job_is_asked_for_by_what_was_when_it_was_first_seen() {
    let lives = [Life::of("swap", secs(5)), Life::of("swap", MINUTE)];
    let mut wait = wait_for(lives);
    wait.known = vec![about("swap", MINUTE)];
    let ended = wait.ended().await;
    assert!(counts(&ended, "j1").iter().all(|count| *count == 30));
    is_asked_for_around_a_minute(&seconds(&ended, "j1")[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_type_of_which_little_is_known_is_asked_for_by_those_that_end_meanwhile() {
    let took = 10 * MINUTE;
    let lives = [7, 2, 0].map(|n| Life::of("swap", took).begun(n * MINUTE));
    let ended = wait_for(lives).ended().await;
    let counts = counts(&ended, "j2");
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.first(), Some(&0));
    assert_eq!(counts.last(), Some(&2));
    let asked_at = seconds(&ended, "j2");
    let taught = asked_at.iter().filter(|at| **at > 200.0).count();
    assert!(
        taught < 16,
        "without it there would be twenty: {asked_at:?}"
    );
    assert!(asked_at[asked_at.len() - 1] < 615.0, "{asked_at:?}");
}
