//! A server that answers what it is given, byte by byte: what gateways, captive portals and broken
//! backends send in place of an answer, and bytes that the simulator never sends.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The answer to one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes; the connection is closed after them.
    Bytes(Vec<u8>),
    /// The connection is reset.
    Reset,
}

impl Reply {
    /// An answer with this status and body.
    pub(crate) fn with(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::with_header(status, "X-Nothing: 0", body)
    }

    pub(crate) fn with_header(status: u16, header: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        Self::Bytes([head.as_bytes(), body].concat())
    }

    fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }
}

/// Every answer that is a transient error, each with its name. `whole` is a good answer's body.
pub(crate) fn transient(whole: &str) -> Vec<(String, Reply)> {
    let (half, _) = whole.split_at(whole.len() / 2);
    let length = whole.len();
    let mut all = vec![
        ("HTML", Reply::with(200, "<html>Please log in</html>")),
        ("truncated JSON", Reply::with(200, half)),
        ("an empty body", Reply::with(200, "")),
        ("an empty object", Reply::with(200, "{}")),
        ("another shape", Reply::with(200, "[1, null]")),
        (
            "a body that is cut short",
            Reply::text(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{half}"
            )),
        ),
        (
            "101",
            Reply::text(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            ),
        ),
        (
            "204",
            Reply::text("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        ),
        ("429", Reply::with_header(429, "Retry-After: 0", "")),
        ("no HTTP", Reply::text("220 mail.example ESMTP\r\n")),
        ("an end without an answer", Reply::text("")),
        ("a reset", Reply::Reset),
    ]
    .into_iter()
    .map(|(name, reply)| (name.to_owned(), reply))
    .collect::<Vec<_>>();
    for status in [202, 408, 421, 425, 500, 502, 503, 504] {
        let page = "<html>not now</html>";
        all.push((status.to_string(), Reply::with(status, page)));
    }
    all
}

/// A server on a loopback socket.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The last one is for all requests that follow.
    replies: VecDeque<Reply>,
    requests: Vec<String>,
}

impl Server {
    /// Starts one that answers these in their order, the last one for ever.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            replies: replies.into_iter().collect(),
            requests: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &shared);
            }
        });
        Self { url, state }
    }

    /// From now on it answers this.
    pub(crate) fn answer(&self, reply: Reply) {
        self.state.lock().unwrap().replies = VecDeque::from([reply]);
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(head) = head(&mut stream) else {
        return;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let reply = {
        let mut state = state.lock().unwrap();
        state.requests.push(head);
        match state.replies.len() {
            0 | 1 => state.replies.front().cloned(),
            _ => state.replies.pop_front(),
        }
    };
    // What a socket holds unread when it is closed makes a reset of the close.
    if let Some(Reply::Bytes(bytes)) = reply {
        let mut rest = vec![0; 1 + length];
        if stream.read_exact(&mut rest).is_ok() {
            drop(stream.write_all(&bytes));
        }
    }
}

/// A request's head but for its last byte, which stays unread.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    Some(String::from_utf8(head).unwrap())
}
