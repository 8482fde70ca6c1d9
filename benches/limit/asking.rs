//! Asks for jobs with bare hyper: signs, sends, reads and parses, with nothing in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::jobs::job;

/// Connections that are kept, each with one request at a time.
const CONNECTIONS: usize = 64;

/// Jobs that are asked for, in turn.
const JOBS: usize = 1000;

/// The digest of a body that isn't there.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Begins to ask on all connections, for ever. What comes back counts the answers.
pub(crate) async fn begin(url: &str) -> Arc<AtomicU64> {
    let host = url.strip_prefix("http://").unwrap();
    let answers = Arc::new(AtomicU64::new(0));
    for lane in 0..CONNECTIONS {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        tokio::spawn(ask(sender, Signer::new(host), lane, Arc::clone(&answers)));
    }
    answers
}

/// Asks for every job whose turn it is on this connection.
async fn ask(
    mut sender: SendRequest<Empty<Bytes>>,
    mut signer: Signer,
    lane: usize,
    answers: Arc<AtomicU64>,
) {
    let paths: Vec<String> = (lane..JOBS)
        .step_by(CONNECTIONS)
        .map(|number| format!("/v2/{PROJECT_ID}/jobs/{}", job(number)))
        .collect();
    for path in paths.iter().cycle() {
        let answer = sender.send_request(signer.request(path)).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let job: Job<'_> = serde_json::from_slice(&body).unwrap();
        assert!(path.ends_with(job.job_id) && job.status == "RUNNING");
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// As much of an answer as says how a job is.
#[derive(Deserialize)]
struct Job<'a> {
    job_id: &'a str,
    status: &'a str,
}

/// Signs, and derives nothing twice that stays the same.
struct Signer {
    host: HeaderValue,
    key: Hmac<Sha256>,
    /// What the date is of, in seconds since the epoch.
    second: u64,
    date: String,
    /// What is signed after the path.
    signed: String,
}

impl Signer {
    fn new(host: &str) -> Self {
        Self {
            host: host.parse().unwrap(),
            key: Hmac::new_from_slice(SECRET_KEY.as_bytes()).unwrap(),
            second: 0,
            date: String::new(),
            signed: String::new(),
        }
    }

    fn request(&mut self, path: &str) -> Request<Empty<Bytes>> {
        self.look_at_the_clock();
        let mut canonical = Sha256::new();
        for part in ["GET\n", path, &self.signed] {
            canonical.update(part);
        }
        let mut mac = self.key.clone();
        for part in ["SDK-HMAC-SHA256\n", &self.date, "\n"] {
            mac.update(part.as_bytes());
        }
        mac.update(&hex(&canonical.finalize().into()));
        let mut authorization = format!(
            "SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders=host;x-sdk-date, Signature="
        )
        .into_bytes();
        authorization.extend(hex(&mac.finalize().into_bytes().into()));
        Request::get(path)
            .header(HOST, &self.host)
            .header("x-sdk-date", &self.date)
            .header(AUTHORIZATION, authorization)
            .body(Empty::new())
            .unwrap()
    }

    fn look_at_the_clock(&mut self) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        if second != self.second {
            self.second = second;
            self.date = humantime::format_rfc3339_seconds(now).to_string();
            self.date.retain(|c| c != '-' && c != ':');
            let (host, date) = (self.host.to_str().unwrap(), &self.date);
            self.signed =
                format!("/\n\nhost:{host}\nx-sdk-date:{date}\n\nhost;x-sdk-date\n{EMPTY}");
        }
    }
}

fn hex(digest: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}
