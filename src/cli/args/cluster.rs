//! The arguments of `dcs-wait cluster`.

use super::control::{ControlArgs, FormArgs};

const AFTER_HELP: &str = "\
Any of the daemons that share a PostgreSQL database can be asked. One that is dead is
shown as long as something is left that it held. A daemon with a SQLite file has it to
itself, and says so.

On a terminal this is a table. Elsewhere it is a line a daemon, with tabs between its
name, its number, 'alive' or 'dead', the watches that it holds, their share of all (0
to 1), the deliveries that it holds, how many milliseconds ago it renewed its lease, its
version, and 'this' for the one that was asked or '-' for another.

Examples:
  dcs-wait cluster
  dcs-wait cluster --output json | jq '.instances[] | select(.state == \"dead\")'

Exit codes:
    0  done
    2  usage, or no daemon
    4  the daemon refuses the token
   75  the daemon can't reach its database at the moment: try again";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct ClusterArgs {
    #[command(flatten)]
    pub(in crate::cli) form: FormArgs,
    #[command(flatten)]
    pub(in crate::cli) control: ControlArgs,
}
