//! Errors, faults, and what needs the connection itself.

use super::*;

#[tokio::test]
async fn a_scripted_error_comes_with_its_status_its_shape_and_its_headers() {
    let error = ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "DCS.5000", "busy")
        .shaped(ErrorShape::Camel)
        .with_header(RETRY_AFTER, HeaderValue::from_static("2"));
    let simulator = playing(vec![Step::of(Act::Error(error))]).await;
    let reply = try_get(&simulator, &path("job")).await.unwrap();
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("2"))
    );
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body, json!({"errorCode": "DCS.5000", "errorMsg": "busy"}));
}

#[tokio::test]
async fn a_redirect_leads_where_the_script_says() {
    let elsewhere = HeaderValue::from_static("http://127.0.0.1:1/");
    let simulator = playing(vec![Step::of(Act::Redirect(elsewhere))]).await;
    let reply = try_get(&simulator, &path("job")).await.unwrap();
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), Some("http://127.0.0.1:1/"));
}

#[tokio::test]
async fn bodies_that_are_no_description_come_whole_and_with_200() {
    for (fault, is_expected) in [
        (Fault::Empty, (|body| body.is_empty()) as fn(&[u8]) -> bool),
        (Fault::Html, |body| body.starts_with(b"<html>")),
        (Fault::Garbage, |body| {
            serde_json::from_slice::<Value>(body).is_err()
        }),
        (Fault::WrongShape, |body| {
            let body: Value = serde_json::from_slice(body).unwrap();
            body["status"].as_str().is_none()
        }),
        (Fault::AnotherJob, |body| {
            let body: Value = serde_json::from_slice(body).unwrap();
            body["job_id"] == "another-job" && body["status"] == "SUCCESS"
        }),
    ] {
        let simulator = playing(vec![Step::fault(fault)]).await;
        let reply = try_get(&simulator, &path("job")).await.unwrap();
        assert_eq!(reply.status, 200, "{fault:?}");
        assert!(is_expected(&reply.body), "{fault:?}: {:?}", reply.body);
    }
}

#[tokio::test]
async fn a_huge_answer_announces_more_than_10_mb() {
    let simulator = playing(vec![Step::fault(Fault::Huge)]).await;
    let answer = raw_answer(&simulator).await.unwrap();
    assert!(content_length(&answer) > 10_000_000);
    assert!(answer.len() > 10_000_000);
    let trouble = try_get(&simulator, &path("job")).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::TooLarge);
}

/// All that the server sends for one request, until it closes the connection.
async fn raw_answer(simulator: &Simulator) -> std::io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(simulator.address()).await?;
    socket.write_all(raw_request("close").as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn raw_request(connection: &str) -> String {
    let path = path("job");
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\nConnection: {connection}\r\n\r\n"
    )
}

fn content_length(answer: &[u8]) -> usize {
    let head = String::from_utf8_lossy(answer);
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let simulator = playing(vec![Step::fault(Fault::Reset), Step::fault(Fault::Close)]).await;
    let reset = raw_answer(&simulator).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    assert_eq!(raw_answer(&simulator).await.unwrap(), b"");
    let answered: Vec<u16> = simulator
        .requests()
        .iter()
        .map(|seen| seen.answered)
        .collect();
    assert_eq!(answered, [0, 0]);
}

#[tokio::test]
async fn a_truncated_answer_ends_before_its_announced_length() {
    let simulator = playing(vec![Step::fault(Fault::Truncate)]).await;
    let answer = String::from_utf8(raw_answer(&simulator).await.unwrap()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(body.starts_with("{\"job_id\":\"job\""), "{body}");
    assert!(body.len() < content_length(answer.as_bytes()), "{answer}");
    let trouble = try_get(&simulator, &path("job")).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::CutShort);
}

#[tokio::test]
async fn a_stalled_answer_never_comes_and_does_not_keep_the_simulator_from_stopping() {
    let simulator = playing(vec![Step::fault(Fault::Stall)]).await;
    let request = request(&simulator, Method::GET, &path("job"));
    let trouble = send(request, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::TimedOut);
    let mut waiting = TcpStream::connect(simulator.address()).await.unwrap();
    waiting
        .write_all(raw_request("close").as_bytes())
        .await
        .unwrap();
    simulator.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_more_gets_its_answer() {
    let simulator = playing(vec![Step::running()]).await;
    let mut socket = TcpStream::connect(simulator.address()).await.unwrap();
    let request = raw_request("keep-alive");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("RUNNING"), "{answer}");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let simulator = playing(vec![Step::running(), Step::success()]).await;
    let mut socket = TcpStream::connect(simulator.address()).await.unwrap();
    for connection in ["keep-alive", "close"] {
        socket
            .write_all(raw_request(connection).as_bytes())
            .await
            .unwrap();
        let mut first = [0; 15];
        socket.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        let mut rest = Vec::new();
        while !rest.ends_with(b"}") {
            socket.read_buf(&mut rest).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let simulator = start(with_token()).await;
    let address = simulator.address();
    simulator.stop().await;
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let simulator = start(with_token()).await;
    let error = Simulator::start(simulator.address(), with_token())
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().contains(&simulator.address().to_string()),
        "{error}"
    );
}

/// A certificate for loopback, signed by itself, and its key.
fn certificate() -> (tempfile::TempDir, TlsFiles) {
    let folder = tempfile::tempdir().unwrap();
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, text: String| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = TlsFiles {
        certificate: write("cert.pem", issued.cert.pem()),
        key: write("key.pem", issued.signing_key.serialize_pem()),
    };
    (folder, files)
}

#[tokio::test]
async fn over_tls_answers_and_faults_are_the_same() {
    let (_folder, files) = certificate();
    let simulator = start(SimOptions {
        tls: Some(files.clone()),
        jobs: vec![job("job", vec![Step::fault(Fault::Reset), Step::success()])],
        ..with_token()
    })
    .await;
    assert!(simulator.url().starts_with("https://127.0.0.1:"));
    let trusting = Connector {
        ca_file: Some(files.certificate),
    };
    let ask = || request(&simulator, Method::GET, &path("job"));
    let client = trusting.client(ask().url(), Route::Direct).unwrap();
    let reset = client.send(ask(), LONG).await.unwrap_err();
    assert_eq!(reset.kind, TroubleKind::CutShort);
    assert_eq!(client.send(ask(), LONG).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_key_that_is_none_is_named_before_anything_is_served() {
    let (folder, mut files) = certificate();
    files.key = folder.path().join("missing.pem");
    let options = SimOptions {
        tls: Some(files),
        ..with_token()
    };
    let error = Simulator::start(ANY_PORT, options).await.err().unwrap();
    assert!(error.to_string().contains("missing.pem"), "{error}");
}
