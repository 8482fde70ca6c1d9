//! Receives webhooks, and notes when the first byte of each request was there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode};

use crate::dcs::serve;

/// The receiver, running.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let arrived: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
        let shared = Arc::clone(&arrived);
        let address = serve(move |request| {
            let arrived = Arc::clone(&shared);
            let now = Instant::now();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let payload: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let job = payload["data"]["job_id"].as_str().unwrap().to_owned();
                arrived.lock().unwrap().entry(job).or_insert(now);
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        })
        .await;
        Self { address, arrived }
    }

    pub(crate) async fn until_arrived(&self, count: usize) -> HashMap<String, Instant> {
        loop {
            let arrived = self.arrived.lock().unwrap().clone();
            if arrived.len() >= count {
                return arrived;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
