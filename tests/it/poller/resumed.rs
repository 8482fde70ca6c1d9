//! A watch by itself: where it goes on, how it is steered, how little it holds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dcs_wait::api::{Answer, Content, Gate, Session};
use dcs_wait::model::{JobId, Meter, Outcome, Progress, WatchEvent, WatchReport};
use dcs_wait::poll::{Control, Misconfigured, Poller, Resume};
use tokio::time::{Instant, sleep};

use super::harness::{Log, Wait, job, refused, secs};

/// Notes each request's word, and how late it was.
#[derive(Default)]
struct Polled(Mutex<Vec<(&'static str, Duration)>>);

impl Meter for Polled {
    fn polled(&self, answer: &'static str, _took: Duration, late: Duration) {
        self.0.lock().unwrap().push((answer, late));
    }
}

struct Lone {
    log: Arc<Log>,
    polled: Arc<Polled>,
    session: Arc<Session>,
    wait: Wait,
}

impl Lone {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::limited(answers, 1000.0)
    }

    fn limited(answers: impl IntoIterator<Item = Answer>, max_rps: f64) -> Self {
        let mut wait = Wait::for_a_job(answers);
        let service = std::mem::take(&mut wait.service);
        let polled = Arc::new(Polled::default());
        Self {
            log: Arc::clone(&service.log),
            session: Arc::new(Session {
                source: Box::new(service),
                gate: Arc::new(Gate::new(max_rps, 64)),
                meter: Arc::clone(&polled) as Arc<dyn Meter>,
            }),
            polled,
            wait,
        }
    }

    fn poller(&self, resume: Resume) -> Poller<impl Fn(WatchEvent) + Send + use<>> {
        let ours: (Arc<Session>, JobId) = (Arc::clone(&self.session), "j1".parse().unwrap());
        Poller::new(
            "j1".parse().unwrap(),
            Arc::new(self.wait.watch.clone()),
            Arc::clone(&self.session),
            resume,
            fastrand::Rng::with_seed(7),
            // As much as the engine's holds.
            move |_| drop(ours.clone()),
        )
    }

    async fn ended(&self, resume: Resume) -> Result<WatchReport, Misconfigured> {
        self.poller(resume).run(Arc::default()).await
    }

    fn asked_at(&self, start: Instant) -> Vec<u128> {
        let asked = self.log.asked.lock().unwrap();
        let since = |at: &Instant| at.duration_since(start).as_millis();
        asked.iter().map(|(_, at)| since(at)).collect()
    }
}

fn begun(ago: Duration, polls: u32, last: Option<Answer>) -> Resume {
    let job = match last.map(|answer| answer.content) {
        Some(Content::Job(job)) => Some(job),
        _ => None,
    };
    Resume {
        start: Instant::now().checked_sub(ago).unwrap(),
        deadline: None,
        progress: Progress {
            polls,
            job: job.map(Arc::new),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_watch_asks_at_once_and_then_about_as_often_as_before() {
    let start = Instant::now();
    let lone = Lone::new([job("RUNNING"), job("RUNNING"), job("SUCCESS")]);
    let resume = begun(secs(300), 40, Some(job("RUNNING")));
    let report = lone.ended(resume).await.unwrap();
    assert_eq!(lone.asked_at(start), [0, 8000, 16_000]);
    assert_eq!(report.polls, 43);
    assert_eq!(report.waited, secs(316));
}

#[tokio::test(start_paused = true)]
async fn the_grace_for_unknown_jobs_does_not_start_again_with_the_process() {
    let lone = Lone::new([refused(404, "")]);
    let report = lone.ended(begun(secs(60), 9, None)).await.unwrap();
    assert_eq!((report.outcome, report.polls), (Outcome::NotFound, 10));

    let lone = Lone::new([refused(404, "")]);
    let report = lone.ended(begun(secs(4), 3, None)).await.unwrap();
    assert_eq!(report.outcome, Outcome::NotFound);
    assert_eq!(report.waited, secs(10), "what was left of it");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_seen_before_the_restart_and_is_unknown_now_is_gone() {
    let lone = Lone::new([refused(404, "")]);
    let resume = begun(secs(1), 1, Some(job("RUNNING")));
    let report = lone.ended(resume).await.unwrap();
    assert_eq!((report.outcome, report.polls), (Outcome::NotFound, 2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_while_nobody_polled_leaves_one_request() {
    for (answer, outcome) in [
        ("RUNNING", Outcome::TimedOut),
        ("SUCCESS", Outcome::Succeeded),
    ] {
        let lone = Lone::new([job(answer)]);
        let resume = Resume {
            // Within the time of the last request.
            deadline: Instant::now().checked_sub(secs(3)),
            ..begun(secs(60), 9, None)
        };
        assert_eq!(lone.ended(resume).await.unwrap().outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn asking_now_ends_the_sleep_and_nothing_else() {
    let start = Instant::now();
    let lone = Lone::new([job("RUNNING"), job("RUNNING"), job("SUCCESS")]);
    let control = Arc::new(Control::default());
    let polling = lone.poller(begun(secs(300), 40, Some(job("RUNNING"))));
    let polling = tokio::spawn(polling.run(Arc::clone(&control)));
    sleep(Duration::from_millis(2500)).await;
    control.poll_now();
    polling.await.unwrap().unwrap();
    assert_eq!(lone.asked_at(start), [0, 2500, 10_500]);
}

#[tokio::test(start_paused = true)]
async fn asking_now_still_waits_for_a_turn() {
    let start = Instant::now();
    let lone = Lone::limited([job("RUNNING"), job("SUCCESS")], 0.5);
    let control = Arc::new(Control::default());
    let polling = tokio::spawn(
        lone.poller(begun(secs(9), 9, None))
            .run(Arc::clone(&control)),
    );
    sleep(Duration::from_millis(100)).await;
    control.poll_now();
    polling.await.unwrap().unwrap();
    assert_eq!(lone.asked_at(start), [0, 2000]);
    let polled = lone.polled.0.lock().unwrap().clone();
    let late = Duration::from_millis(1900);
    assert_eq!(polled, [("running", Duration::ZERO), ("success", late)]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_was_called_off_before_it_began_asks_nothing() {
    let lone = Lone::new([job("RUNNING")]);
    let control = Arc::new(Control::default());
    control.cancel();
    let report = lone.poller(begun(secs(0), 0, None)).run(control).await;
    assert_eq!(report.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(lone.log.asked.lock().unwrap().len(), 0);
}

/// Ten thousand of them are to fit into 15 MiB, with all that the engine holds beside.
#[tokio::test]
async fn a_watch_that_sleeps_holds_less_than_500_bytes() {
    let lone = Lone::new([job("RUNNING")]);
    let polling = lone.poller(begun(secs(0), 0, None)).run(Arc::default());
    let size = std::mem::size_of_val(&polling);
    assert!(size < 500, "{size} bytes");
}
