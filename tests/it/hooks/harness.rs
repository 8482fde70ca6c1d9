//! Messages about a watch that has ended, and hooks to carry them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use dcs_wait::clock::{Clock, SystemClock};
use dcs_wait::hooks::{
    Hook, HookError, HookKind, HookSpec, Message, Payload, Receipt, Tools, make,
};
use dcs_wait::model::{DeliveryId, End, Fault, Job, JobStatus, Outcome, Progress, Watch};
use tokio::sync::mpsc;

pub(super) const JOB_ID: &str = "ff8080818822bbf70188235afc24141a";
pub(super) const WATCH_ID: &str = "01936c2f-5e00-7000-8000-000000000000";

/// A message about a job that failed for this reason, from now.
pub(super) fn message(fail_reason: &str) -> Message {
    let now = SystemClock.now();
    let watch = Watch {
        id: WATCH_ID.parse().unwrap(),
        project: "north".parse().unwrap(),
        job_id: JOB_ID.parse().unwrap(),
        hooks: [].into(),
        accepted_at: now - Duration::from_secs(60),
        deadline_at: None,
    };
    let job = Job {
        status: JobStatus::Fail,
        job_type: Some("masterStandbySwapJob".into()),
        begin_time: Some(UNIX_EPOCH + Duration::from_millis(1_684_191_545_379)),
        end_time: Some(UNIX_EPOCH + Duration::from_millis(1_684_191_548_248)),
        fail_reason: Some(fail_reason.into()),
    };
    let progress = Progress {
        polls: 7,
        job: Some(std::sync::Arc::new(job)),
    };
    let end = End {
        outcome: Outcome::Failed,
        fault: Some(Fault::local("no answer within 10s")),
        at: now,
    };
    Message {
        id: DeliveryId::new(now, &mut fastrand::Rng::new()),
        at: now,
        body: Payload::new(&watch, None, &progress, &end).to_body(),
    }
}

pub(super) fn try_hook(
    kind: HookKind,
    variables: &[(&str, &str)],
) -> Result<Arc<dyn Hook>, HookError> {
    let spec = HookSpec {
        name: "notify".parse().unwrap(),
        on: Outcome::ALL.to_vec(),
        by_default: true,
        concurrency: 1,
        kind,
    };
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let tools = Tools {
        exits: mpsc::unbounded_channel().0,
        variables: variables.collect(),
    };
    make(&spec, &tools).map(|configured| configured.hook)
}

pub(super) fn hook(kind: HookKind) -> Arc<dyn Hook> {
    try_hook(kind, &[("PATH", "/usr/bin:/bin")]).unwrap()
}

/// Why a hook can't be made.
pub(super) fn refusal(kind: HookKind) -> String {
    match try_hook(kind, &[("PATH", "/usr/bin:/bin")]) {
        Ok(_) => panic!("it can be made"),
        Err(error) => error.to_string(),
    }
}

/// What the receiver said to a delivery that has arrived.
pub(super) fn delivered(receipt: Receipt) -> String {
    match receipt {
        Receipt::Delivered { answer } => answer,
        other => panic!("{other:?}"),
    }
}

/// What was said to a delivery that hasn't.
pub(super) fn failed(receipt: Receipt) -> String {
    match receipt {
        Receipt::Failed { answer, .. } => answer,
        other => panic!("{other:?}"),
    }
}

/// Writes a file that only its owner may read.
pub(super) fn private(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
