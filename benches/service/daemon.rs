//! The daemon as a process of its own, and what is asked of it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

/// The daemon, running.
pub(crate) struct Daemon {
    process: Child,
    socket: PathBuf,
}

/// How it is configured.
pub(crate) struct Shape {
    pub(crate) dcs: SocketAddr,
    pub(crate) webhook: Option<SocketAddr>,
    /// Between two requests for a job.
    pub(crate) interval: Duration,
    /// Webhooks under way at once.
    pub(crate) concurrency: usize,
}

impl Shape {
    fn configuration(&self, folder: &Path) -> String {
        let folder = folder.display();
        let interval = self.interval.as_secs();
        let mut text = format!(
            r#"
[[project]]
name = "bench"
endpoint = "http://{}"
project_id = "5111a7ed5111a7ed5111a7ed5111a7ed"
[poll]
initial_interval = "{interval}s"
max_interval = "{interval}s"
timeout = "none"
[limits]
max_rps = 100000
[store]
path = "{folder}/store.db"
[http]
socket = "{folder}/control.sock"
[daemon]
log = "stderr"
log_level = "warn"
"#,
            self.dcs
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
            .env("HUAWEICLOUD_SDK_AK", "BENCH")
            .env("HUAWEICLOUD_SDK_SK", "bench")
            .envs(environment_of_the_unit())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let socket = folder.join("control.sock");
        let mut daemon = Self { process, socket };
        while !daemon.is_ready().await {
            assert!(daemon.process.try_wait().unwrap().is_none(), "it ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        daemon
    }

    /// A client, whose connections end with it.
    fn client(&self) -> reqwest::Client {
        let builder = reqwest::Client::builder();
        builder.unix_socket(self.socket.clone()).build().unwrap()
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client().get("http://daemon/readyz").send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Adds watches for `job-0` and so on, 64 at a time.
    pub(crate) async fn add(&self, count: usize) {
        let mut lanes = JoinSet::new();
        let all = self.client();
        for lane in 0..64 {
            let client = all.clone();
            lanes.spawn(async move {
                for number in (lane..count).step_by(64) {
                    let answer = client
                        .post("http://daemon/v1/watches")
                        .header("content-type", "application/json")
                        .body(json!({ "job_id": format!("job-{number}") }).to_string())
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

    /// Its resident memory, as the kernel counts it.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = PathBuf::from(format!("/proc/{}/status", self.process.id()));
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
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
