//! A receiver of webhooks on a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::harness::until;

/// A webhook that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// Its `webhook-id`.
    pub(crate) id: String,
    /// Its body.
    pub(crate) body: Value,
}

/// Takes webhooks in, and answers as it is told.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    answer: AtomicU16,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            arrived: Mutex::default(),
            answer: AtomicU16::new(204),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                // A sender that is killed while it sends is part of the tests.
                thread::spawn(move || drop(serve(&stream, &served)));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers with this status from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.answer.store(status, Ordering::Relaxed);
    }

    /// What has arrived and was answered with 2xx.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// What has arrived for a job.
    pub(super) fn of(&self, job: &str) -> Vec<Arrived> {
        let mut arrived = self.arrived();
        arrived.retain(|one| one.body["data"]["job_id"] == job);
        arrived
    }

    /// Waits for the first webhook for a job.
    #[track_caller]
    pub(crate) fn until_arrived(&self, job: &str) -> Arrived {
        until(&format!("a webhook for {job}"), || !self.of(job).is_empty());
        self.of(job).remove(0)
    }
}

/// Requests of one connection, until the sender closes it.
fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut id, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => value.clone_into(&mut id),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let status = shared.answer.load(Ordering::Relaxed);
        if status / 100 == 2 {
            let body = serde_json::from_slice(&body).unwrap();
            shared.arrived.lock().unwrap().push(Arrived { id, body });
        }
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} As told\r\nContent-Length: 0\r\n\r\n"
        )?;
    }
}
