//! How many watches are in which mood: counted as moods change, since a look at each of a million
//! watches would take long, and they would wait for it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is known of a watch's job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Unseen,
    Running,
    InTrouble,
}

/// How many watches that go on are in each mood.
#[derive(Debug, Default)]
pub(super) struct Moods {
    unseen: AtomicUsize,
    running: AtomicUsize,
    in_trouble: AtomicUsize,
}

impl Moods {
    pub(super) fn count(&self, mood: Mood) -> usize {
        self.of(mood).load(Ordering::Relaxed)
    }

    /// Another watch goes on.
    pub(super) fn add(&self, mood: Mood) {
        self.of(mood).fetch_add(1, Ordering::Relaxed);
    }

    /// A watch in this mood has ended.
    pub(super) fn remove(&self, mood: Mood) {
        self.of(mood).fetch_sub(1, Ordering::Relaxed);
    }

    /// A watch's mood becomes another.
    pub(super) fn turn(&self, mood: &mut Mood, into: Mood) {
        if *mood != into {
            self.add(into);
            self.remove(*mood);
            *mood = into;
        }
    }

    fn of(&self, mood: Mood) -> &AtomicUsize {
        match mood {
            Mood::Unseen => &self.unseen,
            Mood::Running => &self.running,
            Mood::InTrouble => &self.in_trouble,
        }
    }
}
