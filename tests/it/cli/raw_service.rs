//! A service that answers with bytes that the simulator would never send.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};

use super::harness::{IMPATIENT, Invocation, dcs_wait};

pub(super) struct RawService {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl RawService {
    /// Answers the first request with the first of these, and so on; the last one again and again.
    pub(super) fn answering(answers: impl Into<Vec<Vec<u8>>>) -> Self {
        let answers = answers.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                let head = head(&connection);
                let index = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(head);
                    seen.len() - 1
                };
                let answer = &answers[index.min(answers.len() - 1)];
                // A client that has read enough may be gone.
                drop((&connection).write_all(answer));
            }
        });
        Self { url, heads }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The heads of all requests, in their order.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The command, told where this service is and with a key, and impatient.
    pub(super) fn wait_for<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Invocation {
        dcs_wait(IMPATIENT)
            .args(arguments)
            .env("DCS_WAIT_ENDPOINT", &self.url)
            .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
            .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
            .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
    }
}

fn head(connection: &TcpStream) -> String {
    let lines = BufReader::new(connection).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// An answer with this status, these headers and this body, after which the connection closes.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}
