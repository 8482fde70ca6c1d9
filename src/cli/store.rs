//! `dcs-wait store migrate`: from SQLite to PostgreSQL, or back.

mod progress;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::args::MigrateArgs;
use super::error::CliError;
use super::output;
use super::signals::Interrupts;
use crate::config::{PostgresConfig, StorePlace, check_url, defaults};
use crate::daemon::{DaemonError, Opened};
use crate::model::Exit;
use crate::report::duration;
use crate::store::{CopyError, Store, StoreError, copy};
use progress::Progress;

/// What this process would be called among the daemons; it never joins them.
const INSTANCE: &str = "store-migrate";

const SAME: &str = "--from and --to are the same store; name two";

pub(super) async fn migrate(
    args: MigrateArgs,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let progress = Progress::shown();
    tokio::select! {
        result = sides(args, &progress) => result,
        exit = interrupts.next() => {
            progress.end();
            Err(CliError::new(exit, progress.cut_short("interrupted")))
        }
    }
}

async fn sides(args: MigrateArgs, progress: &Progress) -> Result<Exit, CliError> {
    if args.from == args.to {
        return Err(CliError::usage(SAME));
    }
    let from = Side::of("--from", &args.from, args.from_password_file)?;
    let to = Side::of("--to", &args.to, args.to_password_file)?;
    from.must_exist()?;
    if from.is_the_file_of(&to) {
        return Err(CliError::usage(SAME));
    }
    let opened = from.open(Opened::open_existing(&from.place)).await?;
    let result = match to.open(Opened::open_to_copy(&to.place)).await {
        Ok(other) => {
            let result = between((&from, opened.store()), (&to, other.store()), progress).await;
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
    progress: &Progress,
) -> Result<Exit, CliError> {
    let began = Instant::now();
    let all = source
        .counts()
        .await
        .map_err(|error| from.trouble(&error))?;
    progress.begin(all.active + all.ended);
    let copied = copy(source.as_ref(), target.as_ref(), &mut |copied| {
        progress.tell(copied);
    })
    .await;
    progress.end();
    let cut_short = |error: CliError| match error.exit {
        Exit::NotNow => CliError::new(error.exit, progress.cut_short(&error.message)),
        _ => error,
    };
    match copied {
        Ok(copied) => {
            output::print(&progress::result(copied, &duration(began.elapsed()))).await;
            Ok(Exit::Success)
        }
        Err(CopyError::From(error)) => Err(cut_short(from.trouble(&error))),
        Err(CopyError::To(error)) => Err(cut_short(to.trouble(&error))),
        Err(error @ CopyError::Other(_)) => Err(CliError::usage(format!("{}: {error}", to.option))),
        Err(CopyError::Same) => Err(CliError::usage(SAME)),
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

    /// Whether they are one SQLite file, by whatever names. Of databases only the copy finds that out.
    fn is_the_file_of(&self, other: &Self) -> bool {
        let (StorePlace::Sqlite(one), StorePlace::Sqlite(another)) = (&self.place, &other.place)
        else {
            return false;
        };
        let file = one.canonicalize();
        file.is_ok_and(|file| another.canonicalize().is_ok_and(|another| file == another))
    }

    /// Opens it, where no daemon uses it. That of a SQLite file holds its lock.
    async fn open(
        &self,
        opening: impl Future<Output = Result<Opened, DaemonError>>,
    ) -> Result<Opened, CliError> {
        let opened = opening.await.map_err(|error| match error {
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
        let text = format!("{}: {}", self.option, self.worded(&error.to_string()));
        CliError::new(exit, text)
    }

    /// What is said of a store in words of a daemon's configuration, in those of this command.
    fn worded(&self, text: &str) -> String {
        let option = self.option;
        let mut text = text
            .replace("[store] url", option)
            .replace("in password_file", &format!("in {option}-password-file"))
            .replace(
                "the user that the daemon runs as",
                "the user that runs this",
            );
        // What is to be copied isn't there any more then.
        if option == "--from" {
            text = text.replace(", or move the file away to begin with an empty store", "");
        }
        text
    }
}
