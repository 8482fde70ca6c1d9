//! What a program finds in its environment: that of this process without its credentials, and what
//! there is to know of the watch.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::super::{Data, Payload};
use crate::model::DeliveryId;

/// How the names of variables begin that are this process's own: credentials of the service and its
/// tools, tokens of a CI job, what systemd hands over, and what an outer hook was told.
const OWN: [&str; 9] = [
    "ACTIONS_ID_TOKEN_",
    "CLOUD_SDK_",
    "CREDENTIALS_DIRECTORY",
    "DCS_",
    "HUAWEICLOUD_",
    "HW_",
    "LISTEN_",
    "NOTIFY_SOCKET",
    "WATCHDOG_",
];

/// The variables that a program inherits.
pub(super) fn inherited(all: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let is_own = |name: &OsStr| {
        let name = name.as_bytes();
        OWN.iter().any(|own| name.starts_with(own.as_bytes()))
    };
    let others = all.iter().filter(|(name, _)| !is_own(name));
    others.cloned().collect()
}

/// The variables that tell of the watch. What isn't known is empty.
pub(super) fn of(delivery_id: DeliveryId, payload: &Payload) -> Vec<(&'static str, String)> {
    let Data {
        watch_id,
        project,
        project_id,
        job_id,
        outcome,
        status,
        job_type,
        begin_time,
        end_time,
        duration_ms,
        fail_reason,
        polls,
        waited_ms,
        error,
        ..
    } = payload.data.clone();
    let (code, message) = error.map_or((None, None), |error| (error.code, Some(error.message)));
    [
        ("DCS_DELIVERY_ID", Some(delivery_id.to_string())),
        ("DCS_EVENT_TYPE", Some(payload.event_type.clone())),
        ("DCS_WATCH_ID", Some(watch_id)),
        ("DCS_PROJECT", Some(project)),
        ("DCS_PROJECT_ID", project_id),
        ("DCS_JOB_ID", Some(job_id)),
        ("DCS_OUTCOME", Some(outcome)),
        ("DCS_STATUS", status),
        ("DCS_JOB_TYPE", job_type),
        ("DCS_BEGIN_TIME", begin_time),
        ("DCS_END_TIME", end_time),
        (
            "DCS_DURATION_MS",
            duration_ms.map(|millis| millis.to_string()),
        ),
        ("DCS_FAIL_REASON", fail_reason),
        ("DCS_POLLS", Some(polls.to_string())),
        ("DCS_WAITED_MS", Some(waited_ms.to_string())),
        ("DCS_ERROR_CODE", code),
        ("DCS_ERROR_MESSAGE", message),
    ]
    .map(|(name, value)| (name, value.unwrap_or_default().replace('\0', "")))
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{self, DELIVERY_ID};
    use super::*;
    use crate::model::Outcome;

    #[test]
    fn credentials_are_not_inherited() {
        let all: Vec<(OsString, OsString)> = [
            "PATH",
            "HUAWEICLOUD_SDK_SK",
            "HUAWEICLOUD_OIDC_ID_TOKEN",
            "CLOUD_SDK_AK",
            "HW_SECRET_KEY",
            "DCS_WAIT_CONTROL_TOKEN",
            "DCS_FAIL_REASON",
            "CREDENTIALS_DIRECTORY",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "LISTEN_FDS",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "SLACK_CHANNEL",
        ]
        .map(|name| (name.into(), "x".into()))
        .into();
        let names: Vec<OsString> = inherited(&all).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "SLACK_CHANNEL"]);
    }

    #[test]
    fn a_variable_holds_no_nul() {
        let job = samples::job("a\0b");
        let payload = samples::payload(Outcome::Failed, Some(job), None);
        let variables = of(DELIVERY_ID.parse().unwrap(), &payload);
        assert!(variables.contains(&("DCS_FAIL_REASON", "ab".to_owned())));
        assert!(variables.contains(&("DCS_ERROR_CODE", String::new())));
    }
}
