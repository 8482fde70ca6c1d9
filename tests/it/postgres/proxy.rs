//! A network between a daemon and its database that may fail without a word.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What becomes of what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    PassedOn,
    /// It arrives late.
    HeldBack,
    Swallowed,
}

/// Passes on what comes, save while it holds all of it back or swallows it.
pub(crate) struct Proxy {
    address: SocketAddr,
    fate: watch::Sender<Fate>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A way to `server`, which is `HOST:PORT`.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, fate) = watch::channel(Fate::PassedOn);
        let server = server.to_owned();
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if let Ok(server) = TcpStream::connect(&server).await {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass_on(from_client, to_server, fate.clone()));
                    tokio::spawn(pass_on(from_server, to_client, fate.clone()));
                }
            }
        });
        Self {
            address,
            fate: sender,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing arrives, either way, on any connection; or it does again.
    pub(crate) fn swallow(&self, all: bool) {
        self.meet(all, Fate::Swallowed);
    }

    /// From now on everything waits, either way, on any connection; or it arrives after all.
    pub(crate) fn hold(&self, all: bool) {
        self.meet(all, Fate::HeldBack);
    }

    fn meet(&self, all: bool, fate: Fate) {
        self.fate
            .send_replace(if all { fate } else { Fate::PassedOn });
    }
}

/// What is swallowed is lost for good, and its connection with it: one that goes on would be out of
/// step.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut fate: watch::Receiver<Fate>) {
    let mut buffer = [0; 8192];
    let mut is_lost = false;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let fate = fate.wait_for(|fate| *fate != Fate::HeldBack).await;
        is_lost |= fate.is_ok_and(|fate| *fate == Fate::Swallowed);
        if !is_lost && to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    if is_lost {
        // Neither side hears that the other has gone.
        std::future::pending::<()>().await;
    }
}
