//! The wait of the command line, with hooks.

use std::sync::Arc;

use dcs_wait::engine::{Retries, Until, WaitResult, WaitSpec, wait};
use dcs_wait::hooks::Receipt;
use dcs_wait::model::Exit;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::harness::{Inbox, Jobs, hook, job, pass, secs, session, watch_spec};

async fn waited(jobs: &Arc<Jobs>, inbox: &Arc<Inbox>, cancel: &CancellationToken) -> WaitResult {
    let start = Instant::now();
    let spec = WaitSpec {
        jobs: ["j1", "j2"].map(|id| id.parse().unwrap()).to_vec(),
        watch: Arc::new(watch_spec()),
        start,
        deadline: Some(start + secs(60)),
        until: Until::AllEnd,
        hooks: vec![hook("inbox", inbox)],
        hook_timeout: secs(3600),
        retries: Retries {
            after: vec![secs(1), secs(5)],
            jitter: 0.0,
            honors_retry_after: true,
        },
        known: Vec::new(),
        seed: 1,
    };
    let (events, _told) = unbounded_channel();
    wait(&spec, session(jobs), &events, cancel).await
}

fn failing() -> Arc<Inbox> {
    Inbox::that(Receipt::Failed {
        answer: "not today".to_owned(),
        retry_after: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_over_when_its_hooks_have_been_told() {
    let (jobs, inbox) = (Arc::<Jobs>::default(), Inbox::new());
    jobs.answer("j1", [job("SUCCESS")]);
    jobs.answer("j2", [job("RUNNING"), job("SUCCESS")]);
    let result = waited(&jobs, &inbox, &CancellationToken::new()).await;
    assert_eq!(inbox.types().len(), 2);
    assert_eq!(result.undelivered, 0);
    assert_eq!(result.exit(Until::AllEnd), Exit::Success);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_cannot_be_told_is_tried_again_and_then_changes_the_exit_of_success() {
    let (jobs, inbox) = (Arc::<Jobs>::default(), failing());
    jobs.answer("j1", [job("SUCCESS")]);
    jobs.answer("j2", [job("SUCCESS")]);
    let start = Instant::now();
    let result = waited(&jobs, &inbox, &CancellationToken::new()).await;
    assert_eq!(start.elapsed().as_secs(), 6);
    assert_eq!(inbox.types().len(), 6);
    assert_eq!(result.undelivered, 2);
    assert_eq!(result.exit(Until::AllEnd), Exit::Undelivered);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_stays_so_when_its_hook_cannot_be_told() {
    let (jobs, inbox) = (Arc::<Jobs>::default(), failing());
    jobs.answer("j1", [job("SUCCESS")]);
    jobs.answer("j2", [job("FAIL")]);
    let result = waited(&jobs, &inbox, &CancellationToken::new()).await;
    assert_eq!(result.exit(Until::AllEnd), Exit::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_called_off_waits_for_no_hook() {
    let (jobs, inbox) = (Arc::<Jobs>::default(), failing());
    jobs.answer("j1", [job("SUCCESS")]);
    jobs.answer("j2", [job("SUCCESS")]);
    let cancel = CancellationToken::new();
    let calling_off = async {
        pass(secs(2)).await;
        cancel.cancel();
    };
    let start = Instant::now();
    let (result, ()) = tokio::join!(waited(&jobs, &inbox, &cancel), calling_off);
    assert!(start.elapsed() < secs(3));
    assert_eq!(result.undelivered, 2);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_gives_its_job_up_and_the_others_go_on() {
    let (jobs, inbox) = (Arc::<Jobs>::default(), Inbox::new());
    jobs.panics.lock().unwrap().insert("j1".into(), 1);
    jobs.answer("j2", [job("RUNNING"), job("SUCCESS")]);
    let result = waited(&jobs, &inbox, &CancellationToken::new()).await;
    assert_eq!((result.panicked, result.reports.len()), (1, 1));
    assert_eq!(result.exit(Until::AllEnd), Exit::Internal);
}
