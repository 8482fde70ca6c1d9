use std::collections::{HashMap, HashSet};

use super::*;
use crate::engine::{ClusterHealth, ProjectHealth};
use crate::model::ProjectName;

fn seen() -> Seen {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let project = |name: &'static str, refused: Option<&str>| ProjectHealth {
        name: ProjectName::built_in(name),
        not_ready: None,
        refused: refused.map(ToOwned::to_owned),
        paused: refused.map(|_| Duration::from_millis(1500)),
        spacing: Duration::from_millis(200),
        limit: None,
        hold: None,
    };
    Seen {
        health: Health {
            restored: true,
            unseen: 1,
            running: 10_000,
            in_trouble: 3,
            projects: vec![project("main", None), project("other", Some("no"))],
            cluster: Some(ClusterHealth {
                instances: 3,
                holds_lease: true,
            }),
            ..Health::default()
        },
        counts: Some(Counts {
            active: 10_004,
            ended: 7,
            pending: 2,
            dead: 1,
            oldest_pending: Some(now - Duration::from_secs(90)),
        }),
        connections: 4,
        now,
    }
}

fn rendered() -> String {
    let metrics = Metrics::default();
    metrics.polled("running", Duration::from_millis(30), Duration::ZERO);
    metrics.polled("running", Duration::from_secs(40), Duration::from_secs(2));
    metrics.polled("throttled", Duration::from_millis(3), Duration::ZERO);
    metrics.committed(12, Duration::from_micros(700));
    metrics.stale(2);
    metrics.restarted();
    let hook = "ci".parse::<HookName>().unwrap();
    metrics.attempted(&hook, "failed", Duration::from_millis(80));
    metrics.attempted(&hook, "delivered", Duration::from_millis(80));
    metrics.render(&seen())
}

/// A sample: its name, its labels as they are written, its value.
type Sample<'a> = (&'a str, &'a str, f64);

/// Reads OpenMetrics text, and refuses what a strict parser would: families that are interleaved or
/// declared twice, samples without a family, suffixes that don't belong to the type, and anything
/// after the end.
fn parse(text: &str) -> (HashMap<&str, &str>, Vec<Sample<'_>>) {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    let mut types = HashMap::new();
    let mut samples = Vec::new();
    let mut series = HashSet::new();
    let mut family = "";
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap());
            let value = words.next().expect(line);
            match what {
                "HELP" => {
                    assert!(!types.contains_key(name), "{name} comes twice");
                    assert!(value.ends_with('.') && value.len() > 10, "{line}");
                    types.insert(name, "");
                    family = name;
                }
                "TYPE" => {
                    assert_eq!(family, name, "{line}");
                    assert_eq!(types.insert(name, value), Some(""), "{line}");
                }
                "UNIT" => assert!(family == name && name.ends_with(&format!("_{value}"))),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = match sample.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').expect(line)),
            None => (sample, ""),
        };
        let suffix = name.strip_prefix(family).expect(line);
        let suffixes: &[&str] = match types[family] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{line}: {other}"),
        };
        assert!(suffixes.contains(&suffix), "{line}");
        assert!(series.insert(sample), "{sample} comes twice");
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (name, _) = label.split_once("=\"").expect(line);
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        }
        samples.push((name, labels, value.parse().expect(line)));
    }
    (types, samples)
}

fn sample(text: &str, name: &str, labels: &str) -> f64 {
    let (_, samples) = parse(text);
    let found = samples.iter().find(|(n, l, _)| (*n, *l) == (name, labels));
    found
        .unwrap_or_else(|| panic!("no {name}{{{labels}}} in\n{text}"))
        .2
}

#[test]
fn everything_that_is_promised_is_there() {
    let text = rendered();
    for (name, labels, expected) in [
        ("dcs_wait_watches", r#"state="running""#, 10_000.0),
        ("dcs_wait_watches", r#"state="in_trouble""#, 3.0),
        ("dcs_wait_polls_total", r#"answer="running""#, 2.0),
        ("dcs_wait_polls_total", r#"answer="throttled""#, 1.0),
        ("dcs_wait_request_duration_seconds_count", "", 3.0),
        ("dcs_wait_poll_lateness_seconds_sum", "", 2.0),
        ("dcs_wait_store_commit_duration_seconds_sum", "", 0.0007),
        ("dcs_wait_store_commit_changes_sum", "", 12.0),
        ("dcs_wait_stale_writes_total", "", 2.0),
        ("dcs_wait_daemons", "", 3.0),
        ("dcs_wait_lease_held", "", 1.0),
        ("dcs_wait_loop_restarts_total", "", 1.0),
        (
            "dcs_wait_delivery_attempt_duration_seconds_count",
            r#"hook="ci""#,
            2.0,
        ),
        ("dcs_wait_deliveries_owed", r#"state="pending""#, 2.0),
        ("dcs_wait_deliveries_owed", r#"state="dead""#, 1.0),
        ("dcs_wait_oldest_undelivered_age_seconds", "", 90.0),
        (
            "dcs_wait_project_credential_refused",
            r#"project="main""#,
            0.0,
        ),
        (
            "dcs_wait_project_credential_refused",
            r#"project="other""#,
            1.0,
        ),
        ("dcs_wait_project_paused_seconds", r#"project="other""#, 1.5),
        ("dcs_wait_project_spacing_seconds", r#"project="main""#, 0.2),
        ("dcs_wait_store_writable", "", 1.0),
        ("dcs_wait_store_held_changes", "", 0.0),
        ("dcs_wait_restored", "", 1.0),
        ("dcs_wait_http_connections", "", 4.0),
    ] {
        assert_eq!(sample(&text, name, labels), expected, "{name}");
    }
    let attempts = r#"hook="ci",result="delivered""#;
    assert_eq!(
        sample(&text, "dcs_wait_delivery_attempts_total", attempts),
        1.0
    );
}

#[test]
fn each_name_begins_alike_and_each_histogram_is_cumulative() {
    let text = rendered();
    let (types, samples) = parse(&text);
    assert!(types.keys().all(|name| name.starts_with("dcs_wait_")));
    for (name, _) in types.iter().filter(|(_, kind)| **kind == "histogram") {
        let bucket = format!("{name}_bucket");
        let buckets = samples.iter().filter(|(name, ..)| *name == bucket);
        let values: Vec<f64> = buckets.map(|(.., value)| *value).collect();
        assert!(values.is_sorted(), "{name}: {values:?}");
        let count = samples.iter().find(|(n, ..)| *n == format!("{name}_count"));
        assert_eq!(values.last(), count.map(|(.., value)| value), "{name}");
    }
}

#[test]
fn a_store_that_cannot_be_read_hides_nothing_else() {
    let unread = Seen {
        counts: None,
        ..seen()
    };
    let text = Metrics::default().render(&unread);
    assert_eq!(sample(&text, "dcs_wait_lease_held", ""), 1.0);
    assert!(!text.contains("deliveries_owed"));
    assert_eq!(sample(&text, "dcs_wait_watches", r#"state="unseen""#), 1.0);
}
