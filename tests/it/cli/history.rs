//! What the command line keeps of how long jobs took.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use dcs_wait::clock::{Clock, SystemClock};
use dcs_wait::sim::{PROJECT_ID, Step};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::harness::{Invocation, Service, dcs_wait};

/// A folder for what programs remember, and a service with two jobs that took 2869 ms, and one that
/// goes on.
struct Memory {
    state: TempDir,
    service: Service,
}

impl Memory {
    fn new() -> Self {
        let memory = Self {
            state: tempfile::tempdir().unwrap(),
            service: Service::playing([Step::success()]).and("running", [Step::running()]),
        };
        memory.and("failed", Step::fail("no space left"))
    }

    /// Adds a job that ended just now, which is later than the others did.
    fn and(self, id: &str, step: Step) -> Self {
        until_the_next_millisecond();
        Self {
            service: self.service.and(id, [step]),
            ..self
        }
    }

    /// One whose file holds this already.
    fn holding(content: impl AsRef<[u8]>) -> Self {
        let memory = Self::new();
        memory.make_folder();
        fs::write(memory.file(), content).unwrap();
        memory
    }

    fn make_folder(&self) {
        let mut make = DirBuilder::new();
        make.mode(0o700).create(self.folder()).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.state.path().join("dcs-wait")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("history.json")
    }

    fn lock(&self) -> PathBuf {
        self.folder().join("history.lock")
    }

    fn wait_for<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Invocation {
        remembering(self.service.wait_for(arguments), self.state.path())
    }

    fn listed(&self, arguments: &[&str]) -> Invocation {
        remembering(dcs_wait(["history"]).args(arguments), self.state.path())
    }

    /// The durations of the only type, by `dcs-wait history`.
    #[track_caller]
    fn durations(&self) -> Value {
        let ended = self.listed(&["--output=json"]).run();
        let [only] = ended.exits_with(0).results().try_into().unwrap();
        only["durations_ms"].clone()
    }
}

fn remembering(command: Invocation, state: &Path) -> Invocation {
    command.env("XDG_STATE_HOME", state.to_str().unwrap())
}

fn until_the_next_millisecond() {
    let now = || SystemClock.now().duration_since(UNIX_EPOCH).unwrap();
    let begin = now().as_millis();
    while now().as_millis() == begin {}
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn every_job_that_ended_is_remembered_in_a_file_of_its_owners() {
    let memory = Memory::new();
    let jobs = ["job", "failed", "running", "--timeout=200ms"];
    let ended = memory.wait_for(jobs).run();
    ended.exits_with(1).never_says("how long");
    let text = fs::read_to_string(memory.file()).unwrap();
    let mut content: Value = serde_json::from_str(&text).unwrap();
    for job in content["types"][0]["jobs"].as_array_mut().unwrap() {
        assert!(job["ended_ms"].take().as_u64().unwrap() > 1_684_191_548_248);
    }
    assert_eq!(
        content,
        json!({"dcs_wait_history": 1, "types": [{
            "project_id": PROJECT_ID,
            "job_type": "masterStandbySwapJob",
            "jobs": [{"ended_ms": null, "took_ms": 2869}, {"ended_ms": null, "took_ms": 2869}],
        }]})
    );
    assert_eq!(mode(memory.folder()), 0o700);
    for file in fs::read_dir(memory.folder()).unwrap() {
        assert_eq!(mode(file.unwrap().path()), 0o600);
    }
    let files = fs::read_dir(memory.folder()).unwrap().count();
    assert_eq!(files, 2, "the history and its lock");
}

#[test]
fn a_job_counts_once_however_often_it_is_waited_for() {
    let memory = Memory::new();
    for _ in 0..3 {
        memory.wait_for(["job"]).run().exits_with(0);
    }
    assert_eq!(memory.durations(), json!([2869]));
    memory.wait_for(["failed", "job"]).run().exits_with(1);
    assert_eq!(memory.durations(), json!([2869, 2869]));
}

#[test]
fn a_job_that_counts_already_is_no_reason_to_wait_for_a_history_that_is_held() {
    let memory = Memory::new();
    memory.wait_for(["job"]).run().exits_with(0);
    let lock = File::open(memory.lock()).unwrap();
    lock.lock().unwrap();
    let ended = memory.wait_for(["job"]).run();
    ended.exits_with(0).never_says("how long");
}

#[test]
fn without_the_variable_the_history_is_in_the_home() {
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job"]).run().exits_with(0);
    let path = ended.home.path().join(".local/state/dcs-wait/history.json");
    assert!(path.is_file());
    let ended = service
        .wait_for(["job"])
        .env("XDG_STATE_HOME", "relative")
        .run()
        .exits_with(0);
    assert!(!ended.home.path().join("relative").exists());
}

#[test]
fn without_a_home_there_is_no_history_and_no_word_of_it() {
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job"]).without("HOME").run();
    let ended = ended.exits_with(0).never_says("histor");
    assert_eq!(fs::read_dir(ended.home.path()).unwrap().count(), 0);
    let ended = dcs_wait(["history"]).without("HOME").run();
    ended
        .exits_with(0)
        .prints_nothing()
        .says("no place for a history");
}

#[test]
fn with_no_history_nothing_is_read_or_written() {
    let memory = Memory::new();
    memory.wait_for(["job", "--no-history"]).run().exits_with(0);
    assert!(!memory.folder().exists());
    let memory = Memory::holding("not ours");
    let ended = memory.wait_for(["job", "--no-history"]).run();
    ended.exits_with(0).never_says("how long");
}

#[test]
fn a_demo_leaves_no_trace_in_the_users_history() {
    let ended = dcs_wait(["demo"]).run().exits_with(0);
    assert_eq!(fs::read_dir(ended.home.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_ours_is_named_and_left_alone() {
    let newer = r#"{"dcs_wait_history":2,"jobs":{}}"#;
    let too_large = " ".repeat(1024 * 1024 + 1);
    for (content, why) in [
        (
            b"export SECRET=xyzzy\n".as_slice(),
            "isn't what dcs-wait writes",
        ),
        (b"\xff\xfe", "isn't what dcs-wait writes"),
        (newer.as_bytes(), "is of another version of dcs-wait"),
        (too_large.as_bytes(), "has more than 1 MiB"),
    ] {
        let memory = Memory::holding(content);
        let ended = memory.wait_for(["job"]).run();
        ended
            .exits_with(0)
            .says_times("how long jobs took is neither known nor kept: ", 1)
            .says(format!("{} {why}", memory.file().display()))
            .says("remove it, or pass --no-history")
            .never_says("xyzzy");
        assert_eq!(fs::read(memory.file()).unwrap(), content);
        let ended = memory.listed(&[]).run();
        ended.exits_with(2).complains(why).says("remove it");
        let ended = memory.wait_for(["job", "--quiet"]).run();
        ended.exits_with(0).says_nothing();
    }
}

#[test]
fn what_is_no_file_keeps_no_wait_from_beginning() {
    let memory = Memory::new();
    memory.make_folder();
    let pipe = Command::new("mkfifo").arg(memory.file()).status();
    assert!(pipe.unwrap().success());
    let ended = memory.wait_for(["job"]).run();
    ended.exits_with(0).says("is no file").says("--no-history");

    fs::remove_file(memory.file()).unwrap();
    symlink(memory.file(), memory.file()).unwrap();
    let ended = memory.wait_for(["job"]).run();
    ended.exits_with(0).says("can't be read: ");
    assert!(memory.file().is_symlink());
}

#[test]
fn an_empty_file_is_a_history_of_nothing() {
    let memory = Memory::holding("");
    let ended = memory.wait_for(["job"]).run();
    ended.exits_with(0).never_says("how long");
    assert_eq!(memory.durations(), json!([2869]));
}

#[test]
fn waits_that_end_at_once_lose_nothing() {
    let jobs = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let memory = jobs
        .iter()
        .fold(Memory::new(), |memory, id| memory.and(id, Step::success()));
    let started: Vec<_> = jobs.map(|id| memory.wait_for([id]).start()).into();
    for running in started {
        running.ended().exits_with(0).never_says("how long");
    }
    assert_eq!(memory.durations(), json!(vec![2869; 8]));
}

#[test]
fn a_history_that_is_held_is_given_up() {
    let memory = Memory::new();
    memory.make_folder();
    let lock = File::create(memory.lock()).unwrap();
    lock.lock().unwrap();
    let ended = memory.wait_for(["job"]).run();
    ended
        .exits_with(0)
        .says("how long the jobs took isn't kept: another process holds ");
    drop(lock);
    memory.wait_for(["job"]).run().exits_with(0);
    assert_eq!(memory.durations(), json!([2869]));
}

#[test]
fn a_signal_while_a_history_is_held_changes_no_exit_code() {
    let memory = Memory::new();
    memory.make_folder();
    let lock = File::create(memory.lock()).unwrap();
    lock.lock().unwrap();
    let mut running = memory.wait_for(["job"]).start();
    assert!(running.next_printed().starts_with("job succeeded "));
    running.signal("TERM");
    running.ended().exits_with(0);
}

#[test]
fn what_ended_before_an_interruption_is_remembered() {
    let memory = Memory::new();
    let mut running = memory.wait_for(["job", "running"]).start();
    assert!(running.next_printed().starts_with("job succeeded "));
    running.signal("INT");
    running.ended().exits_with(130).says("the jobs go on");
    assert_eq!(memory.durations(), json!([2869]));
}

#[test]
fn what_a_killed_process_left_is_written_over() {
    let memory = Memory::new();
    memory.make_folder();
    fs::write(memory.folder().join("history.tmp"), "half of ".repeat(99)).unwrap();
    memory.wait_for(["job"]).run().exits_with(0);
    assert_eq!(memory.durations(), json!([2869]));
}

#[test]
fn a_place_that_cannot_be_written_is_passed_over_in_silence() {
    let memory = Memory::new();
    let file = memory.state.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [Path::new("/proc/no-such-place"), &file] {
        let ended = remembering(memory.service.wait_for(["job"]), place).run();
        ended.exits_with(0).never_says("how long");
        let ended = remembering(memory.service.wait_for(["job", "-v"]), place).run();
        ended.exits_with(0).says("no place for a history");
    }
}

#[test]
fn a_history_that_cannot_be_written_for_another_reason_is_told() {
    let memory = Memory::new();
    memory.make_folder();
    fs::create_dir(memory.folder().join("history.tmp")).unwrap();
    let ended = memory.wait_for(["job"]).run();
    ended
        .exits_with(0)
        .says("how long the jobs took isn't kept: can't write to ");
}

#[test]
fn the_types_are_listed_for_people_and_for_programs() {
    let memory = Memory::holding(
        json!({"dcs_wait_history": 1, "types": [
            {"project_id": "p2", "job_type": "extendDCSInstance", "jobs": [
                {"ended_ms": 4, "took_ms": 1_230_000},
            ]},
            {"project_id": "p1", "job_type": "masterStandbySwapJob", "jobs": [
                {"ended_ms": 1, "took_ms": 2900},
                {"ended_ms": 2, "took_ms": 4100},
                {"ended_ms": 3, "took_ms": 1500},
            ]},
        ]})
        .to_string(),
    );
    let ended = memory.listed(&[]).run();
    ended.exits_with(0).says_nothing().prints(&[
        "project p1",
        "TYPE                  JOBS  MEDIAN  P90   DURATIONS",
        "masterStandbySwapJob  3     2.9s    4.1s  1.5s █      █   █ 4.1s",
        "",
        "project p2",
        "TYPE               JOBS  MEDIAN  P90     DURATIONS",
        "extendDCSInstance  1     20m30s  20m30s  20m30s █",
    ]);
    let ended = memory.listed(&["--output=json"]).run();
    let first = json!({
        "project": "p1", "job_type": "masterStandbySwapJob", "count": 3, "median_ms": 2900,
        "p90_ms": 4100, "durations_ms": [2900, 4100, 1500],
    });
    assert_eq!(ended.exits_with(0).results()[0], first);
}

#[test]
fn a_list_that_nobody_reads_ends_well() {
    let memory = Memory::new();
    memory.wait_for(["job"]).run().exits_with(0);
    for arguments in [[].as_slice(), &["--output=json"]] {
        let ended = memory.listed(arguments).run_with_closed_stdout();
        ended.exits_with(0).says_nothing();
    }
}

#[test]
fn where_nothing_is_known_it_is_said_how_that_changes() {
    let memory = Memory::new();
    let ended = memory.listed(&[]).run();
    ended
        .exits_with(0)
        .prints_nothing()
        .says("dcs-wait JOB_ID notes it in ")
        .says(memory.file().to_str().unwrap());
}
