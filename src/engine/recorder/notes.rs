//! Notes that wait to be stored: one a watch, with its newest progress.

use std::collections::HashMap;

use crate::model::{Answers, Fence, Progress, WatchId};
use crate::store::Change;

/// The most lines of history that wait for one watch. Beyond that, the oldest are lost: the store
/// couldn't be written for long.
const MAX_ANSWERS: usize = 50;

/// Notes that wait.
#[derive(Debug, Default)]
pub(super) struct Notes(HashMap<WatchId, Note>);

#[derive(Debug)]
struct Note {
    fence: Fence,
    progress: Progress,
    answers: Vec<Answers>,
}

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds to what waits for the watch, and replaces its progress.
    pub(super) fn add(
        &mut self,
        watch_id: WatchId,
        fence: Fence,
        progress: Progress,
        answers: Vec<Answers>,
    ) {
        let note = self.0.entry(watch_id).or_insert_with(|| Note {
            fence,
            progress: Progress::default(),
            answers: Vec::new(),
        });
        note.fence = fence;
        note.progress = progress;
        note.answers.extend(answers);
        let surplus = note.answers.len().saturating_sub(MAX_ANSWERS);
        note.answers.drain(..surplus);
    }

    /// Puts a note back that couldn't be stored, before what has come since.
    pub(super) fn put_back(&mut self, change: Change) {
        let Change::Note {
            watch_id,
            fence,
            progress,
            answers,
        } = change
        else {
            return;
        };
        let since = self.0.remove(&watch_id);
        self.add(watch_id, fence, progress, answers);
        if let Some(since) = since {
            self.add(watch_id, since.fence, since.progress, since.answers);
        }
    }

    /// Takes the lines that wait for a watch, whose end makes the rest of the note needless.
    pub(super) fn take_answers(&mut self, watch_id: WatchId) -> Vec<Answers> {
        let note = self.0.remove(&watch_id);
        note.map(|note| note.answers).unwrap_or_default()
    }

    /// Takes at most so many notes.
    pub(super) fn take(&mut self, limit: usize) -> Vec<Change> {
        let taken: Vec<WatchId> = self.0.keys().take(limit).copied().collect();
        let notes = taken.into_iter().filter_map(|watch_id| {
            let note = self.0.remove(&watch_id)?;
            Some(Change::Note {
                watch_id,
                fence: note.fence,
                progress: note.progress,
                answers: note.answers,
            })
        });
        let notes = notes.collect();
        if self.0.is_empty() {
            self.0 = HashMap::new();
        }
        notes
    }
}
