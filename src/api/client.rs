//! The client that asks the service over HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::holds::ClientHolds;
use super::{
    Answer, Content, Evidence, HoldBook, JobSource, Renewal, ServiceClock, SigningTime, provenance,
    wire,
};
use crate::auth::sign::{Prepared, SignError};
use crate::auth::{Credential, Found, Provider};
use crate::http::{Origin, Reply, Trouble, TroubleKind};
use crate::model::{BoxFuture, Fault, JobId, ProjectId};

const X_PROJECT_ID: HeaderName = HeaderName::from_static("x-project-id");

/// What is asked, and how long an answer may take.
#[derive(Debug, Clone)]
pub struct Target {
    /// The DCS endpoint.
    pub endpoint: Url,
    /// The region, where the endpoint is made of its name.
    pub region: Option<String>,
    /// The project that the jobs belong to.
    pub project_id: ProjectId,
    /// How long one request may take, answer included.
    pub request_timeout: Duration,
}

/// Asks the DCS API about jobs: `GET /v2/{project_id}/jobs/{job_id}`.
pub struct DcsClient {
    origin: Origin,
    provider: Provider,
    clock: Arc<ServiceClock>,
    /// Where jobs are; a job's ID is to be appended. An endpoint holds neither credentials nor a query, so
    /// all of it may be told.
    jobs: Url,
    endpoint: Url,
    region: Option<String>,
    project_id: ProjectId,
    request_timeout: Duration,
    /// What the credential makes of every request.
    prepared: Mutex<Option<(Arc<Found>, Arc<Prepared>)>>,
    holds: ClientHolds,
}

impl DcsClient {
    /// A client for one endpoint, whose server `origin` is, for one project and one credential.
    #[must_use]
    pub fn new(
        origin: Origin,
        provider: Provider,
        clock: Arc<ServiceClock>,
        target: Target,
        book: Arc<HoldBook>,
    ) -> Self {
        let Target {
            endpoint,
            region,
            project_id,
            request_timeout,
        } = target;
        let mut jobs = endpoint.clone();
        let holds = ClientHolds::new(book, jobs.to_string());
        let base = jobs.path().trim_end_matches('/').to_owned();
        jobs.set_path(&format!("{base}/v2/{project_id}/jobs/"));
        Self {
            origin,
            provider,
            clock,
            jobs,
            endpoint,
            region,
            project_id,
            request_timeout,
            prepared: Mutex::default(),
            holds,
        }
    }

    /// The DCS endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    async fn ask_once(&self, job: &JobId) -> Answer {
        let found = match self.provider.credential().await {
            Ok(found) => found,
            Err(error) => return Content::NoCredential(Fault::local(error.to_string())).into(),
        };
        if let Some(content) = self.holds.said_before(&found) {
            return content.into();
        }
        let is_signed = matches!(found.credential, Credential::KeyPair(_));
        let signed = is_signed.then(|| self.clock.signing_time());
        // A token is sent without a time.
        let time = signed
            .as_ref()
            .map_or(SystemTime::UNIX_EPOCH, SigningTime::at);
        let headers = self
            .prepared(Arc::clone(&found))
            .and_then(|prepared| prepared.headers(job.as_str(), time));
        let headers = match headers {
            Ok(headers) => headers,
            Err(error) => return Content::NoCredential(Fault::local(error.to_string())).into(),
        };
        let path = format!("{}{job}", self.jobs.path());
        tracing::debug!(url = format_args!("{}{job}", self.jobs), "asking");
        let sent_at = Instant::now();
        let reply = self.origin.get(&path, headers, self.request_timeout).await;
        let took = sent_at.elapsed();
        match reply {
            Ok(reply) => {
                let request_id = reply.header("x-request-id");
                tracing::debug!(%job, status = reply.status, request_id, ?took, "answered");
                let answer = self.read(&reply, job, signed, took);
                self.holds.observe(&found, &answer.content);
                answer
            }
            Err(trouble) => {
                tracing::debug!(%job, %trouble, ?took, "no answer");
                Content::NoAnswer(with_region(trouble, self.region.as_deref())).into()
            }
        }
    }

    /// What the credential makes of every request: made anew only where it is another one.
    fn prepared(&self, found: Arc<Found>) -> Result<Arc<Prepared>, SignError> {
        let mut last = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, prepared)) = &*last
            && Arc::ptr_eq(of, &found)
        {
            return Ok(Arc::clone(prepared));
        }
        // An ID's characters are all allowed in a header, so this doesn't fail.
        let project = HeaderValue::from_str(self.project_id.as_str());
        let headers = project.map(|project| (X_PROJECT_ID, project));
        let headers = headers.into_iter().collect();
        let prepared = Arc::new(Prepared::new(&found.credential, &self.jobs, headers)?);
        *last = Some((found, Arc::clone(&prepared)));
        self.clock.begin_with_another_credential();
        Ok(prepared)
    }

    fn read(
        &self,
        reply: &Reply,
        job: &JobId,
        signed: Option<SigningTime<'_>>,
        took: Duration,
    ) -> Answer {
        let content = wire::read(reply, job);
        let evidence = Evidence {
            date: provenance::date_of_service(reply, &content),
            took,
            signature: provenance::signature_check(reply, &content),
        };
        let observed = self.clock.observe(signed, &evidence);
        Answer {
            content,
            at: Some(observed.at),
            clock_off: observed.clock_off,
            sign_again: observed.sign_again,
            date: evidence.date,
        }
    }
}

/// Where the host's name is made of the region's, that one may be wrong.
fn with_region(mut trouble: Trouble, region: Option<&str>) -> Trouble {
    if trouble.kind == TroubleKind::NoAddress
        && let Some(region) = region
    {
        let message = trouble.message.raw();
        let message = format!("{message}; is the region spelled right? It is {region:?}");
        trouble.message = message.into();
    }
    trouble
}

impl JobSource for DcsClient {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        Box::pin(self.ask_once(job))
    }

    fn refused_for(&self) -> Option<Duration> {
        self.holds.refused_for(&self.provider.found())
    }

    fn lift_hold(&self) {
        self.holds.lift(&self.provider.found());
    }

    fn project_id(&self) -> Option<ProjectId> {
        Some(self.project_id.clone())
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        Box::pin(async {
            let refused = self.provider.found();
            match self.provider.renew(&refused).await {
                Ok(true) => Renewal::Changed,
                Ok(false) => Renewal::Unchanged,
                // The source has answered before: it gave the credential that is refused now.
                Err(error) if error.is_transient_once_answered() => {
                    Renewal::NotNow(Fault::local(error.to_string()))
                }
                // The refusal itself is what is told.
                Err(error) => {
                    tracing::warn!(%error, "the refused credential can't be read anew");
                    Renewal::Unchanged
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_questioned_only_where_the_host_that_has_no_address_is_made_of_it() {
        let message = |kind, region| {
            let trouble = Trouble {
                kind,
                message: "as it happened".into(),
            };
            with_region(trouble, region).message.raw().to_owned()
        };
        assert_eq!(
            message(TroubleKind::NoAddress, Some("cn-nroth-4")),
            "as it happened; is the region spelled right? It is \"cn-nroth-4\""
        );
        assert_eq!(message(TroubleKind::NoAddress, None), "as it happened");
        for kind in [TroubleKind::NoProxyAddress, TroubleKind::NoConnection] {
            assert_eq!(message(kind, Some("cn-north-4")), "as it happened");
        }
    }
}
