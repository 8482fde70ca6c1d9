//! The daemon as its clients see it: questions over its Unix socket or over TCP, and what is wrong
//! where there is no answer.

mod stream;

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

pub(super) use stream::Events;

use super::args::ControlArgs;
use super::error::CliError;
use crate::config::defaults;
use crate::daemon::http::shapes::ErrorShape;
use crate::decode::json;
use crate::environment::Environment;
use crate::http::{Client, Connector, Reply, Route, Trouble, TroubleKind, is_transient_status};
use crate::model::Exit;
use crate::secret::{ExposeSecret, Secret, read_secret_file};

/// How long an answer may take. A daemon whose store hangs takes its own time-out to say so.
const ANSWER: Duration = defaults::HTTP_REQUEST_TIMEOUT.saturating_mul(2);

/// The largest answer that is read, in bytes. A page has a megabyte, and a watch with all that is
/// known of it a few.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What Unix sockets are asked for: only the path matters.
const ANY_HOST: &str = "http://localhost/";

/// Why the daemon didn't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// It can't be talked to at the moment: it isn't there, is about to end, or can't use its
    /// store.
    #[error("{0}")]
    Away(CliError),
    /// It won't ever talk to this command as it was called.
    #[error("{0}")]
    Barred(String),
    /// It refuses the token.
    #[error("{0}")]
    Denied(String),
    /// It knows no such watch or delivery.
    #[error("{0}")]
    Unknown(String),
    /// It won't do that, in its own words.
    #[error("{0}")]
    Rejected(String),
    /// Its answer is larger than any that it should give.
    #[error("{0}")]
    TooLarge(String),
    /// What answers is no daemon, or one of another version.
    #[error("{0}")]
    Strange(String),
}

impl ControlError {
    /// There is no daemon that could do it: a command that doesn't wait for one ends.
    fn away(why: String) -> Self {
        Self::Away(CliError::usage(why))
    }
}

impl From<ControlError> for CliError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Away(error) => error,
            ControlError::Denied(why) => Self::new(Exit::Denied, why),
            ControlError::Unknown(why) => Self::new(Exit::NotFound, why),
            error => Self::usage(error),
        }
    }
}

/// A daemon, and the way there.
pub(super) struct Daemon {
    client: Client,
    place: Place,
    token: Option<Secret>,
}

enum Place {
    Socket(PathBuf),
    Url(Url),
}

impl Daemon {
    /// The daemon that options or environment name. Nobody is asked yet.
    pub(super) fn of(args: &ControlArgs, environment: &dyn Environment) -> Result<Self, CliError> {
        // An option wins over the variable of the other way.
        let from_environment = args.socket.is_none() && args.url.is_none();
        let variable = |name| environment.var(name).filter(|_| from_environment);
        let socket = args.socket.clone();
        let socket = socket.or_else(|| variable("DCS_WAIT_SOCKET").map(PathBuf::from));
        let url = args.url.clone();
        let url = url.or_else(|| variable("DCS_WAIT_URL").filter(|_| socket.is_none()));
        let token_file = args.token_file.clone();
        let token_file =
            token_file.or_else(|| environment.var("DCS_WAIT_TOKEN_FILE").map(PathBuf::from));
        match url {
            Some(url) => {
                let token_file = token_file.ok_or_else(|| {
                    CliError::usage(
                        "a daemon asks for a token on TCP; name the file that holds it with --token-file or DCS_WAIT_TOKEN_FILE",
                    )
                })?;
                let url = parse_url(&url)?;
                Ok(Self {
                    client: Connector::default()
                        // The variables for proxies speak of the service, not of the daemon.
                        .client(&url, Route::Direct)
                        .map_err(CliError::usage)?
                        .with_max_body(MAX_ANSWER),
                    place: Place::Url(url),
                    token: Some(read_secret_file(&token_file).map_err(CliError::usage)?),
                })
            }
            None if args.token_file.is_some() => Err(CliError::usage(
                "--token-file is for a daemon on TCP; name its address with --url",
            )),
            None => Self::at(socket.unwrap_or_else(|| PathBuf::from(defaults::SOCKET))),
        }
    }

    /// The daemon that listens on this socket.
    pub(super) fn at(socket: PathBuf) -> Result<Self, CliError> {
        Ok(Self {
            client: Client::over_socket(&socket)
                .map_err(CliError::internal)?
                .with_max_body(MAX_ANSWER),
            place: Place::Socket(socket),
            token: None,
        })
    }

    /// Where it listens.
    pub(super) fn place(&self) -> impl Display {
        &self.place
    }

    /// Asks for what is at this path.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ControlError> {
        let request = self.request(Method::GET, path, query)?;
        self.answer(request).await
    }

    /// Asks for something to be done.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ControlError> {
        let request = self.request(Method::POST, path, &[])?;
        self.answer(request).await
    }

    /// Asks for something to be done with this.
    pub(super) async fn post_body<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ControlError> {
        let mut request = self.request(Method::POST, path, &[])?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        // Maps with keys other than strings would fail, and there are none.
        *request.body_mut() = Some(serde_json::to_vec(body).unwrap_or_default().into());
        self.answer(request).await
    }

    /// Begins to listen to what happens.
    pub(super) async fn events(&self, query: &[(&str, String)]) -> Result<Events, ControlError> {
        let request = self.request(Method::GET, "v1/events", query)?;
        let incoming = match self.client.open(request, ANSWER).await {
            Ok(incoming) => incoming,
            Err(trouble) => return Err(self.away(&trouble).await),
        };
        if incoming.status() == 200 {
            return Ok(Events::new(incoming));
        }
        match tokio::time::timeout(ANSWER, incoming.whole()).await {
            Ok(Ok(reply)) => Err(self.refusal(&reply)),
            _ => Err(ControlError::away(format!(
                "the daemon at {} broke off its answer; try again",
                self.place
            ))),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Request, ControlError> {
        let base = match &self.place {
            Place::Socket(_) => ANY_HOST,
            Place::Url(url) => url.as_str(),
        };
        let mut url = Url::parse(base)
            .and_then(|base| base.join(path))
            .map_err(|error| ControlError::Barred(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.headers()?;
        Ok(request)
    }

    fn headers(&self) -> Result<HeaderMap, ControlError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| {
                    ControlError::Barred(
                        "the token has characters that a header can't carry; write it into its file as the daemon has it".to_owned(),
                    )
                })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    async fn answer<T: DeserializeOwned>(&self, request: Request) -> Result<T, ControlError> {
        let asked = format!("{} {}", request.method(), request.url().path());
        let reply = match self.client.send(request, ANSWER).await {
            Ok(reply) => reply,
            Err(trouble) => return Err(self.away(&trouble).await),
        };
        tracing::debug!(asked, status = reply.status, "the daemon answered");
        if !(200..300).contains(&reply.status) {
            return Err(self.refusal(&reply));
        }
        json::read(&reply.body).map_err(|error| self.strange(&error.to_string()))
    }

    /// What an answer that is an error says.
    fn refusal(&self, reply: &Reply) -> ControlError {
        let said = json::read::<ErrorShape>(&reply.body).ok();
        match (reply.status, said) {
            (401 | 403, _) => ControlError::Denied(format!(
                "the daemon at {} refuses the token; give the one of its token_file with --token-file",
                self.place
            )),
            (404, Some(said)) if said.error.code.starts_with("unknown_") => {
                ControlError::Unknown(said.error.message.to_string())
            }
            (503, Some(said)) if said.error.code == "store_unavailable" => {
                ControlError::Away(CliError::new(Exit::NotNow, said.error.message))
            }
            (408, Some(said)) if said.error.code == "too_slow" => {
                ControlError::Away(CliError::new(Exit::NotNow, said.error.message))
            }
            (502..=504, Some(said)) => ControlError::away(said.error.message.to_string()),
            // A proxy before the daemon, as while that is restarted.
            (status, None) if is_transient_status(status) => ControlError::away(format!(
                "the daemon at {} can't be asked now: what answers in its place says HTTP {status}; is it running? (systemctl status dcs-wait)",
                self.place
            )),
            (_, Some(said)) => ControlError::Rejected(said.error.message.to_string()),
            (status, None) => self.strange(&format!("HTTP {status}")),
        }
    }

    /// What answers is no daemon, or one of another version.
    pub(super) fn strange(&self, why: &str) -> ControlError {
        ControlError::Strange(format!(
            "what answers at {} is no daemon of this version, {} ({why}); check the address, and dcs-wait --version on both sides",
            self.place,
            env!("CARGO_PKG_VERSION")
        ))
    }

    /// Why there is no answer, and what to do.
    async fn away(&self, trouble: &Trouble) -> ControlError {
        if trouble.kind == TroubleKind::TooLarge {
            return ControlError::TooLarge(format!(
                "the daemon at {} answers too much: {trouble}; ask for fewer with --limit, or for one by its ID",
                self.place
            ));
        }
        if trouble.kind == TroubleKind::TimedOut {
            let why = format!(
                "the daemon at {} gives {trouble}; what was asked may have been done; try again, and \
                 see what is wrong with it (systemctl status dcs-wait)",
                self.place
            );
            return ControlError::Away(CliError::new(Exit::NotNow, why));
        }
        let path = match &self.place {
            Place::Socket(path) if trouble.kind == TroubleKind::NoConnection => path,
            place => {
                return ControlError::away(format!(
                    "no daemon answers at {place}: {trouble}; is it running? (systemctl status dcs-wait)"
                ));
            }
        };
        // The client tells of the error only in words.
        let why = UnixStream::connect(path).await.err();
        no_socket(path, why.as_ref().map(std::io::Error::kind))
    }
}

fn no_socket(path: &Path, why: Option<ErrorKind>) -> ControlError {
    let path = path.display();
    match why {
        Some(ErrorKind::PermissionDenied) => ControlError::Barred(format!(
            "{path} is not for this user; add yourself to the socket's group (see: ls -l {path}), or use sudo"
        )),
        Some(ErrorKind::NotFound) => ControlError::away(format!(
            "no daemon answers at {path}: there is no such socket; is it running? (systemctl status dcs-wait) Another socket is named with --socket"
        )),
        _ => ControlError::away(format!(
            "no daemon answers at {path}; is it running? (systemctl status dcs-wait)"
        )),
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

fn parse_url(text: &str) -> Result<Url, CliError> {
    let refused = |why: &str| {
        CliError::usage(format!(
            "the daemon's address {why}; give one such as http://127.0.0.1:9180"
        ))
    };
    let mut url =
        Url::parse(text.trim()).map_err(|error| refused(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("carries a user or a password"));
    }
    // What is asked for is looked for below it.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_for_this_user_is_barred_and_no_other_is() {
        let why = |kind| no_socket(Path::new("/run/x.sock"), kind);
        let barred = why(Some(ErrorKind::PermissionDenied));
        assert!(matches!(barred, ControlError::Barred(_)));
        assert!(barred.to_string().contains("group"), "{barred}");
        for kind in [
            Some(ErrorKind::NotFound),
            Some(ErrorKind::ConnectionRefused),
            None,
        ] {
            let away = why(kind);
            assert!(matches!(away, ControlError::Away(_)), "{away}");
            assert!(
                away.to_string().contains("systemctl status dcs-wait"),
                "{away}"
            );
        }
    }
}
