//! Watches over the control API.

use serde_json::json;

use super::harness::{Plan, Served};

#[tokio::test]
async fn a_watch_is_added_once_and_joined_after_that() {
    let served = Served::new().await;
    let body = r#"{"job_id": "a1", "timeout": "1h"}"#;
    let first = served.post("/v1/watches", body).await;
    let again = served.post("/v1/watches", body).await;
    assert_eq!((first.status, again.status), (201, 200));
    let (first_json, again) = (first.json(), again.json());
    assert_eq!(first_json["joined"], false);
    assert_eq!(again["joined"], true);
    let watch = &first_json["watch"];
    assert_eq!(watch["id"], again["watch"]["id"]);
    assert_eq!(watch["state"], "active");
    assert_eq!(
        (&watch["project"], &watch["hooks"]),
        (&json!("main"), &json!(["ci"]))
    );
    let location = first.header("location").unwrap();
    assert_eq!(
        location,
        format!("/v1/watches/{}", watch["id"].as_str().unwrap())
    );
    assert_eq!(served.get(location).await.status, 200);
}

#[tokio::test]
async fn a_watch_is_shown_with_its_answers_and_deliveries_once_it_has_ended() {
    let served = Served::new().await;
    let id = served.ended("a1").await;
    let shown = served.get(&format!("/v1/watches/{id}")).await.json();
    let watch = &shown["watch"];
    assert_eq!(
        (&watch["state"], &watch["outcome"]),
        (&json!("ended"), &json!("succeeded"))
    );
    assert_eq!(
        (&watch["status"], &watch["polls"]),
        (&json!("SUCCESS"), &json!(1))
    );
    assert!(watch["ended_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(shown["answers"][0]["answer"], "SUCCESS");
    assert_eq!(shown["deliveries"][0]["state"], "delivered");
}

#[tokio::test]
async fn an_active_watch_is_shown_with_the_answers_that_are_not_stored_yet() {
    let served = Served::new().await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    let mut events = served.follow(&format!("/v1/events?watch_id={id}")).await;
    events.next_named("polled").await;
    let shown = served.get(&format!("/v1/watches/{id}")).await.json();
    assert_eq!(shown["answers"][0]["answer"], "RUNNING", "{shown}");
}

#[tokio::test]
async fn a_cancelled_watch_ends_and_can_not_be_cancelled_again() {
    let served = Served::new().await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/watches/{id}/cancel");
    let cancelled = served.post(&path, "").await;
    assert_eq!(cancelled.status, 202);
    assert_eq!(cancelled.json()["outcome"], "cancelled");
    let message = served.post(&path, "").await.error(409, "already_ended");
    assert!(message.contains("cancelled"), "{message}");
    let poll = served.post(&format!("/v1/watches/{id}/poll"), "").await;
    poll.error(409, "already_ended");
}

#[tokio::test]
async fn a_watch_can_be_polled_now() {
    let served = Served::new().await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    let polled = served.post(&format!("/v1/watches/{id}/poll"), "").await;
    assert_eq!((polled.status, &polled.json()["id"]), (202, &json!(id)));
}

#[tokio::test]
async fn a_list_is_filtered_and_read_page_by_page() {
    let served = Served::planned(Plan {
        projects: vec!["main", "other"],
        ..Plan::default()
    })
    .await;
    for number in 0..5 {
        let body = format!(r#"{{"job_id": "a{number}", "project": "main"}}"#);
        assert_eq!(served.post("/v1/watches", &body).await.status, 201);
    }
    let body = r#"{"job_id": "b1", "project": "other"}"#;
    let other = served.post("/v1/watches", body).await.json();
    let other = other["watch"]["id"].as_str().unwrap();
    served
        .post(&format!("/v1/watches/{other}/cancel"), "")
        .await;

    let mut jobs = Vec::new();
    let mut path = "/v1/watches?project=main&limit=2".to_owned();
    loop {
        let page = served.get(&path).await.json();
        for watch in page["watches"].as_array().unwrap() {
            jobs.push(watch["job_id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/watches?project=main&limit=2&before={next}");
    }
    jobs.sort();
    assert_eq!(jobs, ["a0", "a1", "a2", "a3", "a4"]);

    for (query, count) in [
        ("", 6),
        ("limit=6", 6),
        ("state=active", 5),
        ("state=ended", 1),
        ("outcome=cancelled", 1),
        ("outcome=failed", 0),
        ("job_id=a3", 1),
        ("project=other&state=active", 0),
    ] {
        let page = served.get(&format!("/v1/watches?{query}")).await.json();
        assert_eq!(page["watches"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(page["next"], json!(null), "{query}");
    }
}
