//! What the history holds, and how it is written: JSON with a version, of which this program reads
//! only its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::forms::millis;
use crate::model::{Durations, JobType, KEPT_DURATIONS, ProjectId, Ran, WatchReport};
use crate::report::json;
use crate::sanitize::ForeignText;

/// The version of the form that is read and written.
const VERSION: u64 = 1;

/// How many types are kept, of all projects: in the largest form, about 900 kB. The service has a
/// few dozens of them.
const MOST_TYPES: usize = 200;

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

/// A job that was seen to have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    project: ProjectId,
    job_type: JobType,
    job: Past,
}

/// What is kept of a job. Within a project and type, two that are the same are the same job: who
/// waits again for one that has ended is told the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    /// Since 1970, by the service's clock.
    ended_ms: u64,
    took_ms: u64,
}

/// How long jobs took, by project and type; the types that were last added to come last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<Entry>);

/// One type of jobs in one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) project: ProjectId,
    pub(super) job_type: JobType,
    /// At least one and at most [`KEPT_DURATIONS`], by their ends, each once.
    jobs: Vec<Past>,
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
    job_type: ForeignText,
    jobs: Vec<Past>,
}

impl Past {
    fn began(self) -> SystemTime {
        let since_epoch = Duration::from_millis(self.ended_ms.saturating_sub(self.took_ms));
        UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH)
    }
}

impl Seen {
    /// What is to be learned from a wait; `None` where its job goes on, or its times make no sense.
    pub(super) fn of(report: &WatchReport, now: SystemTime) -> Option<Self> {
        let job = report.job.as_ref()?;
        let ran = Ran::seen(job, now, report.waited, None)?;
        let ended = job.end_time?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            project: report.project_id.clone()?,
            job_type: ran.job_type,
            job: Past {
                ended_ms: millis(ended),
                took_ms: millis(ran.took),
            },
        })
    }
}

impl Entry {
    /// An empty one for a job.
    fn begun_by(seen: &Seen) -> Self {
        Self {
            project: seen.project.clone(),
            job_type: seen.job_type.clone(),
            jobs: Vec::new(),
        }
    }

    fn is_of(&self, seen: &Seen) -> bool {
        self.project == seen.project && self.job_type == seen.job_type
    }

    /// Adds a job where it belongs; those that ended first go, where there are too many. Says
    /// whether that changed anything.
    fn add(&mut self, job: Past) -> bool {
        let Err(at) = self.jobs.binary_search(&job) else {
            return false;
        };
        self.jobs.insert(at, job);
        let surplus = self.jobs.len().saturating_sub(KEPT_DURATIONS);
        self.jobs.drain(..surplus);
        at >= surplus
    }

    /// How long the jobs took; the one that ended last comes last.
    pub(super) fn durations(&self) -> Durations {
        let mut durations = Durations::default();
        for job in &self.jobs {
            durations.add(job.began(), Duration::from_millis(job.took_ms));
        }
        durations
    }
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
        let entry = |entry: &Entry| EntryShape {
            project_id: entry.project.to_string(),
            job_type: entry.job_type.text().clone(),
            jobs: entry.jobs.clone(),
        };
        json(&ContentShape {
            dcs_wait_history: VERSION,
            types: self.0.iter().map(entry).collect(),
        })
    }

    /// Adds a job, and says whether that changed anything. Of too many types, those go that weren't
    /// added to for longest.
    pub(super) fn learn(&mut self, seen: &Seen) -> bool {
        let found = self.0.iter().position(|entry| entry.is_of(seen));
        let at = found.unwrap_or_else(|| {
            self.0.push(Entry::begun_by(seen));
            self.0.len() - 1
        });
        let later = self.0.get_mut(at..).unwrap_or_default();
        let is_new = later.first_mut().is_some_and(|entry| entry.add(seen.job));
        if is_new {
            later.rotate_left(1);
        }
        let surplus = self.0.len().saturating_sub(MOST_TYPES);
        self.0.drain(..surplus);
        is_new
    }

    /// The types of one project.
    pub(super) fn of_project(&self, project: &ProjectId) -> Vec<(JobType, Durations)> {
        let entries = self.0.iter().filter(|entry| entry.project == *project);
        entries
            .map(|entry| (entry.job_type.clone(), entry.durations()))
            .collect()
    }

    /// All types by project and name.
    pub(super) fn sorted(self) -> Vec<Entry> {
        let mut entries = self.0;
        entries.sort_by(|a, b| (&a.project, a.job_type.raw()).cmp(&(&b.project, b.job_type.raw())));
        entries
    }
}

/// An entry, where it is one that this program would have written.
fn entry(shape: EntryShape) -> Option<Entry> {
    let mut entry = Entry {
        project: shape.project_id.parse().ok()?,
        job_type: JobType::from(shape.job_type),
        jobs: Vec::new(),
    };
    for job in shape.jobs {
        let took = Duration::from_millis(job.took_ms);
        Ran::new(entry.job_type.clone(), job.began(), took)?;
        entry.add(job);
    }
    (!entry.jobs.is_empty()).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Job, JobStatus, Outcome};

    fn project(id: &str) -> ProjectId {
        id.parse().unwrap()
    }

    fn seen(id: &str, job_type: &str, ended_ms: u64, took_ms: u64) -> Seen {
        Seen {
            project: project(id),
            job_type: job_type.into(),
            job: Past { ended_ms, took_ms },
        }
    }

    fn learned(all: &[(&str, &str, u64, u64)]) -> Content {
        let mut content = Content::default();
        for (id, job_type, ended, took) in all {
            assert!(content.learn(&seen(id, job_type, *ended, *took)));
        }
        content
    }

    /// How long the jobs of the only type took, in milliseconds.
    fn durations(content: &Content) -> Vec<u64> {
        let [only] = content.0.as_slice() else {
            panic!("{content:?}");
        };
        only.durations().iter().map(millis).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let content = learned(&[
            ("p1", "masterStandbySwapJob", 1_684_191_548_248, 2869),
            ("p2", "主备\u{1b}[2J##[倒换]", 0, 0),
            ("p1", "masterStandbySwapJob", 1_684_191_559_259, 3011),
        ]);
        let text = content.to_json();
        insta::assert_snapshot!(text, @r#"{"dcs_wait_history":1,"types":[{"project_id":"p2","job_type":"主备\u001b[2J#\u0023[倒换]","jobs":[{"ended_ms":0,"took_ms":0}]},{"project_id":"p1","job_type":"masterStandbySwapJob","jobs":[{"ended_ms":1684191548248,"took_ms":2869},{"ended_ms":1684191559259,"took_ms":3011}]}]}"#);
        assert_eq!(Content::parse(&text), Ok(content));
    }

    #[test]
    fn a_job_counts_once() {
        let mut content = learned(&[("p", "a", 1, 2869), ("p", "b", 1, 1)]);
        let before = content.clone();
        assert!(!content.learn(&seen("p", "a", 1, 2869)));
        assert_eq!(content, before);
    }

    #[test]
    fn jobs_that_differ_in_anything_count_each() {
        let one = ("p", "a", 1, 2869);
        learned(&[
            one,
            ("q", "a", 1, 2869),
            ("p", "b", 1, 2869),
            ("p", "a", 2, 2869),
            ("p", "a", 1, 2870),
        ]);
    }

    #[test]
    fn the_jobs_that_ended_first_go_in_whatever_order_they_are_learned() {
        let kept = KEPT_DURATIONS as u64;
        let mut content = Content::default();
        for ended in (1..=kept).rev() {
            assert!(content.learn(&seen("p", "a", ended, ended)));
        }
        assert!(content.learn(&seen("p", "a", kept + 1, kept + 1)));
        assert!(!content.learn(&seen("p", "a", 1, 1)), "it counted before");
        assert_eq!(durations(&content), (2..=kept + 1).collect::<Vec<_>>());
    }

    #[test]
    fn a_job_whose_times_make_no_sense_is_not_learned() {
        let end = UNIX_EPOCH + Duration::from_secs(1_684_191_548);
        let report = |end| WatchReport {
            job_id: "job".parse().unwrap(),
            project_id: Some(project("p")),
            outcome: Outcome::Succeeded,
            job: Some(Job {
                status: JobStatus::Success,
                job_type: Some("a".into()),
                begin_time: Some(end - Duration::from_secs(3)),
                end_time: Some(end),
                fail_reason: None,
            }),
            polls: 1,
            waited: Duration::ZERO,
            fault: None,
        };
        let expected = seen("p", "a", 1_684_191_548_000, 3000);
        assert_eq!(Seen::of(&report(end), end), Some(expected));
        let before_1970 = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Seen::of(&report(before_1970), before_1970), None);
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
        let jobs = |project: &str, job_type: &str, ended: &str, took: &str| {
            format!(
                r#"{{"project_id":"{project}","job_type":"{job_type}","jobs":[{{"ended_ms":{ended},"took_ms":{took}}}]}}"#
            )
        };
        assert!(Content::parse(&of(&jobs("p", "a", "1", "1"))).is_ok());
        let too_long = "x".repeat(101);
        for text in [
            "{}".to_owned(),
            "secret".to_owned(),
            r#"{"dcs_wait_history":1}"#.to_owned(),
            r#"{"dcs_wait_history":-1,"types":[]}"#.to_owned(),
            r#"{"dcs_wait_history":1,"types":[],"more":1}"#.to_owned(),
            of(r#"{"project_id":"p","job_type":"a","jobs":[]}"#),
            of(r#"{"project_id":"p","job_type":"a","durations_ms":[1]}"#),
            of(r#"{"project_id":"p","job_type":"a","jobs":[{"ended_ms":1}]}"#),
            of(&jobs("p", "a", "-1", "1")),
            of(&jobs("p", "a", "1.5", "1")),
            of(&jobs("p", "a", "1", "196000001")),
            of(&jobs("p", "a", "1", "-1")),
            of(&jobs("p", "a", "1", "1.5")),
            of(&jobs("p", "a", "1", r#"1,"more":1"#)),
            of(&jobs("../p", "a", "1", "1")),
            of(&jobs("p", "", "1", "1")),
            of(&jobs("p", &too_long, "1", "1")),
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
        let mut content = learned(&[("p", "first", 1, 1), ("p", "second", 1, 1)]);
        for n in 2..MOST_TYPES {
            content.learn(&seen("p", &format!("type-{n}"), 1, 1));
        }
        content.learn(&seen("p", "first", 2, 1));
        content.learn(&seen("p", "second", 1, 1));
        content.learn(&seen("q", "new", 1, 1));
        let known = content.of_project(&project("p"));
        let has = |name| known.iter().any(|(job_type, _)| job_type.raw() == name);
        assert!(has("first") && !has("second"));
        assert_eq!(known.len(), MOST_TYPES - 1);
    }

    #[test]
    fn the_largest_history_can_be_read_again() {
        let mut content = Content::default();
        for n in 0..MOST_TYPES {
            let project = format!("{n:064}");
            for ended in (0..KEPT_DURATIONS as u64).map(|n| u64::MAX - n) {
                let job_type = "\u{1b}".repeat(100);
                content.learn(&seen(&project, &job_type, ended, 196_000_000));
            }
        }
        let length = content.to_json().len() as u64;
        assert!(length < super::super::file::MAX_BYTES, "{length}");
    }
}
