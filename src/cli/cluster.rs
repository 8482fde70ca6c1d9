//! `dcs-wait cluster`: the daemons that share a store, and what each of them holds.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::args::{ClusterArgs, Form};
use super::control::Daemon;
use super::error::CliError;
use super::{output, table};
use crate::daemon::http::shapes::{ClusterShape, InstanceShape, InstanceStateShape, OrphansShape};
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::{duration, json};
use crate::sanitize::WORD;

pub(super) async fn run(
    args: ClusterArgs,
    environment: &dyn Environment,
) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let cluster: ClusterShape = daemon.get("v1/cluster", &[]).await?;
    match args.form.form {
        Form::Json => output::print(&json(&cluster)).await,
        Form::Text if !cluster.shared => output::print(&unshared(&cluster)).await,
        Form::Text if io::stdout().is_terminal() => {
            output::print_all(for_people(&cluster)).await;
        }
        Form::Text => {
            output::print_all(cluster.instances.iter().map(for_programs)).await;
            orphans(cluster.orphans)
                .iter()
                .for_each(|line| output::warn(line));
        }
    }
    Ok(Exit::Success)
}

fn unshared(cluster: &ClusterShape) -> String {
    let (watches, deliveries) = cluster
        .instances
        .first()
        .map_or((0, 0), |one| (one.watches, one.deliveries));
    format!(
        "this daemon doesn't share its store; it holds {}",
        amount(watches, deliveries)
    )
}

fn for_people(cluster: &ClusterShape) -> Vec<String> {
    let row = |one: &InstanceShape| {
        let this = if one.this { " (this one)" } else { "" };
        [
            format!("{:.WORD$}{this}", one.name),
            one.number.to_string(),
            state(one).to_owned(),
            one.watches.to_string(),
            format!("{:.1}%", one.watches_share * 100.0),
            one.deliveries.to_string(),
            renewed(one),
            format!("{:.WORD$}", one.version),
        ]
    };
    let rows: Vec<[String; 8]> = cluster.instances.iter().map(row).collect();
    let titles = [
        "INSTANCE",
        "NUMBER",
        "STATE",
        "WATCHES",
        "SHARE",
        "DELIVERIES",
        "RENEWED",
        "VERSION",
    ];
    let mut lines = table::table(titles, &rows);
    lines.extend(orphans(cluster.orphans));
    lines
}

/// How long ago an instance gave its last sign of life.
fn renewed(one: &InstanceShape) -> String {
    match Duration::from_millis(one.renewed_ms_ago).as_secs() {
        0 => "now".to_owned(),
        seconds => format!("{} ago", duration(Duration::from_secs(seconds))),
    }
}

fn state(one: &InstanceShape) -> &'static str {
    match one.state {
        InstanceStateShape::Alive => "alive",
        InstanceStateShape::Dead => "dead",
    }
}

fn for_programs(one: &InstanceShape) -> String {
    [
        one.name.to_string(),
        one.number.to_string(),
        state(one).to_owned(),
        one.watches.to_string(),
        one.watches_share.to_string(),
        one.deliveries.to_string(),
        one.renewed_ms_ago.to_string(),
        one.version.to_string(),
        if one.this { "this" } else { "-" }.to_owned(),
    ]
    .join("\t")
}

/// A line on what no daemon holds, where there is any.
fn orphans(orphans: OrphansShape) -> Option<String> {
    let OrphansShape {
        watches,
        deliveries,
    } = orphans;
    (watches > 0 || deliveries > 0).then(|| {
        format!(
            "{} are held by no daemon that is alive; those that are take them up",
            amount(watches, deliveries)
        )
    })
}

fn amount(watches: u64, deliveries: u64) -> String {
    let counted = |number: u64, one: &str, several: &str| {
        format!("{number} {}", if number == 1 { one } else { several })
    };
    format!(
        "{} and {}",
        counted(watches, "watch", "watches"),
        counted(deliveries, "delivery", "deliveries")
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn instance(name: &str, number: u64, watches: u64, renewed_ms_ago: u64) -> InstanceShape {
        InstanceShape {
            name: name.into(),
            number,
            version: "0.1.0".into(),
            this: number == 2,
            state: if renewed_ms_ago < 30_000 {
                InstanceStateShape::Alive
            } else {
                InstanceStateShape::Dead
            },
            joined_at: "2026-11-24T08:00:00.000Z".to_owned(),
            renewed_ms_ago,
            watches,
            deliveries: 1,
            watches_share: watches as f64 / 10_000.0,
            deliveries_share: 0.25,
        }
    }

    fn cluster(orphans: OrphansShape) -> ClusterShape {
        ClusterShape {
            shared: true,
            lease_ms: Some(30_000),
            instances: vec![
                instance("dcs-1.example.com", 1, 3333, 75_000),
                instance("dcs-2", 2, 6600, 900),
                instance("dcs\u{1b}[2J", 13, 0, 4200),
            ],
            orphans,
        }
    }

    #[test]
    fn each_daemon_is_a_line_with_its_share_and_its_last_sign_of_life() {
        let lines = for_people(&cluster(OrphansShape::default()));
        assert_snapshot!(lines.join("\n"), @"
        INSTANCE           NUMBER  STATE  WATCHES  SHARE  DELIVERIES  RENEWED    VERSION
        dcs-1.example.com  1       dead   3333     33.3%  1           1m15s ago  0.1.0
        dcs-2 (this one)   2       alive  6600     66.0%  1           now        0.1.0
        dcs�[2J            13      alive  0        0.0%   1           4s ago     0.1.0
        ");
    }

    #[test]
    fn what_nobody_holds_is_told_where_there_is_any() {
        let lines = for_people(&cluster(OrphansShape {
            watches: 3400,
            deliveries: 1,
        }));
        assert_snapshot!(lines.last().unwrap(), @"3400 watches and 1 delivery are held by no daemon that is alive; those that are take them up");
    }

    #[test]
    fn a_store_of_its_own_is_one_line() {
        let alone = ClusterShape {
            shared: false,
            lease_ms: None,
            instances: vec![instance("dcs-2", 2, 12, 0)],
            orphans: OrphansShape::default(),
        };
        assert_snapshot!(unshared(&alone), @"this daemon doesn't share its store; it holds 12 watches and 1 delivery");
    }
}
