//! The socket's file: made, taken over, left alone, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use dcs_wait::daemon::http::{ListenError, Listeners};

use super::harness::Served;

async fn refusal(path: &Path) -> (ListenError, String) {
    let error = Listeners::bind(path.to_owned(), None).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("[http] socket"), "{message}");
    (error, message)
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group_and_goes_with_the_server() {
    let served = Served::new().await;
    let mode = fs::metadata(served.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let directory = served.stop().await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_that_somebody_answers_on_is_left_to_them() {
    let served = Served::new().await;
    let (error, message) = refusal(&served.socket()).await;
    assert!(matches!(error, ListenError::Answered(_)), "{message}");
    assert!(message.contains(&served.socket().display().to_string()));
    assert_eq!(served.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_socket_that_a_crash_left_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _listeners = Listeners::bind(path.clone(), None).await.unwrap();
    tokio::net::UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    fs::write(&path, "precious").unwrap();
    let (error, message) = refusal(&path).await;
    assert!(matches!(error, ListenError::NoSocket(_)), "{message}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let link = directory.path().join("link.sock");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
    assert!(matches!(refusal(&link).await.0, ListenError::NoSocket(_)));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let (error, message) = refusal(&directory.path().join("run/control.sock")).await;
    assert!(matches!(error, ListenError::NoDirectory(_)), "{message}");
    assert!(message.contains("create it"), "{message}");
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_is_refused_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (error, message) = refusal(&directory.path().join("x".repeat(150))).await;
    assert!(matches!(error, ListenError::Socket { .. }), "{message}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_of_another_that_came_in_between_is_not_removed() {
    let served = Served::new().await;
    let path = served.socket();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    let _directory = served.stop().await;
    assert!(path.exists());
}

/// Lets pass the time in which the server looks at its socket, without waiting for it.
async fn until_checked() {
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(10)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_socket_that_is_removed_is_made_again_with_its_mode() {
    let served = Served::new().await;
    let path = served.socket();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for expected in [0o660, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(expected)).unwrap();
        until_checked().await;
        fs::remove_file(&path).unwrap();
        until_checked().await;
        assert_eq!(served.get("/healthz").await.status, 200);
        assert_eq!(mode(&path), expected);
    }
    let directory = served.stop().await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_that_another_crashed_daemon_put_there_is_replaced_and_no_other_file() {
    let served = Served::new().await;
    let path = served.socket();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    until_checked().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    until_checked().await;
    assert_eq!(served.get("/healthz").await.status, 200);
}
