//! The arguments: a contract with scripts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::sim::{ClockOffset, RateLimit};

use super::values::{Timeout, parse_code, parse_duration, parse_number, parse_rate, parse_timeout};

/// Waits for Huawei Cloud DCS jobs, says how they ended, and ends with a code that scripts can trust.
#[derive(Debug, Parser)]
#[command(
    name = "dcs-wait",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    after_help = AFTER_HELP,
    override_usage = "dcs-wait [OPTIONS] JOB_ID...\n       dcs-wait credentials|simulate|demo [OPTIONS]",
    max_term_width = 100,
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

const AFTER_HELP: &str = "\
Examples:
  dcs-wait ff8080818822bbf70188235afc24141a --region cn-north-4 --timeout 10m
  hcloud DCS ... | dcs-wait -
  dcs-wait --output json JOB_ID JOB_ID | jq -r .outcome

Exit codes:
    0  every job succeeded (with --any: the first to end did)
    1  a job ended in FAIL
    2  usage or configuration: no credentials, no region, a wrong endpoint or certificate
    3  not found
    4  denied: authentication or permission
   70  a fault of this program
  124  the time-out passed first
  130  interrupted (SIGINT); 143 by SIGTERM. The job goes on.
Of several jobs, the first of 1, 3, 4, 124 and 2 that applies.

Credentials come from options, the environment (HUAWEICLOUD_SDK_AK and _SK, CLOUD_SDK_AK and _SK,
HW_ACCESS_KEY and HW_SECRET_KEY), ~/.huaweicloud/credentials, KooCLI, the server's agency, or OIDC.
See which with: dcs-wait credentials

Try it without an account: dcs-wait demo";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show which credential would be used, and why
    Credentials(ConnectArgs),
    /// Run a simulated DCS job API, to try things out and to test scripts
    Simulate(SimulateArgs),
    /// Watch three simulated jobs end; needs no account
    Demo,
}

/// Where the service is, and who asks.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectArgs {
    /// Region, such as cn-north-4 [env: DCS_WAIT_REGION, HW_REGION_NAME]
    #[arg(long, value_name = "NAME")]
    pub(super) region: Option<String>,
    /// DCS endpoint, instead of the region's public one [env: DCS_WAIT_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// Project ID; looked up at IAM if not given [env: DCS_WAIT_PROJECT_ID, HUAWEICLOUD_SDK_PROJECT_ID, HW_PROJECT_ID]
    #[arg(long, value_name = "ID")]
    pub(super) project_id: Option<String>,
    /// File with the access key
    #[arg(long, value_name = "FILE")]
    pub(super) ak_file: Option<PathBuf>,
    /// File with the secret key
    #[arg(long, value_name = "FILE")]
    pub(super) sk_file: Option<PathBuf>,
    /// File with the security token of a temporary access key
    #[arg(long, value_name = "FILE")]
    pub(super) security_token_file: Option<PathBuf>,
    /// File with an IAM token, instead of an access key
    #[arg(long, value_name = "FILE")]
    pub(super) auth_token_file: Option<PathBuf>,
    /// PEM file with the certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct WaitArgs {
    /// Jobs to wait for; '-' reads them from standard input: an ID a line, or JSON with job_id
    /// members
    #[arg(value_name = "JOB_ID")]
    pub(super) jobs: Vec<String>,

    #[command(flatten)]
    pub(super) connect: ConnectArgs,

    /// Wait at most this long, such as 90s, 10m or 2h, or 'none' for no limit [env: DCS_WAIT_TIMEOUT] [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, allow_hyphen_values = true, help_heading = "Waiting")]
    pub(super) timeout: Option<Timeout>,
    /// End as soon as one job has ended, however
    #[arg(long, conflicts_with = "fail_fast", help_heading = "Waiting")]
    pub(super) any: bool,
    /// End as soon as one job has ended otherwise than well
    #[arg(long, help_heading = "Waiting")]
    pub(super) fail_fast: bool,
    /// How long a job may stay unknown to the service before it counts as not found
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Waiting")]
    pub(super) not_found_grace: Duration,

    /// Time between the first and the second request for a job
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(super) initial_interval: Duration,
    /// Longest time between two requests for a job
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(super) max_interval: Duration,
    /// What the time between requests grows by
    #[arg(
        long,
        value_name = "FACTOR",
        default_value = "1.5",
        value_parser = parse_number,
        allow_hyphen_values = true,
        help_heading = "Polling"
    )]
    pub(super) multiplier: f64,
    /// Share of the time between requests that is left to chance, 0 to 1
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0.2",
        value_parser = parse_number,
        allow_hyphen_values = true,
        help_heading = "Polling"
    )]
    pub(super) jitter: f64,
    /// Longest time for one request and its answer
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Polling")]
    pub(super) request_timeout: Duration,
    /// Most requests per second, for all jobs together
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = parse_rate, allow_hyphen_values = true, help_heading = "Polling")]
    pub(super) max_rps: f64,
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
    pub(super) not_found_codes: Vec<String>,

    /// text, json (one object a line) or github (groups, annotations, step summary); by default as
    /// fits the terminal, the log or GitHub Actions
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub(super) output: Option<OutputArg>,
    /// Show no progress, only results and errors
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
    /// Log what is asked and answered, to standard error
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Output")]
    pub(super) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputArg {
    Text,
    Json,
    Github,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct SimulateArgs {
    /// Address to listen on; port 0 takes a free one. The URL is the first line of the output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// JSON file with the jobs and what they do; see the README
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// File with the access key to accept, instead of the built-in one
    #[arg(long, value_name = "FILE", requires = "sk_file")]
    pub(super) ak_file: Option<PathBuf>,
    /// File with the secret key to accept, instead of the built-in one
    #[arg(long, value_name = "FILE", requires = "ak_file")]
    pub(super) sk_file: Option<PathBuf>,
    /// File with the security token that has to come with the key, as with a temporary one
    #[arg(long, value_name = "FILE")]
    pub(super) security_token_file: Option<PathBuf>,
    /// File with an IAM token to accept as well
    #[arg(long, value_name = "FILE")]
    pub(super) auth_token_file: Option<PathBuf>,
    /// Project that the jobs belong to, instead of the built-in one
    #[arg(long, value_name = "ID")]
    pub(super) project_id: Option<String>,
    /// Time that every answer takes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(super) latency: Duration,
    /// How far the service's clock is ahead of this machine's, such as 20m, or behind it, -20m
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        allow_hyphen_values = true
    )]
    pub(super) clock_offset: ClockOffset,
    /// Throttle to a number of requests in a time, such as 200/5m
    #[arg(long, value_name = "NUMBER/TIME")]
    pub(super) rate_limit: Option<RateLimit>,
    /// PEM file with the certificate to serve TLS with
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
