//! The request limit, which all watches keep to together.

use dcs_wait::api::RateLimit;
use dcs_wait::model::Outcome;
use tokio::time::Instant;

use super::harness::{Ended, Wait, job, refusal, refused, secs};

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_slows_all_watches_to_the_limit_it_names() {
    let limit = RateLimit {
        requests: 10,
        per: secs(20),
    };
    let mut answers = vec![refusal(429, "APIGW.0308", Some(5), Some(limit))];
    answers.extend(vec![job("RUNNING"); 3]);
    answers.push(job("SUCCESS"));
    let ended = Wait::for_jobs(&["j1", "j2", "j3"], answers).ended().await;
    // A pause of five seconds as asked for, then a request every two.
    assert_eq!(
        ended.asked_at(),
        [0, 5000, 7000, 9000, 11_000, 13_000, 15_000]
    );
    assert_eq!(ended.outcomes(), [Outcome::Succeeded; 3]);
}

#[tokio::test(start_paused = true)]
async fn turns_from_before_a_pause_do_not_add_to_those_after_it() {
    let ids: Vec<String> = (0..12).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    // The third request is throttled while the others wait for turns of up to eleven seconds.
    let mut answers = vec![job("RUNNING"); 2];
    answers.push(refusal(429, "APIGW.0308", Some(3), None));
    answers.push(job("RUNNING"));
    let mut wait = Wait::for_jobs(&ids, answers);
    wait.max_rps = 1.0;
    wait.timeout = Some(secs(30));
    let asked_at = wait.ended().await.asked_at();
    for pair in asked_at.windows(2) {
        assert!(pair[1] - pair[0] >= 1000, "{pair:?} of {asked_at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn being_throttled_slows_the_others_even_when_it_ends_a_watch() {
    let mut wait = Wait::for_a_job([refusal(429, "APIGW.0308", Some(30), None)]);
    wait.timeout = Some(secs(0));
    let (ended, gate) = wait.ended_with_gate().await;
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    assert_eq!(gate.limiter.paused(ended.start), Some(secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_never_shorter_than_the_limit_wants() {
    let limit = RateLimit {
        requests: 1,
        per: secs(20),
    };
    let answers = [
        refusal(429, "APIGW.0308", None, Some(limit)),
        refusal(503, "", Some(1), None),
        job("SUCCESS"),
    ];
    let ended = Wait::for_a_job(answers).ended().await;
    assert_eq!(ended.asked_at(), [0, 20_000, 40_000]);
}

#[tokio::test(start_paused = true)]
async fn requests_of_many_watches_keep_to_the_limit_together() {
    let ids: Vec<String> = (0..20).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, [job("RUNNING")]);
    wait.max_rps = 10.0;
    wait.timeout = Some(secs(30));
    let ended = wait.ended().await;
    let asked_at = ended.asked_at();
    for pair in asked_at.windows(2) {
        assert!(pair[1] - pair[0] >= 100, "{pair:?}");
    }
    let mut asked: Vec<String> = ended
        .log
        .asked
        .lock()
        .unwrap()
        .iter()
        .take(20)
        .map(|(id, _)| id.clone())
        .collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 20, "each has its turn before one has a second");
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_may_be() {
    let ids: Vec<String> = (0..10).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, [job("SUCCESS")]);
    wait.max_in_flight = 3;
    wait.service.takes = secs(2);
    let ended = wait.ended().await;
    // One alone at first, which proves the credential; then three at a time.
    let seconds: Vec<u128> = ended.asked_at().iter().map(|at| at / 1000).collect();
    assert_eq!(seconds, [0, 2, 2, 2, 4, 4, 4, 6, 6, 6]);
    assert_eq!(ended.exit(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_for_whose_request_there_is_no_room_times_out() {
    let mut wait = Wait::for_jobs(&["j1", "j2", "j3"], [job("RUNNING"), job("RUNNING")]);
    wait.max_in_flight = 1;
    wait.watch.request_timeout = secs(5);
    wait.service.takes = secs(60);
    wait.timeout = Some(secs(10));
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::TimedOut; 3]);
    assert_eq!(ended.took, secs(15));
}

/// A wait for 80 jobs whose requests hang and 300 healthy ones, which are asked for in this order.
fn with_hanging_jobs(order: impl Fn(usize) -> usize) -> Wait {
    let mut ids: Vec<String> = (0..80).map(|n| format!("hanging-{n}")).collect();
    ids.extend((0..300).map(|n| format!("healthy-{n}")));
    let ids: Vec<&str> = (0..380).map(|n| ids[order(n)].as_str()).collect();
    let mut wait = Wait::for_jobs(&ids, [job("SUCCESS")]);
    wait.service.hanging = Some("hanging");
    wait.watch.request_timeout = secs(15);
    wait.timeout = Some(secs(100));
    wait
}

/// When the last of the healthy jobs was first asked for.
fn last_healthy(ended: &Ended) -> Instant {
    let asked = ended.log.asked.lock().unwrap();
    let healthy = asked.iter().filter(|(id, _)| id.starts_with("healthy"));
    let times: Vec<Instant> = healthy.map(|(_, at)| *at).collect();
    assert_eq!(times.len(), 300, "each once");
    *times.last().unwrap()
}

#[tokio::test(start_paused = true)]
async fn jobs_whose_requests_hang_keep_no_others_waiting_wherever_they_are_in_line() {
    let first = |n| n;
    let last = |n: usize| (n + 80) % 380;
    // 380 and 37 have no common divisor.
    let mixed = |n: usize| n * 37 % 380;
    for order in [&first as &dyn Fn(usize) -> usize, &last, &mixed] {
        let ended = with_hanging_jobs(order).ended().await;
        // A slow probe, a second one beside it, and what hangs in front of some of the others.
        let took = last_healthy(&ended) - ended.start;
        assert!(took <= secs(20), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_waited_for_room_do_not_go_out_together_once_there_is_some() {
    let mut wait = with_hanging_jobs(|n| n);
    wait.max_rps = 10.0;
    let ended = wait.ended().await;
    let asked_at = ended.asked_at();
    for pair in asked_at.windows(2) {
        assert!(pair[1] - pair[0] >= 100, "{pair:?}");
    }
    // 38 s by the limit alone, and twice what a request may take.
    let took = last_healthy(&ended) - ended.start;
    assert!(took <= secs(70), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn with_room_for_one_request_the_limit_is_used_as_far_as_there_is_room() {
    let ids: Vec<String> = (0..100).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, [job("SUCCESS")]);
    wait.max_in_flight = 1;
    wait.max_rps = 10.0;
    wait.service.takes = secs(1);
    wait.timeout = None;
    let ended = wait.ended().await;
    // Each sends as soon as the one before is answered, however many turns have passed meanwhile.
    assert!(ended.took <= secs(111), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_slow_probes_costs_three_requests_at_most() {
    let ids: Vec<String> = (0..50).map(|n| format!("j{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wait = Wait::for_jobs(&ids, [refused(401, "APIGW.0301")]);
    wait.watch.request_timeout = secs(15);
    wait.service.takes = secs(10);
    wait.service.renews = true;
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 3000, 10_001]);
    assert_eq!(ended.outcomes(), [Outcome::Denied; 50]);
}
