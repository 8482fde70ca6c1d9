//! A server of few words, which counts.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: Mutex<usize>,
    asked: Mutex<Vec<String>>,
    closed: Notify,
}

/// The other end of a connection.
pub(super) struct Peer(TcpStream);

impl Peer {
    pub(super) async fn say(&mut self, text: &str) {
        // A client that has what it wanted may be gone.
        drop(self.0.write_all(text.as_bytes()).await);
    }

    /// The path of the next request; `None` where there is none.
    async fn path(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        head.split(' ').nth(1).map(str::to_owned)
    }
}

/// An answer with this body.
pub(super) fn answer(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

impl Server {
    /// Starts one that does this with each request, and closes the connection where that gives none
    /// back.
    pub(super) async fn start<F, A>(does: F) -> Self
    where
        F: Fn(String, Peer) -> A + Clone + Send + 'static,
        A: Future<Output = Option<Peer>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Seen> = Arc::default();
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                *shared.connections.lock().unwrap() += 1;
                let (does, seen) = (does.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let mut peer = Peer(socket);
                    while let Some(path) = peer.path().await {
                        seen.asked.lock().unwrap().push(path.clone());
                        match does(path, peer).await {
                            Some(same) => peer = same,
                            None => break,
                        }
                    }
                    seen.closed.notify_one();
                });
            }
        });
        Self { url, seen }
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }

    /// The paths of all requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// Comes back once a connection is closed, be it by the other end.
    pub(super) async fn until_closed(&self) {
        self.seen.closed.notified().await;
    }
}
