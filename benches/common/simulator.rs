//! The simulator as a process of its own, with all jobs that [`job`](super::jobs::job) names.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::jobs::BEGINNING;

/// What a job does that never ends.
pub(crate) fn running() -> Value {
    json!([{ "status": "RUNNING" }])
}

/// The simulator, running.
pub(crate) struct Simulator {
    process: Child,
    /// `http://`, the address and the port.
    pub(crate) url: String,
}

impl Simulator {
    /// Starts it; each of its jobs takes these steps.
    pub(crate) fn start(steps: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script.json");
        let jobs = json!({ "jobs": [{ "id": format!("{BEGINNING}*"), "steps": steps }] });
        std::fs::write(&script, jobs.to_string()).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_dcs-wait"))
            .args(["simulate", "--script"])
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut url).unwrap();
        let url = url.trim_end().to_owned();
        assert!(url.starts_with("http://"), "the simulator didn't start");
        Self { process, url }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
