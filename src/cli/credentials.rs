//! `dcs-wait credentials`: which source won, and why.

use std::sync::Arc;
use std::time::Duration;

use super::args::ConnectArgs;
use super::connect::{place, plan};
use super::error::CliError;
use super::output;
use crate::auth::{Considered, Verdict};
use crate::connect::Place;
use crate::environment::Environment;
use crate::model::Exit;
use crate::sanitize::ForeignText;

pub(super) async fn run(
    args: ConnectArgs,
    environment: Arc<dyn Environment>,
) -> Result<Exit, CliError> {
    // No service is asked about jobs, so neither its place nor a time limit matters yet.
    let plan = plan(
        &args,
        Place::default(),
        Arc::clone(&environment),
        Duration::ZERO,
    );
    let considered = plan.chain().explain().await;
    let mut used = None;
    for source in &considered {
        let (mark, text) = match &source.verdict {
            Verdict::NotPresent(why) => ("-", format!("not present: {why}")),
            Verdict::Used(found) => {
                used = Some(found);
                ("*", format!("used: {found}, from {}", found.source))
            }
            Verdict::Broken(error) => ("!", format!("present, but broken: {error}")),
            Verdict::NotReached => ("-", "not looked at".to_owned()),
        };
        output::print(&format!("{mark} {name}: {text}", name = source.name)).await;
    }
    let Some(found) = used else {
        let is_broken = |source: &Considered| matches!(source.verdict, Verdict::Broken(_));
        return Err(CliError::usage(if considered.iter().any(is_broken) {
            "a source that is present but broken is never skipped; mend it or remove it"
        } else {
            "no credentials; set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give --ak-file and --sk-file"
        }));
    };
    let place = place(&args, environment.as_ref())?;
    let environment = environment.as_ref();
    let endpoint = place
        .endpoint(found, environment)
        .map_err(CliError::usage)?;
    output::print("").await;
    output::print(&format!("endpoint: {endpoint}")).await;
    let project = place.project(found, environment).map_err(CliError::usage)?;
    let line = match project {
        Some(project_id) => format!("project:  {project_id}"),
        None => format!(
            "project:  to be looked up at IAM by the name {:?}",
            ForeignText::from(place.project_name(found).map_err(CliError::usage)?)
        ),
    };
    output::print(&line).await;
    Ok(Exit::Success)
}
