//! A file for each delivery. Whoever reads it sees all of it or nothing, whenever this program or
//! the machine goes down.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::{Hook, Message, Payload, Problem, Receipt, blocking};
use super::template::Template;
use super::{check_directory, receipt, sync_directory};
use crate::model::BoxFuture;

pub(in super::super) struct Replace {
    directory: PathBuf,
    name: Template,
}

impl Replace {
    pub(in super::super) fn new(directory: &Path, name: &str) -> Result<Self, Problem> {
        let name = Template::parse(name)?;
        check_directory(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            name,
        })
    }

    async fn write(&self, message: &Message) -> Receipt {
        let payload = serde_json::from_str::<Payload>(&message.body).ok();
        let Some(name) = payload.and_then(|payload| self.name.fill(&payload.data)) else {
            return Receipt::failed("the payload can't be read");
        };
        let directory = self.directory.clone();
        let path = directory.join(name);
        // A second attempt that the first left behind, after a crash, takes its place.
        let beside = directory.join(format!(".dcs-wait-{}.tmp", message.id));
        let content = format!("{}\n", message.body);
        blocking(move || {
            let written = replace(&directory, &beside, &path, content.as_bytes());
            receipt(&path, written)
        })
        .await
    }
}

fn replace(directory: &Path, beside: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let written = write_beside(beside, content).and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        // It may not even be there; what went wrong before is what matters.
        drop(fs::remove_file(beside));
    }
    written.and_then(|()| sync_directory(directory))
}

fn write_beside(beside: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Made anew, it follows no link that somebody laid there.
    let mut file = File::create_new(beside)?;
    file.write_all(content)?;
    file.sync_all()
}

impl Hook for Replace {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(self.write(message))
    }
}
