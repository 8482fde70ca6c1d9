//! What is known of the types of jobs, and what it lets expect.

use serde_json::{Value, json};

use super::harness::{Plan, Served, TOOK};

const HOUR: u64 = TOOK.as_millis() as u64;

/// The watch, once what the service says of its job is stored.
async fn shown(served: &Served, watch: &Value) -> Value {
    let id = watch["id"].as_str().unwrap();
    let mut events = served.follow(&format!("/v1/events?watch_id={id}")).await;
    loop {
        events.next_named("polled").await;
        let shown = served.get(&format!("/v1/watches/{id}")).await.json();
        if shown["watch"]["status"].is_string() {
            return shown["watch"].clone();
        }
    }
}

#[tokio::test]
async fn a_type_is_known_by_the_jobs_that_ended() {
    let served = Served::new().await;
    let types = async |query| {
        let path = format!("/v1/job-types{query}");
        served.get(&path).await.json()["job_types"].clone()
    };
    assert_eq!(types("").await, json!([]));
    served.ended("a1").await;
    served.ended("a2").await;
    let known = json!([{
        "project": "main", "job_type": "masterStandbySwapJob", "count": 2,
        "median_ms": HOUR, "p90_ms": HOUR, "durations_ms": [HOUR, HOUR],
    }]);
    assert_eq!(types("").await, known);
    assert_eq!(types("?project=main").await, known);
    assert_eq!(types("?project=other").await, json!([]));
    let refused = served.get("/v1/job-types?project=a/b").await;
    refused.error(400, "invalid_query");
}

#[tokio::test]
async fn a_watch_that_goes_on_is_shown_with_what_is_to_be_expected() {
    let served = Served::new().await;
    served.ended("a1").await;
    let watch = shown(&served, &served.add("b1").await).await;
    let estimate = &watch["estimate"];
    assert_eq!(estimate["count"], 1, "{watch}");
    assert_eq!(
        (&estimate["median_ms"], &estimate["p90_ms"]),
        (&json!(HOUR), &json!(HOUR))
    );
    let left = estimate["left_ms"].as_u64().unwrap();
    assert!((1..=HOUR).contains(&left), "{watch}");
    let listed = served.get("/v1/watches?state=active").await.json();
    assert_eq!(listed["watches"][0]["estimate"]["count"], 1, "{listed}");
}

#[tokio::test]
async fn what_is_left_is_counted_from_the_beginning_that_the_service_names() {
    let served = Served::new().await;
    served.ended("a1").await;
    served.service.run_for("half", TOOK / 2);
    served.service.run_for("longer", TOOK * 3 / 2);
    let (half, longer) = (served.add("half").await, served.add("longer").await);
    let half = shown(&served, &half).await;
    let left = half["estimate"]["left_ms"].as_u64().unwrap();
    assert!((1..=HOUR / 2).contains(&left), "{half}");
    let longer = shown(&served, &longer).await;
    assert_eq!(longer["estimate"]["count"], 1, "{longer}");
    assert_eq!(longer["estimate"]["left_ms"], json!(null), "{longer}");
}

#[tokio::test]
async fn a_job_whose_beginning_makes_no_sense_is_as_old_as_its_watch() {
    let served = Served::new().await;
    served.ended("a1").await;
    served.service.run_for("odd", 100 * TOOK);
    let odd = shown(&served, &served.add("odd").await).await;
    let left = odd["estimate"]["left_ms"].as_u64();
    assert!(left.is_some_and(|left| left > HOUR / 2), "{odd}");
}

#[tokio::test]
async fn nothing_is_expected_of_a_watch_that_has_ended_or_whose_type_is_new_to_its_project() {
    let served = Served::planned(Plan {
        projects: vec!["main", "other"],
        ..Plan::default()
    })
    .await;
    let add = async |job_id: &str, project: &str| {
        let body = json!({"job_id": job_id, "project": project}).to_string();
        served.post("/v1/watches", &body).await.json()["watch"].clone()
    };
    served.service.end("a1", "FAIL");
    let ended = add("a1", "main").await;
    let id = ended["id"].as_str().unwrap();
    served.settle(id).await;
    let ended = served.get(&format!("/v1/watches/{id}")).await.json();
    assert_eq!(ended["watch"]["estimate"], json!(null));
    let elsewhere = shown(&served, &add("b1", "other").await).await;
    assert_eq!(elsewhere["status"], "RUNNING", "{elsewhere}");
    assert_eq!(elsewhere["estimate"], json!(null));
}
