//! The arguments of `dcs-wait store`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StoreCommand {
    /// Copy everything from one store into another, from SQLite to PostgreSQL or back
    Migrate(MigrateArgs),
}

const MIGRATE_HELP: &str = "\
A store is sqlite:PATH or postgres://USER@HOST:PORT/DATABASE, with sslmode and the like as
the daemon's configuration has them. A password is never part of it.

Everything is copied: watches with their histories, deliveries with their attempts, and how
long jobs took. IDs stay, and so do the times at which something is due. Stop the daemons of
both stores first: a store that is in use is refused. Copy into an empty store. A copy that
was cut short goes on with the same command, and until it is finished no daemon starts on the
store that it goes into, nor can that be copied. A store that holds anything else is refused.
Nothing is removed from the store that is copied; one of an earlier version is brought up to
date, and one that isn't there is not made.

How far it has come is told on standard error: on a terminal all the time, else every 10 s.

Examples:
  dcs-wait store migrate --from sqlite:/var/lib/dcs-wait/dcs-wait.db \\
      --to 'postgres://dcs_wait@db.example.com/dcs_wait?sslmode=verify-full' \\
      --to-password-file /etc/credstore/dcs-wait.store_password
  dcs-wait store migrate --to sqlite:dcs-wait.db \
      --from 'postgres://dcs_wait@localhost/dcs_wait?host=/run/postgresql'

Exit codes:
    0  everything is in the other store
    2  usage; a store that can't be used, that is in use, that isn't there to be copied,
       that holds something else or is the other one
   75  a store can't be reached or written now; the same command goes on with it
  130  interrupted (SIGINT), 143 by SIGTERM; likewise";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = MIGRATE_HELP)]
pub(in crate::cli) struct MigrateArgs {
    /// The store to copy
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) from: String,
    /// File with the password of the database to copy
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from_password_file: Option<PathBuf>,
    /// The store to copy it into
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: String,
    /// File with the password of the database to copy into
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) to_password_file: Option<PathBuf>,
}
