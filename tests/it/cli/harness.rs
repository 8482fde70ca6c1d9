//! The command as a child process: a cleared environment, an empty home, a simulated service.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines, PipeWriter, Write, pipe};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use dcs_wait::sim::{
    ACCESS_KEY, PROJECT_ID, SECRET_KEY, ScriptedJob, SeenRequest, SimOptions, Simulator, Step,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The time after which a command that should have ended is killed. Long, as nothing is measured.
const HANGS: Duration = Duration::from_secs(60);

/// A simulated service, served on a thread of its own.
pub(super) struct Service {
    simulator: Simulator,
    // Dropped last: it serves the simulator.
    _runtime: Runtime,
}

impl Service {
    pub(super) fn new(options: SimOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simulator = runtime.block_on(Simulator::start(listen, options)).unwrap();
        Self {
            simulator,
            _runtime: runtime,
        }
    }

    /// A service that knows one job, `job`.
    pub(super) fn playing(steps: impl Into<Vec<Step>>) -> Self {
        Self::default().and("job", steps)
    }

    /// Adds a job.
    pub(super) fn and(self, id: &str, steps: impl Into<Vec<Step>>) -> Self {
        self.and_job(scripted(id, steps))
    }

    pub(super) fn and_job(self, job: ScriptedJob) -> Self {
        self.simulator.script(job);
        self
    }

    pub(super) fn url(&self) -> String {
        self.simulator.url()
    }

    pub(super) fn requests(&self) -> Vec<SeenRequest> {
        self.simulator.requests()
    }

    /// The paths that were asked for, in their order.
    pub(super) fn paths(&self) -> Vec<String> {
        let requests = self.requests();
        requests.into_iter().map(|request| request.path).collect()
    }

    /// The command, told where this service is and with which key, and impatient.
    pub(super) fn wait_for<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Invocation {
        self.reached_by(arguments)
            .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
            .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
    }

    /// The command, told where this service is, but without credentials.
    pub(super) fn reached_by<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Invocation {
        dcs_wait(IMPATIENT)
            .args(arguments)
            .env("DCS_WAIT_ENDPOINT", self.url())
            .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
    }
}

impl Default for Service {
    fn default() -> Self {
        Self::new(SimOptions::default())
    }
}

/// Short intervals.
pub(super) const IMPATIENT: [&str; 3] = [
    "--initial-interval=20ms",
    "--max-interval=50ms",
    "--max-rps=1000",
];

pub(super) fn scripted(id: &str, steps: impl Into<Vec<Step>>) -> ScriptedJob {
    ScriptedJob {
        steps: steps.into(),
        ..ScriptedJob::new(id.parse().unwrap(), "masterStandbySwapJob")
    }
}

/// The command with these arguments.
pub(super) fn dcs_wait<'a>(arguments: impl AsRef<[&'a str]>) -> Invocation {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcs-wait"));
    command
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path());
    Invocation { command, home }.args(arguments)
}

/// A command to be run in its home, which holds nothing but what the test puts there.
pub(super) struct Invocation {
    pub(super) command: Command,
    pub(super) home: TempDir,
}

impl Invocation {
    pub(super) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub(super) fn args<'a>(mut self, arguments: impl AsRef<[&'a str]>) -> Self {
        self.command.args(arguments.as_ref());
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Puts a file into the home, which only its owner may read.
    pub(super) fn file(self, path: &str, content: &str) -> Self {
        self.file_with_mode(path, content, 0o600)
    }

    pub(super) fn file_with_mode(self, path: &str, content: &str, mode: u32) -> Self {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Makes a folder in the home, and has temporary files made there.
    pub(super) fn folder_for_temporary_files(self, name: &str) -> Self {
        let path = self.home.path().join(name);
        fs::create_dir(&path).unwrap();
        self.env("TMPDIR", path.to_str().unwrap())
    }

    /// Runs the command to its end.
    pub(super) fn run(self) -> Ended {
        self.run_with_input("")
    }

    /// Runs the command to its end, with this on its standard input.
    pub(super) fn run_with_input(self, input: impl Into<Vec<u8>>) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command);
        let output = command.write_stdin(input).timeout(HANGS).output().unwrap();
        Ended::new(output, self.home)
    }

    /// Runs the command to its end with a standard output that nobody reads.
    pub(super) fn run_with_closed_stdout(mut self) -> Ended {
        self.command.stdout(closed()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap();
        Ended::new(child.wait_with_output().unwrap(), self.home)
    }

    /// Runs the command to its end with a standard output that takes nothing more.
    pub(super) fn run_with_full_stdout(mut self) -> Ended {
        let full = File::options().write(true).open("/dev/full").unwrap();
        self.command.stdout(full).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap();
        Ended::new(child.wait_with_output().unwrap(), self.home)
    }

    /// Runs the command to its end with nobody to read anything.
    pub(super) fn run_with_everything_closed(mut self) -> Ended {
        self.command.stdout(closed()).stderr(closed());
        let child = self.command.spawn().unwrap();
        Ended::new(child.wait_with_output().unwrap(), self.home)
    }

    /// Runs the command to its end with at most so many open files.
    pub(super) fn run_with_open_files(self, most: u32) -> Ended {
        let mut shell = Command::new("sh");
        shell
            .env_clear()
            .env("HOME", self.home.path())
            .args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        Ended::new(shell.output().unwrap(), self.home)
    }

    /// Starts the command.
    pub(super) fn start(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            child: KilledOnDrop(child),
            said,
            printed,
            home: self.home,
        }
    }
}

/// A pipe's end that nobody reads from.
fn closed() -> PipeWriter {
    let (_, writer) = pipe().unwrap();
    writer
}

/// A child process that no failing test leaves behind.
pub(super) struct KilledOnDrop(pub(super) Child);

impl KilledOnDrop {
    pub(super) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // One that has ended already can't be killed, and needn't.
        drop(self.0.kill());
    }
}

/// A command that has been started.
pub(super) struct Running {
    child: KilledOnDrop,
    said: Lines<BufReader<ChildStderr>>,
    printed: Lines<BufReader<ChildStdout>>,
    home: TempDir,
}

impl Running {
    /// Waits for a line of standard error that contains this.
    pub(super) fn until_it_says(&mut self, text: &str) {
        let mut lines = self.said.by_ref().map_while(Result::ok);
        assert!(lines.any(|line| line.contains(text)), "never said {text:?}");
    }

    /// The next line of standard error.
    pub(super) fn next_said(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    /// The next line of standard output.
    pub(super) fn next_printed(&mut self) -> String {
        self.printed.next().unwrap().unwrap()
    }

    /// Writes an input that is larger than a pipe, and so takes a reader.
    pub(super) fn until_it_has_read_some_of(&mut self, input: &str) {
        let stdin = self.child.0.stdin.as_mut().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
    }

    /// Sends a signal, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// Waits for the command's end. What was read before isn't in it.
    pub(super) fn ended(mut self) -> Ended {
        let rest = |lines: &mut dyn Iterator<Item = std::io::Result<String>>| -> Vec<u8> {
            let lines: Vec<String> = lines.map_while(Result::ok).collect();
            lines.join("\n").into_bytes()
        };
        let output = Output {
            stdout: rest(&mut self.printed),
            stderr: rest(&mut self.said),
            status: self.child.0.wait().unwrap(),
        };
        Ended::new(output, self.home)
    }
}

/// How a command ended. Its assertions show everything when they fail.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Kept, so that its files can be looked at.
    pub(super) home: TempDir,
}

impl Ended {
    pub(super) fn new(output: Output, home: TempDir) -> Self {
        let ended = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            home,
        };
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        ended
    }

    #[track_caller]
    pub(super) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard error contains this.
    #[track_caller]
    pub(super) fn says(self, text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    #[track_caller]
    pub(super) fn never_says(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "{text:?} in {self:#?}");
        self
    }

    /// How often standard error contains this.
    #[track_caller]
    pub(super) fn says_times(self, text: &str, times: usize) -> Self {
        assert_eq!(self.stderr.matches(text).count(), times, "{self:#?}");
        self
    }

    /// Standard output is exactly these lines.
    #[track_caller]
    pub(super) fn prints(self, lines: &[&str]) -> Self {
        assert_eq!(self.stdout.lines().collect::<Vec<_>>(), lines, "{self:#?}");
        self
    }

    /// Standard output has a line that begins so.
    #[track_caller]
    pub(super) fn prints_line(self, start: impl AsRef<str>) -> Self {
        let start = start.as_ref();
        let mut lines = self.stdout.lines();
        assert!(
            lines.any(|line| line.starts_with(start)),
            "no {start:?} in {self:#?}"
        );
        self
    }

    #[track_caller]
    pub(super) fn prints_nothing(self) -> Self {
        self.prints(&[])
    }

    #[track_caller]
    pub(super) fn says_nothing(self) -> Self {
        assert_eq!(self.stderr, "", "{self:#?}");
        self
    }

    /// Explains one error, and prints no result.
    #[track_caller]
    pub(super) fn complains(self, text: impl AsRef<str>) -> Self {
        let errors = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{self:#?}");
        self.says(text).prints_nothing()
    }

    /// Neither stream contains any of these.
    #[track_caller]
    pub(super) fn keeps(self, secrets: &[&str]) -> Self {
        for secret in secrets {
            // Not the whole output, as that would show the secret in the log of the test.
            assert!(!self.stdout.contains(secret), "a secret was printed");
            assert!(!self.stderr.contains(secret), "a secret was told");
        }
        self
    }

    /// Whether a folder of the home has nothing in it.
    pub(super) fn is_empty(&self, folder: &str) -> bool {
        let folder = fs::read_dir(self.home.path().join(folder)).unwrap();
        folder.count() == 0
    }

    /// The lines of standard output as JSON.
    #[track_caller]
    pub(super) fn results(&self) -> Vec<serde_json::Value> {
        json_lines(&self.stdout)
    }
}

/// Every line as JSON.
#[track_caller]
pub(super) fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect()
}
