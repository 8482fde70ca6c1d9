//! What is stored is what is read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dcs_wait::model::{
    Answers, Attempt, Delivery, DeliveryState, End, Fault, Fence, Job, JobStatus, Outcome,
    Progress, Watch, WatchRecord,
};
use dcs_wait::sanitize::ForeignText;
use dcs_wait::store::{Change, Store};

use super::each_form;
use crate::store::samples::{at, commit, delivery_id, watch_id};

each_form! {
    every_field_comes_back
    what_is_absent_stays_absent
    hostile_texts_come_back_as_they_were
    times_before_1970_and_far_ahead_come_back
    every_outcome_and_status_comes_back
}

fn empty_watch(n: u64) -> Watch {
    Watch {
        id: watch_id(n),
        project: "p".parse().unwrap(),
        job_id: format!("j{n}").parse().unwrap(),
        hooks: [].into(),
        accepted_at: at(0),
        deadline_at: None,
    }
}

/// Stores a watch and its end; nothing may be lost.
async fn assert_comes_back(
    store: &dyn Store,
    record: &WatchRecord,
    answers: &[Answers],
    deliveries: &[Delivery],
) {
    let WatchRecord {
        watch,
        progress,
        end,
        fence,
    } = record;
    let change = match end.clone() {
        Some(end) => Change::End {
            watch_id: watch.id,
            fence: *fence,
            progress: progress.clone(),
            end,
            answers: answers.to_vec(),
            deliveries: deliveries.to_vec(),
            ran: None,
        },
        None => Change::Note {
            watch_id: watch.id,
            fence: *fence,
            progress: progress.clone(),
            answers: answers.to_vec(),
        },
    };
    commit(store, &[Change::Accept(watch.clone()), change]).await;
    let found = store.watch(watch.id).await.unwrap();
    assert_eq!(found, Some((record.clone(), answers.to_vec())));
    for delivery in deliveries {
        let found = store.delivery(delivery.id).await.unwrap();
        assert_eq!(found, Some((delivery.clone(), vec![])));
    }
}

fn full(text: &str) -> (WatchRecord, Answers, Delivery, Attempt) {
    let watch = Watch {
        hooks: ["a-1", "B_2"].map(|name| name.parse().unwrap()).into(),
        deadline_at: Some(at(77)),
        ..empty_watch(1)
    };
    let progress = Progress {
        polls: u32::MAX,
        job: Some(Arc::new(Job {
            status: JobStatus::from(text),
            job_type: Some(text.into()),
            begin_time: Some(at(1)),
            end_time: Some(at(2)),
            fail_reason: Some(text.into()),
        })),
    };
    let fault = Fault {
        http_status: Some(599),
        code: Some(text.into()),
        message: text.into(),
        request_id: Some(text.into()),
    };
    let end = End {
        outcome: Outcome::TimedOut,
        fault: Some(fault),
        at: at(3),
    };
    let record = WatchRecord {
        fence: Fence::FIRST,
        watch,
        progress,
        end: Some(end),
    };
    let answers = Answers {
        // No longer than any text of the service.
        answer: ForeignText::from(text).raw().to_owned().into(),
        count: u32::MAX,
        first_at: at(4),
        last_at: at(5),
    };
    let delivery = Delivery {
        id: delivery_id(1),
        watch_id: watch_id(1),
        hook: "a-1".parse().unwrap(),
        body: text.into(),
        created_at: at(6),
        state: DeliveryState::Pending(at(7)),
        attempts: 3,
        tries: 2,
        fence: Fence::FIRST,
    };
    let attempt = Attempt {
        number: u32::MAX,
        at: at(8),
        took: Duration::from_millis(1234),
        answer: text.to_owned(),
        delivered: true,
    };
    (record, answers, delivery, attempt)
}

async fn every_field_comes_back(store: &dyn Store) {
    let (record, answers, delivery, attempt) = full("EXPANDING");
    let owed = std::slice::from_ref(&delivery);
    assert_comes_back(store, &record, &[answers], owed).await;

    let state = DeliveryState::Delivered;
    let attempted = Change::Attempted {
        delivery_id: delivery.id,
        fence: Fence::FIRST,
        attempt: attempt.clone(),
        state,
    };
    commit(store, &[attempted]).await;
    let after = Delivery {
        state,
        attempts: 4,
        tries: 3,
        ..delivery
    };
    let found = store.delivery(after.id).await.unwrap();
    assert_eq!(found, Some((after, vec![attempt])));
}

async fn what_is_absent_stays_absent(store: &dyn Store) {
    let job = Job {
        status: JobStatus::Init,
        job_type: None,
        begin_time: None,
        end_time: None,
        fail_reason: None,
    };
    let fault = Fault::local("");
    let end = |fault| {
        Some(End {
            outcome: Outcome::Denied,
            fault,
            at: at(0),
        })
    };
    let cases = [
        (None, None),
        (Some(job.clone()), None),
        (None, end(None)),
        (Some(job), end(Some(fault))),
    ];
    for (n, (job, end)) in (1..).zip(cases) {
        let record = WatchRecord {
            fence: Fence::FIRST,
            watch: empty_watch(n),
            progress: Progress {
                polls: 0,
                job: job.map(Arc::new),
            },
            end,
        };
        assert_comes_back(store, &record, &[], &[]).await;
    }
}

async fn hostile_texts_come_back_as_they_were(store: &dyn Store) {
    let long = "界".repeat(100_000);
    let texts = [
        "",
        " ",
        "'; DROP TABLE watch; --",
        "\"?1\" $1 :a @b %s {}",
        "a\0b",
        "\u{1b}[31m\r\n\t\u{202e}",
        "👩‍👩‍👧‍👦 🏳️‍🌈 e\u{301} 任务",
        "\u{feff}\u{fffd}\u{10ffff}",
        &long,
    ];
    for (n, text) in (1..).zip(texts) {
        let (mut record, answers, mut delivery, _) = full(text);
        record.watch.id = watch_id(n);
        record.watch.job_id = format!("j{n}").parse().unwrap();
        delivery.watch_id = record.watch.id;
        delivery.id = delivery_id(n);
        assert_comes_back(store, &record, &[answers], &[delivery]).await;
    }
}

async fn times_before_1970_and_far_ahead_come_back(store: &dyn Store) {
    let epoch = SystemTime::UNIX_EPOCH;
    // What 64 bits of milliseconds hold.
    let far = Duration::from_millis(i64::MAX as u64);
    let times = [
        epoch - far,
        epoch - Duration::from_millis(1),
        epoch,
        epoch + far,
    ];
    for (n, time) in (1..).zip(times) {
        let watch = Watch {
            accepted_at: time,
            deadline_at: Some(time),
            ..empty_watch(n)
        };
        let end = End {
            outcome: Outcome::Failed,
            fault: None,
            at: time,
        };
        let record = WatchRecord {
            fence: Fence::FIRST,
            watch,
            progress: Progress::default(),
            end: Some(end),
        };
        assert_comes_back(store, &record, &[], &[]).await;
    }
}

async fn every_outcome_and_status_comes_back(store: &dyn Store) {
    let statuses = ["INIT", "RUNNING", "SUCCESS", "FAIL", "success", "?"];
    for (n, outcome) in (1..).zip(Outcome::ALL) {
        let status = statuses[n as usize % statuses.len()];
        let (mut record, answers, _, _) = full(status);
        record.watch = empty_watch(n);
        record.end.as_mut().unwrap().outcome = outcome;
        assert_comes_back(store, &record, &[answers], &[]).await;
    }
}
