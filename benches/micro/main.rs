//! Measures what is done for every request and every end, without I/O: `cargo bench --bench micro`.
#![expect(clippy::unwrap_used, reason = "a benchmark ends where something fails")]

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use dcs_wait::api::{Content, Refusal};
use dcs_wait::auth::sign::authorize;
use dcs_wait::auth::{Credential, KeyPair};
use dcs_wait::hooks::{Payload, Secrets};
use dcs_wait::model::{Durations, End, Fault, Job, JobStatus, Outcome, Progress, ProjectId, Watch};
use dcs_wait::poll::{
    Backoff, BackoffSpec, Context, DelayPerRequest, Experience, Learned, Schedule, judge,
};
use dcs_wait::secret::Secret;
use reqwest::{Method, Request};

const PROJECT_ID: &str = "0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e";
const JOB_ID: &str = "ff8080818822bbf70188235afc24141a";
const ID: &str = "01936c2f-5e00-7000-8000-000000000000";

criterion_group!(benches, sign, verdict, schedule, experience, payload);
criterion_main!(benches);

fn sign(criterion: &mut Criterion) {
    let url = format!("https://dcs.cn-north-4.myhuaweicloud.com/v2/{PROJECT_ID}/jobs/{JOB_ID}");
    let mut request = Request::new(Method::GET, url.parse().unwrap());
    let headers = request.headers_mut();
    headers.insert("x-project-id", PROJECT_ID.parse().unwrap());
    let credential = Credential::KeyPair(KeyPair {
        access_key: "QTWAOYTTINDUT2QVKYUC".to_owned(),
        secret_key: Secret::from("MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"),
        security_token: None,
    });
    criterion.bench_function("sign a request", |bencher| {
        bencher.iter(|| authorize(black_box(&mut request), &credential, at(0)).unwrap());
    });
}

fn verdict(criterion: &mut Criterion) {
    let context = Context {
        waited: Duration::from_secs(10),
        not_found_grace: Duration::from_secs(30),
        seen: true,
        endpoint_seen: true,
        second_chance: false,
        not_found_codes: &["DCS.4133".to_owned()],
    };
    let refused = Content::Refused(Refusal {
        status: 400,
        fault: Fault {
            http_status: Some(400),
            code: Some("DCS.4133".into()),
            message: "The job does not exist.".into(),
            request_id: None,
        },
        retry_after: None,
        limit: None,
    });
    let running = Content::Job(job(JobStatus::Running));
    for (name, content) in [("goes on", running), ("is unknown", refused)] {
        criterion.bench_function(&format!("verdict, the job {name}"), |bencher| {
            bencher.iter(|| judge(black_box(&content), &context));
        });
    }
}

fn schedule(criterion: &mut Criterion) {
    let backoff = Backoff::try_from(BackoffSpec::default()).unwrap();
    interval(criterion, "exponential", &backoff, backoff.first());
    let age = Duration::from_secs(20);
    for count in [0, 3, 64] {
        let name = format!("learned from {count}");
        interval(criterion, &name, &learned(&durations(count)), age);
    }
}

fn interval<S: Schedule>(criterion: &mut Criterion, name: &str, schedule: &S, place: S::Place) {
    let mut random = fastrand::Rng::with_seed(1);
    criterion.bench_function(&format!("next interval, {name}"), |bencher| {
        bencher.iter(|| schedule.next(&mut black_box(place), &mut random));
    });
}

/// What is made anew where a job has ended; the plan only once it is asked for.
fn experience(criterion: &mut Criterion) {
    let durations = durations(64);
    criterion.bench_function("experience of 64 durations", |bencher| {
        bencher.iter(|| Experience::of(black_box(&durations)));
    });
    let mut random = fastrand::Rng::with_seed(1);
    criterion.bench_function("experience of 64 durations, with its plan", |bencher| {
        bencher.iter(|| {
            let mut age = Duration::from_secs(20);
            learned(black_box(&durations)).next(&mut age, &mut random)
        });
    });
}

fn payload(criterion: &mut Criterion) {
    let watch = Watch {
        id: ID.parse().unwrap(),
        project: "north".parse().unwrap(),
        job_id: JOB_ID.parse().unwrap(),
        hooks: [].into(),
        accepted_at: at(0),
        deadline_at: None,
    };
    let project_id: ProjectId = PROJECT_ID.parse().unwrap();
    let progress = Progress {
        polls: 7,
        job: Some(Arc::new(job(JobStatus::Success))),
    };
    let end = End {
        outcome: Outcome::Succeeded,
        fault: None,
        at: at(10),
    };
    let make = || Payload::new(&watch, Some(&project_id), &progress, &end).to_body();
    criterion.bench_function("payload", |bencher| bencher.iter(make));

    // Made open to nobody else.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"whsec_YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms=")
        .unwrap();
    let secrets = Secrets::read(&[file.path().to_owned()]).unwrap();
    let (id, body) = (ID.parse().unwrap(), make());
    criterion.bench_function("sign a payload", |bencher| {
        bencher.iter(|| secrets.sign(id, 1_684_191_550, black_box(&body)));
    });
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_684_191_540 + seconds)
}

fn job(status: JobStatus) -> Job {
    Job {
        end_time: status.is_terminal().then(|| at(8)),
        status,
        job_type: Some("masterStandbySwapJob".into()),
        begin_time: Some(at(5)),
        fail_reason: None,
    }
}

fn durations(count: usize) -> Durations {
    let mut random = fastrand::Rng::with_seed(1);
    let seconds = std::iter::repeat_with(|| 20.0 + 20.0 * random.f64());
    seconds.take(count).map(Duration::from_secs_f64).collect()
}

fn learned(durations: &Durations) -> Learned {
    Learned {
        delay_per_request: DelayPerRequest::default(),
        experience: Some(Arc::new(Experience::of(durations))),
    }
}
