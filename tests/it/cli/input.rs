//! The jobs, from the arguments and from standard input.

use dcs_wait::sim::Step;

use super::harness::{Ended, Service};

/// A service that knows the jobs `a`, `b` and `c`.
fn service() -> Service {
    ["a", "b", "c"]
        .into_iter()
        .fold(Service::default(), |service, id| {
            service.and(id, [Step::success()])
        })
}

fn asked_for(service: &Service) -> Vec<String> {
    let requests = service.requests().into_iter();
    let mut ids: Vec<String> = requests
        .map(|seen| seen.job_id.unwrap().to_string())
        .collect();
    ids.sort();
    ids
}

fn with_input(service: &Service, input: &str) -> Ended {
    service.wait_for(["-"]).run_with_input(input)
}

#[test]
fn standard_input_names_jobs_line_by_line_or_in_json() {
    for input in [
        "a\nb\nc\n",
        "  a\r\n\r\n\"b\"\nc",
        r#"{"job_id": "a", "x": {"jobs": [{"job_id": "b"}, {"job_id": "c"}]}}"#,
        r#"[{"job_id": "a"}, {"deep": [[{"job_id": "b"}]]}, {"job_id": "c", "status": "INIT"}]"#,
        "{\"job_id\":\"a\"}\n{\"job_id\":\"b\"}\n{\"job_id\":\"c\"}\n",
        "\u{feff}a\nb\nc\n",
        "\u{feff}{\"job_id\":\"a\",\"x\":[{\"job_id\":\"b\"},{\"job_id\":\"c\"}]}",
    ] {
        let service = service();
        with_input(&service, input).exits_with(0);
        assert_eq!(asked_for(&service), ["a", "b", "c"], "{input}");
    }
}

#[test]
fn standard_input_and_arguments_go_together() {
    let service = service();
    let ended = service.wait_for(["a", "-", "c"]).run_with_input("b\n");
    ended.exits_with(0);
    assert_eq!(asked_for(&service), ["a", "b", "c"]);
}

#[test]
fn a_job_that_is_named_twice_is_asked_for_once() {
    let service = service();
    let ended = service
        .wait_for(["a", "b", "-", "a"])
        .run_with_input("b\na\n");
    let ended = ended.exits_with(0);
    assert_eq!(asked_for(&service), ["a", "b"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:#?}");
}

#[test]
fn an_input_that_names_no_job_says_what_is_expected() {
    for input in ["", "\n \n", "{}", "[]", r#"{"error_code": "DCS.4000"}"#] {
        let service = service();
        with_input(&service, input)
            .exits_with(2)
            .complains("standard input names no job")
            .says("one a line, or JSON with job_id members");
        assert!(service.requests().is_empty());
    }
}

#[test]
fn a_job_id_that_is_null_is_not_passed_over() {
    // What an operation answers that has failed, or that began no job.
    let service = service();
    for input in [
        r#"{"job_id": null}"#,
        r#"{"job_id": 7}"#,
        r#"[{"job_id": "a"}, {"job_id": null}]"#,
    ] {
        with_input(&service, input)
            .exits_with(2)
            .complains("job_id");
    }
    assert!(service.requests().is_empty());
}

#[test]
fn broken_json_is_named_with_its_place() {
    let ended = with_input(&service(), "{\"job_id\": \"a\",\n oops}");
    ended
        .exits_with(2)
        .complains("begins like JSON and isn't")
        .says("line 2");
}

#[test]
fn a_malformed_line_is_named_with_its_number() {
    let ended = with_input(&service(), "a\n\nb/../c\n");
    ended.exits_with(2).complains("line 3").says("\"b/../c\"");
}

#[test]
fn an_input_that_is_no_text_is_refused() {
    let ended = service()
        .wait_for(["-"])
        .run_with_input(b"\xff\xfe\0a".to_vec());
    ended
        .exits_with(2)
        .complains("standard input is no UTF-8 text")
        .says("one a line");
}

#[test]
fn an_input_of_17_mb_is_refused() {
    let ended = service()
        .wait_for(["-"])
        .run_with_input("a\n".repeat(17 * 500_000));
    ended
        .exits_with(2)
        .complains("more than 16 MiB")
        .says("one a line");
}

#[test]
fn a_malformed_id_is_refused_before_anybody_is_asked() {
    let long = "a".repeat(65);
    let longer = "a".repeat(100_000);
    for (id, why) in [
        ("", "it is empty"),
        (" ", "it is empty"),
        (&long, "it has 65 characters, and at most 64 are allowed"),
        (&longer, "it has 100000 characters"),
        ("a/b", "'/' at position 2"),
        ("..", "'.' at position 1"),
        ("a?b", "'?' at position 2"),
        ("a%2fb", "'%' at position 2"),
        ("a b", "' ' at position 2"),
        ("a\u{1b}[2J", "'\\u{1b}' at position 2"),
        ("a\nb", "'\\n' at position 2"),
        ("任务", "'任' at position 1"),
        ("a\u{202e}b", "'\\u{202e}' at position 2"),
    ] {
        let service = service();
        let ended = service.wait_for(["a", id]).run().exits_with(2);
        let ended = ended
            .complains("is no job ID")
            .says(why)
            .says("give the job_id that the operation answered")
            .never_says("\u{1b}")
            .never_says("\u{202e}");
        assert!(ended.stderr.len() < 500, "{ended:#?}");
        assert!(service.requests().is_empty(), "{id:?}");
    }
}

#[test]
fn standard_input_is_read_once_however_often_it_is_named() {
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["-", "-"]).run_with_input("job\n");
    ended.exits_with(0).prints_line("job succeeded");
    assert_eq!(service.requests().len(), 1);
}
