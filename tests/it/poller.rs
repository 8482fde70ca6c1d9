//! The polling loop under paused time, asked through an in-memory service.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dcs_wait::api::{
    Answer, BoxFuture, Breaker, ClockOffset, Content, JobSource, Limiter, RateLimit, Refusal,
    Session,
};
use dcs_wait::engine::{Until, WaitResult, WaitSpec, wait};
use dcs_wait::model::{Fault, Job, JobId, Outcome, WatchEvent, WatchEventKind};
use dcs_wait::poll::{Backoff, BackoffSpec, WatchSpec};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A service that gives its answers in turn, the last one for ever, and notes when it was asked.
#[derive(Default)]
struct Service {
    answers: Mutex<VecDeque<Answer>>,
    takes: Duration,
    /// The number of the request that takes two seconds more, counted from zero.
    slow: Option<usize>,
    renewal_takes: Duration,
    /// Whether the first renewal brings another credential.
    renews: bool,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    asked: Mutex<Vec<(String, Instant)>>,
    renewals: Mutex<usize>,
}

impl JobSource for Service {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        let mut asked = self.log.asked.lock().unwrap();
        let is_slow = self.slow == Some(asked.len());
        asked.push((job.to_string(), Instant::now()));
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        let takes = self.takes + if is_slow { secs(2) } else { Duration::ZERO };
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            answer
        })
    }

    fn renew(&self) -> BoxFuture<'_, Result<bool, Fault>> {
        let mut renewals = self.log.renewals.lock().unwrap();
        *renewals += 1;
        let is_another = self.renews && *renewals == 1;
        Box::pin(async move {
            tokio::time::sleep(self.renewal_takes).await;
            Ok(is_another)
        })
    }
}

fn job(status: &str) -> Answer {
    Content::Job(Job {
        status: status.into(),
        job_type: Some("masterStandbySwapJob".to_owned()),
        begin_time: None,
        end_time: None,
        fail_reason: None,
    })
    .into()
}

fn refused(status: u16, code: &str) -> Answer {
    refusal(status, code, None, None)
}

fn refusal(status: u16, code: &str, after: Option<u64>, limit: Option<RateLimit>) -> Answer {
    Content::Refused(Refusal {
        status,
        fault: Fault {
            http_status: Some(status),
            code: Some(code.to_owned()),
            message: "as the service puts it".to_owned(),
            request_id: None,
        },
        retry_after: after.map(secs),
        limit,
    })
    .into()
}

/// A wait under test, in the making.
struct Wait {
    service: Service,
    jobs: Vec<JobId>,
    watch: WatchSpec,
    until: Until,
    max_rps: f64,
    cancel_after: Option<Duration>,
}

/// A wait that has ended.
struct Ended {
    result: WaitResult,
    events: Vec<WatchEvent>,
    log: Arc<Log>,
    start: Instant,
    took: Duration,
}

impl Wait {
    fn for_jobs(ids: &[&str], answers: impl IntoIterator<Item = Answer>) -> Self {
        let backoff = BackoffSpec {
            initial_interval: secs(1),
            max_interval: secs(8),
            multiplier: 2.0,
            jitter: 0.0,
        };
        Self {
            service: Service {
                answers: Mutex::new(answers.into_iter().collect()),
                ..Service::default()
            },
            jobs: ids.iter().map(|id| id.parse().unwrap()).collect(),
            watch: WatchSpec {
                project_id: "p1".parse().unwrap(),
                timeout: Some(secs(60)),
                backoff: Backoff::try_from(backoff).unwrap(),
                not_found_grace: secs(10),
                request_timeout: secs(5),
                not_found_codes: Vec::new(),
            },
            until: Until::AllEnd,
            max_rps: 1000.0,
            cancel_after: None,
        }
    }

    fn for_a_job(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::for_jobs(&["j1"], answers)
    }

    async fn ended(self) -> Ended {
        let log = Arc::clone(&self.service.log);
        let session = Arc::new(Session {
            source: Box::new(self.service),
            limiter: Limiter::new(self.max_rps),
            breaker: Breaker::default(),
        });
        let spec = WaitSpec {
            jobs: self.jobs,
            watch: Arc::new(self.watch),
            start: Instant::now(),
            until: self.until,
            seed: 7,
        };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        if let Some(after) = self.cancel_after {
            let cancel = cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                cancel.cancel();
            });
        }
        let start = Instant::now();
        let result = wait(&spec, session, &sender, &cancel).await;
        let mut events = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            events.push(event);
        }
        Ended {
            result,
            events,
            log,
            start,
            took: start.elapsed(),
        }
    }
}

impl Ended {
    /// When requests were sent, in milliseconds from the start.
    fn asked_at(&self) -> Vec<u128> {
        let asked = self.log.asked.lock().unwrap();
        asked
            .iter()
            .map(|(_, at)| at.duration_since(self.start).as_millis())
            .collect()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.result
            .reports
            .iter()
            .map(|report| report.outcome)
            .collect()
    }

    fn only_outcome(&self) -> Outcome {
        assert_eq!(self.result.reports.len(), 1);
        self.outcomes()[0]
    }

    fn exit(&self) -> u8 {
        self.result.exit(Until::AllEnd).code()
    }
}

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
    wait.watch.timeout = Some(secs(20));
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
    wait.watch.timeout = Some(secs(20));
    assert_eq!(wait.ended().await.only_outcome(), Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_of_zero_asks_once() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.watch.timeout = Some(Duration::ZERO);
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0]);
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_when_the_deadline_passes_is_the_last_one() {
    let mut wait = Wait::for_a_job([job("RUNNING")]);
    wait.service.takes = secs(3);
    wait.watch.timeout = Some(secs(6));
    let ended = wait.ended().await;
    assert_eq!(ended.asked_at(), [0, 4000]);
    assert_eq!(ended.took, secs(7));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_job_is_waited_for_a_week() {
    let mut answers = vec![job("RUNNING"); 75_000];
    answers.push(job("SUCCESS"));
    let mut wait = Wait::for_a_job(answers);
    wait.watch.timeout = None;
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
    assert_eq!(fault.code.as_deref(), Some("DCS.4842"));
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
async fn a_wrong_endpoint_ends_all_watches_at_once() {
    let ended = Wait::for_jobs(&["j1", "j2", "j3"], [refused(404, "APIGW.0101")])
        .ended()
        .await;
    assert_eq!(ended.outcomes(), [Outcome::Cancelled; 3]);
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
    assert_eq!(fault.code.as_deref(), Some("APIGW.0101"));
    assert_eq!(ended.exit(), 2);
    assert!(ended.took < secs(1));
}

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
    let ended = Wait::for_a_job([wrong_time, job("SUCCESS")]).ended().await;
    assert_eq!(ended.only_outcome(), Outcome::Succeeded);
    assert_eq!(*ended.log.renewals.lock().unwrap(), 0);
    assert!(ended.events.iter().any(|event| matches!(
        event.kind,
        WatchEventKind::ClockCorrected { off_by, ahead: true } if off_by == secs(1800)
    )));
}

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
    wait.watch.timeout = Some(secs(30));
    let asked_at = wait.ended().await.asked_at();
    for pair in asked_at.windows(2) {
        assert!(pair[1] - pair[0] >= 1000, "{pair:?} of {asked_at:?}");
    }
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
    wait.watch.timeout = Some(secs(30));
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
async fn a_wait_ends_no_later_than_one_request_after_its_deadline() {
    let mut wait = Wait::for_jobs(&["j1", "j2", "j3"], [job("RUNNING")]);
    wait.service.takes = secs(4);
    wait.max_rps = 0.5;
    wait.watch.timeout = Some(secs(10));
    let ended = wait.ended().await;
    assert_eq!(ended.outcomes(), [Outcome::TimedOut; 3]);
    assert!(ended.took <= secs(15), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_outlast_the_wait_either() {
    let mut wait = Wait::for_a_job([refused(401, "APIGW.0307")]);
    wait.service.renewal_takes = secs(100);
    wait.watch.timeout = Some(secs(10));
    let ended = wait.ended().await;
    assert_eq!(ended.only_outcome(), Outcome::TimedOut);
    assert_eq!(ended.took, secs(15));
    assert!(ended.result.reports[0].fault.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_service_rejects_ends_its_own_watch_alone() {
    let answers = [refused(400, "DCS.4999"), job("RUNNING"), job("FAIL")];
    let ended = Wait::for_jobs(&["j1", "j2"], answers).ended().await;
    assert_eq!(ended.outcomes(), [Outcome::Cancelled, Outcome::Failed]);
    assert!(ended.result.reports[0].could_not_go_on());
    assert_eq!(ended.exit(), 1);

    let ended = Wait::for_a_job([refused(400, "DCS.4999")]).ended().await;
    assert_eq!(ended.exit(), 2);
}
