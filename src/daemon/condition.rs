//! How the daemon is, in words: the line for the service manager, and what of it is news for the log.

use std::time::Duration;

use tracing::Level;

use crate::engine::{Health, ProjectHealth};
use crate::sanitize::{SENTENCE, sanitize};
use crate::store::Counts;

/// The shortest pause that is worth a line of the log. Those after single 429s are seconds.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// A line such as `12 watches, 3 deliveries pending; store: disk full`.
pub(super) fn status(health: &Health, counts: Option<Counts>) -> String {
    let watches = health.unseen + health.running + health.in_trouble;
    let mut line = numbered(watches, "watch", "watches");
    if health.in_trouble > 0 {
        line.push_str(&format!(" ({} in trouble)", health.in_trouble));
    }
    if let Some(counts) = counts {
        let pending = usize::try_from(counts.pending).unwrap_or(usize::MAX);
        let pending = numbered(pending, "delivery", "deliveries");
        line.push_str(&format!(", {pending} pending"));
        if counts.dead > 0 {
            line.push_str(&format!(", {} dead", counts.dead));
        }
    }
    match health.cluster {
        Some(cluster) if !cluster.holds_lease => line.push_str("; no lease"),
        Some(cluster) if cluster.instances > 1 => {
            line.push_str(&format!("; one of {} daemons", cluster.instances));
        }
        _ => {}
    }
    if let Some(why) = &health.store_trouble {
        line.push_str(&format!("; store: {}", sanitize(why, SENTENCE)));
    }
    for project in &health.projects {
        if let Some(why) = &project.not_ready {
            let why = sanitize(why, SENTENCE);
            line.push_str(&format!("; {}: not ready, because {why}", project.name));
        }
        if let Some(why) = &project.refused {
            let why = sanitize(why, SENTENCE);
            line.push_str(&format!("; {}: credential refused: {why}", project.name));
        }
        if project.limit.is_some() || is_paused_for_long(project) {
            line.push_str(&format!("; {}: throttled by the service", project.name));
        }
    }
    line
}

fn numbered(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Whether the service asked for a pause that is long enough to be logged.
fn is_paused_for_long(project: &ProjectHealth) -> bool {
    project.paused.is_some_and(|paused| paused >= LONG_PAUSE)
}

/// What has changed, worth a line of the log each; beside the store, whose recorder logs that.
pub(super) fn news(before: &Health, now: &Health) -> Vec<(Level, String)> {
    let mut news = Vec::new();
    for project in &now.projects {
        let was = before.projects.iter().find(|one| one.name == project.name);
        let was_not_ready = was.and_then(|was| was.not_ready.as_ref());
        match &project.not_ready {
            Some(why) if was_not_ready != Some(why) => news.push((
                Level::WARN,
                format!(
                    "project {}: not ready, because {}; trying again",
                    project.name,
                    sanitize(why, SENTENCE)
                ),
            )),
            None if was_not_ready.is_some() => {
                news.push((Level::INFO, format!("project {}: ready", project.name)));
            }
            _ => {}
        }
        let was_refused = was.is_some_and(|was| was.refused.is_some());
        match &project.refused {
            Some(why) if !was_refused => news.push((
                Level::ERROR,
                format!(
                    "project {}: the service refuses the credential: {}",
                    project.name,
                    sanitize(why, SENTENCE)
                ),
            )),
            None if was_refused => news.push((
                Level::INFO,
                format!("project {}: the credential is accepted again", project.name),
            )),
            _ => {}
        }
        let was_paused = was.is_some_and(|was| was.paused.is_some());
        if !was_paused && is_paused_for_long(project) {
            let paused = Duration::from_secs(project.paused.unwrap_or_default().as_secs());
            news.push((
                Level::WARN,
                format!(
                    "project {}: the service asks for a pause; nothing is sent for {}; to end it now: \
                     dcs-wait watch poll, or a reload",
                    project.name,
                    humantime::format_duration(paused)
                ),
            ));
        }
    }
    match (before.in_trouble, now.in_trouble) {
        (0, some @ 1..) => news.push((
            Level::WARN,
            format!(
                "{} without a good answer; polling goes on",
                numbered(some, "watch is", "watches are")
            ),
        )),
        (1.., 0) => news.push((Level::INFO, "every watch has good answers again".to_owned())),
        _ => {}
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ClusterHealth, ProjectHealth};

    fn project(refused: Option<&str>) -> ProjectHealth {
        ProjectHealth {
            name: "main".parse().unwrap(),
            not_ready: None,
            refused: refused.map(str::to_owned),
            paused: None,
            spacing: Duration::ZERO,
            limit: None,
            hold: None,
        }
    }

    #[test]
    fn the_status_is_one_line_of_what_matters() {
        let mut health = Health {
            running: 11,
            unseen: 1,
            ..Health::default()
        };
        let mut counts = Counts {
            pending: 3,
            ..Counts::default()
        };
        let line = status(&health, Some(counts));
        assert_eq!(line, "12 watches, 3 deliveries pending");
        (health.running, health.unseen, health.in_trouble) = (0, 0, 1);
        health.cluster = Some(ClusterHealth {
            instances: 3,
            holds_lease: true,
        });
        let line = status(&health, Some(Counts::default()));
        assert_eq!(
            line,
            "1 watch (1 in trouble), 0 deliveries pending; one of 3 daemons"
        );
        health.cluster = Some(ClusterHealth {
            instances: 3,
            holds_lease: false,
        });
        let line = status(&health, None);
        assert_eq!(line, "1 watch (1 in trouble); no lease");
        health.cluster = None;
        health.store_trouble = Some("disk\nfull".to_owned());
        health.projects = vec![project(Some("AK access failed"))];
        (counts.pending, counts.dead) = (1, 2);
        assert_eq!(
            status(&health, Some(counts)),
            "1 watch (1 in trouble), 1 delivery pending, 2 dead; store: disk full; main: credential refused: AK access failed"
        );
    }

    #[test]
    fn a_project_that_is_not_ready_is_in_the_status_and_news_whenever_the_reason_changes() {
        let health = |why: Option<&str>| Health {
            projects: vec![ProjectHealth {
                not_ready: why.map(str::to_owned),
                ..project(None)
            }],
            ..Health::default()
        };
        let (first, second, ready) = (health(Some("no\nIAM")), health(Some("403")), health(None));
        assert_eq!(
            status(&first, None),
            "0 watches; main: not ready, because no IAM"
        );
        let warned = |why: &str| {
            let line = format!("project main: not ready, because {why}; trying again");
            vec![(Level::WARN, line)]
        };
        let nothing = Health::default();
        assert_eq!(news(&nothing, &first), warned("no IAM"));
        assert_eq!(news(&first, &first), []);
        assert_eq!(news(&first, &second), warned("403"));
        let line = "project main: ready".to_owned();
        assert_eq!(news(&second, &ready), [(Level::INFO, line)]);
        assert_eq!(news(&nothing, &ready), []);
    }

    #[test]
    fn a_long_pause_is_news_once_and_shown_while_it_lasts() {
        let well = Health {
            projects: vec![project(None)],
            ..Health::default()
        };
        let paused = |seconds| {
            let mut health = well.clone();
            health.projects[0].paused = Some(Duration::from_secs(seconds));
            health
        };
        assert_eq!(news(&well, &paused(59)), []);
        let found = news(&well, &paused(3599));
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("nothing is sent for 59m 59s"));
        assert_eq!(news(&paused(3599), &paused(3597)), []);
        assert_eq!(
            status(&paused(3599), None),
            "0 watches; main: throttled by the service"
        );
    }

    #[test]
    fn trouble_is_news_when_it_begins_and_when_it_ends() {
        let well = Health {
            projects: vec![project(None)],
            ..Health::default()
        };
        let ill = Health {
            in_trouble: 2,
            projects: vec![project(Some("locked"))],
            ..Health::default()
        };
        let levels = |news: Vec<(Level, String)>| -> Vec<Level> {
            news.into_iter().map(|(level, _)| level).collect()
        };
        assert_eq!(news(&well, &well), []);
        assert_eq!(news(&ill, &ill), []);
        assert_eq!(levels(news(&well, &ill)), [Level::ERROR, Level::WARN]);
        assert_eq!(levels(news(&ill, &well)), [Level::INFO; 2]);
    }
}
