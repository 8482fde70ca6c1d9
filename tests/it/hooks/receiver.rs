//! A receiver of webhooks on a real socket, that answers as it is told and keeps what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub(super) struct Receiver {
    base: String,
    shared: Arc<Shared>,
}

struct Shared {
    answer: String,
    delay: Duration,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
}

impl Receiver {
    /// One that answers with a status line and headers, and no body.
    pub(super) async fn answering(head: &str) -> Self {
        Self::start(
            format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n"),
            Duration::ZERO,
        )
        .await
    }

    /// One that sends these bytes after that time.
    pub(super) async fn start(answer: impl Into<String>, delay: Duration) -> Self {
        Self::listen(answer.into(), delay, None).await
    }

    /// One that speaks TLS, and the certificate that it has signed itself.
    pub(super) async fn over_tls() -> (Self, String) {
        let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into())
            .unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let receiver = Self::listen(answer, Duration::ZERO, Some(acceptor)).await;
        (receiver, issued.cert.pem())
    }

    async fn listen(answer: String, delay: Duration, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answer,
            delay,
            seen: Mutex::default(),
            connections: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *serving.connections.lock().unwrap() += 1;
                let (shared, tls) = (Arc::clone(&serving), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { base, shared }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.base).parse().unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream).await {
        shared.seen.lock().unwrap().push(seen);
        tokio::time::sleep(shared.delay).await;
        if stream.write_all(shared.answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    let headers: HeaderMap = lines.iter().map(header).collect();
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line,
        headers,
        body,
    })
}
