//! Deliveries over the control API.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::harness::Served;

#[tokio::test]
async fn a_delivery_that_was_given_up_is_listed_shown_and_replayed() {
    let served = Served::new().await;
    served.receives.store(false, Ordering::Relaxed);
    let watch_id = served.ended("a1").await;
    let path = format!("/v1/deliveries?state=dead&hook=ci&watch_id={watch_id}");
    let page = served.get(&path).await.json();
    let listed = &page["deliveries"][0];
    assert_eq!(
        (&listed["state"], &listed["attempts"]),
        (&json!("dead"), &json!(2))
    );
    let id = listed["id"].as_str().unwrap();

    served.receives.store(true, Ordering::Relaxed);
    let replayed = served
        .post(&format!("/v1/deliveries/{id}/replay"), "")
        .await;
    assert_eq!((replayed.status, &replayed.json()["id"]), (202, &json!(id)));
    served.engine.settled(watch_id.parse().unwrap()).await;

    let shown = served.get(&format!("/v1/deliveries/{id}")).await.json();
    assert_eq!(shown["delivery"]["state"], "delivered");
    let attempts = shown["attempts"].as_array().unwrap();
    let arrived: Vec<_> = attempts
        .iter()
        .map(|one| one["delivered"].clone())
        .collect();
    assert_eq!(arrived, [false, false, true]);
    let body: serde_json::Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "dcs.job.succeeded");
    assert_eq!(body["data"]["watch_id"], watch_id.as_str());
}

#[tokio::test]
async fn deliveries_are_read_page_by_page() {
    let served = Served::new().await;
    for number in 0..3 {
        served.ended(&format!("a{number}")).await;
    }
    let first = served.get("/v1/deliveries?limit=2").await.json();
    let next = first["next"].as_str().unwrap();
    assert_eq!(first["deliveries"][1]["id"], next);
    let second = served
        .get(&format!("/v1/deliveries?limit=2&before={next}"))
        .await
        .json();
    assert_eq!(second["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(second["next"], json!(null));
}
