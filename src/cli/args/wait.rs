//! The arguments of the wait itself: where the service is, how to wait, whom to tell.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::values::{
    Timeout, parse_code, parse_duration, parse_number, parse_outcome, parse_rate, parse_timeout,
};
use crate::model::Outcome;

/// Where the service is, and who asks.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct ConnectArgs {
    /// Region, such as cn-north-4 [env: DCS_WAIT_REGION, HW_REGION_NAME]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) region: Option<String>,
    /// DCS endpoint, instead of the region's public one [env: DCS_WAIT_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) endpoint: Option<String>,
    /// Project ID; looked up at IAM if not given [env: DCS_WAIT_PROJECT_ID, HUAWEICLOUD_SDK_PROJECT_ID, HW_PROJECT_ID]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) project_id: Option<String>,
    /// File with the access key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ak_file: Option<PathBuf>,
    /// File with the secret key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) sk_file: Option<PathBuf>,
    /// File with the security token of a temporary access key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) security_token_file: Option<PathBuf>,
    /// File with an IAM token, instead of an access key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) auth_token_file: Option<PathBuf>,
    /// PEM file with the certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct WaitArgs {
    /// Jobs to wait for; '-' reads them from standard input: an ID a line, or JSON with job_id
    /// members
    #[arg(value_name = "JOB_ID")]
    pub(in crate::cli) jobs: Vec<String>,

    #[command(flatten)]
    pub(in crate::cli) connect: ConnectArgs,

    /// Wait at most this long, such as 90s, 10m or 2h, or 'none' for no limit [env: DCS_WAIT_TIMEOUT] [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, allow_hyphen_values = true, help_heading = "Waiting")]
    pub(in crate::cli) timeout: Option<Timeout>,
    /// End as soon as one job has ended, however
    #[arg(long, conflicts_with = "fail_fast", help_heading = "Waiting")]
    pub(in crate::cli) any: bool,
    /// End as soon as one job has ended otherwise than well
    #[arg(long, help_heading = "Waiting")]
    pub(in crate::cli) fail_fast: bool,
    /// How long a job may stay unknown to the service before it counts as not found
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Waiting")]
    pub(in crate::cli) not_found_grace: Duration,

    /// When to ask: 'learned', as jobs of the type usually end, or 'exponential', at intervals that
    /// grow [default: learned; with --initial-interval, --max-interval, --multiplier or --jitter:
    /// exponential]
    #[arg(
        long,
        value_name = "NAME",
        value_enum,
        hide_possible_values = true,
        help_heading = "Polling"
    )]
    pub(in crate::cli) schedule: Option<ScheduleArg>,
    /// How much later the learned schedule may notice the end to save a request, 10ms to 1h
    /// [default: 500ms]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) delay_per_request: Option<Duration>,
    /// First interval of the exponential schedule, and after errors of either, 10ms to 24h
    /// [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) initial_interval: Option<Duration>,
    /// Longest such interval, up to 24h [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) max_interval: Option<Duration>,
    /// What such intervals grow by, 1 to 100 [default: 1.5]
    #[arg(long, value_name = "FACTOR", value_parser = parse_number, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) multiplier: Option<f64>,
    /// Share of such an interval that is left to chance, 0 to 1 [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = parse_number, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) jitter: Option<f64>,
    /// Longest time for one request and its answer
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) request_timeout: Duration,
    /// Most requests per second, for all jobs together
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = parse_rate, allow_hyphen_values = true, help_heading = "Polling")]
    pub(in crate::cli) max_rps: f64,
    /// Neither know nor keep how long jobs took; see dcs-wait history
    #[arg(long, help_heading = "Polling")]
    pub(in crate::cli) no_history: bool,
    /// Error codes of HTTP 400 that mean that there is no such job
    #[arg(
        long,
        value_name = "CODES",
        value_delimiter = ',',
        value_parser = parse_code,
        allow_hyphen_values = true,
        default_value = "DCS.4133,DCS.4031,DCS.4232,DCS.4941,DCS.4942,DCS.4988",
        help_heading = "Polling"
    )]
    pub(in crate::cli) not_found_codes: Vec<String>,

    #[command(flatten)]
    pub(in crate::cli) hooks: HookArgs,

    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

impl WaitArgs {
    /// An option that is given and is of the exponential schedule.
    pub(in crate::cli) fn exponential_option(&self) -> Option<&'static str> {
        [
            (self.initial_interval.is_some(), "--initial-interval"),
            (self.max_interval.is_some(), "--max-interval"),
            (self.multiplier.is_some(), "--multiplier"),
            (self.jitter.is_some(), "--jitter"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ScheduleArg {
    Learned,
    Exponential,
}

/// Whom to tell that a job has ended.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Hooks")]
pub(in crate::cli) struct HookArgs {
    /// Send the end of each job to this URL, as the Standard Webhooks convention has it; may be
    /// given several times
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) webhook: Vec<String>,
    /// File with the secret to sign webhooks with (whsec_...); a second one while it is replaced
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(in crate::cli) webhook_secret_file: Vec<PathBuf>,
    /// Write the end of a job to this file, as JSON, replacing it as a whole; {job_id} and {outcome}
    /// in its name are filled in; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) write: Vec<PathBuf>,
    /// Run this program for each job that has ended, with JSON on its standard input and DCS_*
    /// variables; split into words, never given to a shell; may be given several times
    #[arg(long, value_name = "PROGRAM ARG...", allow_hyphen_values = true)]
    pub(in crate::cli) exec: Vec<String>,
    /// Outcomes that the hooks are for [default: all but cancelled]
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',', value_parser = parse_outcome)]
    pub(in crate::cli) hook_on: Vec<Outcome>,
    /// How long all hooks together may take after the last job has ended, retries included [default:
    /// 1min]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(in crate::cli) hook_timeout: Option<Duration>,
}

/// How things are told.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputArgs {
    /// text, json (one object a line) or github (groups, annotations, step summary); by default as
    /// fits the terminal, the log or GitHub Actions
    #[arg(long, value_name = "FORM", value_enum, hide_possible_values = true)]
    pub(in crate::cli) output: Option<OutputArg>,
    /// Show no progress, only results and errors
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Log what is asked and answered, to standard error
    #[arg(short, long, conflicts_with = "quiet")]
    pub(in crate::cli) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OutputArg {
    Text,
    Json,
    Github,
}
