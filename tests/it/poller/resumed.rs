//! A watch by itself: where it goes on, how it is steered, how little it holds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dcs_wait::api::{Answer, Content, Gate, Session};
use dcs_wait::model::{Meter, Outcome, WatchReport};
use dcs_wait::poll::{Misconfigured, Poller, WatchSpec};
use tokio::time::{Instant, sleep, timeout};

use super::harness::{Log, Lone, Wait, job, refused, secs};

/// Notes each request's word, and how late it was.
#[derive(Default)]
struct Polled(Mutex<Vec<(&'static str, Duration)>>);

impl Meter for Polled {
    fn polled(&self, answer: &'static str, _took: Duration, late: Duration) {
        self.0.lock().unwrap().push((answer, late));
    }
}

/// A poller, and what its service and its meter saw.
struct Polling {
    watch: Lone,
    log: Arc<Log>,
    polled: Arc<Polled>,
    session: Arc<Session>,
    spec: Arc<WatchSpec>,
    polls: u32,
}

impl Polling {
    /// A watch that has just begun.
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::limited(answers, 1000.0)
    }

    fn limited(answers: impl IntoIterator<Item = Answer>, max_rps: f64) -> Self {
        let Wait { service, watch, .. } = Wait::for_a_job(answers);
        let polled = Arc::new(Polled::default());
        Self {
            watch: Lone::new("j1"),
            log: Arc::clone(&service.log),
            session: Arc::new(Session {
                source: Box::new(service),
                gate: Arc::new(Gate::new(max_rps, 64)),
                endpoint: dcs_wait::api::EndpointProof::default(),
                meter: Arc::clone(&polled) as Arc<dyn Meter>,
            }),
            polled,
            spec: Arc::new(watch),
            polls: 0,
        }
    }

    /// The same, where it began before and has come so far.
    fn begun(mut self, ago: Duration, polls: u32, last: Option<Answer>) -> Self {
        self.watch.start = Instant::now().checked_sub(ago).unwrap();
        self.polls = polls;
        *self.watch.seen.get_mut().unwrap() = match last.map(|answer| answer.content) {
            Some(Content::Job(job)) => Some(job),
            _ => None,
        };
        self
    }

    fn run(&self) -> impl Future<Output = Option<Result<WatchReport, Misconfigured>>> {
        let (spec, session) = (Arc::clone(&self.spec), Arc::clone(&self.session));
        let random = fastrand::Rng::with_seed(7);
        Poller::new(&self.watch, spec, session, self.polls, random).run()
    }

    async fn ended(&self) -> WatchReport {
        self.run().await.unwrap().unwrap()
    }

    fn asked_at(&self, start: Instant) -> Vec<u128> {
        let asked = self.log.asked.lock().unwrap();
        let since = |at: &Instant| at.duration_since(start).as_millis();
        asked.iter().map(|(_, at)| since(at)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_watch_asks_at_once_and_then_about_as_often_as_before() {
    let start = Instant::now();
    let lone = Polling::new([job("RUNNING"), job("RUNNING"), job("SUCCESS")]).begun(
        secs(300),
        40,
        Some(job("RUNNING")),
    );
    let report = lone.ended().await;
    assert_eq!(lone.asked_at(start), [0, 8000, 16_000]);
    assert_eq!(report.polls, 43);
    assert_eq!(report.waited, secs(316));
}

#[tokio::test(start_paused = true)]
async fn the_grace_for_unknown_jobs_does_not_start_again_with_the_process() {
    let lone = Polling::new([refused(404, "")]).begun(secs(60), 9, None);
    let report = lone.ended().await;
    assert_eq!((report.outcome, report.polls), (Outcome::NotFound, 10));

    let lone = Polling::new([refused(404, "")]).begun(secs(4), 3, None);
    let report = lone.ended().await;
    assert_eq!(report.outcome, Outcome::NotFound);
    assert_eq!(report.waited, secs(10), "what was left of it");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_seen_before_the_restart_is_gone_once_three_answers_say_so() {
    let lone = Polling::new([refused(404, "")]).begun(secs(1), 1, Some(job("RUNNING")));
    let report = lone.ended().await;
    assert_eq!((report.outcome, report.polls), (Outcome::NotFound, 4));
    let odd = [refused(404, ""), refused(404, "APIGW.0101"), job("SUCCESS")];
    let lone = Polling::new(odd).begun(secs(1), 1, Some(job("RUNNING")));
    assert_eq!(lone.ended().await.outcome, Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_while_nobody_polled_leaves_one_request() {
    for (answer, outcome) in [
        ("RUNNING", Outcome::TimedOut),
        ("SUCCESS", Outcome::Succeeded),
    ] {
        let mut lone = Polling::new([job(answer)]).begun(secs(60), 9, None);
        // Within the time of the last request.
        lone.watch.deadline = Instant::now().checked_sub(secs(3));
        assert_eq!(lone.ended().await.outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn asking_now_ends_the_sleep_and_nothing_else() {
    let start = Instant::now();
    let lone = Polling::new([job("RUNNING"), job("RUNNING"), job("SUCCESS")]).begun(
        secs(300),
        40,
        Some(job("RUNNING")),
    );
    let ask = async {
        sleep(Duration::from_millis(2500)).await;
        lone.watch.control.poll_now();
    };
    tokio::join!(lone.ended(), ask);
    assert_eq!(lone.asked_at(start), [0, 2500, 10_500]);
}

#[tokio::test(start_paused = true)]
async fn asking_now_still_waits_for_a_turn() {
    let start = Instant::now();
    let lone = Polling::limited([job("RUNNING"), job("SUCCESS")], 0.5).begun(secs(9), 9, None);
    let ask = async {
        sleep(Duration::from_millis(100)).await;
        lone.watch.control.poll_now();
    };
    tokio::join!(lone.ended(), ask);
    assert_eq!(lone.asked_at(start), [0, 2000]);
    let polled = lone.polled.0.lock().unwrap().clone();
    let late = Duration::from_millis(1900);
    assert_eq!(polled, [("running", Duration::ZERO), ("success", late)]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_was_called_off_before_it_began_asks_nothing() {
    let lone = Polling::new([job("RUNNING")]);
    lone.watch.control.cancel();
    assert_eq!(lone.run().await, None);
    assert_eq!(lone.log.asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_does_not_wait_for_those_in_line_that_were_called_off() {
    let start = Instant::now();
    let first = Polling::limited([job("RUNNING")], 1.0);
    let many: Vec<Polling> = (0..100)
        .map(|_| Polling {
            session: Arc::clone(&first.session),
            ..Polling::new([job("RUNNING")])
        })
        .collect();
    let mut line: Vec<_> = many.iter().map(|one| Box::pin(one.run())).collect();
    for one in &mut line {
        assert!(timeout(Duration::ZERO, one).await.is_err());
    }
    drop(line);
    assert!(timeout(secs(2), first.run()).await.is_err());
    assert_eq!(first.asked_at(start), [0, 1000, 2000]);
}
