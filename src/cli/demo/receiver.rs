//! A receiver of webhooks for the demo. It checks signatures by its own code, as any receiver of
//! anybody's would, and knows nothing of how they are made.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A webhook that arrived.
pub(super) struct Arrived {
    /// Its `webhook-id`.
    pub(super) id: String,
    /// Whether it was signed with the secret.
    pub(super) is_genuine: bool,
    /// What it says.
    pub(super) body: serde_json::Value,
}

/// A receiver that listens. Dropping it stops it.
pub(super) struct Receiver {
    address: SocketAddr,
    arrived: UnboundedReceiver<Arrived>,
    serving: JoinHandle<()>,
}

struct Desk {
    key: Vec<u8>,
    arrived: UnboundedSender<Arrived>,
}

impl Receiver {
    /// Listens on a free port of this machine for webhooks that are signed with this key.
    pub(super) async fn start(key: Vec<u8>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, arrived) = unbounded_channel();
        let desk = Desk {
            key,
            arrived: sender,
        };
        let routes = Router::new()
            .route("/done", post(receive))
            .with_state(Arc::new(desk));
        let serving = tokio::spawn(async move {
            // It ends only by being dropped.
            axum::serve(listener, routes).await.ok();
        });
        Ok(Self {
            address,
            arrived,
            serving,
        })
    }

    /// The URL to send webhooks to.
    pub(super) fn url(&self) -> String {
        format!("http://{}/done", self.address)
    }

    /// The next webhook that arrives.
    pub(super) async fn next(&mut self) -> Option<Arrived> {
        self.arrived.recv().await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let id = header("webhook-id");
    let is_genuine = is_signed(
        &desk.key,
        &id,
        &header("webhook-timestamp"),
        &body,
        &header("webhook-signature"),
    );
    let body = serde_json::from_slice(&body).unwrap_or_default();
    // The demo may be over already.
    drop(desk.arrived.send(Arrived {
        id,
        is_genuine,
        body,
    }));
    if is_genuine {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// Whether one of the signatures is `v1,` and the Base64 of the HMAC-SHA256 of `id.timestamp.body`.
fn is_signed(key: &[u8], id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
    signatures.split(' ').any(|signature| {
        let Some(given) = signature
            .strip_prefix("v1,")
            .and_then(|encoded| STANDARD.decode(encoded).ok())
        else {
            return false;
        };
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else {
            return false;
        };
        hmac.update(format!("{id}.{timestamp}.").as_bytes());
        hmac.update(body);
        hmac.verify_slice(&given).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the convention's own description.
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn a_signature_is_checked_as_the_convention_has_it() {
        let key = STANDARD.decode(KEY).unwrap();
        let check = |id, body, signature| is_signed(&key, id, "1614265330", body, signature);
        assert!(check(ID, BODY, SIGNATURE));
        let two = format!("v1,AAAA {SIGNATURE}");
        assert!(check(ID, BODY, &two));
        assert!(!check("msg_x", BODY, SIGNATURE));
        assert!(!check(ID, b"{}", SIGNATURE));
        assert!(!check(ID, BODY, ""));
    }
}
