//! A daemon as a child process: its files in a directory of its own, its service simulated, its
//! webhooks received on a real socket.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, ScriptedJob, SimOptions, Simulator, Step};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::receiver::Receiver;

/// The time after which what should have happened is given up. Long, as nothing is measured.
const HANGS: Duration = Duration::from_secs(60);
/// The time between two looks at whether something has happened.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until it is so.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..HANGS.as_millis() / LOOK.as_millis() {
        if is_so() {
            return;
        }
        thread::park_timeout(LOOK);
    }
    panic!("never: {what}");
}

/// A directory, a service and a receiver for daemons that come and go.
pub(crate) struct House {
    pub(super) directory: TempDir,
    pub(crate) receiver: Receiver,
    simulator: Simulator,
    notified: UnixDatagram,
    // Dropped last: it serves the simulator.
    runtime: Runtime,
}

impl House {
    /// A house whose configuration has one project, `main`, and one webhook, `ci`, by default.
    pub(crate) fn new() -> Self {
        let house = Self::without_hooks();
        house.configure(&house.webhook());
        house
    }

    /// A house without any hooks.
    pub(crate) fn without_hooks() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let starting = Simulator::start(listen, SimOptions::default());
        let simulator = runtime.block_on(starting).unwrap();
        let notified = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        notified.set_read_timeout(Some(HANGS)).unwrap();
        let house = Self {
            directory,
            receiver: Receiver::start(),
            simulator,
            notified,
            runtime,
        };
        house.secret("ak", ACCESS_KEY);
        house.secret("sk", SECRET_KEY);
        house.configure("");
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file into the house that only its owner may read.
    pub(super) fn secret(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The table of the webhook `ci`.
    pub(super) fn webhook(&self) -> String {
        let url = self.receiver.url();
        format!("[[hook]]\nname = \"ci\"\ntype = \"webhook\"\nurl = \"{url}\"\n")
    }

    /// Writes the configuration: impatient polling, and what else is given.
    pub(super) fn configure(&self, more: &str) {
        self.write_config(&format!("{}\n{more}", self.basic()));
    }

    /// The configuration that every daemon has: log at `debug`, so that the tests see all of it.
    pub(super) fn basic(&self) -> String {
        format!(
            "[daemon]\nlog = \"stderr\"\nlog_level = \"debug\"\ndrain_timeout = \"5s\"\n{}",
            self.undaemoned()
        )
    }

    /// The same without the table `daemon`.
    pub(super) fn undaemoned(&self) -> String {
        let endpoint = self.simulator.url();
        format!(
            r#"
[[project]]
name = "main"
endpoint = "{endpoint}"
project_id = "{PROJECT_ID}"
ak_file = "ak"
sk_file = "sk"
[poll]
initial_interval = "20ms"
max_interval = "100ms"
[limits]
max_rps = 1000
[store]
path = "dcs-wait.db"
[http]
socket = "control.sock"
"#
        )
    }

    pub(super) fn write_config(&self, text: &str) {
        fs::write(self.path("dcs-wait.toml"), text).unwrap();
    }

    /// The service has a job that does this.
    pub(crate) fn job(&self, id: &str, steps: impl Into<Vec<Step>>) {
        self.simulator.script(ScriptedJob {
            steps: steps.into(),
            ..ScriptedJob::new(id.parse().unwrap(), "masterStandbySwapJob")
        });
    }

    /// How many requests there were for a job.
    pub(super) fn polls(&self, id: &str) -> usize {
        let requests = self.simulator.requests();
        let of_it = |one: &&_| is_for(one, id);
        requests.iter().filter(of_it).count()
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> usize {
        self.simulator.requests().len()
    }

    /// Starts a daemon, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Daemon {
        let mut daemon = self.launch();
        self.until_ready(&mut daemon);
        daemon
    }

    /// The kinds of what services said of credentials, as it is stored.
    pub(super) fn stored_holds(&self) -> Vec<String> {
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(self.path("dcs-wait.db"))
                .read_only(true);
            let mut connection = options.connect().await.unwrap();
            let kinds = sqlx::query_scalar("SELECT kind FROM credential_hold");
            kinds.fetch_all(&mut connection).await.unwrap()
        })
    }

    /// Somebody who writes to the store for as long as this lives.
    pub(super) fn busy_store(&self) -> SqliteConnection {
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(self.path("dcs-wait.db"));
            let mut connection = options.connect().await.unwrap();
            let begin = sqlx::raw_sql("BEGIN IMMEDIATE");
            begin.execute(&mut connection).await.unwrap();
            connection
        })
    }

    /// Changes the store of a daemon that has ended.
    pub(crate) fn change_store(&self, sql: &'static str) {
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(self.path("dcs-wait.db"));
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// Waits for READY.
    #[track_caller]
    pub(super) fn until_ready(&self, daemon: &mut Daemon) {
        while !self.told(daemon).contains("READY=1") {}
    }

    /// What the service manager is told next.
    #[track_caller]
    pub(super) fn told(&self, daemon: &mut Daemon) -> String {
        self.notified.set_read_timeout(Some(LOOK * 10)).unwrap();
        let mut message = [0; 4096];
        for _ in 0..HANGS.as_millis() / (LOOK * 10).as_millis() {
            if let Ok(length) = self.notified.recv(&mut message) {
                return String::from_utf8_lossy(message.get(..length).unwrap()).into_owned();
            }
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("ended ({status}) and never said so:\n{}", daemon.log());
            }
        }
        panic!("never told:\n{}", daemon.log());
    }

    /// Starts a daemon.
    pub(super) fn launch(&self) -> Daemon {
        self.launch_with(|_| {})
    }

    pub(super) fn launch_with(&self, more: impl FnOnce(&mut Command)) -> Daemon {
        self.launch_from("dcs-wait.toml", "control.sock", "log", more)
    }

    /// Starts a daemon from a configuration file of its own, with its socket and its log.
    pub(super) fn launch_from(
        &self,
        config: &str,
        socket: &str,
        log: &str,
        more: impl FnOnce(&mut Command),
    ) -> Daemon {
        let log = self.path(log);
        let stderr = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log);
        let mut command = Command::new(env!("CARGO_BIN_EXE_dcs-wait"));
        command
            .env_clear()
            .env("HOME", self.directory.path())
            .env("NOTIFY_SOCKET", self.path("notify"))
            .current_dir(self.directory.path())
            .args(["daemon", "--config", config])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.unwrap());
        more(&mut command);
        Daemon {
            child: command.spawn().unwrap(),
            socket: self.path(socket),
            log,
        }
    }
}

fn is_for(request: &dcs_wait::sim::SeenRequest, id: &str) -> bool {
    request
        .job_id
        .as_ref()
        .is_some_and(|job| job.as_str() == id)
}

/// A daemon that was started. No failing test leaves it behind.
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already can't be killed, and needn't.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Daemon {
    /// Everything that was logged so far, by daemons before it, too.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    #[track_caller]
    pub(super) fn until_it_says(&self, text: &str) {
        until(&format!("{text:?} in the log"), || {
            self.log().contains(text)
        });
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
    }

    /// Kills it where it stands.
    /// The most memory that it has taken up so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(status).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.unwrap().trim().trim_end_matches(" kB");
        peak.parse().unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end: the exit code, and everything that was logged.
    #[track_caller]
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        until("the daemon ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        (status.and_then(|status| status.code()), log)
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (code, log) = self.ended();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Asks for something at the control API.
    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Value {
        let (status, answer) = call(&self.socket, "GET", path, "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Asks for something at the control API, which may be an error.
    #[track_caller]
    pub(super) fn ask(&self, path: &str) -> (u16, Value) {
        call(&self.socket, "GET", path, "")
    }

    /// Adds a watch, and says its ID.
    #[track_caller]
    pub(super) fn add(&self, job: &str) -> String {
        let order = serde_json::json!({ "job_id": job });
        let (status, answer) = self.post("/v1/watches", &order);
        assert!(matches!(status, 200 | 201), "{answer}");
        answer["watch"]["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        call(&self.socket, "POST", path, &body.to_string())
    }

    /// Waits until the watch has ended, and says how.
    #[track_caller]
    pub(super) fn outcome(&self, watch_id: &str) -> String {
        let mut outcome = None;
        until("the watch ends", || {
            let detail = self.get(&format!("/v1/watches/{watch_id}"));
            outcome = detail["watch"]["outcome"].as_str().map(str::to_owned);
            outcome.is_some()
        });
        outcome.unwrap()
    }
}

/// One request over a connection of its own.
#[track_caller]
fn call(socket: &Path, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    (status, body)
}
