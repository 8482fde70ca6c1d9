//! The demo's daemon: this program again, as a child process in a folder of its own.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::children::{self, OwnChild};
use crate::cli::control::Daemon;
use crate::cli::error::CliError;
use crate::daemon::http::shapes::HealthShape;
use crate::report::sanitize_message;

/// How long the daemon may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder that nobody else may look into, and that is gone when this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make() -> io::Result<Self> {
        let name = format!(
            "dcs-wait-demo-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file into the folder.
    pub(super) fn write(&self, name: &str, content: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        file.open(self.0.join(name))?.write_all(content.as_bytes())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is the system's to clean up.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A daemon under way. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    _own: OwnChild,
    log: PathBuf,
}

impl Process {
    /// Starts a daemon with the configuration of this name in the folder.
    pub(super) fn start(
        folder: &Folder,
        config: &str,
        variables: &[(&str, &str)],
    ) -> io::Result<Self> {
        let log = folder.path().join("daemon.log");
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["daemon", "--config"])
            .arg(folder.path().join(config))
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            // Ctrl+C is for the demo, which ends the daemon then.
            .process_group(0)
            .kill_on_drop(true);
        let (child, own) = children::spawn(&mut command)?;
        Ok(Self {
            child,
            _own: own,
            log,
        })
    }

    /// The process's ID.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Comes back once the daemon answers that it is ready.
    pub(super) async fn ready(&mut self, daemon: &Daemon) -> Result<(), CliError> {
        let begun = Instant::now();
        loop {
            if daemon.get::<HealthShape>("readyz", &[]).await.is_ok() {
                return Ok(());
            }
            let ended = self.child.try_wait().map_err(CliError::internal)?.is_some();
            if ended || begun.elapsed() > PATIENCE {
                return Err(CliError::internal(format!(
                    "the demo's daemon didn't begin: {}",
                    self.last_words()
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        sanitize_message(log.lines().last().unwrap_or("it said nothing"))
    }

    /// Asks the daemon to end, and kills it where it takes too long.
    pub(super) async fn end(mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // One that has ended already needs no signal.
            kill_process(pid, Signal::TERM).ok();
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await.ok();
        }
    }
}
