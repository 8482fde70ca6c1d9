//! One signed request for each project, to see whether the service takes its credential; and the
//! database, to see whether it can be used.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Content;
use crate::cli::connect::exit_of;
use crate::cli::error::CliError;
use crate::config::{Config, StorePlace};
use crate::connect::{GateKey, Plan};
use crate::daemon::Opened;
use crate::environment::Environment;
use crate::model::{Exit, Outcome, ProjectName};
use crate::poll::{Context, Verdict, judge};

/// What came of asking for a project.
pub(super) struct Asked {
    pub(super) project: ProjectName,
    pub(super) result: Result<(), CliError>,
}

/// What came of opening a database.
pub(super) type Opening = Result<(), CliError>;

/// Opens the database as the daemon does at its start, but joins nobody. A file isn't opened: it may
/// be in use, and whether it can be depends on who runs this.
pub(super) async fn open(place: &StorePlace) -> Option<Opening> {
    if let StorePlace::Sqlite(_) = place {
        return None;
    }
    Some(match Opened::open(place).await {
        Ok(opened) => {
            opened.close().await;
            Ok(())
        }
        Err(error) if error.is_temporary() => Err(CliError::new(Exit::NotNow, error)),
        Err(error) => Err(CliError::usage(error)),
    })
}

/// How many servers may refuse a credential: a few refusals more would lock it.
const MAX_REFUSALS: usize = 3;

/// Asks for each project, one after the other. A credential that a server refused isn't sent to it again for
/// another project.
pub(super) async fn ask(config: &Config, environment: &Arc<dyn Environment>) -> Vec<Asked> {
    let mut refused: Vec<GateKey> = Vec::new();
    let mut all = Vec::new();
    for project in &config.projects {
        let plan = project.plan(config.poll.request_timeout, Arc::clone(environment));
        let key = GateKey::new(&project.credential, plan.configured_endpoint().as_ref());
        let is_same = |one: &&GateKey| one.credential() == key.credential();
        let refusals = refused.iter().filter(is_same).count();
        let result = if refused.contains(&key) || refusals >= MAX_REFUSALS {
            Err(CliError::new(
                Exit::Denied,
                "not asked for, as its credential was refused for another project",
            ))
        } else {
            one(&plan).await
        };
        if result.as_ref().is_err_and(|why| why.exit == Exit::Denied) {
            refused.push(key);
        }
        all.push(Asked {
            project: project.name.clone(),
            result,
        });
    }
    all
}

async fn one(plan: &Plan) -> Result<(), CliError> {
    let answered = plan.verify().await;
    weigh(&answered.map_err(|error| CliError::new(exit_of(&error), error))?)
}

/// Whether the answer is from a service that took the credential. That there is no such job, or that
/// no job can have such an ID, is only said to those whom it knows.
fn weigh(content: &Content) -> Result<(), CliError> {
    let Err(fault) = content.reading() else {
        return Ok(());
    };
    let context = Context {
        waited: Duration::ZERO,
        not_found_grace: Duration::ZERO,
        seen: false,
        endpoint_seen: false,
        second_chance: true,
        not_found_codes: &[],
    };
    match judge(content, &context) {
        Verdict::Ended(Outcome::Denied) => Err(CliError::new(Exit::Denied, fault)),
        Verdict::Ended(_) => Ok(()),
        Verdict::Rejected if fault.http_status == Some(400) => Ok(()),
        _ => Err(CliError::usage(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Refusal;
    use crate::model::Fault;

    fn exit(status: u16, code: &str) -> Option<Exit> {
        let fault = Fault {
            http_status: Some(status),
            code: Some(code.into()),
            ..Fault::local("no")
        };
        let content = Content::Refused(Refusal {
            status,
            fault,
            retry_after: None,
            limit: None,
        });
        weigh(&content).err().map(|error| error.exit)
    }

    #[test]
    fn a_service_that_only_misses_the_job_took_the_credential() {
        for (status, code, expected) in [
            (404, "DCS.4000", None),
            (400, "DCS.4070", None),
            (400, "111400063", None),
            (401, "APIGW.0301", Some(Exit::Denied)),
            (403, "DCS.2003", Some(Exit::Denied)),
            (404, "APIGW.0101", Some(Exit::Usage)),
            (302, "", Some(Exit::Usage)),
            (429, "APIGW.0308", Some(Exit::Usage)),
            (503, "", Some(Exit::Usage)),
        ] {
            assert_eq!(exit(status, code), expected, "{status} {code}");
        }
    }
}
