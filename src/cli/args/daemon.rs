//! The arguments of `dcs-wait daemon`.

use std::path::PathBuf;

const AFTER_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  polls no more, ends the deliveries that are under way, stores everything, and
                   ends; a second one ends at once
  SIGHUP           reads the configuration file anew; a file with an error changes nothing

Exit codes:
    0  ended after it was asked to
    2  the configuration, the store or the socket can't be used
   70  a fault of this program
   75  the store can't be used now, and may be later: start it again
  130  ended at once by a second SIGINT; 143 by a second SIGTERM
An exit hook ends it with the code that it has for the outcome.";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct DaemonArgs {
    /// The configuration file [env: DCS_WAIT_CONFIG] [default: /etc/dcs-wait/dcs-wait.toml]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}
