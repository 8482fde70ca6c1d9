//! The daemon as a process of its own, and what is asked of it.

use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};
use serde_json::json;
use tokio::task::JoinSet;

use crate::jobs::job;
use crate::process::Process;

/// Clients that add watches at once.
const CLIENTS: usize = 64;

/// The daemon, running.
pub(crate) struct Daemon {
    process: Child,
    socket: PathBuf,
}

/// How it is configured.
pub(crate) struct Shape {
    /// `http://`, the address and the port.
    pub(crate) dcs: String,
    pub(crate) webhook: Option<SocketAddr>,
    /// Between two requests for a job, from 10 ms to 12 h.
    pub(crate) interval: Duration,
    /// The share of the interval that is left to chance, from 0 to 1.
    pub(crate) jitter: f64,
    /// Requests per second, at most 100,000.
    pub(crate) max_rps: u32,
    /// Webhooks under way at once.
    pub(crate) concurrency: usize,
}

impl Default for Shape {
    /// A daemon without hooks that asks for each job once an hour, as fast as it can.
    fn default() -> Self {
        Self {
            dcs: String::new(),
            webhook: None,
            interval: Duration::from_secs(3600),
            jitter: 0.2,
            max_rps: 100_000,
            concurrency: 64,
        }
    }
}

impl Shape {
    fn configuration(&self, folder: &Path) -> String {
        let folder = folder.display();
        let interval = self.interval.as_millis();
        let mut text = format!(
            r#"
[[project]]
name = "bench"
endpoint = "{}"
project_id = "{PROJECT_ID}"
[poll]
initial_interval = "{interval}ms"
max_interval = "{}ms"
multiplier = 1
jitter = {}
timeout = "none"
[limits]
max_rps = {}
max_in_flight = 64
[store]
path = "{folder}/store.db"
[http]
socket = "{folder}/control.sock"
[daemon]
log = "stderr"
log_level = "warn"
"#,
            self.dcs,
            2 * interval,
            self.jitter,
            self.max_rps,
        );
        if let Some(webhook) = self.webhook {
            text += &format!(
                r#"
[[hook]]
name = "bench"
type = "webhook"
url = "http://{webhook}/"
secrets = ["{folder}/secret"]
concurrency = {}
"#,
                self.concurrency
            );
        }
        text
    }
}

impl Daemon {
    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(folder: &Path, shape: &Shape) -> Self {
        // The second time it is there already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let configuration = folder.join("dcs-wait.toml");
        std::fs::write(&configuration, shape.configuration(folder)).unwrap();
        secret(&folder.join("secret"));
        let process = Command::new(env!("CARGO_BIN_EXE_dcs-wait"))
            .args(["daemon", "--config"])
            .arg(&configuration)
            .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
            .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
            .envs(environment_of_the_unit())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let socket = folder.join("control.sock");
        let mut daemon = Self { process, socket };
        while !daemon.is_ready().await {
            assert!(daemon.process.try_wait().unwrap().is_none(), "it ended");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        daemon
    }

    /// A client, whose connections end with it.
    pub(crate) fn client(&self) -> reqwest::Client {
        let builder = reqwest::Client::builder();
        builder.unix_socket(self.socket.clone()).build().unwrap()
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client().get("http://daemon/readyz").send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Adds watches for the jobs with these numbers, one in a request, by 64 clients.
    pub(crate) async fn add(&self, jobs: Range<usize>) {
        let mut lanes = JoinSet::new();
        let all = self.client();
        for lane in 0..CLIENTS {
            let (client, jobs) = (all.clone(), jobs.clone());
            lanes.spawn(async move {
                for number in jobs.skip(lane).step_by(CLIENTS) {
                    let answer = client
                        .post("http://daemon/v1/watches")
                        .header("content-type", "application/json")
                        .body(json!({ "job_id": job(number) }).to_string())
                        .send()
                        .await
                        .unwrap();
                    assert_eq!(answer.status(), 201);
                    answer.bytes().await.unwrap();
                }
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
    }

    /// What the kernel knows it as.
    pub(crate) fn process(&self) -> Process {
        Process(self.process.id())
    }

    /// Ends it as a crash does.
    pub(crate) async fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already can't be killed, and needn't.
        drop(self.process.kill());
    }
}

/// What the unit that ships sets for the daemon.
fn environment_of_the_unit() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../../systemd/dcs-wait.service");
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="));
    lines.map(|line| line.split_once('=').unwrap())
}

fn secret(path: &Path) {
    std::fs::write(path, "whsec_YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms=").unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
