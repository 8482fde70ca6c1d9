//! `dcs-wait simulate`: the simulated API on a real socket, until it is stopped.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use super::args::SimulateArgs;
use super::error::CliError;
use super::output;
use super::signals::Interrupts;
use crate::decode::without_bom;
use crate::model::Exit;
use crate::secret::{ExposeSecret, read_secret_file};
use crate::sim::{
    ACCESS_KEY, PLAYGROUND, PROJECT_ID, SECRET_KEY, ScriptedJob, SimOptions, Simulator, TlsFiles,
    script,
};

pub(super) async fn run(args: SimulateArgs, mut interrupts: Interrupts) -> Result<Exit, CliError> {
    let options = options(&args)?;
    let jobs: Vec<String> = options.jobs.iter().map(|job| job.id.to_string()).collect();
    let simulator = Simulator::start(args.listen, options)
        .await
        .map_err(|error| CliError::usage(with_cause(&error)))?;
    output::print(&simulator.url()).await;
    if io::stderr().is_terminal() {
        output::warn_lines(&invitation(&args, &simulator.url(), &jobs));
    }
    // Being stopped is how a server ends well.
    interrupts.next().await;
    simulator.stop().await;
    Ok(Exit::Success)
}

fn options(args: &SimulateArgs) -> Result<SimOptions, CliError> {
    let secret = |path: &Path| read_secret_file(path).map_err(CliError::usage);
    let default = SimOptions::default();
    Ok(SimOptions {
        access_key: match &args.ak_file {
            Some(path) => secret(path)?.expose_secret().to_owned(),
            None => default.access_key,
        },
        secret_key: match &args.sk_file {
            Some(path) => secret(path)?,
            None => default.secret_key,
        },
        security_token: args
            .security_token_file
            .as_deref()
            .map(secret)
            .transpose()?,
        auth_token: args.auth_token_file.as_deref().map(secret).transpose()?,
        project_id: match &args.project_id {
            Some(id) => id
                .parse()
                .map_err(|why| CliError::usage(format!("--project-id is no project ID: {why}")))?,
            None => default.project_id,
        },
        latency: args.latency,
        clock_offset: args.clock_offset,
        rate_limit: args.rate_limit,
        // Nobody can ask for them here.
        remembered: 0,
        tls: match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => None,
        },
        jobs: match &args.script {
            Some(path) => read_script(path)?,
            None => Vec::new(),
        },
        ..default
    })
}

fn read_script(path: &Path) -> Result<Vec<ScriptedJob>, CliError> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("can't read the script {shown}: {error}")))?;
    script::parse(without_bom(&text)).map_err(|error| CliError::usage(format!("{shown}: {error}")))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What to type next, in another terminal.
fn invitation(args: &SimulateArgs, url: &str, scripted: &[String]) -> String {
    let keys = match (&args.ak_file, &args.sk_file) {
        (Some(ak), Some(sk)) => format!("--ak-file {} --sk-file {} ", ak.display(), sk.display()),
        _ => String::new(),
    };
    let exports = if keys.is_empty() {
        format!(
            "  export HUAWEICLOUD_SDK_AK={ACCESS_KEY}\n  export HUAWEICLOUD_SDK_SK={SECRET_KEY}\n"
        )
    } else {
        String::new()
    };
    let trust = match &args.tls_cert {
        Some(path) => format!("--ca-file {} ", path.display()),
        None => String::new(),
    };
    let project = args.project_id.as_deref().unwrap_or(PROJECT_ID);
    let one = scripted.iter().find(|id| !id.ends_with('*'));
    let job = one.map_or("job-succeeds", String::as_str);
    let mut jobs: Vec<String> = scripted
        .iter()
        .map(|id| format!("  {id:<16} as the script says"))
        .collect();
    jobs.extend(
        PLAYGROUND
            .iter()
            .filter(|known| !scripted.iter().any(|id| id == known.id))
            .map(|known| format!("  {:<16} {}", known.id, known.description)),
    );
    format!(
        "This is a simulated DCS API. In another terminal:\n{exports}  export DCS_WAIT_ENDPOINT={url}\n  export DCS_WAIT_PROJECT_ID={project}\n  dcs-wait {keys}{trust}{job}\nIt knows these jobs:\n{}\nCtrl+C stops it.",
        jobs.join("\n")
    )
}
