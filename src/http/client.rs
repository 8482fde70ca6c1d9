//! Clients, one per server that is talked to.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Request, Url};

use super::tls::{self, TlsError};
use super::{MAX_BODY, Trouble};

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
pub struct Client(reqwest::Client);

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
}

impl Connector {
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
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry X-Security-Token and X-Auth-Token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .user_agent(concat!("dcs-wait/", env!("CARGO_PKG_VERSION")));
        if route == Route::Direct || is_loopback(url) {
            builder = builder.no_proxy();
        }
        // What can fail in there is the TLS backend, and that one is ready made.
        builder
            .build()
            .map(Client)
            .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))
    }
}

fn is_loopback(url: &Url) -> bool {
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
    /// Sends a request and reads the whole answer, both within `time_limit`.
    ///
    /// # Errors
    /// When there is no whole answer. An answer that is an error is an answer.
    pub async fn send(&self, request: Request, time_limit: Duration) -> Result<Reply, Trouble> {
        tokio::time::timeout(time_limit, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(Trouble::timed_out(time_limit)))
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Trouble> {
        let mut response = self.0.execute(request).await?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > MAX_BODY {
                return Err(Trouble::too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
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
