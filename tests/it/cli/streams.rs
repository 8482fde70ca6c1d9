//! The command with streams that a test chooses, such as pipes that are not read.

use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use tempfile::TempDir;

use super::harness::{Ended, Invocation, KilledOnDrop};

/// How often a condition is looked at that nothing reports.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until a condition holds. What hangs is ended by the test runner.
pub(super) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::park_timeout(LOOK);
    }
}

/// A pipe that takes nothing more, as its reader has stalled.
pub(crate) fn stalled() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    fcntl_setpipe_size(&writer, 4096).unwrap();
    let size = fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![b'.'; size]).unwrap();
    (reader, writer)
}

/// What a reader of such a pipe sees when it resumes.
pub(super) fn resumed(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text.trim_start_matches('.').to_owned()
}

/// A command under way.
pub(super) struct Started {
    child: KilledOnDrop,
    home: TempDir,
}

impl Invocation {
    pub(super) fn stdout_to(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub(super) fn stderr_to(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Has another program start the command.
    pub(super) fn through<'a>(mut self, program: &str, arguments: impl AsRef<[&'a str]>) -> Self {
        let mut outer = Command::new(program);
        outer
            .env_clear()
            .args(arguments.as_ref())
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        outer.current_dir(self.home.path());
        self.command = outer;
        self
    }

    /// Runs the command to its end after a command of the shell, such as `ulimit`.
    pub(super) fn run_limited(self, limit: &str) -> Ended {
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        self.through("/bin/sh", ["-c", &script]).run()
    }

    /// Starts the command.
    pub(super) fn begin(mut self) -> Started {
        self.command.stdin(Stdio::null());
        let child = self.command.spawn().unwrap();
        Started {
            child: KilledOnDrop(child),
            home: self.home,
        }
    }
}

impl Started {
    /// Sends a signal, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// The ID of the process that was started.
    pub(super) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Where it runs.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Whether it catches SIGTERM by now.
    pub(super) fn hears_signals(&self) -> bool {
        const SIGTERM: u64 = 1 << 14;
        let path = format!("/proc/{}/status", self.child.0.id());
        let status = fs::read_to_string(path).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & SIGTERM != 0
    }

    /// Waits for the command's end. Of what it wrote, only what went to pipes of its own is known.
    pub(super) fn ended(mut self) -> Ended {
        let read = |stream: Option<&mut dyn Read>| {
            let mut bytes = Vec::new();
            if let Some(stream) = stream {
                stream.read_to_end(&mut bytes).unwrap();
            }
            bytes
        };
        let child = &mut self.child.0;
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let output = Output {
            stderr: read(stderr.as_mut().map(|it| it as &mut dyn Read)),
            stdout: read(stdout.as_mut().map(|it| it as &mut dyn Read)),
            status: child.wait().unwrap(),
        };
        Ended::new(output, self.home)
    }
}
