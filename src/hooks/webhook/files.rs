//! What a webhook has in files: the secrets that it is signed with, and headers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::{Problem, blocking};
use super::secrets::Secrets;
use crate::secret::{ExposeSecret, read_secret_file};

/// How long what was read is used. Reading takes as much as the rest of an attempt does, and
/// thousands may be made in a second.
const FRESH: Duration = Duration::from_secs(1);

/// Where they are. They are read again and again, so that a new one needs no restart.
#[derive(Clone)]
pub(super) struct Paths {
    pub(super) secrets: Vec<PathBuf>,
    pub(super) headers: Vec<(HeaderName, PathBuf)>,
}

/// What is in them.
pub(super) struct Content {
    pub(super) secrets: Secrets,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The files, and what was read of them last.
pub(super) struct Files {
    paths: Paths,
    last: Mutex<Option<(Arc<Content>, Instant)>>,
}

impl Files {
    /// Reads them once, to see whether they are there.
    pub(super) fn new(paths: Paths) -> Result<Self, Problem> {
        paths.read()?;
        Ok(Self {
            paths,
            last: Mutex::default(),
        })
    }

    /// What is in them, or was within the last second.
    pub(super) async fn content(&self) -> Result<Arc<Content>, Problem> {
        let mut last = self.last.lock().await;
        if let Some((content, read_at)) = &*last
            && read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(content));
        }
        let (paths, now) = (self.paths.clone(), Instant::now());
        let content = Arc::new(blocking(move || paths.read()).await?);
        *last = Some((Arc::clone(&content), now));
        Ok(content)
    }
}

impl Paths {
    fn read(&self) -> Result<Content, Problem> {
        let header = |(name, path): &(HeaderName, PathBuf)| {
            let secret = read_secret_file(path)?;
            let mut value = HeaderValue::from_str(secret.expose_secret())
                .map_err(|_| Problem::HeaderValue { path: path.clone() })?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        };
        let headers: Result<_, Problem> = self.headers.iter().map(header).collect();
        Ok(Content {
            secrets: Secrets::read(&self.secrets)?,
            headers: headers?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_header_that_changes_in_its_file_counts_from_the_next_second_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let write = |text| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        let sent = async |files: &Files| files.content().await.unwrap().headers[0].1.clone();
        write("one");
        let files = Files::new(Paths {
            secrets: Vec::new(),
            headers: vec![(HeaderName::from_static("x-token"), path.clone())],
        });
        let files = files.unwrap();
        assert_eq!(sent(&files).await, "one");
        write("two");
        tokio::time::advance(FRESH - Duration::from_millis(1)).await;
        assert_eq!(sent(&files).await, "one");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(sent(&files).await, "two");
    }
}
