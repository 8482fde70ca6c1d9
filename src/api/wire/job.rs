//! The description of a job.
//!
//! Every member is an optional string in the vendor's model. Numbers are taken, too; an empty text
//! counts as none, and members of other names as well.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::decode::json;
use crate::model::{Job, JobId, JobStatus, JobType};

/// From 2001 on in seconds, which would be January 1970 to 1973 in milliseconds.
const SECONDS_FROM: u64 = 1_000_000_000;
const SECONDS_TO: u64 = 100_000_000_000;

/// From 1973 to 5138 in microseconds, which would be from 5138 on in milliseconds; beyond them,
/// nanoseconds.
const MICROS_FROM: u64 = 100_000_000_000_000;
const MICROS_TO: u64 = 100_000_000_000_000_000;

/// Reads the description of the job `id`; or says why there is none.
pub(super) fn read(body: &[u8], id: &JobId) -> Result<Job, String> {
    let repaired;
    let members: Members<'_> = match serde_json::from_slice(body) {
        Ok(members) => members,
        Err(error) => {
            if let Some(why) = json::other_content(body) {
                return Err(why.to_owned());
            }
            repaired = json::repaired(body).ok_or_else(|| error.to_string())?;
            serde_json::from_str(&repaired).map_err(|error| error.to_string())?
        }
    };
    if matches!(members.job_id, Member::Other) {
        return Err("its job_id is no text".to_owned());
    }
    if members
        .job_id
        .text()
        .is_some_and(|named| named != id.as_str())
    {
        return Err("it is about another job".to_owned());
    }
    let status = match &members.status {
        Member::Text(status) => JobStatus::from(&**status),
        Member::Missing => return Err("it has no status".to_owned()),
        _ => return Err("its status is no text".to_owned()),
    };
    Ok(Job {
        status,
        job_type: members.job_type.text().as_deref().map(JobType::from),
        begin_time: members.begin_time.time(),
        end_time: members.end_time.time(),
        fail_reason: members.fail_reason.text().as_deref().map(Into::into),
    })
}

/// What there is under each name; the last, where there are several.
#[derive(Default)]
struct Members<'a> {
    job_id: Member<'a>,
    job_type: Member<'a>,
    status: Member<'a>,
    begin_time: Member<'a>,
    end_time: Member<'a>,
    fail_reason: Member<'a>,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    JobId,
    JobType,
    Status,
    BeginTime,
    EndTime,
    FailReason,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the description of a job")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key()? {
                    let member = match name {
                        Name::JobId => &mut members.job_id,
                        Name::JobType => &mut members.job_type,
                        Name::Status => &mut members.status,
                        Name::BeginTime => &mut members.begin_time,
                        Name::EndTime => &mut members.end_time,
                        Name::FailReason => &mut members.fail_reason,
                        Name::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *member = map.next_value()?;
                }
                Ok(members)
            }
        }

        from.deserialize_map(OfObject)
    }
}

/// The value of a member.
#[derive(Default)]
enum Member<'a> {
    /// Also null, and a text that is empty.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Number(Number),
    Other,
}

impl<'a> Member<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Missing | Self::Other => None,
        }
    }

    /// Milliseconds since the epoch. An absurd time counts as none, and so does 0. Numbers that would be
    /// no time of a job in milliseconds are in the unit in which they are one.
    fn time(&self) -> Option<SystemTime> {
        let number: u64 = match self {
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Number(number) => number.as_u64()?,
            Self::Missing | Self::Other => return None,
        };
        let since = match number {
            0 => return None,
            SECONDS_FROM..SECONDS_TO => Duration::from_secs(number),
            MICROS_FROM..MICROS_TO => Duration::from_micros(number),
            MICROS_TO.. => Duration::from_nanos(number),
            millis => Duration::from_millis(millis),
        };
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfAny;

        impl<'de> Visitor<'de> for OfAny {
            type Value = Member<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(match text {
                    "" => Member::Missing,
                    text => Member::Text(text.into()),
                })
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Member::Text(text.to_owned().into()))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Member::Missing)
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Member::Number(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Member::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(number).map_or(Member::Other, Member::Number))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Member::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                IgnoredAny.visit_seq(seq).map(|_| Member::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                IgnoredAny.visit_map(map).map(|_| Member::Other)
            }
        }

        from.deserialize_any(OfAny)
    }
}
