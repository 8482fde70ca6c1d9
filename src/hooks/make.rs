//! Makes hooks of what is asked for, and refuses what could never be delivered.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::header::HeaderName;
use tokio::sync::mpsc::UnboundedSender;

use super::exec::Exec;
use super::exit::{Exit, ExitRequest};
use super::file::{Append, Replace};
use super::webhook::Webhook;
use super::{Configured, FileSpec, Hook, HookKind, HookSpec};
use crate::http::TlsError;
use crate::model::HookName;
use crate::sanitize::system_words;
use crate::secret::SecretFileError;
use crate::system_error::is_temporary;

/// What hooks are made with.
#[derive(Clone)]
pub struct Tools {
    /// Takes the requests of exit hooks.
    pub exits: UnboundedSender<ExitRequest>,
    /// The variables that programs inherit; credentials among them are left out.
    pub variables: Vec<(OsString, OsString)>,
}

/// Why a hook can't be made.
#[derive(Debug, thiserror::Error)]
#[error("hook {hook}: {problem}")]
pub struct HookError {
    /// Which.
    pub hook: HookName,
    /// What is wrong with it.
    pub problem: Problem,
}

impl HookError {
    /// Whether the same hook may be made later, without a change to its configuration.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match &self.problem {
            Problem::SecretFile(error) => error.is_temporary(),
            Problem::Place { source, .. } => is_temporary(source),
            _ => false,
        }
    }
}

/// What can be wrong with a hook.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The URL is for another protocol.
    #[error("its URL begins with {0}:, and only http: and https: can be sent to")]
    Scheme(String),
    /// The URL holds a credential.
    #[error(
        "its URL holds a user or a password, which would be seen in logs; put an authorization header into a file"
    )]
    Credential,
    /// Three secrets or more.
    #[error("it has {0} secrets; give one, or two while you rotate them")]
    ManySecrets(usize),
    /// A file holds no secret of the convention.
    #[error(
        "{path} holds no secret for webhooks: {why}; make one with: echo \"whsec_$(openssl rand -base64 32)\"",
        path = path.display()
    )]
    NoSecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file with a secret can't be used.
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    /// A header that is this program's to set.
    #[error("the header {0} can't be chosen, as it is part of every request; take it out")]
    Header(HeaderName),
    /// A file holds no header's value.
    #[error("{path} can't be sent as a header; write visible ASCII into it", path = path.display())]
    HeaderValue {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to trust.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file's name that can't be one.
    #[error("the file name {name:?} can't be used: {why}")]
    FileName {
        /// The name as it was given.
        name: String,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// A place where nothing can be written.
    #[error("can't write into {path}: {why}; check the path and its owner", path = path.display(), why = system_words(source))]
    Place {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no program to run.
    #[error("it names no program; give one, with its arguments")]
    NoProgram,
    /// The program can't be run.
    #[error("can't run {program:?}: {why}")]
    Program {
        /// The program as it was given.
        program: String,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
}

/// Makes a hook. Reads its secrets, to see whether they are there.
///
/// # Errors
/// When it could never be delivered.
pub fn make(spec: &HookSpec, tools: &Tools) -> Result<Configured, HookError> {
    let hook = make_kind(&spec.kind, tools).map_err(|problem| HookError {
        hook: spec.name.clone(),
        problem,
    })?;
    Ok(Configured {
        name: spec.name.clone(),
        on: spec.on.clone(),
        by_default: spec.by_default,
        concurrency: spec.concurrency.max(1),
        hook,
    })
}

fn make_kind(kind: &HookKind, tools: &Tools) -> Result<Arc<dyn Hook>, Problem> {
    Ok(match kind {
        HookKind::Webhook(spec) => Arc::new(Webhook::new(spec)?),
        HookKind::File(FileSpec::Replace { directory, name }) => {
            Arc::new(Replace::new(directory, name)?)
        }
        HookKind::File(FileSpec::Append { path }) => Arc::new(Append::new(path)?),
        HookKind::Exec(spec) => Arc::new(Exec::new(spec, &tools.variables)?),
        HookKind::Exit(spec) => Arc::new(Exit::new(spec, tools.exits.clone())),
    })
}
