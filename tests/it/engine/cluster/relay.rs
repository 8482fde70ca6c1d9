//! What lies between a daemon and its database, and may fail without a word.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes everything on, unless it holds everything back.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    holds: Arc<watch::Sender<bool>>,
}

impl Relay {
    /// One in front of the server there.
    pub(super) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let holds = Arc::new(watch::Sender::new(false));
        let held = holds.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, held) = (server.clone(), held.clone());
                tokio::spawn(async move { pass(client, &server, held).await });
            }
        });
        Self { address, holds }
    }

    /// Holds back what is sent from now on, and answers nobody.
    pub(super) fn hold(&self) {
        self.holds.send_replace(true);
    }

    /// Passes on what was held back, and all that follows.
    pub(super) fn release(&self) {
        self.holds.send_replace(false);
    }
}

async fn pass(client: TcpStream, server: &str, held: watch::Receiver<bool>) {
    if let Ok(server) = TcpStream::connect(server).await {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(copy(from_client, to_server, held.clone()));
        copy(from_server, to_client, held).await;
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let passes = held.wait_for(|held| !held).await.is_ok();
        if !passes || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
