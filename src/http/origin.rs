//! One server that is asked many times.

use std::time::Duration;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Method, Url};

use super::client::{AGENT, IDENTITY, is_loopback};
use super::descriptors::ConnectionBudget;
use super::pool::Pool;
use super::tls::{self, TlsError};
use super::{Client, Connector, Reply, Route, Trouble};

/// A server that is asked many times, with `GET`s that have a path and headers and nothing else:
/// over connections that are kept for that, or by a [`Client`] where a proxy is in between.
pub struct Origin(Way);

enum Way {
    Direct(Pool),
    Proxied(Client, Url),
}

impl Connector {
    /// The server of `url`, whose path doesn't matter.
    ///
    /// # Errors
    /// When the certificates to trust can't be read.
    pub fn origin(&self, url: &Url, route: Route) -> Result<Origin, TlsError> {
        let Ok(server) = url.origin().ascii_serialization().parse::<Uri>() else {
            return self.proxied(url, route);
        };
        let direct = route == Route::Direct
            || is_loopback(url)
            || Matcher::from_env().intercept(&server).is_none();
        if !direct {
            return self.proxied(url, route);
        }
        let tls = match url.scheme() {
            "https" => Some(tls::trusting(self.ca_file.as_deref())?),
            _ => None,
        };
        match Pool::new(server, tls, ConnectionBudget::of_process()) {
            Ok(pool) => Ok(Origin(Way::Direct(pool))),
            Err(_) => self.proxied(url, route),
        }
    }

    fn proxied(&self, url: &Url, route: Route) -> Result<Origin, TlsError> {
        Ok(Origin(Way::Proxied(self.client(url, route)?, url.clone())))
    }
}

impl Origin {
    /// Asks for a path, and reads the whole answer, both within `time_limit`. That
    /// starts once there is a descriptor for the connection.
    ///
    /// # Errors
    /// When there is no whole answer. An answer that is an error is an answer.
    pub async fn get(
        &self,
        path: &str,
        headers: HeaderMap,
        time_limit: Duration,
    ) -> Result<Reply, Trouble> {
        match &self.0 {
            Way::Direct(pool) => {
                let mut request = Request::default();
                *request.uri_mut() = path.parse().map_err(|_| Trouble::no_path(path))?;
                *request.headers_mut() = headers;
                let own = [
                    (ACCEPT, "*/*"),
                    (ACCEPT_ENCODING, IDENTITY),
                    (USER_AGENT, AGENT),
                ];
                for (name, value) in own {
                    request
                        .headers_mut()
                        .insert(name, HeaderValue::from_static(value));
                }
                // What waits for a connection of others says nothing about this server.
                let permit = pool.ready().await;
                tokio::time::timeout(time_limit, pool.send(permit, request))
                    .await
                    .unwrap_or_else(|_| Err(Trouble::timed_out(time_limit)))
            }
            Way::Proxied(client, url) => {
                let mut url = url.clone();
                url.set_path(path);
                let mut request = reqwest::Request::new(Method::GET, url);
                *request.headers_mut() = headers;
                client.send(request, time_limit).await
            }
        }
    }
}
