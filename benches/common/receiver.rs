//! Receives webhooks, and notes when the first byte of each request was there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode};
use serde::Deserialize;

use crate::serve::serve;

/// The receiver, running.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<HashMap<String, Arrival>>>,
}

/// When a job's webhook first arrived.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: SystemTime,
    /// When the watch had ended, in whole milliseconds.
    pub(crate) ended: SystemTime,
}

/// As much of a webhook as is looked at.
#[derive(Deserialize)]
struct Payload {
    timestamp: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    job_id: String,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let arrived: Arc<Mutex<HashMap<String, Arrival>>> = Arc::default();
        let shared = Arc::clone(&arrived);
        let address = serve(move |request| {
            let arrived = Arc::clone(&shared);
            let at = SystemTime::now();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let Payload { timestamp, data } = serde_json::from_slice(&body).unwrap();
                let ended = humantime::parse_rfc3339(&timestamp).unwrap();
                let arrival = Arrival { at, ended };
                arrived
                    .lock()
                    .unwrap()
                    .entry(data.job_id)
                    .or_insert(arrival);
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        })
        .await;
        Self { address, arrived }
    }

    /// How many jobs' webhooks have arrived.
    pub(crate) fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }

    /// All that have arrived, by their jobs.
    pub(crate) fn arrived(&self) -> HashMap<String, Arrival> {
        self.arrived.lock().unwrap().clone()
    }
}
