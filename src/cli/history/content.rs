//! What the history holds, and how it is written: JSON with a version, of which this program reads
//! only its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::forms::millis;
use crate::model::{Durations, JobType, ProjectId, Ran};
use crate::report::json;

/// The version of the form that is read and written.
const VERSION: u64 = 1;

/// How many types are kept, of all projects: in the largest form, about 700 kB. The service has a
/// few dozens of them.
const MOST_TYPES: usize = 300;

/// Why a text is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    /// Something else wrote it, or something happened to it.
    #[error("isn't what dcs-wait writes there")]
    Another,
    /// It has a version that is not this program's.
    #[error("is of another version of dcs-wait")]
    AnotherVersion,
}

/// How long jobs took, by project and type; those that were last added to come last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<Entry>);

/// One type of jobs in one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) project: ProjectId,
    pub(super) job_type: JobType,
    /// At least one.
    pub(super) durations: Durations,
}

/// What every version has.
#[derive(Deserialize)]
struct Stamp {
    dcs_wait_history: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentShape {
    dcs_wait_history: u64,
    types: Vec<EntryShape>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryShape {
    project_id: String,
    job_type: String,
    /// When each job began, since 1970, and how long it took, both in milliseconds.
    runs: Vec<(u64, u64)>,
}

impl Content {
    /// Reads what [`Content::to_json`] wrote. Nothing at all is a history of nothing: so a crash
    /// of the machine may leave it.
    pub(super) fn parse(text: &str) -> Result<Self, Foreign> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let stamp: Stamp = serde_json::from_str(text).map_err(|_| Foreign::Another)?;
        if stamp.dcs_wait_history != VERSION {
            return Err(Foreign::AnotherVersion);
        }
        let shape: ContentShape = serde_json::from_str(text).map_err(|_| Foreign::Another)?;
        let entries: Option<Vec<Entry>> = shape.types.into_iter().map(entry).collect();
        entries.map(Self).ok_or(Foreign::Another)
    }

    pub(super) fn to_json(&self) -> String {
        let since_epoch = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let entry = |entry: &Entry| {
            let begun = entry.durations.begun().map(|one| millis(since_epoch(one)));
            EntryShape {
                project_id: entry.project.to_string(),
                job_type: entry.job_type.to_string(),
                runs: begun.zip(entry.durations.iter().map(millis)).collect(),
            }
        };
        json(&ContentShape {
            dcs_wait_history: VERSION,
            types: self.0.iter().map(entry).collect(),
        })
    }

    /// Adds how long a job took. Of too many types, those go that weren't added to for longest.
    pub(super) fn learn(&mut self, project: &ProjectId, ran: &Ran) {
        let is_it = |entry: &Entry| entry.project == *project && entry.job_type == ran.job_type;
        let found = self.0.iter().position(is_it);
        let mut entry = match found {
            Some(at) => self.0.remove(at),
            None => Entry {
                project: project.clone(),
                job_type: ran.job_type.clone(),
                durations: Durations::default(),
            },
        };
        entry.durations.add(ran.began, ran.took);
        self.0.push(entry);
        let surplus = self.0.len().saturating_sub(MOST_TYPES);
        self.0.drain(..surplus);
    }

    /// The types of one project.
    pub(super) fn of_project(self, project: &ProjectId) -> Vec<(JobType, Durations)> {
        let entries = self.0.into_iter();
        entries
            .filter(|entry| entry.project == *project)
            .map(|entry| (entry.job_type, entry.durations))
            .collect()
    }

    /// All types by project and name.
    pub(super) fn sorted(self) -> Vec<Entry> {
        let mut entries = self.0;
        entries.sort_by(|a, b| (&a.project, &*a.job_type).cmp(&(&b.project, &*b.job_type)));
        entries
    }
}

/// An entry, where it is one that this program would have written.
fn entry(shape: EntryShape) -> Option<Entry> {
    let job_type = JobType::from(shape.job_type.as_str());
    let mut durations = Durations::default();
    for (began, took) in shape.runs {
        let began = UNIX_EPOCH.checked_add(Duration::from_millis(began))?;
        let ran = Ran::new(job_type.clone(), began, Duration::from_millis(took))?;
        durations.add(ran.began, ran.took);
    }
    Some(Entry {
        project: shape.project_id.parse().ok()?,
        durations: Some(durations).filter(|durations| !durations.is_empty())?,
        job_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(id: &str) -> ProjectId {
        id.parse().unwrap()
    }

    fn ran(job_type: &str, took: u64) -> Ran {
        ran_at(1_684_191_545_379, job_type, took)
    }

    fn ran_at(began: u64, job_type: &str, took: u64) -> Ran {
        Ran {
            job_type: job_type.into(),
            began: UNIX_EPOCH + Duration::from_millis(began),
            took: Duration::from_millis(took),
        }
    }

    fn learned(all: &[(&str, &str, u64)]) -> Content {
        let mut content = Content::default();
        for (id, job_type, took) in all {
            content.learn(&project(id), &ran(job_type, *took));
        }
        content
    }

    #[test]
    fn what_is_written_is_read_again() {
        let content = learned(&[
            ("p1", "masterStandbySwapJob", 2869),
            ("p2", "主备\u{1b}[2J##[倒换]", 0),
            ("p1", "masterStandbySwapJob", 3011),
        ]);
        let text = content.to_json();
        insta::assert_snapshot!(text, @r#"{"dcs_wait_history":1,"types":[{"project_id":"p2","job_type":"主备\u001b[2J#\u0023[倒换]","runs":[[1684191545379,0]]},{"project_id":"p1","job_type":"masterStandbySwapJob","runs":[[1684191545379,2869],[1684191545379,3011]]}]}"#);
        assert_eq!(Content::parse(&text), Ok(content));
    }

    #[test]
    fn nothing_is_a_history_of_nothing() {
        for text in ["", "\n"] {
            assert_eq!(Content::parse(text), Ok(Content::default()));
        }
    }

    #[test]
    fn only_what_this_program_writes_is_read() {
        let of = |entry: &str| format!(r#"{{"dcs_wait_history":1,"types":[{entry}]}}"#);
        let too_long = "x".repeat(101);
        for text in [
            "{}".to_owned(),
            "secret".to_owned(),
            r#"{"dcs_wait_history":1}"#.to_owned(),
            r#"{"dcs_wait_history":-1,"types":[]}"#.to_owned(),
            r#"{"dcs_wait_history":1,"types":[],"more":1}"#.to_owned(),
            of(r#"{"project_id":"p","job_type":"a","runs":[[1,196000001]]}"#),
            of(r#"{"project_id":"p","job_type":"a","runs":[[1,-1]]}"#),
            of(r#"{"project_id":"p","job_type":"a","runs":[[1,1.5]]}"#),
            of(r#"{"project_id":"p","job_type":"a","runs":[]}"#),
            of(r#"{"project_id":"../p","job_type":"a","runs":[[1,1]]}"#),
            of(r#"{"project_id":"p","job_type":"","runs":[[1,1]]}"#),
            of(&format!(
                r#"{{"project_id":"p","job_type":"{too_long}","runs":[[1,1]]}}"#
            )),
        ] {
            assert_eq!(Content::parse(&text), Err(Foreign::Another), "{text}");
        }
        assert_eq!(
            Content::parse(r#"{"dcs_wait_history":2,"jobs":[]}"#),
            Err(Foreign::AnotherVersion)
        );
    }

    #[test]
    fn the_types_that_were_not_added_to_for_longest_go() {
        let mut content = learned(&[("p", "first", 1), ("p", "second", 1)]);
        for n in 2..MOST_TYPES {
            content.learn(&project("p"), &ran(&format!("type-{n}"), 1));
        }
        content.learn(&project("p"), &ran("first", 2));
        content.learn(&project("q"), &ran("new", 1));
        let known = content.clone().of_project(&project("p"));
        let has = |name| known.iter().any(|(job_type, _)| &**job_type == name);
        assert!(has("first") && !has("second"));
        assert_eq!(known.len(), MOST_TYPES - 1);
    }

    #[test]
    fn the_largest_history_can_be_read_again() {
        let mut content = Content::default();
        for n in 0..MOST_TYPES {
            let project = project(&format!("{n:064}"));
            for began in 0..crate::model::KEPT_DURATIONS as u64 {
                let job_type = "\u{1b}".repeat(100);
                content.learn(
                    &project,
                    &ran_at(u64::MAX / 2 - began, &job_type, 196_000_000),
                );
            }
        }
        let length = content.to_json().len() as u64;
        assert!(length < super::super::file::MAX_BYTES, "{length}");
    }
}
