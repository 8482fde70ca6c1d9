//! The arguments of `dcs-wait check`.

use std::path::PathBuf;

use super::control::Form;

const AFTER_HELP: &str = "\
Reads the configuration file, the files with secrets and certificates that it names, and makes its
hooks, as the daemon does when it starts. Nothing is started or written, and without --online
nothing is sent. What the file names is looked at once the file itself is right.
With --online a PostgreSQL database is opened as the daemon does it: its tables are
made where there are none.

Exit codes:
    0  the daemon would start with this file
    2  the file is wrong, or something that it names; or, with --online, a
       project can't be asked for, or the database can't be used
    4  with --online: the service refuses a credential
   75  with --online: only the database can't be reached, and may be later";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct CheckArgs {
    /// Configuration file [env: DCS_WAIT_CONFIG] [default: /etc/dcs-wait/dcs-wait.toml]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Also make a signed request for each project, to see whether its credential works, and open
    /// the database
    #[arg(long)]
    pub(in crate::cli) online: bool,
    /// text, or json: one object
    #[arg(
        long = "output",
        value_name = "FORM",
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(in crate::cli) form: Form,
}
