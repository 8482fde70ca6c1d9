//! What daemons tell each other through the database.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::This;
use super::limits::QUERY_TIMEOUT;
use crate::model::WatchId;
use crate::sanitize::ForeignText;
use crate::store::Notice;

/// The one channel that there is.
pub(super) const CHANNEL: &str = "dcs_wait";

/// How many IDs one notice has at most: 8,000 bytes are what the database takes.
const IDS: usize = 200;

/// How many notices wait at most. Whoever doesn't fetch them has missed some.
const WAITING: usize = 1000;

/// How long to wait before the database is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it may be silent before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// There are orphans, or an instance has come or gone.
pub(super) fn changed() -> String {
    "changed".to_owned()
}

/// Something is wanted of what this instance holds.
pub(super) fn wished(instance: i64) -> String {
    format!("wished {instance}")
}

/// These have ended, as this instance found.
pub(super) fn ended(instance: i64, ids: &[WatchId]) -> impl Iterator<Item = String> {
    ids.chunks(IDS).map(move |ids| {
        let ids: Vec<String> = ids.iter().map(WatchId::to_string).collect();
        format!("ended {instance} {}", ids.join(","))
    })
}

/// What such words say to an instance, if anything. Those of later versions say nothing.
fn understood(words: &str, instance: i64) -> Option<Notice> {
    let mut words = words.split(' ');
    let (kind, number, ids) = (words.next()?, words.next(), words.next());
    let is_mine = number.and_then(|number| number.parse().ok()) == Some(instance);
    match (kind, is_mine) {
        ("changed", _) => Some(Notice::Changed),
        ("wished", true) => Some(Notice::Wished),
        ("ended", false) => {
            let ids = ids?.split(',').map(str::parse).collect::<Result<_, _>>();
            ids.ok().map(Notice::Ended)
        }
        _ => None,
    }
}

/// Notices as they come, on a connection of their own from when they are first waited for.
pub(super) struct Notices {
    options: PgConnectOptions,
    this: Arc<This>,
    waiting: Arc<Waiting>,
    listener: OnceLock<AbortOnDropHandle<()>>,
}

impl Notices {
    pub(super) fn new(options: PgConnectOptions, this: Arc<This>) -> Self {
        Self {
            options,
            this,
            waiting: Arc::default(),
            listener: OnceLock::new(),
        }
    }

    pub(super) async fn next(&self) -> Notice {
        self.listener.get_or_init(|| {
            let options = self.options.clone();
            let this = Arc::clone(&self.this);
            let waiting = Arc::clone(&self.waiting);
            AbortOnDropHandle::new(tokio::spawn(listen(options, this, waiting)))
        });
        loop {
            if let Some(notice) = self.waiting.take() {
                return notice;
            }
            self.waiting.came.notified().await;
        }
    }

    pub(super) fn close(&self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

#[derive(Default)]
struct Waiting {
    notices: Mutex<VecDeque<Notice>>,
    came: Notify,
}

impl Waiting {
    fn take(&self) -> Option<Notice> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.pop_front()
    }

    fn add(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that say nothing new only make work.
        if notices.back() == Some(&notice) {
            return;
        }
        if notice == Notice::Missed || notices.len() == WAITING {
            notices.clear();
            notices.push_back(Notice::Missed);
        } else {
            notices.push_back(notice);
        }
        drop(notices);
        self.came.notify_one();
    }
}

async fn listen(options: PgConnectOptions, this: Arc<This>, waiting: Arc<Waiting>) {
    loop {
        if let Err(error) = listen_once(&options, &this, &waiting).await {
            tracing::debug!(error = %ForeignText::of(&error), "notices of other daemons can't be had; trying again");
        }
        sleep(PAUSE).await;
    }
}

/// Passes on what comes until the connection is lost.
async fn listen_once(
    options: &PgConnectOptions,
    this: &This,
    waiting: &Waiting,
) -> sqlx::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(QUERY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    answered(listener.listen(CHANNEL)).await?;
    waiting.add(Notice::Missed);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => {
                if let Some(notice) = understood(notification.payload(), this.id()) {
                    waiting.add(notice);
                }
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // What is in the middle of being read stays in the connection's buffer.
            Err(_) => {
                let ask = sqlx::query("SELECT 1").execute(&mut listener);
                answered(ask).await?;
            }
        }
    }
}

/// A server may be gone without a word.
async fn answered<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answer = timeout(QUERY_TIMEOUT, answer).await;
    answer.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_says_the_others_understand() {
        let ids: Vec<WatchId> = (0..450_u64)
            .map(|n| WatchId::from_bytes([n.to_be_bytes(); 2].concat().try_into().unwrap()))
            .collect();
        let told: Vec<String> = ended(i64::MAX, &ids).collect();
        assert!(told.iter().all(|words| words.len() < 8000));
        let heard: Vec<WatchId> = told
            .iter()
            .filter_map(|words| match understood(words, 3) {
                Some(Notice::Ended(ids)) => Some(ids),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(heard, ids);
        assert_eq!(understood(&changed(), 3), Some(Notice::Changed));
        assert_eq!(understood(&wished(3), 3), Some(Notice::Wished));
    }

    #[test]
    fn what_is_for_others_or_makes_no_sense_is_ignored() {
        let own = ended(3, &[WatchId::from_bytes([7; 16])]).next().unwrap();
        for words in [
            own.as_str(),
            "wished 4",
            "wished",
            "",
            "ended 4",
            "ended 4 x",
            "news",
        ] {
            assert_eq!(understood(words, 3), None, "{words}");
        }
    }

    #[test]
    fn whoever_does_not_fetch_notices_has_missed_some() {
        let waiting = Waiting::default();
        for n in 0..=WAITING {
            waiting.add(Notice::Ended(vec![WatchId::from_bytes(
                [(n % 251) as u8; 16],
            )]));
        }
        assert_eq!(waiting.take(), Some(Notice::Missed));
        assert_eq!(waiting.take(), None);
        for notice in [
            Notice::Changed,
            Notice::Changed,
            Notice::Wished,
            Notice::Missed,
        ] {
            waiting.add(notice);
        }
        assert_eq!(waiting.take(), Some(Notice::Missed));
        assert_eq!(waiting.take(), None);
    }
}
