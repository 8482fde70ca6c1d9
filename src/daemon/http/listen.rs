//! Where the server listens: the Unix socket's file, and the TCP address.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::control_socket::{Access, ControlSocket};
use super::door::Token;
use crate::secret::Secret;

/// Why there is no listening there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// There is no directory for the socket.
    #[error("there is no directory {} for the control socket; create it, or change [http] socket", .0.display())]
    NoDirectory(PathBuf),
    /// Somebody answers on the socket.
    #[error("another daemon answers on {}; stop it, or change [http] socket", .0.display())]
    Answered(PathBuf),
    /// There is something else where the socket should be.
    #[error("{} is there already and is no socket; move it away, or change [http] socket", .0.display())]
    NoSocket(PathBuf),
    /// The socket can't be made.
    #[error("can't make the control socket {}: {source}; check its directory's owner, or change [http] socket", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The TCP address can't be listened on.
    #[error("can't listen on {address}: {source}; change [http] listen")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The token is too weak, or can't be sent in a header.
    #[error("the token in [http] token_file {0}; make one with: openssl rand -hex 32")]
    Token(&'static str),
}

/// Where the server listens. Bound before anything else is ready, so that errors come early.
#[derive(Debug)]
pub struct Listeners {
    pub(super) unix: ControlSocket,
    pub(super) tcp: Option<(TcpListener, Token)>,
}

impl Listeners {
    /// Listens on a Unix socket, with mode 0660, and on a TCP address, where one is given, for those
    /// who have the token. A socket file that nobody answers on is taken over.
    ///
    /// # Errors
    /// When somebody answers on the socket, a place can't be had, or the token is unfit.
    pub async fn bind(
        socket: PathBuf,
        tcp: Option<(SocketAddr, Secret)>,
    ) -> Result<Self, ListenError> {
        let tcp = match tcp {
            Some((address, secret)) => {
                let token = Token::new(&secret).map_err(ListenError::Token)?;
                let listener = TcpListener::bind(address)
                    .await
                    .map_err(|source| ListenError::Tcp { address, source })?;
                Some((listener, token))
            }
            None => None,
        };
        look(&socket).await?;
        let failed = |source| ListenError::Socket {
            path: socket.clone(),
            source,
        };
        let unix = ControlSocket::bind(socket.clone()).map_err(failed)?;
        Ok(Self { unix, tcp })
    }

    /// The TCP address that is listened on: the one to ask for where port 0 was given.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.tcp.as_ref()?;
        listener.local_addr().ok()
    }
}

/// The directory of a path; the working directory where it names none.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes sure that a socket can be put there: nobody would lose theirs.
pub(super) async fn look(path: &Path) -> Result<(), ListenError> {
    let directory = directory(path);
    if !directory.is_dir() {
        return Err(ListenError::NoDirectory(directory.to_owned()));
    }
    let failed = |source| ListenError::Socket {
        path: path.to_owned(),
        source,
    };
    // A longer one could be made beside it and moved there, and nobody could connect to it.
    std::os::unix::net::SocketAddr::from_pathname(path).map_err(failed)?;
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(ListenError::NoSocket(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(ListenError::Answered(path.to_owned())),
        // Only this says that nobody is there. Too many who wait, for one, say the opposite.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(ListenError::Answered(path.to_owned()))
        }
        Err(source) => Err(failed(source)),
    }
}

/// Creates the socket where no other user can reach it, gives it its mode and owners, and moves it into its
/// place, so that it is never open wider.
pub(super) fn make(path: &Path, access: Access) -> io::Result<UnixListener> {
    // Short: a socket's path has room for 107 bytes.
    let private = directory(path).join(format!(".{}", std::process::id()));
    let new = private.join("s");
    // Left by a crash in this moment, under a process ID that came around.
    if fs::remove_file(&new).is_ok() {
        fs::remove_dir(&private)?;
    }
    DirBuilder::new().mode(0o700).create(&private)?;
    let made = UnixListener::bind(&new).and_then(|listener| {
        access.give(&new)?;
        fs::rename(&new, path)?;
        Ok(listener)
    });
    if made.is_err() && new.exists() {
        fs::remove_file(&new)?;
    }
    fs::remove_dir(&private)?;
    made
}
