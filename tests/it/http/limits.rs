//! Clients that are too many or too slow.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{head, reply, send};
use super::harness::{JSON, Plan, Served, TOKEN};

/// Short, so that the tests are; whatever takes longer than this is not asked for in them.
const PATIENCE: Duration = Duration::from_millis(300);

async fn impatient() -> Served {
    Served::planned(Plan {
        max_connections: 8,
        request_timeout: PATIENCE,
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn a_client_that_never_sends_its_head_is_let_go() {
    let served = impatient().await;
    let mut slow = served.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost")
        .await
        .unwrap();
    let mut rest = Vec::new();
    drop(slow.read_to_end(&mut rest).await);
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn an_idle_connection_is_let_go() {
    let served = impatient().await;
    let mut idle = served.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    drop(idle.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_never_sends_its_body_is_told_so() {
    let served = impatient().await;
    let mut slow = served.connect().await;
    let head = head("POST", "/v1/watches", &[JSON, ("content-length", "20")]);
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(b"{\"job").await.unwrap();
    reply(slow).await.error(408, "too_slow");
}

#[tokio::test]
async fn an_answer_that_is_never_made_is_given_up() {
    let served = impatient().await;
    served.store.get_stuck();
    served.get("/v1/watches").await.error(408, "too_slow");
}

#[tokio::test]
async fn more_slow_clients_than_there_are_seats_only_delay_the_next() {
    let served = impatient().await;
    let mut slow = Vec::new();
    for _ in 0..30 {
        let mut socket = served.connect().await;
        socket.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        slow.push(socket);
    }
    assert_eq!(served.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_stream_whose_reader_stops_reading_is_dropped() {
    let served = Served::planned(Plan {
        max_connections: 2,
        request_timeout: PATIENCE,
        ..Plan::default()
    })
    .await;
    let stalled = served.follow("/v1/events").await;
    let mut told = served.events.subscribe();
    served.add("a1").await;
    let one = told.recv().await.unwrap();
    // Its one seat is free again once its buffers are full and its time is up.
    loop {
        for _ in 0..1000 {
            served.events.send(one.clone()).unwrap();
        }
        tokio::time::sleep(PATIENCE / 10).await;
        if served.probe_events().await != 503 {
            break;
        }
    }
    drop(stalled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_over_tcp_leaves_the_socket_to_the_operator() {
    let served = Served::planned(Plan {
        max_connections: 64,
        ..Plan::default()
    })
    .await;
    let address = ("127.0.0.1", served.port);
    let mut flood = Vec::new();
    // Those beyond the seats and the system's queue are never connected: they are not waited for.
    for _ in 0..3000 {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(20), connecting).await {
            Ok(socket) => flood.push(socket.unwrap()),
            Err(_) => break,
        }
    }
    assert!(flood.len() > 64, "{}", flood.len());
    assert_eq!(served.get("/readyz").await.status, 503);
    assert_eq!(served.add("a1").await["job_id"], "a1");
    let metrics = served.get("/metrics").await.body;
    let connections = metrics
        .lines()
        .find_map(|line| line.strip_prefix("dcs_wait_http_connections "));
    let connections: f64 = connections.unwrap().parse().unwrap();
    assert!(connections <= 64.0, "{connections}");
    drop(flood);
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str())];
    let socket = served.connect_tcp().await;
    assert_eq!(
        send(socket, "GET", "/v1/watches", &headers, "")
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_on_the_socket_is_served_to_the_last() {
    let served = Served::planned(Plan {
        max_connections: 32,
        ..Plan::default()
    })
    .await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..2000 {
        let path = served.socket();
        asking.spawn(async move {
            loop {
                // The system's queue is full at times.
                match tokio::net::UnixStream::connect(&path).await {
                    Ok(socket) => return send(socket, "GET", "/healthz", &[], "").await.status,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        tokio::task::yield_now().await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let statuses = asking.join_all().await;
    assert!(statuses.len() == 2000 && statuses.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn a_client_that_sends_nothing_more_gets_its_answer() {
    let served = Served::new().await;
    let body = r#"{"job_id": "a1"}"#;
    let length = body.len().to_string();
    let request = head("POST", "/v1/watches", &[JSON, ("content-length", &length)]) + body;
    let mut socket = served.connect().await;
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(reply(socket).await.status, 201);

    let authorization = format!("Bearer {TOKEN}");
    let list = head("GET", "/v1/watches", &[("authorization", &authorization)]);
    let mut socket = served.connect_tcp().await;
    socket.write_all(list.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(reply(socket).await.status, 200);
}

#[tokio::test]
async fn a_stream_goes_on_to_a_reader_that_sends_nothing_more_and_ends_once_it_is_gone() {
    let served = Served::planned(Plan {
        max_connections: 2,
        ..Plan::default()
    })
    .await;
    let id = served.add("a1").await["id"].as_str().unwrap().to_owned();
    let mut socket = served.connect().await;
    let request = head("GET", &format!("/v1/events?watch_id={id}"), &[]);
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut told = Vec::new();
    served.service.end("a1", "SUCCESS");
    while !String::from_utf8_lossy(&told).contains("succeeded") {
        assert_ne!(
            socket.read_buf(&mut told).await.unwrap(),
            0,
            "it ended early"
        );
    }
    drop(socket);
    for tcp in [false, true] {
        let authorization = format!("Bearer {TOKEN}");
        let request = head("GET", "/v1/events", &[("authorization", &authorization)]);
        let mut first = [0; 12];
        // Its one connection is free again soon in either case.
        if tcp {
            let mut socket = served.connect_tcp().await;
            socket.write_all(request.as_bytes()).await.unwrap();
            socket.read_exact(&mut first).await.unwrap();
        } else {
            let mut socket = served.connect().await;
            socket.write_all(request.as_bytes()).await.unwrap();
            socket.read_exact(&mut first).await.unwrap();
        }
        assert_eq!(&first, b"HTTP/1.1 200", "tcp: {tcp}");
        while served.probe_events().await == 503 {
            tokio::time::sleep(PATIENCE / 10).await;
        }
    }
}
