//! Accepting connections while descriptors are scarce.

use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::http::{RETRY_INTERVAL, free_descriptors, is_out_of_descriptors};

/// Waits until another connection may be accepted.
pub(super) async fn recover(error: io::Error) {
    if is_out_of_descriptors(&error) {
        tracing::warn!(
            "no file descriptor for a connection to the control API; raise the limit of open files (LimitNOFILE, ulimit -n)"
        );
        free_descriptors().await;
    } else if !is_of_the_client(error.kind()) {
        tracing::error!(%error, "can't accept a connection to the control API");
        sleep(RETRY_INTERVAL).await;
    }
}

/// Whether only this one connection failed.
fn is_of_the_client(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// The TCP address that is listened on.
#[derive(Debug)]
pub(super) struct TcpAddress(pub(super) TcpListener);

impl Listener for TcpAddress {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => recover(error).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
