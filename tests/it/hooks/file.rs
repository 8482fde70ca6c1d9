//! Files: whole or not there, and lines that no writer breaks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use dcs_wait::hooks::{FileSpec, Hook, HookKind, Payload};

use super::harness::{JOB_ID, WATCH_ID, delivered, failed, hook, message};

fn replace(directory: &Path, name: &str) -> Arc<dyn Hook> {
    hook(HookKind::File(FileSpec::Replace {
        directory: directory.to_owned(),
        name: name.to_owned(),
    }))
}

fn append(path: &Path) -> Arc<dyn Hook> {
    hook(HookKind::File(FileSpec::Append {
        path: path.to_owned(),
    }))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_is_named_by_its_template_and_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hook = replace(
        folder.path(),
        "{project}-{job_id}-{watch_id}.{outcome}.json",
    );
    let message = message("no space left");
    for _ in 0..2 {
        delivered(hook.deliver(&message).await);
        let name = format!("north-{JOB_ID}-{WATCH_ID}.failed.json");
        assert_eq!(names(folder.path()), std::slice::from_ref(&name));
        let content = fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(content, format!("{}\n", message.body));
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.json");
    fs::write(&path, "something longer than what follows".repeat(1000)).unwrap();
    let before = fs::File::open(&path).unwrap();
    let message = message("");
    delivered(replace(folder.path(), "last.json").deliver(&message).await);
    let content = fs::read_to_string(&path).unwrap();
    assert_eq!(content, format!("{}\n", message.body));
    assert_eq!(
        before.metadata().unwrap().len(),
        34_000,
        "whoever reads the old one goes on"
    );
}

#[tokio::test]
async fn what_a_crash_left_behind_is_no_obstacle_and_no_trap() {
    let folder = tempfile::tempdir().unwrap();
    let message = message("");
    let beside = folder.path().join(format!(".dcs-wait-{}.tmp", message.id));
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, &beside).unwrap();
    delivered(replace(folder.path(), "a.json").deliver(&message).await);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    let mut names = names(folder.path());
    names.sort();
    assert_eq!(names, ["a.json", "precious"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    let answer = failed(replace(folder.path(), "taken").deliver(&message("")).await);
    assert!(
        answer.contains("can't write") && answer.contains("taken"),
        "{answer}"
    );
    assert_eq!(names(folder.path()), ["taken"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lines_of_two_writers_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut writers = tokio::task::JoinSet::new();
    for hook in [append(&path), append(&path)] {
        writers.spawn(async move {
            for _ in 0..50 {
                delivered(hook.deliver(&message(&"x".repeat(5000))).await);
            }
        });
    }
    writers.join_all().await;
    let content = fs::read_to_string(&path).unwrap();
    assert!(content.ends_with('\n'));
    let lines = content.lines().map(serde_json::from_str::<Payload>);
    assert_eq!(lines.filter(Result::is_ok).count(), 100);
    assert_eq!(content.lines().count(), 100);
}

#[tokio::test]
async fn a_line_that_a_crash_tore_is_left_alone_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    fs::write(&path, "{\"whole\":1}\n{\"torn").unwrap();
    let message = message("");
    delivered(append(&path).deliver(&message).await);
    delivered(append(&path).deliver(&message).await);
    let content = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = content.lines().collect();
    assert_eq!(
        lines,
        ["{\"whole\":1}", "{\"torn", &*message.body, &*message.body]
    );
}

#[tokio::test]
async fn a_line_waits_for_whoever_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let other = fs::File::create(&path).unwrap();
    other.lock().unwrap();
    let hook = append(&path);
    let delivery = tokio::spawn(async move { hook.deliver(&message("")).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!delivery.is_finished());
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    other.unlock().unwrap();
    delivered(delivery.await.unwrap());
}

#[tokio::test]
async fn what_is_no_file_is_not_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("folder");
    fs::create_dir(&path).unwrap();
    let answer = failed(append(&path).deliver(&message("")).await);
    assert!(answer.contains("can't write"), "{answer}");
}
