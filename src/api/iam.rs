//! The project's ID from its name, as IAM knows it.

use std::time::{Duration, SystemTime};

use reqwest::{Method, Request, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Refusal, ServiceClock, SigningTime, provenance, wire};
use crate::auth::{Credential, sign};
use crate::decode::json;
use crate::http::{Client, Reply, Trouble, is_transient_status};
use crate::model::{ProjectId, TOKEN_ADVICE};
use crate::sanitize::{ForeignText, cut};

/// How much is shown of a list of projects, in bytes.
const MAX_LIST: usize = 1024;

/// Why no project was found.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// IAM knows no such project, or several.
    #[error("{found}; choose one with --project-id or DCS_WAIT_PROJECT_ID", found = describe(.name, .found))]
    NotOne {
        /// The name that was looked for.
        name: ForeignText,
        /// The projects, each as its name and ID.
        found: Vec<(ForeignText, ForeignText)>,
    },
    /// IAM answered with an error.
    #[error("IAM {verb} to look the project up: {fault}; {advice}", verb = verb(.0), fault = .0.fault, advice = advice_on_refusal(.0))]
    Refused(Box<Refusal>),
    /// There was an answer of 200, and it can't be understood.
    #[error("the answer of IAM can't be understood: {0}; {WITHOUT_IAM}")]
    Unreadable(ForeignText),
    /// There was no whole answer.
    #[error("IAM gave no answer: {0}; {advice}", advice = advice(.0))]
    Trouble(#[from] Trouble),
    /// The credential can't be used.
    #[error("{0}")]
    Credential(ForeignText),
}

impl ProjectError {
    /// Whether it is a transient error: the same question may be answered in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotOne { .. } | Self::Credential(_) => false,
            Self::Unreadable(_) => true,
            Self::Trouble(trouble) => trouble.is_transient(),
            Self::Refused(refusal) => is_transient_status(refusal.status),
        }
    }

    /// The HTTP status with which IAM refused the question.
    #[must_use]
    pub fn refused_with(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// How long IAM asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

const WITHOUT_IAM: &str =
    "to do without IAM, give the project's ID (--project-id, or project_id in the configuration)";

fn advice(trouble: &Trouble) -> &'static str {
    if trouble.is_transient() {
        WITHOUT_IAM
    } else {
        "an authority of your own is trusted with --ca-file"
    }
}

fn verb(refusal: &Refusal) -> &'static str {
    match is_transient_status(refusal.status) {
        true => "failed",
        false => "refused",
    }
}

fn advice_on_refusal(refusal: &Refusal) -> &'static str {
    match refusal.status {
        _ if refusal.fault.is_token_refusal() => TOKEN_ADVICE,
        401 | 403 => "look at the credential with: dcs-wait credentials",
        _ => WITHOUT_IAM,
    }
}

fn describe(name: &ForeignText, found: &[(ForeignText, ForeignText)]) -> String {
    if found.is_empty() {
        return format!("IAM knows no project named {name:?} for this credential");
    }
    let list: Vec<String> = found
        .iter()
        .map(|(name, id)| format!("{id} ({name})"))
        .collect();
    format!(
        "IAM knows several projects named {name:?}: {}",
        cut(&list.join(", "), MAX_LIST)
    )
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    id: ForeignText,
    /// Only shown.
    #[serde(default)]
    name: Value,
}

/// Which project has this name, which for a region's main project is the region's:
/// `GET /v3/projects?name={name}`.
pub struct ProjectQuestion<'a> {
    /// The IAM endpoint.
    pub iam: &'a Url,
    /// The project's name.
    pub name: &'a str,
    /// Who asks.
    pub credential: &'a Credential,
}

impl ProjectQuestion<'_> {
    /// Asks IAM; once more, where the first answer refuses the signature and shows that this
    /// machine's clock is off.
    ///
    /// # Errors
    /// When there is no answer, a refusal, or not exactly one such project.
    pub async fn ask(
        &self,
        http: &Client,
        clock: &ServiceClock,
        time_limit: Duration,
    ) -> Result<ProjectId, ProjectError> {
        let (mut reply, sign_again) = self.send(http, clock, time_limit).await?;
        if sign_again {
            (reply, _) = self.send(http, clock, time_limit).await?;
        }
        if reply.status != 200 {
            return Err(ProjectError::Refused(Box::new(wire::read_refusal(&reply))));
        }
        choose(self.name, &reply.body)
    }

    /// Sends one request. Says whether another one, signed with another time, may be answered better.
    async fn send(
        &self,
        http: &Client,
        clock: &ServiceClock,
        time_limit: Duration,
    ) -> Result<(Reply, bool), ProjectError> {
        let is_signed = matches!(self.credential, Credential::KeyPair(_));
        let signed = is_signed.then(|| clock.signing_time());
        let time = signed
            .as_ref()
            .map_or(SystemTime::UNIX_EPOCH, SigningTime::at);
        let request = self.request(time)?;
        let sent_at = Instant::now();
        let reply = http.send(request, time_limit).await?;
        let took = sent_at.elapsed();
        let has_projects = json::read::<Projects>(&reply.body).is_ok();
        let evidence = provenance::of_iam(&reply, took, has_projects);
        let observed = clock.observe(signed, &evidence);
        Ok((reply, observed.sign_again))
    }

    fn request(&self, time: SystemTime) -> Result<Request, ProjectError> {
        let mut url = self.iam.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v3/projects"));
        url.query_pairs_mut().append_pair("name", self.name);
        let mut request = Request::new(Method::GET, url);
        sign::authorize(&mut request, self.credential, time)
            .map_err(|error| ProjectError::Credential(ForeignText::of(&error)))?;
        Ok(request)
    }
}

fn choose(name: &str, body: &[u8]) -> Result<ProjectId, ProjectError> {
    let unreadable = |why: String| ProjectError::Unreadable(why.into());
    let Projects { projects } = json::read(body).map_err(|error| {
        let why = json::other_content(body).map_or_else(|| error.to_string(), str::to_owned);
        unreadable(why)
    })?;
    match projects.as_slice() {
        [project] => project
            .id
            .raw()
            .parse()
            .map_err(|error| unreadable(format!("the project's ID: {error}"))),
        several => Err(ProjectError::NotOne {
            name: name.into(),
            found: several
                .iter()
                .map(|project| {
                    let name = project.name.as_str().unwrap_or_default();
                    (name.into(), project.id.clone())
                })
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_project_is_the_answer() {
        let one = br#"{"projects":[{"id":"0a1b","name":"cn-north-4","enabled":true}],"links":{}}"#;
        assert_eq!(choose("cn-north-4", one).unwrap().as_str(), "0a1b");
    }

    #[test]
    fn text_that_is_not_needed_hides_no_project() {
        for body in [
            &b"\xEF\xBB\xBF{\"projects\":[{\"id\":\"0a1b\",\"name\":\"x\"}]}"[..],
            b"{\"projects\":[{\"id\":\"0a1b\",\"name\":\"\xB1\xB1\xBE\xA9\"}]}",
            b"{\"projects\":[{\"id\":\"0a1b\",\"name\":null,\"description\":\"\n\\ud83d\"}]}",
        ] {
            assert_eq!(choose("x", body).unwrap().as_str(), "0a1b", "{body:?}");
        }
    }

    #[test]
    fn none_or_several_are_an_error_that_lists_them() {
        let message = choose("cn-north-9", br#"{"projects":[]}"#)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("no project named \"cn-north-9\""),
            "{message}"
        );
        let two = br#"{"projects":[{"id":"0a","name":"x"},{"id":"0b","name":"y"}]}"#;
        let message = choose("x", two).unwrap_err().to_string();
        assert!(message.contains("0a (x), 0b (y)"), "{message}");
        assert!(message.contains("--project-id"), "{message}");
    }

    #[test]
    fn an_answer_of_another_shape_is_no_project() {
        for body in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"projects":[{"id":"a/b","name":"x"}]}"#,
            b"{\"projects\":[{\"id\":\"0a\xFF\",\"name\":\"x\"}]}",
        ] {
            let error = choose("x", body).unwrap_err();
            assert!(matches!(error, ProjectError::Unreadable(_)), "{body:?}");
            assert!(error.is_transient(), "{body:?}");
        }
    }

    #[test]
    fn a_page_in_place_of_an_answer_is_named_as_such() {
        for (body, why) in [("<html>Please log in", "it is HTML"), (" ", "it is empty")] {
            let message = choose("x", body.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(why), "{message}");
        }
    }
}
