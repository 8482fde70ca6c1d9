//! Webhooks, judged by the package that receivers use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dcs_wait::clock::{Clock, SystemClock};
use dcs_wait::hooks::{HookKind, Message, Receipt, WebhookSpec};
use reqwest::Url;
use standardwebhooks::Webhook;

use super::harness::{delivered, failed, hook, message, private};
use super::receiver::{Receiver, Seen};

const OLD: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn spec(url: Url, secret_files: Vec<PathBuf>) -> WebhookSpec {
    WebhookSpec {
        url,
        secret_files,
        headers: Vec::new(),
        header_files: Vec::new(),
        ca_file: None,
        timeout: Duration::from_secs(30),
    }
}

fn signed_by(seen: &Seen, secret: &str) -> bool {
    let judge = Webhook::new(secret).unwrap();
    judge.verify(&seen.body, &seen.headers).is_ok()
}

fn secret(folder: &Path, name: &str, secret: &str) -> PathBuf {
    private(folder, name, &format!("{secret}\n"))
}

/// Lets a second pass at once, while nothing is sent.
async fn a_second_later() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_arrives_is_a_standard_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering("204 No Content").await;
    let files = vec![secret(folder.path(), "secret", NEW)];
    let url = receiver.url("/hooks/dcs?token=t0ken");
    let hook = hook(HookKind::Webhook(spec(url, files)));
    let message = message("no space left");
    assert_eq!(
        delivered(hook.deliver(&message).await),
        "HTTP 204 No Content"
    );

    let seen = receiver.seen().remove(0);
    assert_eq!(seen.line, "POST /hooks/dcs?token=t0ken HTTP/1.1");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("webhook-id"), message.id.to_string());
    let agent = concat!("dcs-wait/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.header("user-agent"), agent);
    assert_eq!(seen.body, message.body.as_bytes());
    assert!(signed_by(&seen, NEW));
    assert!(!signed_by(&seen, OLD));
}

#[tokio::test]
async fn while_secrets_rotate_either_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering("200 OK").await;
    let files = vec![
        secret(folder.path(), "new", NEW),
        secret(folder.path(), "old", OLD),
    ];
    let hook = hook(HookKind::Webhook(spec(receiver.url("/"), files)));
    delivered(hook.deliver(&message("")).await);
    let seen = receiver.seen().remove(0);
    assert!(signed_by(&seen, NEW) && signed_by(&seen, OLD));
    assert_eq!(seen.header("webhook-signature").split(' ').count(), 2);
}

#[tokio::test]
async fn a_secret_that_changes_in_its_file_needs_no_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering("200 OK").await;
    let file = secret(folder.path(), "secret", OLD);
    let hook = hook(HookKind::Webhook(spec(
        receiver.url("/"),
        vec![file.clone()],
    )));
    delivered(hook.deliver(&message("")).await);
    secret(folder.path(), "secret", NEW);
    a_second_later().await;
    delivered(hook.deliver(&message("")).await);
    let seen = receiver.seen();
    assert!(signed_by(&seen[0], OLD) && signed_by(&seen[1], NEW));

    std::fs::remove_file(&file).unwrap();
    a_second_later().await;
    let answer = failed(hook.deliver(&message("")).await);
    assert!(
        answer.contains("can't read") && answer.contains("secret"),
        "{answer}"
    );
    assert_eq!(receiver.seen().len(), 2, "nothing is sent unsigned");
}

#[tokio::test]
async fn another_attempt_has_the_same_id_and_body_and_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering("503 Service Unavailable").await;
    let files = vec![secret(folder.path(), "secret", NEW)];
    let hook = hook(HookKind::Webhook(spec(receiver.url("/"), files)));
    let second = message("");
    let first = Message {
        at: SystemClock.now() - Duration::from_secs(100),
        ..second.clone()
    };
    for message in [&first, &second] {
        let answer = failed(hook.deliver(message).await);
        assert_eq!(answer, "HTTP 503 Service Unavailable");
    }
    let seen = receiver.seen();
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[0].body, seen[1].body);
    let time = |seen: &Seen| seen.header("webhook-timestamp").parse::<u64>().unwrap();
    assert!((100..110).contains(&(time(&seen[1]) - time(&seen[0]))));
    assert!(seen.iter().all(|seen| signed_by(seen, NEW)));
    assert_eq!(receiver.connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn a_hook_without_secrets_is_unsigned() {
    let receiver = Receiver::answering("200 OK").await;
    let hook = hook(HookKind::Webhook(spec(receiver.url("/"), Vec::new())));
    delivered(hook.deliver(&message("")).await);
    assert!(!receiver.seen()[0].headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn headers_are_sent_and_secret_ones_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering("200 OK").await;
    let file = private(folder.path(), "token", "Bearer t0ken\n");
    let spec = WebhookSpec {
        headers: vec![
            ("x-team".parse().unwrap(), "redis".parse().unwrap()),
            ("user-agent".parse().unwrap(), "mine".parse().unwrap()),
        ],
        header_files: vec![("authorization".parse().unwrap(), file)],
        ..spec(receiver.url("/"), Vec::new())
    };
    delivered(hook(HookKind::Webhook(spec)).deliver(&message("")).await);
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.header("x-team"), "redis");
    assert_eq!(seen.header("user-agent"), "mine");
    assert_eq!(seen.header("authorization"), "Bearer t0ken");
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_leads_nowhere() {
    let elsewhere = Receiver::answering("200 OK").await;
    let head = format!(
        "307 Temporary Redirect\r\nlocation: {}",
        elsewhere.url("/?t0ken")
    );
    let receiver = Receiver::answering(&head).await;
    let hook = hook(HookKind::Webhook(spec(receiver.url("/"), Vec::new())));
    let answer = failed(hook.deliver(&message("")).await);
    assert!(
        answer.contains("HTTP 307") && answer.contains("not followed"),
        "{answer}"
    );
    assert!(!answer.contains("t0ken"), "{answer}");
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn gone_is_told_from_other_failures() {
    let receiver = Receiver::answering("410 Gone").await;
    let hook = hook(HookKind::Webhook(spec(receiver.url("/"), Vec::new())));
    let answer = "HTTP 410 Gone".to_owned();
    assert_eq!(hook.deliver(&message("")).await, Receipt::Gone { answer });
}

#[tokio::test]
async fn a_receiver_may_ask_for_time_up_to_a_day() {
    let date = "date: Tue, 16 May 2023 12:00:00 GMT\r\n";
    for (asked, seconds) in [
        ("retry-after: 120".to_owned(), Some(120)),
        ("retry-after: 999999".to_owned(), Some(86_400)),
        (
            format!("{date}retry-after: Tue, 16 May 2023 12:00:30 GMT"),
            Some(30),
        ),
        ("retry-after: soon".to_owned(), None),
    ] {
        let receiver = Receiver::answering(&format!("429 Too Many Requests\r\n{asked}")).await;
        let hook = hook(HookKind::Webhook(spec(receiver.url("/"), Vec::new())));
        let expected = Receipt::Failed {
            answer: "HTTP 429 Too Many Requests".to_owned(),
            retry_after: seconds.map(Duration::from_secs),
        };
        assert_eq!(hook.deliver(&message("")).await, expected, "{asked}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_slow_or_absent_is_a_failure_that_names_no_secret() {
    let slow = Receiver::start("", Duration::from_secs(3600)).await;
    let absent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/?token=t0ken", absent.local_addr().unwrap());
    drop(absent);
    for (url, why) in [
        (slow.url("/?token=t0ken"), "no answer within 50ms"),
        (nobody.parse().unwrap(), "can't connect"),
    ] {
        let spec = WebhookSpec {
            timeout: Duration::from_millis(50),
            ..spec(url, Vec::new())
        };
        let answer = failed(hook(HookKind::Webhook(spec)).deliver(&message("")).await);
        assert!(
            answer.contains(why) && !answer.contains("t0ken"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_body_of_an_answer_neither_matters_nor_shows() {
    let broken = "content-length: 2000000\r\n\r\nt0ken";
    for (status, arrives) in [("200 OK", true), ("500 Internal Server Error", false)] {
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{broken}");
        let receiver = Receiver::start(answer, Duration::ZERO).await;
        let hook = hook(HookKind::Webhook(spec(receiver.url("/"), Vec::new())));
        let receipt = hook.deliver(&message("")).await;
        let answer = if arrives {
            delivered(receipt)
        } else {
            failed(receipt)
        };
        assert_eq!(answer, format!("HTTP {status}"));
    }
}

#[tokio::test]
async fn a_receiver_is_trusted_by_the_certificates_of_the_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, certificate) = Receiver::over_tls().await;
    let (_, another) = Receiver::over_tls().await;
    let trusting = |certificate: &str| {
        let ca_file = Some(private(folder.path(), "ca.pem", certificate));
        hook(HookKind::Webhook(WebhookSpec {
            ca_file,
            ..spec(receiver.url("/"), Vec::new())
        }))
    };
    let answer = delivered(trusting(&certificate).deliver(&message("")).await);
    assert_eq!(answer, "HTTP 200 OK");
    let answer = failed(trusting(&another).deliver(&message("")).await);
    assert!(answer.contains("certificate doesn't verify"), "{answer}");
    assert_eq!(receiver.seen().len(), 1);
}
