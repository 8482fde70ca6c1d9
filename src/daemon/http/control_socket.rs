//! The control socket. Its file is created again when it was removed.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::serve::Listener;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::accept::recover;
use super::listen::{ListenError, look, make};

/// The interval between two checks of the file.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Who may use a socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    mode: u32,
    /// The user and the group, if they aren't those of this process.
    owners: Option<(u32, u32)>,
}

impl Access {
    /// Its owner and its group may use it.
    const DEFAULT: Self = Self {
        mode: 0o660,
        owners: None,
    };

    /// Gives a new socket these rights. Another owner takes privileges that a daemon rarely has.
    pub(super) fn give(self, socket: &Path) -> io::Result<()> {
        if let Some((user, group)) = self.owners
            && let Err(error) = chown(socket, Some(user), Some(group))
        {
            tracing::debug!(%error, "the control socket's previous owners can't be restored");
        }
        fs::set_permissions(socket, Permissions::from_mode(self.mode))
    }
}

/// A Unix socket to listen on. Checks its file while it accepts connections.
#[derive(Debug)]
pub(super) struct ControlSocket {
    listener: UnixListener,
    file: Arc<SocketFile>,
    checks: Interval,
    /// The last reported reason why the file couldn't be created again.
    complaint: Option<String>,
}

impl ControlSocket {
    /// Creates the socket at `path`, unless a process listens there.
    pub(super) fn bind(path: PathBuf) -> io::Result<Self> {
        let listener = make(&path, Access::DEFAULT)?;
        let mut checks = interval(CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            listener,
            file: Arc::new(SocketFile::of(path)?),
            checks,
            complaint: None,
        })
    }

    /// The file, which is removed once this and the last of these is dropped.
    pub(super) fn file(&self) -> Arc<SocketFile> {
        Arc::clone(&self.file)
    }

    /// Creates the file again if it is missing, or if no process answers on it.
    async fn check(&mut self) {
        let why = match self.file.find() {
            Ok(true) => {
                self.complaint = None;
                return;
            }
            Ok(false) => self.make_again().await,
            Err(error) => Err(error.to_string()),
        };
        let path = self.file.path.display();
        match why {
            Ok(()) => {
                self.complaint = None;
                tracing::warn!("the control socket {path} was removed, and is created again");
            }
            Err(why) if self.complaint.as_ref() != Some(&why) => {
                tracing::error!(
                    "the control socket {path} was removed, and can't be created again: {why}"
                );
                self.complaint = Some(why);
            }
            Err(_) => {}
        }
    }

    async fn make_again(&mut self) -> Result<(), String> {
        let path = &self.file.path;
        look(path)
            .await
            .map_err(|error: ListenError| error.to_string())?;
        let make = || {
            let listener = make(path, self.file.access())?;
            self.file.renew()?;
            Ok(listener)
        };
        // The previous one has no name any more, so no client can connect to it.
        self.listener = make().map_err(|error: io::Error| error.to_string())?;
        Ok(())
    }
}

impl Listener for ControlSocket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => return accepted,
                    Err(error) => recover(error).await,
                },
                _ = self.checks.tick() => {}
            }
            self.check().await;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A socket's file. It is removed on drop, unless it has been replaced by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    known: Mutex<Known>,
}

/// The identity and the access rights of the file.
#[derive(Debug, Clone, Copy)]
struct Known {
    device: u64,
    inode: u64,
    /// Tells files with a reused inode number apart.
    created: Option<SystemTime>,
    access: Access,
}

impl Known {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            created: metadata.created().ok(),
            access: Access {
                mode: metadata.mode() & 0o7777,
                owners: Some((metadata.uid(), metadata.gid())),
            },
        }
    }

    fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode, self.created) == (other.device, other.inode, other.created)
    }
}

impl SocketFile {
    fn of(path: PathBuf) -> io::Result<Self> {
        let known = Mutex::new(Known::of(&fs::symlink_metadata(&path)?));
        Ok(Self { path, known })
    }

    fn known<T>(&self, use_it: impl FnOnce(&mut Known) -> T) -> T {
        use_it(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the file is in its place. Its mode and owners may have been changed.
    fn find(&self) -> io::Result<bool> {
        let metadata = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let found = Known::of(&metadata);
        let is_socket = metadata.file_type().is_socket();
        Ok(self.known(|known| {
            let is_same = is_socket && known.is_same_file(&found);
            if is_same {
                *known = found;
            }
            is_same
        }))
    }

    fn access(&self) -> Access {
        self.known(|known| known.access)
    }

    /// Another file was made in its place.
    fn renew(&self) -> io::Result<()> {
        let found = Known::of(&fs::symlink_metadata(&self.path)?);
        self.known(|known| *known = found);
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let removed = self.find().and_then(|is_there| match is_there {
            true => fs::remove_file(&self.path),
            false => Ok(()),
        });
        if let Err(error) = removed {
            tracing::warn!(path = %self.path.display(), %error, "the control socket stays behind");
        }
    }
}
