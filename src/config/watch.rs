//! `[[watch]]`.

use super::WatchConfig;
use super::keys::instead;
use super::read::{Entry, Table};
use crate::model::{HookName, ProjectName};

pub(super) fn watches(
    tables: Vec<Table<'_>>,
    projects: &[ProjectName],
    hooks: &[HookName],
) -> Vec<WatchConfig> {
    let mut watches: Vec<WatchConfig> = Vec::new();
    for table in tables {
        let Some(watch) = watch(&table, projects, hooks) else {
            continue;
        };
        let is_same = |other: &WatchConfig| {
            (&other.job_id, &other.project) == (&watch.job_id, &watch.project)
        };
        if watches.iter().any(is_same) {
            table.refuse(
                "job_id",
                format!("{} is watched before; remove one of them", watch.job_id),
            );
        } else {
            watches.push(watch);
        }
    }
    watches
}

fn watch(table: &Table<'_>, projects: &[ProjectName], hooks: &[HookName]) -> Option<WatchConfig> {
    let job_id = table
        .require("job_id", "a job ID in quotes")
        .and_then(|entry| entry.parsed("a job ID in quotes", str::parse));
    let project = match (table.get("project"), projects) {
        (Some(entry), _) => name_of(&entry, projects, ProjectName::as_str).map(Some),
        (None, [] | [_]) => Some(None),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(ProjectName::as_str).collect();
            table.refuse(
                "project",
                format!("is missing; there are: {}", names.join(", ")),
            );
            None
        }
    };
    let hooks = table.get("hooks").and_then(|entry| {
        let items = entry.list(r#"a list of hooks such as ["ci"]"#)?;
        let mut names: Vec<HookName> = Vec::new();
        for item in items {
            if let Some(name) = name_of(&item, hooks, HookName::as_str)
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        Some(names)
    });
    let timeout = table.get("timeout").and_then(|entry| entry.limit());
    Some(WatchConfig {
        // The only one there is may be named or not, and is the same.
        project: project?.or_else(|| projects.first().cloned()),
        job_id: job_id?,
        hooks,
        timeout,
    })
}

/// The one of these that the entry names.
fn name_of<N: Clone>(entry: &Entry<'_>, names: &[N], text_of: fn(&N) -> &str) -> Option<N> {
    let text = entry.text("a name in quotes")?;
    let found = names.iter().find(|name| text_of(name) == text);
    found.cloned().or_else(|| {
        entry.refuse_text(
            text,
            format!(
                "there is none of this name; {}",
                instead(text, names.iter().map(text_of))
            ),
        )
    })
}
