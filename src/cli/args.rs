//! The arguments: a contract with scripts.

mod check;
mod cluster;
mod control;
mod daemon;
mod history;
mod simulate;
mod store;
mod wait;

use clap::{Parser, Subcommand};

pub(super) use check::CheckArgs;
pub(super) use cluster::ClusterArgs;
pub(super) use control::{
    AddArgs, ControlArgs, DeliveryCommand, DeliveryListArgs, DeliveryStateArg, FollowArgs, Form,
    OneDeliveryArgs, OneWatchArgs, ReplayArgs, WatchCommand, WatchListArgs, WatchState,
    WatchesArgs,
};
pub(super) use daemon::DaemonArgs;
pub(super) use history::HistoryArgs;
pub(super) use simulate::SimulateArgs;
pub(super) use store::{MigrateArgs, StoreCommand};
pub(super) use wait::{ConnectArgs, HookArgs, OutputArg, OutputArgs, ScheduleArg, WaitArgs};

/// Waits for Huawei Cloud DCS jobs, says how they ended, and ends with a code that scripts can trust.
#[derive(Debug, Parser)]
#[command(
    name = "dcs-wait",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    after_help = AFTER_HELP,
    override_usage = "dcs-wait [OPTIONS] JOB_ID...\n       dcs-wait daemon [OPTIONS]\n       dcs-wait watch|delivery COMMAND [OPTIONS]\n       dcs-wait store migrate --from URL --to URL\n       dcs-wait history|cluster|credentials|check|simulate|demo [OPTIONS]",
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
  dcs-wait JOB_ID --webhook https://ci.example.com/done --webhook-secret-file secret
  dcs-wait watch add JOB_ID --wait

Exit codes:
    0  every job succeeded (with --any: the first to end did)
    1  a job ended in FAIL
    2  usage or configuration: no credentials, no region, a wrong endpoint or certificate
    3  not found
    4  denied: authentication or permission
    5  every job succeeded, and a hook could not be delivered
   70  a fault of this program
  124  the time-out passed first
  130  interrupted (SIGINT); 143 by SIGTERM. The job goes on.
Of several jobs, the first of 1, 3, 4, 124 and 2 that applies.

Credentials come from options, the environment (HUAWEICLOUD_SDK_AK and _SK, CLOUD_SDK_AK and _SK,
HW_ACCESS_KEY and HW_SECRET_KEY), ~/.huaweicloud/credentials, KooCLI, the server's agency, or OIDC.
See which with: dcs-wait credentials

Try it without an account: dcs-wait demo, and dcs-wait demo --daemon";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the service that watches jobs and fires their hooks
    Daemon(DaemonArgs),
    /// Have jobs watched by the daemon, and see what becomes of them
    #[command(subcommand)]
    Watch(WatchCommand),
    /// See what hooks deliver, and have it delivered again
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Show how long jobs took, by their type
    History(HistoryArgs),
    /// Show the daemons that share a store, and how much each of them watches
    Cluster(ClusterArgs),
    /// Show which credential would be used, and why
    Credentials(ConnectArgs),
    /// Say what is wrong with a configuration file, without starting anything
    Check(CheckArgs),
    /// Move what the daemon keeps into another store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Run a simulated DCS job API, to try things out and to test scripts
    Simulate(SimulateArgs),
    /// Watch simulated jobs end; needs no account
    Demo(DemoArgs),
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct DemoArgs {
    /// Show the daemon: two jobs that it watches, and the webhooks that tell of their ends
    #[arg(long)]
    pub(super) daemon: bool,
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
