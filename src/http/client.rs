//! Clients, one per server that is talked to.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Request, StatusCode, Url};

use super::body::{self, Body};
use super::descriptors::{TRIES, client_connections, free_descriptors, is_out_of_descriptors};
use super::tls::{self, TlsError};
use super::{MAX_BODY, Trouble};

/// How much of a body that nobody wants is read, in bytes, to be able to use its connection again,
/// and for how long.
const CHEAP: usize = 64 * 1024;
const SOON: Duration = Duration::from_secs(1);

/// What requests say that they come from.
pub(super) const AGENT: &str = concat!("dcs-wait/", env!("CARGO_PKG_VERSION"));

/// The `Accept-Encoding` of every request. It isn't signed, as something on the way may change it.
pub(super) const IDENTITY: &str = "identity";

/// Whether a server may be reached through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Through the proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, save for
    /// loopback addresses.
    ProxyOfEnvironment,
    /// Never through a proxy.
    Direct,
}

/// Makes clients that share one idea of whom to trust.
#[derive(Debug, Clone, Default)]
pub struct Connector {
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// A client for one server. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    max_body: usize,
    /// The host of the proxy that requests go through.
    proxy: Option<Arc<str>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status. Redirects are not followed, and arrive here as they are.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, of at most [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// The header's value, where it is there and is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The time that the answer was sent, by the server's clock.
    #[must_use]
    pub fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header("date")?).ok()
    }

    /// `Retry-After` in seconds or as a date, which is judged by the answer's own `Date`, as the
    /// machine's clock may be off. What has passed already counts as zero.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        match text.parse::<i64>() {
            Ok(seconds) => Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
            Err(_) => {
                let until = httpdate::parse_http_date(text).ok()?;
                Some(until.duration_since(self.date()?).unwrap_or_default())
            }
        }
    }
}

impl Connector {
    /// Whether there are certificates to trust.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn check(&self) -> Result<(), TlsError> {
        tls::trusting(self.ca_file.as_deref()).map(drop)
    }

    /// A client for the server of `url`. Certificates are read only where the scheme is `https`.
    ///
    /// # Errors
    /// When the certificates to trust can't be read.
    pub fn client(&self, url: &Url, route: Route) -> Result<Client, TlsError> {
        let tls = if url.scheme() == "https" {
            tls::trusting(self.ca_file.as_deref())?
        } else {
            tls::trusting_nobody()?
        };
        let mut builder = builder(tls);
        if route == Route::Direct || is_loopback(url) {
            builder = builder.no_proxy();
            return build(builder);
        }
        let client = build(builder)?;
        Ok(Client {
            proxy: proxy_of_environment(url),
            ..client
        })
    }
}

/// The host of the proxy that the environment names for a URL.
fn proxy_of_environment(url: &Url) -> Option<Arc<str>> {
    let server: Uri = url.origin().ascii_serialization().parse().ok()?;
    let proxy = Matcher::from_env().intercept(&server)?;
    proxy.uri().host().map(Arc::from)
}

fn builder(tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
    let identity = (ACCEPT_ENCODING, HeaderValue::from_static(IDENTITY));
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A redirect would carry X-Security-Token and X-Auth-Token to another host.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(client_connections())
        .user_agent(AGENT)
        .default_headers([identity].into_iter().collect())
}

fn build(builder: reqwest::ClientBuilder) -> Result<Client, TlsError> {
    // What can fail in there is the TLS backend, and that one is ready made.
    builder
        .build()
        .map(|http| Client {
            http,
            max_body: MAX_BODY,
            proxy: None,
        })
        .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

impl Client {
    /// A client for the server that listens on a Unix socket, whatever host its URLs name.
    ///
    /// # Errors
    /// When TLS can't be set up, which isn't used.
    pub fn over_socket(path: &Path) -> Result<Self, TlsError> {
        build(builder(tls::trusting_nobody()?).unix_socket(path))
    }

    /// The same client with another limit for the bodies that it reads, in bytes.
    #[must_use]
    pub fn with_max_body(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }

    /// Sends a request and reads the whole answer, both within `time_limit`.
    ///
    /// # Errors
    /// When there is no whole answer. An answer that is an error is an answer.
    pub async fn send(&self, request: Request, time_limit: Duration) -> Result<Reply, Trouble> {
        tokio::time::timeout(time_limit, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(Trouble::timed_out(time_limit)))
    }

    /// Sends a request whose answer is its status and headers; the body is left empty. What there
    /// is of one is read as far as is cheap, so that the connection can be used again, and nothing
    /// that is wrong with it matters.
    ///
    /// # Errors
    /// When there are no status and headers within `time_limit`.
    pub async fn send_for_status(
        &self,
        request: Request,
        time_limit: Duration,
    ) -> Result<Reply, Trouble> {
        let mut response = tokio::time::timeout(time_limit, self.execute(request))
            .await
            .unwrap_or_else(|_| Err(Trouble::timed_out(time_limit)))?;
        let reply = Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
        };
        let drain = async {
            let mut left = CHEAP;
            while let Ok(Some(piece)) = response.chunk().await {
                match left.checked_sub(piece.len()) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        };
        // Whether it ended or was cut off is the same to the caller.
        drop(tokio::time::timeout(SOON, drain).await);
        Ok(reply)
    }

    async fn execute(&self, request: Request) -> Result<reqwest::Response, Trouble> {
        // Without a descriptor nothing was sent.
        for _ in 1..TRIES {
            let Some(copy) = request.try_clone() else {
                break;
            };
            match self.http.execute(copy).await {
                Err(error) if is_out_of_descriptors(&error) => free_descriptors().await,
                answered => return self.answered(answered),
            }
        }
        self.answered(self.http.execute(request).await)
    }

    fn answered(
        &self,
        answered: reqwest::Result<reqwest::Response>,
    ) -> Result<reqwest::Response, Trouble> {
        answered.map_err(|error| match &self.proxy {
            Some(proxy) => Trouble::through(proxy, error),
            None => error.into(),
        })
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Trouble> {
        let response = self.execute(request).await?;
        self.incoming(response).whole().await
    }

    /// Sends a request, whose answer is read as it comes: it has to begin within `time_limit`.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn open(&self, request: Request, time_limit: Duration) -> Result<Incoming, Trouble> {
        match tokio::time::timeout(time_limit, self.execute(request)).await {
            Ok(response) => {
                let response = response?;
                if response.status() == StatusCode::OK {
                    body::check_stream(response.headers())?;
                }
                Ok(self.incoming(response))
            }
            Err(_) => Err(Trouble::timed_out(time_limit)),
        }
    }

    fn incoming(&self, response: reqwest::Response) -> Incoming {
        Incoming {
            response,
            max_body: self.max_body,
        }
    }
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Incoming {
    response: reqwest::Response,
    max_body: usize,
}

impl Incoming {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next piece of the body, as soon as it comes; `None` at its end.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.response.chunk().await?.map(Vec::from))
    }

    /// All of the answer.
    ///
    /// # Errors
    /// When the connection ends before the body does, or that is too large.
    pub async fn whole(mut self) -> Result<Reply, Trouble> {
        let headers = std::mem::take(self.response.headers_mut());
        let mut body = Body::new(&headers, self.max_body);
        while let Some(piece) = self.response.chunk().await? {
            body.push(&piece)?;
        }
        Ok(body.finish(self.status(), headers)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognized_in_all_its_spellings() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", true),
            ("http://2130706433/", true),
            ("http://[::1]:8080/", true),
            ("https://localhost/", true),
            ("https://dcs.cn-north-4.myhuaweicloud.com/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
