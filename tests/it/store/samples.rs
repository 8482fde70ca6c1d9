//! Things to store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dcs_wait::model::{
    Answers, Attempt, Delivery, DeliveryId, DeliveryState, Durations, End, Fence, HookName,
    JobType, Outcome, Progress, ProjectName, Ran, Watch, WatchId, WatchRecord,
};
use dcs_wait::store::{Change, Effect, Page, SqliteStore, Store};
use tempfile::TempDir;

/// So many milliseconds after a moment of 2026.
pub(crate) fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_000 + millis)
}

fn bytes(n: u64) -> [u8; 16] {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// IDs sort by their numbers.
pub(crate) fn watch_id(n: u64) -> WatchId {
    WatchId::from_bytes(bytes(n))
}

pub(crate) fn delivery_id(n: u64) -> DeliveryId {
    DeliveryId::from_bytes(bytes(n))
}

pub(crate) fn hooks(names: &[&str]) -> Arc<[HookName]> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A watch for a job of its own.
pub(crate) fn watch(n: u64) -> Watch {
    Watch {
        id: watch_id(n),
        project: "main".parse().unwrap(),
        job_id: format!("job-{n}").parse().unwrap(),
        hooks: hooks(&["ci", "chat"]),
        accepted_at: at(n),
        deadline_at: Some(at(n + 60_000)),
    }
}

pub(crate) fn accept(n: u64) -> Change {
    Change::Accept(watch(n))
}

pub(crate) fn answers(answer: &str, count: u32) -> Answers {
    Answers {
        answer: answer.to_owned().into(),
        count,
        first_at: at(1),
        last_at: at(u64::from(count)),
    }
}

pub(crate) fn note(n: u64, polls: u32) -> Change {
    Change::Note {
        watch_id: watch_id(n),
        fence: Fence::FIRST,
        progress: Progress { polls, job: None },
        answers: vec![answers("RUNNING", polls)],
    }
}

/// The end of a watch 1,000 ms after it began, with deliveries.
pub(crate) fn end(n: u64, outcome: Outcome, deliveries: Vec<Delivery>) -> Change {
    Change::End {
        watch_id: watch_id(n),
        fence: Fence::FIRST,
        progress: Progress {
            polls: 3,
            job: None,
        },
        end: End {
            outcome,
            fault: None,
            at: at(n + 1000),
        },
        answers: vec![answers("SUCCESS", 1)],
        deliveries,
        ran: None,
    }
}

/// Likewise, of a job that ran for so many seconds.
pub(crate) fn end_of(n: u64, job_type: &str, seconds: u64) -> Change {
    let mut change = end(n, Outcome::Succeeded, Vec::new());
    if let Change::End { ran, .. } = &mut change {
        *ran = Ran::new(job_type.into(), at(n), Duration::from_secs(seconds));
    }
    change
}

/// A line for each type: its project, its name, and how many seconds each job took.
pub(crate) async fn durations(store: &dyn Store) -> Vec<String> {
    let all = store.durations().await.unwrap();
    let line = |(project, job_type, durations): &(ProjectName, JobType, Durations)| {
        let seconds: Vec<f64> = durations.iter().map(|one| one.as_secs_f64()).collect();
        format!("{project} {} {seconds:?}", job_type.raw())
    };
    all.iter().map(line).collect()
}

/// A delivery that is pending.
pub(crate) fn delivery(n: u64, watch: u64, hook: &str) -> Delivery {
    Delivery {
        id: delivery_id(n),
        watch_id: watch_id(watch),
        hook: hook.parse().unwrap(),
        body: format!(r#"{{"n":{n}}}"#).into(),
        created_at: at(n),
        state: DeliveryState::Pending(at(n)),
        attempts: 0,
        tries: 0,
        fence: Fence::FIRST,
    }
}

pub(crate) fn attempted(n: u64, number: u32, state: DeliveryState) -> Change {
    Change::Attempted {
        delivery_id: delivery_id(n),
        fence: Fence::FIRST,
        attempt: Attempt {
            number,
            at: at(u64::from(number)),
            took: Duration::from_millis(12),
            answer: "HTTP 503".to_owned(),
            delivered: state == DeliveryState::Delivered,
        },
        state,
    }
}

pub(crate) fn page<Id>(before: Option<Id>, limit: u32) -> Page<Id> {
    Page { before, limit }
}

/// Stores the changes; none may fail.
pub(crate) async fn commit(store: &dyn Store, changes: &[Change]) -> Vec<Effect> {
    store.commit(changes).await.unwrap()
}

/// A word for each effect.
pub(crate) fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Accepted { joined: true, .. } => "joined".to_owned(),
        Effect::Accepted { joined: false, .. } => "accepted".to_owned(),
        Effect::Each(effects) => words(effects).join(" "),
        Effect::Done | Effect::Ended(_) => "done".to_owned(),
        Effect::Passed => "passed".to_owned(),
        Effect::Nothing => "nothing".to_owned(),
        Effect::Pruned(n) => format!("pruned {n}"),
    };
    effects.iter().map(word).collect()
}

pub(crate) async fn record(store: &dyn Store, n: u64) -> WatchRecord {
    store.watch(watch_id(n)).await.unwrap().unwrap().0
}

pub(crate) async fn history(store: &dyn Store, n: u64) -> Vec<Answers> {
    store.watch(watch_id(n)).await.unwrap().unwrap().1
}

/// A delivery as it is kept, and the numbers of its attempts.
pub(crate) async fn kept(store: &dyn Store, n: u64) -> (Delivery, Vec<u32>) {
    let (delivery, attempts) = store.delivery(delivery_id(n)).await.unwrap().unwrap();
    (delivery, attempts.iter().map(|one| one.number).collect())
}

/// A place for a SQLite store, gone with the directory.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

pub(crate) async fn opened(path: &std::path::Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

/// Why it can't be opened.
pub(crate) async fn refusal(path: &std::path::Path) -> String {
    let refused = SqliteStore::open(path).await;
    refused.err().expect("it can't be opened").to_string()
}
