//! A hook that sends a request, as the Standard Webhooks convention has it.

mod files;
mod secrets;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use reqwest::{Body, Method, Request, StatusCode, Url};

use super::{ANSWER, Hook, Message, Problem, Receipt, WebhookSpec};
use crate::http::{Client, Connector, Reply, Route};
use crate::model::{BoxFuture, DeliveryId};
use crate::sanitize::sanitize;
use files::{Files, Paths};
pub use secrets::Secrets;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The headers that are not the user's to choose.
const OWN: [HeaderName; 8] = [
    WEBHOOK_ID,
    WEBHOOK_TIMESTAMP,
    WEBHOOK_SIGNATURE,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    HOST,
];

/// The longest wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Webhook {
    url: Url,
    headers: HeaderMap,
    files: Files,
    client: Client,
    timeout: Duration,
}

impl Webhook {
    pub(super) fn new(spec: &WebhookSpec) -> Result<Self, Problem> {
        let url = &spec.url;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Problem::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Problem::Credential);
        }
        if spec.secret_files.len() > 2 {
            return Err(Problem::ManySecrets(spec.secret_files.len()));
        }
        let in_files = spec.header_files.iter().map(|(name, _)| name);
        let mut names = spec.headers.iter().map(|(name, _)| name).chain(in_files);
        if let Some(name) = names.find(|name| OWN.contains(name)) {
            return Err(Problem::Header(name.clone()));
        }
        let files = Files::new(Paths {
            secrets: spec.secret_files.clone(),
            headers: spec.header_files.clone(),
        })?;
        let connector = Connector {
            ca_file: spec.ca_file.clone(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &spec.headers {
            headers.append(name, value.clone());
        }
        Ok(Self {
            url: url.clone(),
            headers,
            files,
            client: connector.client(url, Route::ProxyOfEnvironment)?,
            timeout: spec.timeout,
        })
    }

    async fn send(&self, message: &Message) -> Receipt {
        let from_files = match self.files.content().await {
            Ok(content) => content,
            Err(problem) => return Receipt::failed(sanitize(&problem.to_string(), ANSWER)),
        };
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        for (name, value) in &from_files.headers {
            headers.append(name, value.clone());
        }
        let timestamp = unix_seconds(message.at);
        headers.insert(WEBHOOK_ID, id_header(message.id));
        headers.insert(WEBHOOK_TIMESTAMP, timestamp.into());
        let signature = from_files
            .secrets
            .sign(message.id, timestamp, &message.body);
        if let Some(signature) = signature {
            headers.insert(WEBHOOK_SIGNATURE, signature);
        }
        *request.body_mut() = Some(Body::from(message.body.to_string()));
        match self.client.send_for_status(request, self.timeout).await {
            Ok(reply) => receipt(&reply),
            Err(trouble) => Receipt::failed(sanitize(&trouble.to_string(), ANSWER)),
        }
    }
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn id_header(id: DeliveryId) -> HeaderValue {
    // A UUID is visible ASCII.
    HeaderValue::from_str(&id.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// What an answer means. Its words are left out: a receiver may repeat what it was sent, such as a
/// token.
fn receipt(reply: &Reply) -> Receipt {
    let answer = answer(reply.status);
    match reply.status {
        200..300 => Receipt::Delivered { answer },
        300..400 => Receipt::Failed {
            answer: format!(
                "{answer}: a redirect, which is not followed; give the address it leads to"
            ),
            retry_after: None,
        },
        410 => Receipt::Gone { answer },
        _ => Receipt::Failed {
            answer,
            retry_after: reply.retry_after().map(|wait| wait.min(MAX_RETRY_AFTER)),
        },
    }
}

fn answer(status: u16) -> String {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    reason.map_or_else(
        || format!("HTTP {status}"),
        |reason| format!("HTTP {status} {reason}"),
    )
}

impl Hook for Webhook {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(self.send(message))
    }
}
