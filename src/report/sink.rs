//! Standard error, as the reporters write to it.

use std::io::Write;

/// Takes lines and loses them where they can't be written: nobody reads them then, and that is no
/// reason to end a wait.
pub(super) struct Sink(pub(super) Box<dyn Write + Send>);

impl Sink {
    pub(super) fn line(&mut self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.flush())
            .ok();
    }
}
