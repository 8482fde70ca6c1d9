//! The name of a file, with what is known of a watch filled in. Nothing that is filled in can hold a
//! separator, and nothing that is left as it is may.

use std::fmt::Display;
use std::str::FromStr;

use super::super::{Data, Problem};
use crate::model::{JobId, Outcome, ProjectName, WatchId};

/// The longest name that file systems take, in bytes.
const MAX_LENGTH: usize = 255;

/// The longest identifier and the length of a UUID, in bytes.
const IDENTIFIER: usize = 64;
const UUID: usize = 36;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    JobId,
    WatchId,
    Project,
    Outcome,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// A name that was checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        let refused = |why| Problem::FileName {
            name: name.to_owned(),
            why,
        };
        let parts = parts(name).ok_or_else(|| {
            refused("braces hold one of {job_id}, {watch_id}, {project} and {outcome}")
        })?;
        if matches!(name, "" | "." | "..") {
            return Err(refused(
                "it names no file; give a name such as {job_id}.json",
            ));
        }
        if name.contains(['/', '\0']) {
            return Err(refused(
                "it leads to another directory; put that into the directory's path",
            ));
        }
        if parts.iter().map(Part::longest).sum::<usize>() > MAX_LENGTH {
            return Err(refused("it may become longer than 255 bytes; shorten it"));
        }
        Ok(Self(parts))
    }

    /// The name for a watch; `None` where the payload isn't one of this program's.
    pub(super) fn fill(&self, data: &Data) -> Option<String> {
        self.0.iter().map(|part| part.fill(data)).collect()
    }
}

fn parts(name: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some((text, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}')?;
        parts.push(Part::Text(text.to_owned()));
        parts.push(Part::Field(match field {
            "job_id" => Field::JobId,
            "watch_id" => Field::WatchId,
            "project" => Field::Project,
            "outcome" => Field::Outcome,
            _ => return None,
        }));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    let stray = |part: &Part| matches!(part, Part::Text(text) if text.contains('}'));
    (!parts.iter().any(stray)).then_some(parts)
}

impl Part {
    /// How long it is at most, in bytes.
    fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Field(Field::JobId | Field::Project) => IDENTIFIER,
            Self::Field(Field::WatchId) => UUID,
            Self::Field(Field::Outcome) => {
                let words = Outcome::ALL.map(|outcome| outcome.as_str().len());
                words.into_iter().max().unwrap_or_default()
            }
        }
    }

    /// A payload comes from the store, which others may have written to: what it says becomes part
    /// of a path only as the identifier that it should be.
    fn fill(&self, data: &Data) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Field(Field::JobId) => checked::<JobId>(&data.job_id),
            Self::Field(Field::WatchId) => checked::<WatchId>(&data.watch_id),
            Self::Field(Field::Project) => checked::<ProjectName>(&data.project),
            Self::Field(Field::Outcome) => {
                Some(Outcome::of_word(&data.outcome)?.as_str().to_owned())
            }
        }
    }
}

fn checked<T: FromStr + Display>(text: &str) -> Option<String> {
    Some(text.parse::<T>().ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{JOB_ID, WATCH_ID, payload};
    use super::*;

    #[test]
    fn what_is_known_of_the_watch_is_filled_in() {
        let data = payload(Outcome::TimedOut, None, None).data;
        for (name, expected) in [
            ("{job_id}.json", format!("{JOB_ID}.json")),
            ("{project}-{watch_id}", format!("north-{WATCH_ID}")),
            ("{outcome}{outcome}", "timed_outtimed_out".to_owned()),
            ("..last", "..last".to_owned()),
        ] {
            let template = Template::parse(name).unwrap();
            assert_eq!(template.fill(&data), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_or_leads_elsewhere_is_refused() {
        let long = "x".repeat(192);
        let too_long = format!("{long}{{job_id}}");
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/etc/x",
            "{job_id}/x",
            "x\0y",
            "{job}",
            "{",
            "}",
            "{job_id",
            "{{job_id}}",
            "x}",
            "{}",
            "{job_id}{/}",
            &too_long,
        ] {
            let error = Template::parse(name).unwrap_err();
            assert!(matches!(error, Problem::FileName { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_payload_that_leads_elsewhere_fills_nothing() {
        let mut data = payload(Outcome::Failed, None, None).data;
        data.job_id = "../../etc/cron.d/x".to_owned();
        data.project = "..".to_owned();
        data.watch_id = "/".to_owned();
        data.outcome = "a/b".to_owned();
        for name in ["{job_id}", "{project}", "{watch_id}", "{outcome}"] {
            assert_eq!(Template::parse(name).unwrap().fill(&data), None, "{name}");
        }
    }
}
