//! The arguments of `dcs-wait history`.

use super::control::{ControlArgs, FormArgs};

const AFTER_HELP: &str = "\
Every dcs-wait JOB_ID notes how long the jobs took that it saw end, in
$XDG_STATE_HOME/dcs-wait/history.json (~/.local/state, where that isn't set); not
with --no-history. A daemon keeps its own, in its store.

For each type: how many jobs are known, 64 at most; what half of them didn't exceed,
and nine of ten; and how often each duration was, from the shortest to the longest
on a logarithmic scale.

Examples:
  dcs-wait history
  dcs-wait history --daemon --output json | jq .

Exit codes:
    0  done
    2  usage, a history that can't be read, no daemon
    4  the daemon refuses the token";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct HistoryArgs {
    /// What the daemon knows, instead of your own history; the options below mean that, too
    #[arg(long)]
    pub(in crate::cli) daemon: bool,
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}
