//! Notes that wait to be stored: one a watch, with its newest progress.

use std::collections::HashMap;

use crate::model::{Answers, Progress, WatchId};
use crate::store::Change;

/// The most lines of history that wait for one watch. Beyond that, the oldest are lost: the store
/// couldn't be written for long.
const MAX_ANSWERS: usize = 50;

/// Notes that wait.
#[derive(Debug, Default)]
pub(super) struct Notes(HashMap<WatchId, (Progress, Vec<Answers>)>);

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds to what waits for the watch, and replaces its progress.
    pub(super) fn add(&mut self, watch_id: WatchId, progress: Progress, answers: Vec<Answers>) {
        let (newest, lines) = self.0.entry(watch_id).or_default();
        *newest = progress;
        lines.extend(answers);
        let surplus = lines.len().saturating_sub(MAX_ANSWERS);
        lines.drain(..surplus);
    }

    /// Puts a note back that couldn't be stored, before what has come since.
    pub(super) fn put_back(&mut self, change: Change) {
        let Change::Note {
            watch_id,
            progress,
            answers,
        } = change
        else {
            return;
        };
        match self.0.remove(&watch_id) {
            Some((newest, since)) => {
                self.add(watch_id, progress, answers);
                self.add(watch_id, newest, since);
            }
            None => self.add(watch_id, progress, answers),
        }
    }

    /// Takes the lines that wait for a watch, whose end makes the rest of the note needless.
    pub(super) fn take_answers(&mut self, watch_id: WatchId) -> Vec<Answers> {
        let note = self.0.remove(&watch_id);
        note.map(|(_, answers)| answers).unwrap_or_default()
    }

    /// Takes at most so many notes.
    pub(super) fn take(&mut self, limit: usize) -> Vec<Change> {
        let taken: Vec<WatchId> = self.0.keys().take(limit).copied().collect();
        let notes = taken.into_iter().filter_map(|watch_id| {
            let (progress, answers) = self.0.remove(&watch_id)?;
            Some(Change::Note {
                watch_id,
                progress,
                answers,
            })
        });
        let notes = notes.collect();
        if self.0.is_empty() {
            self.0 = HashMap::new();
        }
        notes
    }
}
