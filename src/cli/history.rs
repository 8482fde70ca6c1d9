//! What the command line keeps of how long jobs took: known to a wait before it begins, added to
//! when it ends, and listed by `dcs-wait history`.

mod bars;
mod content;
mod file;
mod list;

use std::path::Path;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::args::WaitArgs;
use super::output;
use crate::clock::{Clock as _, SystemClock};
use crate::environment::Environment;
use crate::model::{Durations, JobType, ProjectId, WatchReport};
use crate::report::{duration, sanitize_message};
use content::{Content, Seen};
use file::{HistoryFile, KeepError};

pub(super) use list::run;

/// How long another process may hold the history.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait until the next look at whether it still does.
const PAUSE: Duration = Duration::from_millis(20);

/// How long its file system may take for one look or change. More is long enough to be noticed,
/// and no reason for a wait to begin late or to end late.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The history of a wait. Nothing about it ever fails the wait.
pub(super) struct History {
    /// `None` where there is none, or none that can be used.
    file: Option<HistoryFile>,
    /// What it held, where that was read.
    content: Content,
    quiet: bool,
}

impl History {
    pub(super) fn of(args: &WaitArgs, environment: &dyn Environment) -> Self {
        let file = HistoryFile::of(environment).filter(|_| !args.no_history);
        Self {
            file,
            content: Content::default(),
            quiet: args.output.quiet,
        }
    }

    /// How long the jobs of a project took before, by their type.
    pub(super) async fn known(&mut self, project: Option<ProjectId>) -> Vec<(JobType, Durations)> {
        let (Some(file), Some(project)) = (self.file.clone(), project) else {
            return Vec::new();
        };
        let path = file.path();
        let why = match answer(move || file.read()).await {
            Ok(Ok(content)) => {
                self.content = content;
                return self.content.of_project(&project);
            }
            // It isn't for this program to write over.
            Ok(Err(error)) => format!("{error}; remove it"),
            Err(NoAnswer::Panicked) => return Vec::new(),
            Err(NoAnswer::Late) => late(&path),
        };
        self.file = None;
        self.warn(&format!(
            "how long jobs took is neither known nor kept: {why}, or pass --no-history"
        ));
        Vec::new()
    }

    /// Adds how long those jobs took that have ended, each job once.
    pub(super) async fn keep(&mut self, reports: &[WatchReport]) {
        let Some(file) = self.file.take() else {
            return;
        };
        // Who waits for a job that is in the history already, as a step of CI that is run again,
        // needn't touch it.
        let now = SystemClock.now();
        let seen = reports.iter().filter_map(|report| Seen::of(report, now));
        let new: Vec<Seen> = seen.filter(|seen| self.content.learn(seen)).collect();
        if new.is_empty() {
            return;
        }
        let begun = Instant::now();
        let why = loop {
            let (to, what) = (file.clone(), new.clone());
            match answer(move || to.keep(&what)).await {
                Ok(Err(KeepError::Busy(_))) if begun.elapsed() < PATIENCE => sleep(PAUSE).await,
                // In containers that is how it mostly is.
                Ok(Err(KeepError::NoPlace(error))) => {
                    tracing::debug!(%error, "there is no place for a history");
                    return;
                }
                Ok(Err(error)) => break error.to_string(),
                Ok(Ok(())) | Err(NoAnswer::Panicked) => return,
                Err(NoAnswer::Late) => break late(&file.path()),
            }
        };
        self.warn(&format!(
            "how long the jobs took isn't kept: {why}, or pass --no-history"
        ));
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            output::warn(&sanitize_message(text));
        }
    }
}

/// Why a file system hasn't done what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    /// It hangs, as one on the network may.
    Late,
    /// The asking failed, and has said so.
    Panicked,
}

/// Does what may block. It has a thread, as neither a signal nor the end of the wait may be kept by
/// it; and where it hangs, it is left behind.
async fn answer<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    match timeout(ANSWER_TIMEOUT, spawn_blocking(work)).await {
        Ok(done) => done.map_err(|_| NoAnswer::Panicked),
        Err(_) => Err(NoAnswer::Late),
    }
}

fn late(path: &Path) -> String {
    format!(
        "{path} hasn't answered within {limit}; mend the file system that it is on",
        path = path.display(),
        limit = duration(ANSWER_TIMEOUT)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_system_that_hangs_is_left_behind() {
        let (release, hung) = mpsc::channel::<()>();
        let work = answer(move || hung.recv());
        let (answer, ()) = tokio::join!(work, advance(ANSWER_TIMEOUT));
        assert_eq!(answer, Err(NoAnswer::Late));
        drop(release);
    }
}
