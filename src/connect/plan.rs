//! How a connection is made, in one attempt.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::{ConnectError, Place};
use crate::api::{
    self, Content, DcsClient, HoldBook, JobSource as _, ProjectError, ProjectQuestion,
    ServiceClock, Target,
};
use crate::auth::{Chain, Found, Given, Provider};
use crate::clock::SystemClock;
use crate::environment::Environment;
use crate::http::{Connector, Route};
use crate::model::{JobId, ProjectId};

/// What a connection is made from.
#[derive(Clone)]
pub struct Plan {
    /// Where the service is.
    pub place: Place,
    /// Files with the credential, before all other sources.
    pub given: Given,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Where other sources of credentials are looked for, and the vendor's variables.
    pub environment: Arc<dyn Environment>,
}

impl Plan {
    /// Finds credential, endpoint and project. Asks nobody for what is known already, and nobody
    /// twice.
    ///
    /// # Errors
    /// When one of them isn't found.
    pub async fn open(&self) -> Result<DcsClient, ConnectError> {
        self.open_with(&Arc::default()).await
    }

    /// As [`Plan::open`], with what services said in earlier runs.
    ///
    /// # Errors
    /// When one of them isn't found.
    pub async fn open_with(&self, book: &Arc<HoldBook>) -> Result<DcsClient, ConnectError> {
        self.check()?;
        let environment = self.environment.as_ref();
        let provider = Provider::load(self.chain()).await?;
        let found = provider.found();
        let endpoint = self.place.endpoint(&found, environment)?;
        let origin = self
            .connector()
            .origin(&endpoint, Route::ProxyOfEnvironment)?;
        let clock = Arc::new(ServiceClock::new(Arc::new(SystemClock)));
        let project_id = match self.place.project(&found, environment)? {
            Some(project_id) => project_id,
            None => self.look_up(&found, &clock, book).await?,
        };
        tracing::debug!(source = %found.source, credential = %found, %endpoint, %project_id, "connected");
        let target = Target {
            region: self.place.region_of_endpoint(&found, environment),
            endpoint,
            project_id,
            request_timeout: self.request_timeout,
        };
        Ok(DcsClient::new(
            origin,
            provider,
            clock,
            target,
            Arc::clone(book),
        ))
    }

    /// Checks what can be checked without asking anybody, so that a fault that only the user can
    /// correct isn't hidden by a service that doesn't answer.
    fn check(&self) -> Result<(), ConnectError> {
        self.place.check(self.environment.as_ref())?;
        if self.ca_file.is_some() {
            self.connector().check()?;
        }
        Ok(())
    }

    /// The DCS endpoint, where the configuration and the environment say it.
    #[must_use]
    pub fn configured_endpoint(&self) -> Option<Url> {
        match (&self.place.endpoint, &self.place.region) {
            (Some(endpoint), _) => Some(endpoint.clone()),
            (None, Some(region)) => api::endpoint(region, self.environment.as_ref()).ok(),
            (None, None) => None,
        }
    }

    /// Opens a connection, and asks for a job that there can't be; once more, where the first answer
    /// refuses the signature and shows that this machine's clock is off. What the answer means is for `poll::judge` to say:
    /// one that knows no such job shows that all is well.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn verify(&self) -> Result<Content, ConnectError> {
        let client = self.open().await?;
        let nobodys = JobId::built_in("00000000000000000000000000000000");
        let mut answer = client.ask(&nobodys).await;
        if answer.sign_again {
            answer = client.ask(&nobodys).await;
        }
        Ok(answer.content)
    }

    /// The credential sources, in their order.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::new(
            self.given.clone(),
            Arc::clone(&self.environment),
            self.connector(),
            Arc::new(SystemClock),
        )
    }

    fn connector(&self) -> Connector {
        Connector {
            ca_file: self.ca_file.clone(),
        }
    }

    /// Asks IAM for the project.
    async fn look_up(
        &self,
        found: &Found,
        clock: &ServiceClock,
        book: &HoldBook,
    ) -> Result<ProjectId, ConnectError> {
        let environment = self.environment.as_ref();
        let name = self.place.project_name(found)?;
        let iam = api::iam_endpoint(found.iam_endpoint.as_ref(), environment)?;
        let http = self.connector().client(&iam, Route::ProxyOfEnvironment)?;
        let question = ProjectQuestion {
            iam: &iam,
            name: &name,
            credential: &found.credential,
        };
        let Some(key) = book.key(&found.credential, iam.as_str()) else {
            return Ok(question.ask(&http, clock, self.request_timeout).await?);
        };
        if let Some(refusal) = book.said_before(&key) {
            return Err(ProjectError::Refused(Box::new(refusal)).into());
        }
        let answer = question.ask(&http, clock, self.request_timeout).await;
        match &answer {
            Ok(_) | Err(ProjectError::NotOne { .. }) => book.accepted(&key),
            Err(ProjectError::Refused(refusal)) => {
                book.observe(&key, &Content::Refused((**refusal).clone()));
            }
            Err(_) => {}
        }
        Ok(answer?)
    }
}
