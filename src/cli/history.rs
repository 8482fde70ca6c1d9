//! What the command line keeps of how long jobs took: known to a wait before it begins, added to
//! when it ends, and listed by `dcs-wait history`.

mod bars;
mod content;
mod file;
mod list;

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::args::WaitArgs;
use super::output;
use crate::environment::Environment;
use crate::model::{Durations, JobType, ProjectId, Ran, WatchReport};
use crate::report::clean_message;
use file::{HistoryFile, KeepError};

pub(super) use list::run;

/// How long another process may hold the history.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait until the next look at whether it still does.
const PAUSE: Duration = Duration::from_millis(20);

/// The history of a wait. Nothing about it ever fails the wait.
pub(super) struct History {
    /// `None` where there is none, or none that can be used.
    file: Option<HistoryFile>,
    quiet: bool,
}

impl History {
    pub(super) fn of(args: &WaitArgs, environment: &dyn Environment) -> Self {
        let file = HistoryFile::of(environment).filter(|_| !args.no_history);
        Self {
            file,
            quiet: args.output.quiet,
        }
    }

    /// How long the jobs of a project took before, by their type.
    pub(super) async fn known(&mut self, project: Option<ProjectId>) -> Vec<(JobType, Durations)> {
        let (Some(file), Some(project)) = (self.file.clone(), project) else {
            return Vec::new();
        };
        match spawn_blocking(move || file.read()).await {
            Ok(Ok(content)) => content.of_project(&project),
            Ok(Err(error)) => {
                // It isn't for this program to write over.
                self.file = None;
                self.warn(&format!(
                    "how long jobs took is neither known nor kept: {error}; remove it, or pass --no-history"
                ));
                Vec::new()
            }
            // It panicked, and has said so.
            Err(_) => Vec::new(),
        }
    }

    /// Adds how long those jobs took that have ended.
    pub(super) async fn keep(&mut self, reports: &[WatchReport]) {
        let Some(file) = self.file.take() else {
            return;
        };
        let ran: Vec<(ProjectId, Ran)> = reports
            .iter()
            .filter_map(|report| Some((report.project_id.clone()?, Ran::of(report.job.as_ref()?)?)))
            .collect();
        if ran.is_empty() {
            return;
        }
        let begun = Instant::now();
        loop {
            let (to, what) = (file.clone(), ran.clone());
            match spawn_blocking(move || to.keep(&what)).await {
                Ok(Err(KeepError::Busy(_))) if begun.elapsed() < PATIENCE => sleep(PAUSE).await,
                // In containers that is how it mostly is.
                Ok(Err(KeepError::NoPlace(error))) => {
                    tracing::debug!(%error, "there is no place for a history");
                    return;
                }
                Ok(Err(error)) => {
                    self.warn(&format!(
                        "how long the jobs took isn't kept: {error}, or pass --no-history"
                    ));
                    return;
                }
                Ok(Ok(())) | Err(_) => return,
            }
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            output::warn(&clean_message(text));
        }
    }
}
