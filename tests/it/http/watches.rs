//! Watches over the control API.

use serde_json::{Value, json};

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

#[tokio::test]
async fn watches_of_a_batch_are_added_and_joined_in_its_order() {
    let served = Served::new().await;
    let known = served.ended("a2").await;
    let body = r#"{"watches": [
        {"job_id": "a1"}, {"job_id": "a2"}, {"job_id": "a1", "hooks": ["chat"]}, {"job_id": "a3"}
    ]}"#;
    let reply = served.post("/v1/watches/batch", body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let watches = reply.json()["watches"].clone();
    let of_each = |member: &str| -> Vec<Value> {
        let watches = watches.as_array().unwrap().iter();
        watches.map(|one| one[member].clone()).collect()
    };
    assert_eq!(of_each("job_id"), ["a1", "a2", "a1", "a3"]);
    assert_eq!(of_each("joined"), [false, true, true, false]);
    assert_eq!(watches[0]["id"], watches[2]["id"]);
    assert_eq!(
        (&watches[1]["id"], &watches[1]["outcome"]),
        (&json!(known), &json!("succeeded"))
    );
    assert_eq!(watches[3]["outcome"], Value::Null);
    let first = watches[0]["id"].as_str().unwrap();
    let shown = served.get(&format!("/v1/watches/{first}")).await.json();
    assert_eq!(shown["watch"]["hooks"], json!(["ci", "chat"]));

    for job in ["a1", "a3"] {
        served.service.end(job, "SUCCESS");
    }
    for id in [&watches[0]["id"], &watches[3]["id"]] {
        served.settle(id.as_str().unwrap()).await;
    }
    let delivered = served.get("/v1/deliveries?hook=chat").await.json();
    assert_eq!(delivered["deliveries"][0]["watch_id"], first);
}

#[tokio::test]
async fn a_batch_is_accepted_whole_or_not_at_all() {
    let served = Served::new().await;
    let good = r#"{"job_id": "a1"}, {"job_id": "a2"}"#;
    for (bad, status, code, says) in [
        (r#"{"job_id": "a/b"}"#, 400, "invalid_job_id", "position 2"),
        (
            r#"{"job": "a3"}"#,
            400,
            "invalid_body",
            "did you mean job_id?",
        ),
        (r#"["a3"]"#, 400, "invalid_body", "send one object"),
        ("7", 400, "invalid_body", "send an object"),
        (
            r#"{"job_id": "a3", "timeout": "soon"}"#,
            400,
            "invalid_timeout",
            "such as 90s",
        ),
        (
            r#"{"job_id": "a3", "project": "south"}"#,
            422,
            "unknown_project",
            "there are: main",
        ),
        (
            r#"{"job_id": "a3", "hooks": ["x"]}"#,
            422,
            "unknown_hook",
            "there are: chat, ci",
        ),
    ] {
        let body = format!(r#"{{"watches": [{good}, {bad}]}}"#);
        let reply = served.post("/v1/watches/batch", &body).await;
        let message = reply.error(status, code);
        assert!(message.starts_with("watches[2]: "), "{message}");
        assert!(message.contains(says), "{message}");
    }
    served.store.fill_up();
    let body = format!(r#"{{"watches": [{good}]}}"#);
    let reply = served.post("/v1/watches/batch", &body).await;
    reply.error(503, "store_unavailable");
    let all = served.get("/v1/watches").await.json();
    assert_eq!(all["watches"], json!([]));
}
