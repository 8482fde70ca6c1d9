//! Interim.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{self, DcsClient, ServiceClock, Target};
use crate::auth::{Chain, Provider};
use crate::clock::SystemClock;
use crate::config::ProjectConfig;
use crate::environment::Environment;
use crate::http::{Connector, Route};

/// Why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(String);

pub(super) async fn source(
    project: &ProjectConfig,
    request_timeout: Duration,
    environment: &Arc<dyn Environment>,
) -> Result<DcsClient, ConnectError> {
    let connector = || Connector {
        ca_file: project.ca_file.clone(),
    };
    let chain = Chain::new(
        project.credential.clone(),
        Arc::clone(environment),
        connector(),
        Arc::new(SystemClock),
    );
    let provider = Provider::load(chain)
        .await
        .map_err(|e| ConnectError(e.to_string()))?;
    let endpoint = match (&project.endpoint, &project.region) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(region)) => {
            api::endpoint(region, environment.as_ref()).map_err(|e| ConnectError(e.to_string()))?
        }
        _ => return Err(ConnectError("no region".to_owned())),
    };
    let http = connector()
        .client(&endpoint, Route::ProxyOfEnvironment)
        .map_err(|e| ConnectError(e.to_string()))?;
    let clock = Arc::new(ServiceClock::new(Arc::new(SystemClock)));
    let project_id = project
        .project_id
        .clone()
        .ok_or(ConnectError("no project".to_owned()))?;
    let target = Target {
        endpoint,
        project_id,
        request_timeout,
    };
    Ok(DcsClient::new(http, provider, clock, target))
}
