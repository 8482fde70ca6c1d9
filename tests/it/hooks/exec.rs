//! Programs: their words, their input, their environment, and how they end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dcs_wait::hooks::{ExecSpec, Hook, HookKind};
use tokio::time::timeout;

use super::harness::{JOB_ID, WATCH_ID, delivered, failed, hook, message, try_hook};

/// Long, as nothing is measured.
const HANGS: Duration = Duration::from_secs(60);

fn program(argv: &[&str], timeout: Duration) -> HookKind {
    HookKind::Exec(ExecSpec {
        argv: argv.iter().map(ToString::to_string).collect(),
        timeout,
    })
}

fn script(script: &str) -> Arc<dyn Hook> {
    hook(program(&["sh", "-c", script], HANGS))
}

/// A path that a script may take for one word.
fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// Waits for a file and gives back its only line.
async fn line_of(path: &str) -> String {
    let line = async {
        loop {
            match fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(HANGS, line).await.unwrap()
}

/// Waits until there is no such process, or only what is left of one.
async fn is_gone(process: &str) {
    let gone = async {
        let stat = format!("/proc/{process}/stat");
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(HANGS, gone).await.unwrap();
}

#[tokio::test]
async fn a_word_with_the_signs_of_a_shell_stays_a_word() {
    let word = "$(id); `id` | * > \"x\" 'y' \\ ~ &&";
    let hook = hook(program(&["printf", "%s", word], HANGS));
    let answer = delivered(hook.deliver(&message("")).await);
    assert_eq!(answer, format!("exit code 0: {word}"));
}

#[tokio::test]
async fn the_payload_is_on_standard_input_and_in_variables() {
    let folder = tempfile::tempdir().unwrap();
    let (input, environment) = (
        path(folder.path(), "input"),
        path(folder.path(), "environment"),
    );
    let message = message("a 'reason'\nof $(two) lines");
    let hook = script(&format!("cat > '{input}'; env -0 > '{environment}'"));
    delivered(hook.deliver(&message).await);
    assert_eq!(
        fs::read_to_string(input).unwrap(),
        format!("{}\n", message.body)
    );
    let environment = fs::read_to_string(environment).unwrap();
    let variables: Vec<&str> = environment.split('\0').collect();
    for expected in [
        &format!("DCS_JOB_ID={JOB_ID}"),
        &format!("DCS_WATCH_ID={WATCH_ID}"),
        &format!("DCS_DELIVERY_ID={}", message.id),
        "DCS_EVENT_TYPE=dcs.job.failed",
        "DCS_PROJECT=north",
        "DCS_PROJECT_ID=",
        "DCS_OUTCOME=failed",
        "DCS_STATUS=FAIL",
        "DCS_JOB_TYPE=masterStandbySwapJob",
        "DCS_FAIL_REASON=a 'reason'\nof $(two) lines",
        "DCS_DURATION_MS=2869",
        "DCS_ERROR_MESSAGE=no answer within 10s",
    ] {
        assert!(variables.contains(&expected), "{expected} in {variables:?}");
    }
}

#[tokio::test]
async fn the_environment_is_inherited_without_credentials() {
    let variables = [
        ("PATH", "/usr/bin:/bin"),
        ("CHANNEL", "ops"),
        ("HUAWEICLOUD_SDK_SK", "s3cret"),
        ("NOTIFY_SOCKET", "/run/s3cret"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let environment = path(folder.path(), "environment");
    let kind = program(&["sh", "-c", &format!("env > '{environment}'")], HANGS);
    delivered(
        try_hook(kind, &variables)
            .unwrap()
            .deliver(&message(""))
            .await,
    );
    let environment = fs::read_to_string(environment).unwrap();
    assert!(environment.contains("CHANNEL=ops\n"), "{environment}");
    assert!(!environment.contains("s3cret"), "{environment}");
}

#[tokio::test]
async fn an_exit_code_or_a_signal_is_a_failure_that_shows_the_last_line() {
    for (code, answer) in [
        (
            "echo first; echo ' last ' >&2; echo; exit 3",
            "exit code 3: last",
        ),
        ("exit 1", "exit code 1"),
        ("kill -KILL $$", "killed by signal 9"),
        ("printf 'a\\033[2Jb'; exit 1", "exit code 1: a\u{FFFD}[2Jb"),
    ] {
        assert_eq!(failed(script(code).deliver(&message("")).await), answer);
    }
}

#[tokio::test]
async fn more_output_than_is_kept_holds_up_nothing() {
    let code = "head -c 1048576 /dev/zero | tr '\\0' x; echo; echo done";
    let answer = delivered(script(code).deliver(&message("")).await);
    assert_eq!(answer, "exit code 0: done");

    let code = "head -c 1048576 /dev/zero | tr '\\0' x";
    let answer = delivered(script(code).deliver(&message("")).await);
    assert_eq!(answer.chars().count(), 200);
    assert!(answer.ends_with('…'), "{answer}");
}

#[tokio::test]
async fn a_program_that_reads_no_input_has_not_failed() {
    let reason = "x".repeat(100_000);
    for code in ["exit 0", "exec 0<&-; sleep 0.1"] {
        let answer = delivered(script(code).deliver(&message(&reason)).await);
        assert_eq!(answer, "exit code 0");
    }
}

#[tokio::test]
async fn a_process_left_in_the_background_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let id = path(folder.path(), "id");
    let hook = script(&format!("sleep 3600 & echo $! > '{id}'; echo started"));
    let receipt = timeout(HANGS, hook.deliver(&message(""))).await.unwrap();
    assert_eq!(delivered(receipt), "exit code 0: started");
    let id: i32 = line_of(&id).await.parse().unwrap();
    let process = rustix::process::Pid::from_raw(id).unwrap();
    // It goes on, as whoever left it there wants.
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let id = path(folder.path(), "id");
    let code = format!("sleep 3600 & echo $! > '{id}'; echo begun; wait");
    let hook = hook(program(&["sh", "-c", &code], Duration::from_millis(500)));
    let answer = failed(hook.deliver(&message("")).await);
    assert_eq!(answer, "it was ended after 500ms: begun");
    is_gone(&line_of(&id).await).await;
}

#[tokio::test]
async fn a_program_that_will_not_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let id = path(folder.path(), "id");
    let code =
        format!("trap '' TERM; sh -c 'sleep 3600' & echo $! > '{id}'; sleep 3600; sleep 3600");
    let hook = hook(program(&["sh", "-c", &code], Duration::from_millis(500)));
    let answer = failed(hook.deliver(&message("")).await);
    assert_eq!(answer, "it was ended after 500ms");
    is_gone(&line_of(&id).await).await;
}

#[tokio::test]
async fn an_attempt_that_is_called_off_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let id = path(folder.path(), "id");
    let hook = script(&format!("sleep 3600 & echo $! > '{id}'; wait"));
    let delivery = tokio::spawn(async move { hook.deliver(&message("")).await });
    let id = line_of(&id).await;
    delivery.abort();
    is_gone(&id).await;
}

#[test]
fn a_runtime_that_ends_takes_its_programs_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let id_file = path(folder.path(), "id");
    let hook = script(&format!(
        "trap '' TERM; echo $$ > '{id_file}'; while :; do sleep 1; done"
    ));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(async {
        tokio::spawn(async move { hook.deliver(&message("")).await });
        line_of(&id_file).await
    });
    drop(runtime);
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(is_gone(&id));
}
