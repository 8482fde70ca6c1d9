//! A job API that is as fast as it can be: it knows every job, and believes every signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use crate::jobs::BEGINNING;
use crate::serve::serve;

/// The service, running.
pub(crate) struct Dcs {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How often each job was asked for.
    asked: HashMap<String, u32>,
    /// When each was first said to have ended.
    answered: HashMap<String, SystemTime>,
    /// From when on, and over how long, the jobs end.
    ending: Option<(SystemTime, Duration)>,
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
        let url = format!("http://{address}");
        Self { url, state }
    }

    /// Lets the jobs end one after the other, evenly over a time.
    pub(crate) fn end_all(&self, from: SystemTime, over: Duration) {
        self.state.lock().unwrap().ending = Some((from, over));
    }

    pub(crate) async fn until_all_were_asked(&self, count: usize) {
        while self.state.lock().unwrap().asked.len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn answered(&self) -> HashMap<String, SystemTime> {
        self.state.lock().unwrap().answered.clone()
    }
}

fn answer(state: &Mutex<State>, path: &str) -> Response<Full<Bytes>> {
    let job = path.rsplit('/').next().unwrap().to_owned();
    let digits = job.strip_prefix(BEGINNING).unwrap();
    let number = u32::from_str_radix(digits, 16).unwrap();
    let mut state = state.lock().unwrap();
    *state.asked.entry(job.clone()).or_default() += 1;
    let has_ended = state
        .ending
        .is_some_and(|(from, over)| SystemTime::now() >= from + over * (number % 1000) / 1000);
    let (status, end) = if has_ended {
        state
            .answered
            .entry(job.clone())
            .or_insert_with(SystemTime::now);
        ("SUCCESS", "\"1684191548248\"")
    } else {
        ("RUNNING", "null")
    };
    Response::new(Full::from(format!(
        r#"{{"job_id":"{job}","job_type":"masterStandbySwapJob","status":"{status}","begin_time":"1684191545379","end_time":{end},"fail_reason":null}}"#
    )))
}
