//! What the tests of this folder share.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::credential::Credential;
use super::error::AuthError;
use super::found::Found;
use super::sources::Presence;
use crate::clock::Clock;
use crate::secret::ExposeSecret;

pub(super) fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

pub(super) fn present(answer: Result<Presence, AuthError>) -> Found {
    match answer {
        Ok(Presence::Present(found)) => *found,
        Ok(Presence::Absent(why)) => panic!("absent: {why}"),
        Err(error) => panic!("broken: {error}"),
    }
}

/// Access key, secret key and security token.
pub(super) fn key_pair(found: &Found) -> (&str, &str, Option<String>) {
    let Credential::KeyPair(pair) = &found.credential else {
        panic!("{}", found.credential);
    };
    let token = pair.security_token.as_ref();
    (
        &pair.access_key,
        pair.secret_key.expose_secret(),
        token.map(|token| token.expose_secret().to_owned()),
    )
}

/// An answer with temporary keys that last until the end of 2029.
pub(super) fn keys(number: &str) -> String {
    keys_until(number, "2029-12-31T23:59:59.000000Z")
}

pub(super) fn keys_until(number: &str, expires_at: &str) -> String {
    format!(
        r#"{{"credential": {{"access": "AKOFSERVICE{number}", "secret": "s3cret", "securitytoken": "t0ken{number}", "expires_at": "{expires_at}"}}}}"#
    )
}

/// A folder that is gone at the end of the test.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner may read.
    pub(super) fn private(&self, name: &str, text: &str) -> PathBuf {
        self.file(name, text, 0o600)
    }

    /// Writes a file that everybody may read.
    pub(super) fn open(&self, name: &str, text: &str) -> PathBuf {
        self.file(name, text, 0o644)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

/// A clock that tests set.
pub(super) struct SetClock(Mutex<SystemTime>);

impl SetClock {
    pub(super) fn at(rfc3339: &str) -> Arc<Self> {
        let at = humantime::parse_rfc3339(rfc3339).unwrap();
        Arc::new(Self(Mutex::new(at)))
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// What a [`Server`] answers.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whole lines.
    pub(super) headers: &'static str,
    pub(super) body: String,
}

impl From<(u16, String)> for Answer {
    fn from((status, body): (u16, String)) -> Self {
        Self {
            status,
            headers: "",
            body,
        }
    }
}

/// An HTTP server on a loopback socket that answers one request a connection.
pub(super) struct Server {
    url: Url,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one that answers each request, given as its head and body, with a status and a body.
    pub(super) async fn start<A: Into<Answer>>(
        answer: impl Fn(&str) -> A + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url_of(&listener);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                // A connection without a request is a look whether anybody is there.
                let Some(request) = read_request(&mut connection).await else {
                    continue;
                };
                let Answer {
                    status,
                    headers,
                    body,
                } = answer(&request).into();
                seen.lock().unwrap().push(request);
                let length = body.len();
                let reply = format!(
                    "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                connection.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }

    /// The URL of a port where nobody listens.
    pub(super) async fn nobody() -> Url {
        url_of(&TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn url_of(listener: &TcpListener) -> Url {
    let address = listener.local_addr().unwrap();
    format!("http://{address}/").parse().unwrap()
}

async fn read_request(connection: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece).await.ok()?;
        if read == 0 {
            return None;
        }
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
    }
}
