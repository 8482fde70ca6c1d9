//! `dcs-wait demo --daemon`: a daemon watches two jobs of a simulated service, and a receiver gets
//! the webhooks that tell of their ends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::sleep;

use super::child::{Folder, Process};
use super::receiver::{Arrived, Receiver};
use super::{JOBS, id};
use crate::cli::control::{Daemon, Events};
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::signals::Interrupts;
use crate::daemon::http::shapes::{AcceptedShape, EventShape, NewWatch};
use crate::model::{Exit, Outcome};
use crate::report::sanitize_message;
use crate::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, ScriptedJob, SimOptions, Simulator, Step};

/// How long both webhooks may take.
const PATIENCE: Duration = Duration::from_secs(20);

const INTRODUCTION: &str = "\
A daemon, a simulated DCS API that it polls, and a receiver for its webhooks.
All of it is on this machine, and gone when this ends.
";

const WHAT_NEXT: &str = "
With jobs of your own: config/dcs-wait.toml shows every key of the daemon's
configuration, and systemd/dcs-wait.service runs it.
  dcs-wait check            # what is wrong with the configuration, if anything
  systemctl start dcs-wait
  dcs-wait watch add JOB_ID --wait";

pub(super) async fn run(mut interrupts: Interrupts) -> Result<Exit, CliError> {
    let folder = Folder::make().map_err(CliError::internal)?;
    let simulator = Simulator::start(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SimOptions {
            jobs: scripts()?,
            ..SimOptions::default()
        },
    )
    .await
    .map_err(CliError::internal)?;
    let mut key = [0; 32];
    fastrand::fill(&mut key);
    let receiver = Receiver::start(key.to_vec())
        .await
        .map_err(CliError::internal)?;
    furnish(&folder, &key, &simulator, &receiver).map_err(CliError::internal)?;
    let variables = [
        ("HUAWEICLOUD_SDK_AK", ACCESS_KEY),
        ("HUAWEICLOUD_SDK_SK", SECRET_KEY),
    ];
    let mut process =
        Process::start(&folder, "demo.toml", &variables).map_err(CliError::internal)?;
    output::warn_lines(INTRODUCTION);
    let told = tokio::select! {
        told = tell(&folder, &mut process, receiver) => told,
        exit = interrupts.next() => Err(CliError::new(
            exit,
            "interrupted; the daemon and the simulated jobs end with the demo",
        )),
    };
    process.end().await;
    simulator.stop().await;
    told?;
    say("daemon", "has ended, as it was told to");
    output::warn_lines(WHAT_NEXT);
    Ok(Exit::Success)
}

fn scripts() -> Result<Vec<ScriptedJob>, CliError> {
    let [switchover, resize, _] = JOBS;
    let running = |seconds| Step::running().lasting(Duration::from_secs(seconds));
    Ok(vec![
        ScriptedJob::new(id(switchover)?.into(), "masterStandbySwapJob")
            .then(running(2))
            .then(Step::success()),
        ScriptedJob::new(id(resize)?.into(), "extendDCSInstance")
            .then(running(4))
            .then(Step::fail(
                "Insufficient resources in the availability zone.",
            )),
    ])
}

/// Writes what the daemon reads: its configuration, and the secret to sign with.
fn furnish(
    folder: &Folder,
    key: &[u8],
    simulator: &Simulator,
    receiver: &Receiver,
) -> io::Result<()> {
    folder.write("secret", &format!("whsec_{}\n", STANDARD.encode(key)))?;
    let (endpoint, url) = (simulator.url(), receiver.url());
    folder.write(
        "demo.toml",
        &format!(
            r#"[daemon]
log = "stderr"

[[project]]
name = "demo"
endpoint = "{endpoint}"
project_id = "{PROJECT_ID}"

[poll]
max_interval = "1s"

[store]
path = "watches.db"

[http]
socket = "control.sock"

[[hook]]
name = "receiver"
type = "webhook"
url = "{url}"
secrets = ["secret"]
"#
        ),
    )
}

/// Adds the jobs, and tells what becomes of them until both webhooks have arrived.
async fn tell(
    folder: &Folder,
    process: &mut Process,
    mut receiver: Receiver,
) -> Result<(), CliError> {
    let daemon = Daemon::at(folder.path().join("control.sock"))?;
    process.ready(&daemon).await?;
    let process_id = process.id().unwrap_or_default();
    say(
        "daemon",
        &format!("is ready: process {process_id}, with a store and a socket of its own"),
    );
    let mut events = Some(daemon.events(&[]).await?);
    let [switchover, resize, _] = JOBS;
    for (job, what) in [(switchover, "a switchover"), (resize, "a resize")] {
        let new = NewWatch {
            job_id: job.to_owned(),
            ..NewWatch::default()
        };
        let _accepted: AcceptedShape = daemon.post_body("v1/watches", &new).await?;
        say("add", &format!("{job}, {what}: accepted and stored"));
    }
    let mut late = Box::pin(sleep(PATIENCE));
    let mut arrived = 0;
    while arrived < 2 {
        tokio::select! {
            biased;
            event = next(&mut events) => match event {
                Some(event) => tell_of(&event),
                None => events = None,
            },
            webhook = receiver.next() => {
                tell_of_webhook(webhook)?;
                arrived += 1;
            }
            () = &mut late => {
                return Err(CliError::internal("the demo went wrong: its webhooks didn't arrive"));
            }
        }
    }
    Ok(())
}

/// The next event that this version knows, while there is a stream.
async fn next(events: &mut Option<Events>) -> Option<EventShape> {
    let Some(events) = events else {
        return std::future::pending().await;
    };
    loop {
        let item = events.next().await?;
        if let Ok(event) = serde_json::from_str(&item.data) {
            return Some(event);
        }
    }
}

fn tell_of(event: &EventShape) {
    match event {
        EventShape::Polled {
            about,
            status,
            changed: true,
            ..
        } => say("daemon", &format!("{}: {status}", about.job_id)),
        EventShape::Ended { about, result } => {
            let outcome = Outcome::from(result.outcome).as_str();
            let text = format!("{}: {outcome}, and stored so", about.job_id);
            say("daemon", &text);
        }
        _ => {}
    }
}

fn tell_of_webhook(webhook: Option<Arrived>) -> Result<(), CliError> {
    let webhook = webhook.ok_or_else(|| CliError::internal("the demo's receiver failed"))?;
    if !webhook.is_genuine {
        return Err(CliError::internal(
            "the demo went wrong: a webhook's signature isn't right",
        ));
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let (kind, data) = (text(&webhook.body["type"]), &webhook.body["data"]);
    say("webhook", &format!("{kind}, signed with the right secret"));
    say("", &format!("webhook-id {}", webhook.id));
    if let Some(reason) = data["fail_reason"].as_str() {
        say("", &format!("\"{reason}\""));
    }
    Ok(())
}

fn say(who: &str, what: &str) {
    output::warn(&format!("{who:<9}{}", sanitize_message(what)));
}
