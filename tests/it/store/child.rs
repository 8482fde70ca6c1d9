//! A process of its own with a store: this test program again, in a part of another test. It is told
//! what to do on its standard input, and says what it did on its standard error.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::{crash, full_disk, in_place, opening};

/// What a child does, which the parent writes as its first line. The second is the store's path.
pub(super) const COMMITS_FOR_EVER: &str = "commits for ever";
pub(super) const FILLS_THE_DISK: &str = "fills the disk";
pub(super) const OPENS: &str = "opens";
pub(super) const LACKS_DESCRIPTORS: &str = "lacks descriptors";

/// A child at work. It is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Worker {
    pub(super) fn start(part: &str, path: &Path) -> Self {
        Self::start_as(part, path, None)
    }

    /// Starts a child, as another user where one is given.
    pub(super) fn start_as(part: &str, path: &Path, user: Option<u32>) -> Self {
        // A limit on the size of files is an error to the store only where its signal is ignored,
        // which a child inherits.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "store::child::works", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().unwrap();
        let told = format!("{part}\n{}\n", path.display());
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(told.as_bytes()).unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What the child says next; None once it has ended.
    pub(super) fn says(&mut self) -> Option<String> {
        self.lines.next().transpose().unwrap()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the child as `kill -9` does. Says what it said before.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.says()).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn say(what: impl std::fmt::Display) {
    // In one piece, as it may be killed at any moment.
    let line = format!("{what}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

#[tokio::test]
#[ignore = "only a part of other tests, which tell it what to do"]
async fn works() {
    let mut told = io::stdin().lines().map_while(Result::ok);
    let (Some(part), Some(path)) = (told.next(), told.next()) else {
        return;
    };
    let path = Path::new(&path);
    match part.as_str() {
        COMMITS_FOR_EVER => crash::commit_for_ever(path).await,
        FILLS_THE_DISK => full_disk::fill(path).await,
        OPENS => opening::open(path).await,
        LACKS_DESCRIPTORS => in_place::lack_descriptors(path).await,
        other => panic!("{other:?} is no part"),
    }
}
