//! What is asked of a hook, checked already.

use std::fmt;
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

/// Where a webhook goes, and how. Its `Debug` leaves out what may hold a secret: the URL's path and
/// query, and the values of headers.
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for WebhookSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&HeaderName> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("WebhookSpec")
            .field("scheme", &self.url.scheme())
            .field("host", &self.url.host_str())
            .field("port", &self.url.port())
            .field("secret_files", &self.secret_files)
            .field("headers", &names)
            .field("header_files", &self.header_files)
            .field("ca_file", &self.ca_file)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_a_secret_is_not_shown() {
        let spec = WebhookSpec {
            url: "https://user:S3cret@ci.test:8443/T0/S3cret?key=S3cret"
                .parse()
                .unwrap(),
            secret_files: vec![PathBuf::from("/run/webhook")],
            headers: vec![(
                HeaderName::from_static("x-key"),
                HeaderValue::from_static("S3cret"),
            )],
            header_files: Vec::new(),
            ca_file: None,
            timeout: Duration::from_secs(1),
        };
        let shown = format!("{:?}", HookKind::Webhook(spec));
        assert!(!shown.contains("S3cret"), "{shown}");
        for told in ["ci.test", "8443", "/run/webhook", "x-key"] {
            assert!(shown.contains(told), "{shown}");
        }
    }
}
