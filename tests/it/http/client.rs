//! A client that writes its requests byte by byte, so that it can also write wrong ones.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The time after which what should have come is given up. Long, as nothing is measured.
const HANGS: Duration = Duration::from_secs(60);

pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// What was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks that it is an error, as all errors are, and returns what it says.
    #[track_caller]
    pub(super) fn error(&self, status: u16, code: &str) -> String {
        let json = self.json();
        assert_eq!(
            (self.status, json["error"]["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        json["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// The head of a request, which closes the connection unless `headers` say otherwise.
pub(super) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    format!("{method} {path} HTTP/1.1\r\nhost: dcs-wait\r\nconnection: close\r\n{headers}\r\n")
}

/// Reads to the end of the connection, and takes that for one answer.
pub(super) async fn reply(mut socket: impl AsyncRead + Unpin) -> Reply {
    let mut bytes = Vec::new();
    let read = timeout(HANGS, socket.read_to_end(&mut bytes)).await;
    // What was answered counts, even where the connection was reset after it.
    drop(read.expect("the answer never ends"));
    parsed(&bytes)
}

fn parsed(bytes: &[u8]) -> Reply {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Reply {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) async fn send(
    mut socket: impl Socket,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Reply {
    let body = body.as_ref();
    let length = body.len().to_string();
    let mut headers = headers.to_vec();
    if !body.is_empty() {
        headers.push(("content-length", &length));
    }
    let request = [head(method, path, &headers).as_bytes(), body].concat();
    socket.write_all(&request).await.unwrap();
    reply(socket).await
}

/// A stream of server-sent events.
pub(super) struct Events {
    socket: Box<dyn Socket>,
    text: String,
}

impl Events {
    pub(super) async fn open(mut socket: impl Socket + 'static, path: &str) -> Self {
        let request = head("GET", path, &[]);
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut events = Self {
            socket: Box::new(socket),
            text: String::new(),
        };
        let head = events.until("\r\n\r\n").await.expect("a head");
        assert!(head.contains("text/event-stream"), "{head}");
        events
    }

    /// The next event, or nothing at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Value> {
        let event = self.until("\n\n").await?;
        let line = |name| {
            event
                .split(name)
                .nth(1)
                .and_then(|rest| rest.lines().next())
        };
        let value: Value = serde_json::from_str(line("data: ")?).unwrap();
        assert_eq!(value["event"].as_str(), line("event: "));
        Some(value)
    }

    /// The next event of that name.
    pub(super) async fn next_named(&mut self, name: &str) -> Value {
        loop {
            let event = self.next().await.expect("the stream ended");
            if event["event"] == name {
                return event;
            }
        }
    }

    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((before, after)) = self.text.split_once(end) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.text = after;
                return Some(before);
            }
            let mut bytes = [0; 4096];
            let read = timeout(HANGS, self.socket.read(&mut bytes)).await;
            let count = read.expect("nothing comes").unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.text
                .push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    }
}
