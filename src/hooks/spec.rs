//! What is asked of a hook, checked already.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use crate::model::{HookName, Outcome};

/// A hook as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSpec {
    /// What it is called.
    pub name: HookName,
    /// The outcomes that it fires for, each once.
    pub on: Vec<Outcome>,
    /// Whether watches that name no hooks have it.
    pub by_default: bool,
    /// How many attempts may be under way at once, at least 1.
    pub concurrency: usize,
    /// What it does.
    pub kind: HookKind,
}

/// The kinds of hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookKind {
    /// Sends a request, as the Standard Webhooks convention has it.
    Webhook(WebhookSpec),
    /// Writes a file.
    File(FileSpec),
    /// Runs a program.
    Exec(ExecSpec),
    /// Ends the process.
    Exit(ExitSpec),
}

/// Where a webhook goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSpec {
    /// The receiver; http or https.
    pub url: Url,
    /// Files with the secrets to sign with: one, or two while rotating; none to leave it unsigned.
    pub secret_files: Vec<PathBuf>,
    /// Headers to send beside those of the convention.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers whose values are secrets, each in a file.
    pub header_files: Vec<(HeaderName, PathBuf)>,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long an attempt may take.
    pub timeout: Duration,
}

/// What is written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSpec {
    /// A file a delivery, replaced as a whole.
    Replace {
        /// The directory, which exists.
        directory: PathBuf,
        /// The file's name, with `{job_id}`, `{watch_id}`, `{project}` and `{outcome}` filled in.
        name: String,
    },
    /// A line of JSON a delivery, appended to one file.
    Append {
        /// The file.
        path: PathBuf,
    },
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program and its arguments; never given to a shell.
    pub argv: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}

/// How the process is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitSpec {
    /// The code for each outcome that has one of its own; the others have those of the command
    /// line.
    pub codes: Vec<(Outcome, u8)>,
}
