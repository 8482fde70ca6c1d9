//! The arguments of the simulator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::values::parse_duration;
use crate::sim::{ClockOffset, RateLimit};

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct SimulateArgs {
    /// Address to listen on; port 0 takes a free one. The URL is the first line of the output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(in crate::cli) listen: SocketAddr,
    /// JSON file with the jobs and what they do; see the README
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) script: Option<PathBuf>,
    /// File with the access key to accept, instead of the built-in one
    #[arg(long, value_name = "FILE", requires = "sk_file")]
    pub(in crate::cli) ak_file: Option<PathBuf>,
    /// File with the secret key to accept, instead of the built-in one
    #[arg(long, value_name = "FILE", requires = "ak_file")]
    pub(in crate::cli) sk_file: Option<PathBuf>,
    /// File with the security token that has to come with the key, as with a temporary one
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) security_token_file: Option<PathBuf>,
    /// File with an IAM token to accept as well
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) auth_token_file: Option<PathBuf>,
    /// Project that the jobs belong to, instead of the built-in one
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) project_id: Option<String>,
    /// Time that every answer takes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(in crate::cli) latency: Duration,
    /// How far the service's clock is ahead of this machine's, such as 20m, or behind it, -20m
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        allow_hyphen_values = true
    )]
    pub(in crate::cli) clock_offset: ClockOffset,
    /// Throttle to a number of requests in a time, such as 200/5m
    #[arg(long, value_name = "NUMBER/TIME")]
    pub(in crate::cli) rate_limit: Option<RateLimit>,
    /// PEM file with the certificate to serve TLS with
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(in crate::cli) tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(in crate::cli) tls_key: Option<PathBuf>,
}
