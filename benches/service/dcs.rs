//! A job API that is as fast as it can be: it knows every job, and believes every signature.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};

/// The service, running.
pub(crate) struct Dcs {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How often each job was asked for.
    asked: HashMap<String, u32>,
    /// When each was first said to have ended.
    answered: HashMap<String, Instant>,
    /// From when on, and over how long, the jobs end.
    ending: Option<(Instant, Duration)>,
}

impl Dcs {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let address = serve(move |request| {
            let state = Arc::clone(&shared);
            async move { answer(&state, request.uri().path()) }
        })
        .await;
        Self { address, state }
    }

    /// Lets the jobs end one after the other, evenly over a time.
    pub(crate) fn end_all(&self, from: Instant, over: Duration) {
        self.state.lock().unwrap().ending = Some((from, over));
    }

    pub(crate) async fn until_all_were_asked(&self, count: usize) {
        while self.state.lock().unwrap().asked.len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn answered(&self) -> HashMap<String, Instant> {
        self.state.lock().unwrap().answered.clone()
    }

    /// Forgets which jobs were asked for.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap().asked.clear();
    }
}

fn answer(state: &Mutex<State>, path: &str) -> Response<Full<Bytes>> {
    let job = path.rsplit('/').next().unwrap().to_owned();
    let number: u32 = job.trim_start_matches("job-").parse().unwrap();
    let mut state = state.lock().unwrap();
    *state.asked.entry(job.clone()).or_default() += 1;
    let has_ended = state
        .ending
        .is_some_and(|(from, over)| Instant::now() >= from + over * (number % 1000) / 1000);
    let (status, end) = if has_ended {
        state
            .answered
            .entry(job.clone())
            .or_insert_with(Instant::now);
        ("SUCCESS", "\"1684191548248\"")
    } else {
        ("RUNNING", "null")
    };
    Response::new(Full::from(format!(
        r#"{{"job_id":"{job}","job_type":"masterStandbySwapJob","status":"{status}","begin_time":"1684191545379","end_time":{end},"fail_reason":null}}"#
    )))
}

/// Serves on a free port of loopback until the process ends.
pub(crate) async fn serve<F, A>(handle: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let handle = handle.clone();
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::spawn(async move {
                let stream = hyper_util::rt::TokioIo::new(stream);
                // A client that goes away is its own business.
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(stream, service)
                        .await,
                );
            });
        }
    });
    address
}
