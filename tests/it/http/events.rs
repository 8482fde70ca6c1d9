//! The event stream.

use super::harness::{Plan, Served};

#[tokio::test]
async fn the_stream_of_a_watch_begins_with_how_it_stands_and_ends_with_it() {
    let served = Served::new().await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    served.add("b1").await;
    let mut events = served.follow(&format!("/v1/events?watch_id={id}")).await;
    let first = events.next().await.unwrap();
    assert_eq!(
        (&first["event"], &first["watch"]["id"]),
        (&"watch".into(), &id.clone().into())
    );
    let polled = events.next_named("polled").await;
    assert_eq!(
        (&polled["status"], &polled["project"]),
        (&"RUNNING".into(), &"main".into())
    );
    served.service.end("a1", "FAIL");
    let ended = events.next_named("ended").await;
    assert_eq!(ended["result"]["outcome"], "failed");
    assert_eq!(ended["watch_id"], id.as_str());
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_stream_of_a_watch_that_has_ended_says_so_and_is_over() {
    let served = Served::new().await;
    let id = served.ended("a1").await;
    let mut events = served.follow(&format!("/v1/events?watch_id={id}")).await;
    assert_eq!(
        events.next().await.unwrap()["watch"]["outcome"],
        "succeeded"
    );
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_stream_of_everything_has_watches_and_deliveries() {
    let served = Served::new().await;
    let mut events = served.follow("/v1/events").await;
    let id = served.ended("a1").await;
    assert_eq!(events.next_named("ended").await["watch_id"], id.as_str());
    let delivery = events.next_named("delivery").await;
    assert_eq!(
        (&delivery["hook"], &delivery["state"]),
        (&"ci".into(), &"delivered".into())
    );
}

#[tokio::test]
async fn a_reader_that_misses_the_end_of_its_watch_is_told_of_it_all_the_same() {
    let served = Served::planned(Plan {
        backlog: 4,
        drowns: true,
        ..Plan::default()
    })
    .await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    let mut events = served.follow(&format!("/v1/events?watch_id={id}")).await;
    events.next_named("polled").await;
    served.service.end("a1", "SUCCESS");
    events.next_named("lagged").await;
    let last = events.next().await.unwrap();
    assert_eq!(last["event"], "watch");
    assert_eq!(last["watch"]["outcome"], "succeeded");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_misses() {
    let served = Served::planned(Plan {
        backlog: 4,
        ..Plan::default()
    })
    .await;
    let mut events = served.follow("/v1/events").await;
    let mut told = served.events.subscribe();
    served.add("a1").await;
    let one = told.recv().await.unwrap();
    for _ in 0..50 {
        // Fails once nobody listens.
        served.events.send(one.clone()).unwrap();
    }
    let lagged = events.next_named("lagged").await;
    assert!(lagged["missed"].as_u64().unwrap() > 0, "{lagged}");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let served = Served::new().await;
    let mut events = served.follow("/v1/events").await;
    served.stop().await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn there_is_room_left_for_requests_beside_all_streams() {
    let served = Served::planned(Plan {
        max_connections: 4,
        ..Plan::default()
    })
    .await;
    let first = served.follow("/v1/events").await;
    let _second = served.follow("/v1/events").await;
    let message = served
        .get("/v1/events")
        .await
        .error(503, "too_many_streams");
    assert!(message.contains("max_connections"), "{message}");
    assert_eq!(served.get("/v1/watches").await.status, 200);
    drop(first);
    // The seat is free as soon as the server has noticed.
    while served.probe_events().await == 503 {}
    served.follow("/v1/events").await;
}
