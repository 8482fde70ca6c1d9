//! A dispatcher in the making, hooks that do as they are told, and what came of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dcs_wait::clock::Clock;
use dcs_wait::engine::{Dispatcher, DispatcherParts, Recorder, Retries, Tenure, Told};
use dcs_wait::hooks::{Configured, Hook, Message, Receipt};
use dcs_wait::model::{
    Attempt, BoxFuture, Delivery, DeliveryId, DeliveryState, End, Fence, HookName, Meter, NoMeter,
    Outcome, Progress, Watch, WatchId,
};
use dcs_wait::store::{Change, MemoryStore, Store};
use tokio::time::Instant;

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The intervals of the daemon, in seconds.
pub(super) const INTERVALS: [u64; 7] = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];

/// A wall clock that goes as the paused one does.
pub(super) struct PausedClock(Instant);

/// What the wall clock says at the start.
pub(super) const START: SystemTime = UNIX_EPOCH;

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        START + self.0.elapsed()
    }
}

/// Keeps the results that were measured.
#[derive(Default)]
pub(super) struct Results(Mutex<Vec<(String, &'static str)>>);

impl Meter for Results {
    fn attempted(&self, hook: &HookName, result: &'static str, _took: Duration) {
        self.0.lock().unwrap().push((hook.to_string(), result));
    }
}

impl Results {
    /// The results of a hook.
    pub(super) fn of(&self, hook: &str) -> Vec<&'static str> {
        let results = self.0.lock().unwrap();
        let of_hook = results.iter().filter(|(name, _)| name == hook);
        of_hook.map(|(_, result)| *result).collect()
    }
}

pub(super) struct House {
    pub(super) store: Arc<dyn Store>,
    pub(super) dispatcher: Dispatcher,
    pub(super) recorder: Recorder,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
    pub(super) results: Arc<Results>,
    /// What each delivery carries.
    pub(super) body: Arc<str>,
    clock: Arc<PausedClock>,
    random: Mutex<fastrand::Rng>,
}

impl House {
    pub(super) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    /// One with what another has left in the store.
    pub(super) fn on(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(PausedClock(Instant::now()));
        let recorder = Recorder::start(Arc::clone(&store), Arc::new(NoMeter));
        let told = Arc::new(Mutex::new(Vec::new()));
        let results = Arc::new(Results::default());
        let teller_told = Arc::clone(&told);
        let dispatcher = Dispatcher::start(DispatcherParts {
            store: Arc::clone(&store),
            recorder: recorder.clone(),
            clock: clock.clone(),
            meter: results.clone(),
            teller: Arc::new(move |one| teller_told.lock().unwrap().push(one)),
            retries: Retries {
                after: INTERVALS.map(secs).to_vec(),
                jitter: 0.0,
                honors_retry_after: true,
            },
            tenure: Tenure::without_end(),
            seed: 1,
        });
        Self {
            store,
            dispatcher,
            recorder,
            told,
            results,
            body: "{}".into(),
            clock,
            random: Mutex::new(fastrand::Rng::with_seed(7)),
        }
    }

    /// Stores a watch that has ended, and hands over what it owes by these hooks.
    pub(super) async fn end_watch(&self, hooks: &[&str]) -> (WatchId, Vec<DeliveryId>) {
        self.end_watch_at(self.clock.now(), hooks).await
    }

    /// Likewise, where the clock said something else when the watch ended.
    pub(super) async fn end_watch_at(
        &self,
        now: SystemTime,
        hooks: &[&str],
    ) -> (WatchId, Vec<DeliveryId>) {
        let (watch, deliveries) = self.ended_watch(now, hooks);
        let ids = deliveries.iter().map(|delivery| delivery.id).collect();
        self.store
            .commit(&[
                Change::Accept(watch.clone()),
                Change::End {
                    watch_id: watch.id,
                    fence: Fence::FIRST,
                    progress: Progress::default(),
                    end: End {
                        outcome: Outcome::Succeeded,
                        fault: None,
                        at: now,
                    },
                    answers: Vec::new(),
                    deliveries: deliveries.clone(),
                    ran: None,
                },
            ])
            .await
            .unwrap();
        self.dispatcher.take_on(deliveries);
        (watch.id, ids)
    }

    fn ended_watch(&self, now: SystemTime, hooks: &[&str]) -> (Watch, Vec<Delivery>) {
        let mut random = self.random.lock().unwrap();
        let watch = Watch {
            id: WatchId::new(now, &mut random),
            project: "north".parse().unwrap(),
            job_id: format!("job-{}", random.u64(..)).parse().unwrap(),
            hooks: hooks.iter().map(|hook| hook.parse().unwrap()).collect(),
            accepted_at: now,
            deadline_at: None,
        };
        let delivery = |hook: &&str| Delivery {
            id: DeliveryId::new(now, &mut random),
            watch_id: watch.id,
            hook: hook.parse().unwrap(),
            body: Arc::clone(&self.body),
            created_at: now,
            state: DeliveryState::Pending(now),
            attempts: 0,
            tries: 0,
            fence: Fence::FIRST,
        };
        let deliveries = hooks.iter().map(delivery).collect();
        (watch, deliveries)
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> (Delivery, Vec<Attempt>) {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    /// The answers of a delivery's attempts.
    pub(super) async fn answers(&self, id: DeliveryId) -> Vec<String> {
        let (_, attempts) = self.delivery(id).await;
        attempts.into_iter().map(|attempt| attempt.answer).collect()
    }

    /// Has a delivery carried out again, as the engine does.
    pub(super) async fn replay(&self, id: DeliveryId) {
        let replay = Change::Replay {
            delivery_id: id,
            due: self.clock.now(),
        };
        self.recorder.store(replay).await.unwrap();
        let (delivery, _) = self.delivery(id).await;
        self.dispatcher.take_on(vec![delivery]);
    }
}

/// What a scripted hook does at an attempt.
#[derive(Clone)]
pub(super) enum Act {
    Deliver,
    Fail,
    FailAndAsk(Duration),
    Gone,
    Panic,
    /// Delivers after this time.
    Take(Duration),
    /// Fails after this time.
    FailAfter(Duration),
}

/// A hook that does what it is told to in turn, and the last of it for ever.
pub(super) struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    pub(super) seen: Mutex<Vec<(DeliveryId, Duration)>>,
    start: Instant,
    under_way: Mutex<(usize, usize)>,
}

impl Scripted {
    pub(super) fn new(acts: impl Into<VecDeque<Act>>) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.into()),
            seen: Mutex::default(),
            start: Instant::now(),
            under_way: Mutex::default(),
        })
    }

    /// When the attempts were made, in seconds since it was made.
    pub(super) fn seconds(&self) -> Vec<f64> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(_, at)| at.as_secs_f64()).collect()
    }

    /// How many attempts there were at once, at most.
    pub(super) fn most_at_once(&self) -> usize {
        self.under_way.lock().unwrap().1
    }

    fn act(&self) -> Act {
        let mut acts = self.acts.lock().unwrap();
        match acts.len() {
            0 | 1 => acts.front().cloned().unwrap(),
            _ => acts.pop_front().unwrap(),
        }
    }
}

impl Hook for Scripted {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(async {
            self.seen
                .lock()
                .unwrap()
                .push((message.id, self.start.elapsed()));
            let failed = |retry_after| Receipt::Failed {
                answer: "HTTP 503".to_owned(),
                retry_after,
            };
            let delivered = Receipt::Delivered {
                answer: "HTTP 204".to_owned(),
            };
            match self.act() {
                Act::Deliver => delivered,
                Act::Fail => failed(None),
                Act::FailAndAsk(wait) => failed(Some(wait)),
                Act::Gone => Receipt::Gone {
                    answer: "HTTP 410".to_owned(),
                },
                Act::Panic => panic!("told to"),
                Act::FailAfter(time) => {
                    tokio::time::sleep(time).await;
                    failed(None)
                }
                Act::Take(time) => {
                    {
                        let mut under_way = self.under_way.lock().unwrap();
                        under_way.0 += 1;
                        under_way.1 = under_way.1.max(under_way.0);
                    }
                    tokio::time::sleep(time).await;
                    self.under_way.lock().unwrap().0 -= 1;
                    delivered
                }
            }
        })
    }
}

/// The hook under a name.
pub(super) fn named(name: &str, concurrency: usize, hook: &Arc<Scripted>) -> Configured {
    Configured {
        name: name.parse().unwrap(),
        on: Outcome::ALL.to_vec(),
        by_default: true,
        concurrency,
        hook: hook.clone(),
    }
}
