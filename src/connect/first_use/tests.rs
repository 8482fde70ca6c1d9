use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::time::advance;

use super::*;
use crate::api::{ProjectError, Refusal};
use crate::auth::Given;
use crate::connect::Place;

/// A source whose credential is in files that needn't be there yet.
fn source(folder: &Path) -> OnFirstUse {
    OnFirstUse::new(Plan {
        place: Place {
            // Nobody listens there.
            endpoint: Some("http://127.0.0.1:1".parse().unwrap()),
            project_id: Some("p1".parse().unwrap()),
            ..Place::default()
        },
        given: Given {
            ak_file: Some(folder.join("ak")),
            sk_file: Some(folder.join("sk")),
            ..Given::default()
        },
        ca_file: None,
        request_timeout: Duration::from_secs(5),
        environment: Arc::new(BTreeMap::new()),
    })
}

fn write(folder: &Path) {
    for name in ["ak", "sk"] {
        let path = folder.join(name);
        fs::write(&path, "S3CRET").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn until_it_is_connected_it_says_what_is_missing_and_looks_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    let job = "j1".parse().unwrap();
    let Content::NoCredential(fault) = source.ask(&job).await.content else {
        panic!("there is no credential");
    };
    assert!(fault.message.raw().contains("ak"), "{fault}");
    assert_eq!(source.project_id(), None);
    assert_eq!(source.not_ready().as_deref(), Some(fault.message.raw()));
    assert_eq!(source.renew().await, Renewal::Unchanged);

    write(folder.path());
    assert!(source.try_connect().await.is_err(), "not so soon again");
    advance(FIRST_PAUSE).await;
    assert!(source.try_connect().await.is_ok());
    assert_eq!(source.project_id().unwrap().as_str(), "p1");
    assert_eq!(source.not_ready(), None);
}

#[tokio::test]
async fn once_connected_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let source = source(folder.path());
    let job = "j1".parse().unwrap();
    for _ in 0..2 {
        let content = source.ask(&job).await.content;
        assert!(matches!(content, Content::NoAnswer(_)), "{content:?}");
    }
}

fn refused(status: u16, retry_after: Option<Duration>) -> ConnectError {
    ConnectError::Project(ProjectError::Refused(Box::new(Refusal {
        status,
        fault: Fault::local("no"),
        retry_after,
        limit: None,
    })))
}

#[test]
fn attempts_get_rarer_and_those_with_a_refused_credential_leave_its_lock_time_to_pass() {
    let missing = ConnectError::NoRegion;
    let mut pauses = vec![pause(&missing, None)];
    for _ in 0..7 {
        pauses.push(pause(&missing, pauses.last().copied()));
    }
    let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);

    let refused = refused(401, None);
    assert!(!refused.is_transient());
    assert_eq!(pause(&refused, None), PAUSE_AFTER_REFUSAL);
}

#[test]
fn a_service_that_asks_for_a_pause_gets_it() {
    let asked_for = Duration::from_secs(1800);
    for status in [401, 429, 503] {
        let error = refused(status, Some(asked_for));
        assert_eq!(pause(&error, None), asked_for, "{status}");
    }
    let next = pause(&refused(503, None), Some(asked_for));
    assert_eq!(next, LONGEST_PAUSE);
    assert_eq!(
        pause(&refused(401, Some(FIRST_PAUSE)), None),
        PAUSE_AFTER_REFUSAL
    );
}
