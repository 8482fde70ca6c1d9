//! `dcs-wait store migrate`: from SQLite to PostgreSQL, or back.

mod progress;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::args::MigrateArgs;
use super::error::CliError;
use super::output;
use crate::config::{PostgresConfig, StorePlace, check_url, defaults};
use crate::daemon::{DaemonError, Opened};
use crate::model::Exit;
use crate::report::duration;
use crate::store::{CopyError, Store, StoreError, copy};
use progress::Progress;

/// What this process would be called among the daemons; it never joins them.
const INSTANCE: &str = "store-migrate";

pub(super) async fn migrate(args: MigrateArgs) -> Result<Exit, CliError> {
    if args.from == args.to {
        return Err(CliError::usage(
            "--from and --to are the same store; name two",
        ));
    }
    let from = Side::of("--from", &args.from, args.from_password_file)?;
    let to = Side::of("--to", &args.to, args.to_password_file)?;
    from.must_exist()?;
    let opened = from.open().await?;
    let result = match to.open().await {
        Ok(other) => {
            let result = between((&from, opened.store()), (&to, other.store())).await;
            other.close().await;
            result
        }
        Err(error) => Err(error),
    };
    opened.close().await;
    result
}

async fn between(
    (from, source): (&Side, Arc<dyn Store>),
    (to, target): (&Side, Arc<dyn Store>),
) -> Result<Exit, CliError> {
    let began = Instant::now();
    let all = source
        .counts()
        .await
        .map_err(|error| from.trouble(&error))?;
    let mut progress = Progress::new(all.active + all.ended);
    let copied = copy(source.as_ref(), target.as_ref(), &mut |copied| {
        progress.tell(copied);
    })
    .await;
    drop(progress);
    match copied {
        Ok(copied) => {
            let took = duration(began.elapsed());
            output::print(&format!("copied {} in {took}", progress::amount(copied)));
            Ok(Exit::Success)
        }
        Err(CopyError::From(error)) => Err(from.trouble(&error)),
        Err(CopyError::To(error)) => Err(to.trouble(&error)),
        Err(error @ CopyError::Other(_)) => Err(CliError::usage(error)),
    }
}

/// One of the two stores.
struct Side {
    /// The option that names it.
    option: &'static str,
    place: StorePlace,
}

impl Side {
    fn of(
        option: &'static str,
        url: &str,
        password_file: Option<PathBuf>,
    ) -> Result<Self, CliError> {
        let refused = |why: &dyn Display| CliError::usage(format!("{option}: {why}"));
        let place = if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(refused(&"it names no file; give sqlite:PATH"));
            }
            if password_file.is_some() {
                return Err(CliError::usage(format!(
                    "{option}-password-file: a SQLite file has no password; remove the option"
                )));
            }
            StorePlace::Sqlite(path.into())
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            check_url(url, &format!("{option}-password-file")).map_err(|why| refused(&why))?;
            StorePlace::Postgres(PostgresConfig {
                url: url.to_owned(),
                password_file,
                instance: INSTANCE.to_owned(),
                lease: defaults::LEASE,
            })
        } else {
            return Err(refused(
                &"it names no store; give sqlite:PATH or postgres://USER@HOST/DATABASE",
            ));
        };
        Ok(Self { option, place })
    }

    /// Refuses a file that isn't there, as opening it would make it.
    fn must_exist(&self) -> Result<(), CliError> {
        match &self.place {
            StorePlace::Sqlite(path) if !path.exists() => Err(CliError::usage(format!(
                "{}: there is no file {}; check the path",
                self.option,
                path.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Opens it, where no daemon uses it. That of a SQLite file holds its lock.
    async fn open(&self) -> Result<Opened, CliError> {
        let opened = Opened::open(&self.place)
            .await
            .map_err(|error| match error {
                DaemonError::Store(error) => self.trouble(&error),
                DaemonError::Password(why) => {
                    CliError::usage(format!("{}-password-file: {why}", self.option))
                }
                other => CliError::usage(other),
            })?;
        match self.in_use(&opened).await {
            Ok(()) => Ok(opened),
            Err(error) => {
                opened.close().await;
                Err(error)
            }
        }
    }

    async fn in_use(&self, opened: &Opened) -> Result<(), CliError> {
        let Some(shared) = opened.shared() else {
            return Ok(());
        };
        let instances = shared.instances().await;
        let instances = instances.map_err(|error| self.trouble(&error))?;
        match instances.into_iter().find(|one| !one.is_dead) {
            Some(alive) => Err(CliError::usage(format!(
                "{}: the daemon {} uses the database; stop it first",
                self.option, alive.name
            ))),
            None => Ok(()),
        }
    }

    fn trouble(&self, error: &StoreError) -> CliError {
        let exit = match error {
            StoreError::NotNow { .. } => Exit::NotNow,
            StoreError::Unusable(_) | StoreError::Broken(_) => Exit::Usage,
        };
        CliError::new(exit, format!("{}: {error}", self.option))
    }
}
