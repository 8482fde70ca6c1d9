//! The places that credentials come from, one file each.

mod environment;
mod files;
mod koocli;
mod metadata;
mod oidc;
mod profile;
mod temporary;

use std::path::Path;

use super::error::AuthError;
use super::found::Found;
use crate::environment::Environment;
use crate::model::ProjectId;
use crate::sanitize::ForeignText;

pub use environment::Family;
pub use files::Given;

pub(super) use metadata::DEFAULT_BASE as DEFAULT_METADATA_BASE;

pub(super) use environment::look as look_into_environment;
pub(super) use files::look as look_into_files;
pub(super) use koocli::look as look_into_koocli;
pub(super) use metadata::look as look_into_metadata;
pub(super) use oidc::{is_set_up as oidc_is_set_up, look as look_into_oidc};
pub(super) use profile::look as look_into_profile;

/// What a source that isn't broken has.
#[derive(Debug)]
pub(super) enum Presence {
    Present(Box<Found>),
    /// Nothing, and why.
    Absent(ForeignText),
}

impl From<Found> for Presence {
    fn from(found: Found) -> Self {
        Self::Present(Box::new(found))
    }
}

/// The variable's value without white space around it, which pipelines like to leave there.
fn variable(environment: &dyn Environment, name: &str) -> Option<String> {
    let value = environment.var(name)?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The text as a project ID; `of` says what holds it.
fn project_id(text: &str, of: impl FnOnce() -> String) -> Result<ProjectId, AuthError> {
    text.parse().map_err(|why| AuthError::ProjectId {
        of: of().into(),
        why,
    })
}

/// Why there is no such file. A folder on the way that is closed to this user hides it as well.
fn absence(path: &Path) -> Option<ForeignText> {
    let error = std::fs::symlink_metadata(path).err()?;
    Some(format!("{}: {error}", path.display()).into())
}
