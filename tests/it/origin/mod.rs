//! A server that is asked many times, over real sockets.

mod server;

use std::time::Duration;

use dcs_wait::http::{Connector, Origin, Reply, Route, Trouble, TroubleKind};
use hyper::header::HeaderMap;
use tokio::task::JoinSet;

use server::{Server, answer};

const LONG: Duration = Duration::from_secs(30);

fn origin(server: &Server) -> Origin {
    let url = server.url.parse().unwrap();
    Connector::default().origin(&url, Route::Direct).unwrap()
}

async fn ask(origin: &Origin, path: &str) -> Result<Reply, Trouble> {
    origin.get(path, HeaderMap::new(), LONG).await
}

async fn body(origin: &Origin, path: &str) -> String {
    let reply = ask(origin, path).await.unwrap();
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body).unwrap()
}

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let server = Server::start(|path, mut peer| async move {
        peer.say(&answer(&path)).await;
        Some(peer)
    });
    let server = server.await;
    let origin = origin(&server);
    for path in ["/a", "/b", "/c"] {
        assert_eq!(body(&origin, path).await, path);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each_and_leave_it_to_the_next() {
    let server = Server::start(|path, mut peer| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.say(&answer(&path)).await;
        Some(peer)
    });
    let server = server.await;
    let origin = std::sync::Arc::new(origin(&server));
    for _ in 0..2 {
        let mut asking = JoinSet::new();
        for number in 0..8 {
            let origin = std::sync::Arc::clone(&origin);
            asking.spawn(async move {
                let path = format!("/{number}");
                assert_eq!(body(&origin, &path).await, path);
            });
        }
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
    }
    assert_eq!(server.connections(), 8);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced_unnoticed() {
    let server = Server::start(|path, mut peer| async move {
        peer.say(&answer(&path)).await;
        None
    });
    let server = server.await;
    let origin = origin(&server);
    for path in ["/a", "/b", "/c"] {
        assert_eq!(body(&origin, path).await, path);
        server.until_closed().await;
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_whose_answer_says_that_it_closes_is_not_used_again() {
    let server = Server::start(|path, mut peer| async move {
        let says = answer(&path).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        peer.say(&says).await;
        // It stays open all the same.
        Some(peer)
    });
    let server = server.await;
    let origin = origin(&server);
    assert_eq!(body(&origin, "/a").await, "/a");
    assert_eq!(body(&origin, "/b").await, "/b");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_request_that_the_server_has_seen_is_not_sent_again() {
    let server = Server::start(|path, mut peer| async move {
        if path == "/good" {
            peer.say(&answer(&path)).await;
            return Some(peer);
        }
        None
    });
    let server = server.await;
    let origin = origin(&server);
    assert_eq!(body(&origin, "/good").await, "/good");
    let trouble = ask(&origin, "/bad").await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::CutShort, "{trouble}");
    assert_eq!(server.asked(), ["/good", "/bad"]);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobody_elses() {
    let server = Server::start(|path, mut peer| async move {
        if path == "/slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        peer.say(&answer(&path)).await;
        Some(peer)
    });
    let server = server.await;
    let origin = origin(&server);
    assert_eq!(body(&origin, "/a").await, "/a");
    let soon = Duration::from_millis(50);
    let late = origin.get("/slow", HeaderMap::new(), soon).await;
    assert_eq!(late.unwrap_err().kind, TroubleKind::TimedOut);
    assert_eq!(body(&origin, "/b").await, "/b");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(body(&origin, "/c").await, "/c");
}

#[tokio::test]
async fn a_long_body_comes_whole_and_one_that_is_too_long_is_refused() {
    let server = Server::start(|path, mut peer| async move {
        let length = path.trim_start_matches('/').parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n");
        peer.say(&(head + &"x".repeat(length) + "\r\n0\r\n\r\n"))
            .await;
        Some(peer)
    });
    let server = server.await;
    let origin = origin(&server);
    assert_eq!(body(&origin, "/1000000").await.len(), 1_000_000);
    let trouble = ask(&origin, "/1048577").await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::TooLarge, "{trouble}");
    assert_eq!(body(&origin, "/7").await, "xxxxxxx");
}

#[tokio::test]
async fn what_speaks_no_http_is_named() {
    let server = Server::start(|_, mut peer| async move {
        peer.say("220 mail.example ESMTP\r\n").await;
        Some(peer)
    });
    let trouble = ask(&origin(&server.await), "/a").await.unwrap_err();
    assert!(
        trouble.message.raw().contains("speaks no HTTP"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_let_go() {
    let server = Server::start(|path, mut peer| async move {
        peer.say(&answer(&path)).await;
        Some(peer)
    });
    let server = server.await;
    let origin = origin(&server);
    assert_eq!(body(&origin, "/a").await, "/a");
    // There is nothing to wait for but that, and so it comes at once.
    tokio::time::pause();
    server.until_closed().await;
}
