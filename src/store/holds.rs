//! How the forms that are databases keep what services said of credentials.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::columns::{duration_millis, time};
use crate::model::{CredentialHold, Fault, HoldReason};

/// How long after its end a hold is deleted, in milliseconds: a pause lasts an hour at most, and the limit that
/// came with it another hour.
pub(super) const FORGOTTEN_AFTER: i64 = 2 * 60 * 60 * 1000;

/// The kind of a refusal.
pub(super) const REFUSED: &str = "refused";
const THROTTLED: &str = "throttled";

/// What is in the column `detail`, as JSON.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Detail {
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    /// Requests, and milliseconds.
    limit: Option<(u32, u64)>,
}

/// The kind of a hold, and its detail.
pub(super) fn columns(hold: &CredentialHold) -> (&'static str, String) {
    let (kind, detail) = match &hold.reason {
        HoldReason::Refused(fault) => (
            REFUSED,
            Detail {
                status: fault.http_status,
                code: fault.code.as_ref().map(|code| code.raw().to_owned()),
                message: Some(fault.message.raw().to_owned()),
                request_id: fault.request_id.as_ref().map(|id| id.raw().to_owned()),
                limit: None,
            },
        ),
        HoldReason::Throttled(limit) => (
            THROTTLED,
            Detail {
                limit: limit.map(|(requests, per)| {
                    let per = u64::try_from(duration_millis(per)).unwrap_or_default();
                    (requests, per)
                }),
                ..Detail::default()
            },
        ),
    };
    // Such an object can always be written.
    (kind, serde_json::to_string(&detail).unwrap_or_default())
}

/// The hold of a row; none where it makes no sense.
pub(super) fn hold(key: String, kind: &str, until: i64, detail: &str) -> Option<CredentialHold> {
    let detail: Detail = serde_json::from_str(detail).ok()?;
    let reason = match kind {
        REFUSED => HoldReason::Refused(Fault {
            http_status: detail.status,
            code: detail.code.map(Into::into),
            message: detail.message.unwrap_or_default().into(),
            request_id: detail.request_id.map(Into::into),
        }),
        THROTTLED => HoldReason::Throttled(
            detail
                .limit
                .map(|(requests, per)| (requests, Duration::from_millis(per))),
        ),
        _ => return None,
    };
    Some(CredentialHold {
        key,
        reason,
        until: time(until).ok()?,
    })
}
