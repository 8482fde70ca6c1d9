//! The arguments of the commands that talk to the daemon.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::wait::OutputArgs;
use crate::cli::values::{Timeout, parse_length, parse_outcome, parse_timeout};
use crate::model::{DeliveryId, HookName, JobId, Outcome, ProjectName};

/// How the daemon is reached.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Daemon")]
pub(in crate::cli) struct ControlArgs {
    /// The daemon's Unix socket [env: DCS_WAIT_SOCKET] [default: /run/dcs-wait/control.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    pub(in crate::cli) socket: Option<PathBuf>,
    /// The daemon's address, where it listens on TCP, such as http://127.0.0.1:9180 [env: DCS_WAIT_URL]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) url: Option<String>,
    /// File with the token that the daemon asks for on TCP [env: DCS_WAIT_TOKEN_FILE]
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    pub(in crate::cli) token_file: Option<PathBuf>,
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct FormArgs {
    /// text, or json: one object a line
    #[arg(
        long = "output",
        value_name = "FORM",
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(in crate::cli) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    Text,
    Json,
}

const WATCH_HELP: &str = "\
Where a watch is named, its job's ID will do: the newest watch for that job is
taken. The daemon is asked on its Unix socket, which its group may use.

Examples:
  dcs-wait watch add JOB_ID --hook deploy
  dcs-wait watch add JOB_ID --wait && echo done
  dcs-wait watch list --state active
  dcs-wait watch show JOB_ID

Exit codes:
    0  done
    2  usage, no daemon, or what the daemon won't do
    3  no such watch
    4  the daemon refuses the token
   75  the daemon can't use its store at the moment: try again
With 'add --wait' besides: those of dcs-wait JOB_ID.";

#[derive(Debug, Subcommand)]
#[command(after_help = WATCH_HELP)]
pub(in crate::cli) enum WatchCommand {
    /// Hand jobs to the daemon, which waits for them whatever becomes of this command
    Add(AddArgs),
    /// List watches, the newest first
    List(WatchListArgs),
    /// Show all that is known of a watch
    Show(OneWatchArgs),
    /// Wait for a job no longer; the job itself goes on
    Cancel(WatchesArgs),
    /// Ask for a job now instead of when it is due
    Poll(WatchesArgs),
    /// Tell what happens, as it happens
    Follow(FollowArgs),
}

const ADD_HELP: &str = "\
A job that is watched already is joined, and has the hooks of both from then on.
Prints the watch's ID, the job's ID and 'added' or 'joined' for each; with --wait
the results that dcs-wait JOB_ID prints, ending with its exit codes. Hooks are the
daemon's to deliver, and change none of them. 130 besides, where somebody else
cancels a watch.

Examples:
  dcs-wait watch add JOB_ID JOB_ID --hook deploy --timeout 2h
  hcloud DCS ... | dcs-wait watch add - --wait --fail-fast";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = ADD_HELP)]
pub(in crate::cli) struct AddArgs {
    /// Jobs to watch; '-' reads them from standard input, as dcs-wait does
    #[arg(value_name = "JOB_ID", required = true)]
    pub(in crate::cli) jobs: Vec<String>,
    /// Project of the configuration that the jobs belong to; the only one, where there is one
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) project: Option<ProjectName>,
    /// Hook of the configuration to fire, instead of the default ones; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) hook: Vec<HookName>,
    /// Fire no hook, not even the default ones
    #[arg(long, conflicts_with = "hook")]
    pub(in crate::cli) no_hooks: bool,
    /// Watch at most this long, such as 90s, 10m or 2h, or 'none' [default: the configuration's]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, allow_hyphen_values = true)]
    pub(in crate::cli) timeout: Option<Timeout>,
    /// Wait until the jobs have ended, and end with the code that they call for
    #[arg(long, help_heading = "Waiting")]
    pub(in crate::cli) wait: bool,
    /// Wait only until one job has ended, however
    #[arg(
        long,
        requires = "wait",
        conflicts_with = "fail_fast",
        help_heading = "Waiting"
    )]
    pub(in crate::cli) any: bool,
    /// Wait only until one job has ended otherwise than well
    #[arg(long, requires = "wait", help_heading = "Waiting")]
    pub(in crate::cli) fail_fast: bool,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

const LIST_HELP: &str = "\
On a terminal this is a table. Elsewhere it is a line a watch, with tabs between
the watch's ID, the job's ID, the project, the outcome or 'active', the job's last
status, when the watch was accepted and when it ended; '-' for what there isn't.

Examples:
  dcs-wait watch list --state ended --outcome failed
  dcs-wait watch list --output json | jq -r .id";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = LIST_HELP)]
pub(in crate::cli) struct WatchListArgs {
    /// Only those that go on, or only those that have ended
    #[arg(long, value_enum)]
    pub(in crate::cli) state: Option<WatchState>,
    /// Only those that ended so: succeeded, failed, not_found, denied, timed_out, rejected, cancelled
    #[arg(long, value_name = "OUTCOME", value_parser = parse_outcome)]
    pub(in crate::cli) outcome: Option<Outcome>,
    /// Only those in this project
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) project: Option<ProjectName>,
    /// Only those for this job
    #[arg(long, value_name = "JOB_ID")]
    pub(in crate::cli) job: Option<JobId>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = parse_length)]
    pub(in crate::cli) limit: usize,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum WatchState {
    Active,
    Ended,
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct OneWatchArgs {
    /// The watch, or its job
    #[arg(value_name = "ID|JOB_ID")]
    pub(in crate::cli) watch: String,
    /// Project that the job belongs to, where a job is named that several projects have
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) project: Option<ProjectName>,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct WatchesArgs {
    /// The watches, or their jobs
    #[arg(value_name = "ID|JOB_ID", required = true)]
    pub(in crate::cli) watches: Vec<String>,
    /// Project that the jobs belong to, where a job is named that several projects have
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) project: Option<ProjectName>,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

const FOLLOW_HELP: &str = "\
Goes on until Ctrl+C, over restarts of the daemon as well; with a watch named,
until that has ended. Where several daemons share a store, everything is told of
the watches that the asked one polls, and of the others only how they end.

Examples:
  dcs-wait watch follow
  dcs-wait watch follow JOB_ID --output json | jq .";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = FOLLOW_HELP)]
pub(in crate::cli) struct FollowArgs {
    /// Only this watch, or this job's
    #[arg(value_name = "ID|JOB_ID")]
    pub(in crate::cli) watch: Option<String>,
    /// Project that the job belongs to, where a job is named that several projects have
    #[arg(long, value_name = "NAME", requires = "watch")]
    pub(in crate::cli) project: Option<ProjectName>,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

const DELIVERY_HELP: &str = "\
A delivery is what one hook owes for one watch that has ended. It is tried again
for more than a day; then it is dead, and stays until it is replayed.

Examples:
  dcs-wait delivery list --state dead
  dcs-wait delivery show ID
  dcs-wait delivery replay --dead --hook deploy

Exit codes:
    0  done
    2  usage, no daemon, or what the daemon won't do
    3  no such delivery
    4  the daemon refuses the token
   75  the daemon can't use its store at the moment: try again";

#[derive(Debug, Subcommand)]
#[command(after_help = DELIVERY_HELP)]
pub(in crate::cli) enum DeliveryCommand {
    /// List deliveries, the newest first
    List(DeliveryListArgs),
    /// Show a delivery with its attempts and its body
    Show(OneDeliveryArgs),
    /// Carry deliveries out again, under the same IDs
    Replay(ReplayArgs),
}

const DELIVERY_LIST_HELP: &str = "\
On a terminal this is a table. Elsewhere it is a line a delivery, with tabs between
its ID, the watch's ID, the hook, the state, the number of attempts, when it came to
be and when it is tried next; '-' for what there isn't.";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = DELIVERY_LIST_HELP)]
pub(in crate::cli) struct DeliveryListArgs {
    /// Only those that stand so
    #[arg(long, value_enum)]
    pub(in crate::cli) state: Option<DeliveryStateArg>,
    /// Only those by this hook
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) hook: Option<HookName>,
    /// Only those for this watch, or this job's
    #[arg(long, value_name = "ID|JOB_ID")]
    pub(in crate::cli) watch: Option<String>,
    /// Project that the job belongs to, where a job is named that several projects have
    #[arg(long, value_name = "NAME", requires = "watch")]
    pub(in crate::cli) project: Option<ProjectName>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = parse_length)]
    pub(in crate::cli) limit: usize,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DeliveryStateArg {
    Pending,
    Delivered,
    Dead,
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct OneDeliveryArgs {
    /// The delivery
    #[arg(value_name = "ID")]
    pub(in crate::cli) id: DeliveryId,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct ReplayArgs {
    /// The deliveries
    #[arg(
        value_name = "ID",
        required_unless_present = "dead",
        conflicts_with = "dead"
    )]
    pub(in crate::cli) ids: Vec<DeliveryId>,
    /// All that are dead
    #[arg(long)]
    pub(in crate::cli) dead: bool,
    /// Of the dead ones, only those by this hook
    #[arg(long, value_name = "NAME", requires = "dead")]
    pub(in crate::cli) hook: Option<HookName>,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}
