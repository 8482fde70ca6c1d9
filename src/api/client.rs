//! The client that asks the service over HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};
use tokio::time::Instant;

use super::{Answer, Content, JobSource, Renewal, ServiceClock, wire};
use crate::auth::{Provider, sign};
use crate::http::{Client, Reply};
use crate::model::{BoxFuture, Fault, JobId, ProjectId};

/// What is asked, and how long an answer may take.
#[derive(Debug, Clone)]
pub struct Target {
    /// The DCS endpoint.
    pub endpoint: Url,
    /// The project that the jobs belong to.
    pub project_id: ProjectId,
    /// How long one request may take, answer included.
    pub request_timeout: Duration,
}

/// Asks the DCS API about jobs: `GET /v2/{project_id}/jobs/{job_id}`.
pub struct DcsClient {
    http: Client,
    provider: Provider,
    clock: Arc<ServiceClock>,
    target: Target,
}

impl DcsClient {
    /// A client for one endpoint, project and credential.
    #[must_use]
    pub fn new(http: Client, provider: Provider, clock: Arc<ServiceClock>, target: Target) -> Self {
        Self {
            http,
            provider,
            clock,
            target,
        }
    }

    async fn ask_once(&self, job: &JobId) -> Answer {
        let found = match self.provider.credential().await {
            Ok(found) => found,
            Err(error) => return Content::NoCredential(Fault::local(error.to_string())).into(),
        };
        let mut request = self.request(job);
        if let Err(error) = sign::authorize(&mut request, &found.credential, self.clock.now()) {
            return Content::NoCredential(Fault::local(error.to_string())).into();
        }
        // An endpoint holds neither credentials nor a query, so the whole URL may be told.
        tracing::debug!(url = %request.url(), "asking");
        let sent_at = Instant::now();
        let reply = self.http.send(request, self.target.request_timeout).await;
        let took = sent_at.elapsed();
        match reply {
            Ok(reply) => {
                let request_id = reply.header("x-request-id");
                tracing::debug!(%job, status = reply.status, request_id, ?took, "answered");
                self.read(&reply, job, took)
            }
            Err(trouble) => {
                tracing::debug!(%job, %trouble, ?took, "no answer");
                Content::NoAnswer(trouble).into()
            }
        }
    }

    fn request(&self, job: &JobId) -> Request {
        let project = &self.target.project_id;
        let mut url = self.target.endpoint.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v2/{project}/jobs/{job}"));
        let mut request = Request::new(Method::GET, url);
        // An ID's characters are all allowed in a header, so this doesn't fail.
        if let Ok(value) = HeaderValue::from_str(project.as_str()) {
            request.headers_mut().insert("x-project-id", value);
        }
        request
    }

    fn read(&self, reply: &Reply, job: &JobId, took: Duration) -> Answer {
        let date = reply.date();
        Answer {
            content: wire::read(reply, job),
            at: Some(self.clock.time_of_answer(date, took)),
            clock_off: date.and_then(|date| self.clock.observe(date)),
        }
    }
}

impl JobSource for DcsClient {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        Box::pin(self.ask_once(job))
    }

    fn project_id(&self) -> Option<ProjectId> {
        Some(self.target.project_id.clone())
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        Box::pin(async {
            let refused = self.provider.found();
            match self.provider.renew(&refused).await {
                Ok(true) => Renewal::Changed,
                Ok(false) => Renewal::Unchanged,
                Err(error) if error.is_passing() => {
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
