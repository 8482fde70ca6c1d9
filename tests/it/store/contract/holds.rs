//! What services said of credentials.

use std::time::Duration;

use dcs_wait::model::{CredentialHold, Fault, HoldChange, HoldReason};
use dcs_wait::store::{Change, Store};

use super::each_form;
use crate::store::samples::{at, commit};

each_form! {
    what_services_said_is_kept_by_credential_and_kind
}

fn hold(key: &str, reason: HoldReason, until: u64) -> CredentialHold {
    CredentialHold {
        key: key.to_owned(),
        reason,
        until: at(until),
    }
}

fn refused(message: &str) -> HoldReason {
    HoldReason::Refused(Fault {
        http_status: Some(401),
        code: Some("APIGW.0301".into()),
        message: message.into(),
        request_id: Some("r1".into()),
    })
}

async fn held(store: &dyn Store) -> Vec<CredentialHold> {
    let mut holds = store.holds().await.unwrap();
    holds.sort_by_key(|one| (one.key.clone(), one.until));
    holds
}

async fn what_services_said_is_kept_by_credential_and_kind(store: &dyn Store) {
    let throttled = HoldReason::Throttled(Some((5, Duration::from_millis(1500))));
    let holds = [
        hold("a", refused("no\0\u{1a} \u{202e}"), 20_000_000),
        hold("a", throttled, 20_000_001),
        hold("b", HoldReason::Throttled(None), 20_000_002),
    ];
    let change = |one: &CredentialHold| Change::Hold(HoldChange::Held(one.clone()));
    commit(store, &holds.each_ref().map(change)).await;
    assert_eq!(held(store).await, holds);

    let again = hold("a", refused("no again"), 20_000_000);
    commit(store, &[change(&again)]).await;
    assert_eq!(held(store).await[0], again);

    let key = "a".to_owned();
    let accepted = Change::Hold(HoldChange::Accepted { key });
    commit(store, &[accepted]).await;
    assert_eq!(held(store).await, holds[1..]);

    let keys = vec!["a".to_owned(), "c".to_owned()];
    let lifted = Change::Hold(HoldChange::Lifted { keys });
    commit(store, &[lifted]).await;
    assert_eq!(held(store).await, holds[2..]);
}
