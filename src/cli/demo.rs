//! `dcs-wait demo`: three jobs of a simulated service, waited for with the real client over a real
//! socket, and told by the real reporters.

mod child;
mod receiver;
mod service;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::args::{Args, DemoArgs, WaitArgs};
use super::error::CliError;
use super::progress::style;
use super::signals::Interrupts;
use super::wait::{Settings, follow, prepare};
use super::{jobs, output};
use crate::environment::Environment;
use crate::model::{Exit, JobId};
use crate::sim::{
    ACCESS_KEY, PROJECT_ID, RateLimit, SECRET_KEY, ScriptedJob, SimOptions, Simulator, Step,
};

/// The demo's jobs: a switchover, a resize that fails, and one that is throttled on the way.
const JOBS: [&str; 3] = [
    "ff8080818822bbf70188235afc24141a",
    "ff8080818822bbf70188236b1e7a1a2b",
    "ff8080818822bbf70188237c40d02c3c",
];

const WHAT_NEXT: &str = "
One job failed, so `dcs-wait` would have ended with exit code 1 here.

Next, with a job of your own:
  export HUAWEICLOUD_SDK_AK=... HUAWEICLOUD_SDK_SK=...
  export DCS_WAIT_REGION=cn-north-4
  dcs-wait credentials      # which credential it finds, and where
  dcs-wait JOB_ID           # the job_id that the operation answered
To play on without an account: dcs-wait simulate, dcs-wait demo --daemon";

pub(super) async fn run(
    args: DemoArgs,
    environment: Arc<dyn Environment>,
    interrupts: Interrupts,
) -> Result<Exit, CliError> {
    if args.daemon {
        service::run(interrupts).await
    } else {
        wait(environment, interrupts).await
    }
}

async fn wait(
    environment: Arc<dyn Environment>,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let simulator = Simulator::start(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SimOptions {
            jobs: scripts()?,
            ..SimOptions::default()
        },
    )
    .await
    .map_err(CliError::internal)?;
    output::warn_lines(&format!(
        "Three jobs of a simulated DCS API at {}:\na switchover, a resize that fails, and a bandwidth change that is throttled.\n",
        simulator.url()
    ));
    let args = arguments(&simulator.url())?;
    let simulated = simulated_environment();
    let settings = Settings::of(&args, simulated.as_ref())?;
    let jobs = jobs::read(&args.jobs).await?;
    let (spec, session) = prepare(&args, &settings, jobs, Instant::now(), &simulated).await?;
    let style = style(&args.output, environment.as_ref());
    let environment = environment.as_ref();
    let (result, interrupted) = follow(&spec, session, &style, environment, &mut interrupts).await;
    simulator.stop().await;
    if let Some(error) = interrupted {
        return Err(CliError::new(
            error.exit,
            "interrupted; the simulated jobs end with the demo",
        ));
    }
    match result.exit(spec.until) {
        Exit::Failed => {
            output::warn_lines(WHAT_NEXT);
            Ok(Exit::Success)
        }
        other => Err(CliError::internal(format!(
            "the demo went wrong: its jobs should have ended with exit code 1, not {}",
            other.code()
        ))),
    }
}

/// The arguments of the command that the demo stands for.
fn arguments(endpoint: &str) -> Result<WaitArgs, CliError> {
    use clap::Parser;
    let options = ["dcs-wait", "--timeout", "1m", "--endpoint", endpoint];
    // Its jobs take seconds, and somebody looks on.
    let schedule = ["--delay-per-request", "50ms"];
    Args::try_parse_from(options.into_iter().chain(schedule).chain(JOBS))
        .map(|args| args.wait)
        .map_err(CliError::internal)
}

/// The credential of the simulator, and nothing of the user's.
fn simulated_environment() -> Arc<dyn Environment> {
    let variables = [
        ("HUAWEICLOUD_SDK_AK", ACCESS_KEY),
        ("HUAWEICLOUD_SDK_SK", SECRET_KEY),
        ("HUAWEICLOUD_SDK_PROJECT_ID", PROJECT_ID),
    ];
    Arc::new(BTreeMap::from(
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())),
    ))
}

fn scripts() -> Result<Vec<ScriptedJob>, CliError> {
    let [switchover, resize, bandwidth] = JOBS;
    let seconds = Duration::from_secs;
    let limit = RateLimit {
        requests: 120,
        per: seconds(60),
    };
    Ok(vec![
        ScriptedJob::new(id(switchover)?.into(), "masterStandbySwapJob")
            .then(Step::init().times(1))
            .then(Step::running().lasting(seconds(2)))
            .then(Step::success()),
        ScriptedJob::new(id(resize)?.into(), "extendDCSInstance")
            .then(Step::running().lasting(seconds(4)))
            .then(Step::fail(
                "Insufficient resources in the availability zone.",
            )),
        ScriptedJob::new(id(bandwidth)?.into(), "modifyBandwidth")
            .then(Step::running().times(2))
            .then(Step::throttled(limit).times(1))
            .then(Step::running().lasting(seconds(2)))
            .then(Step::success()),
    ])
}

fn id(text: &str) -> Result<JobId, CliError> {
    text.parse().map_err(CliError::internal)
}
