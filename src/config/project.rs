//! `[[project]]`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::ProjectConfig;
use super::read::{Document, Entry, Table};
use crate::api;
use crate::auth::Given;
use crate::model::ProjectName;

/// What a list of tables holds, and the names in it: those of broken ones as well.
pub(super) struct Named<N, T> {
    pub(super) items: Vec<T>,
    pub(super) names: Vec<N>,
}

impl<N, T> Named<N, T> {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::new(),
            names: Vec::new(),
        }
    }
}

/// The name in a table, which none before it has.
pub(super) fn name<N: FromStr<Err: Display> + PartialEq + Clone>(
    table: &Table<'_>,
    names: &mut Vec<N>,
) -> Option<N> {
    let entry = table.require("name", r#"a name such as "main""#)?;
    let name: N = entry.parsed(r#"a name such as "main""#, str::parse)?;
    if names.contains(&name) {
        let text = entry.text("")?;
        return entry.refuse_text(text, "there is one of this name before; give it another");
    }
    names.push(name.clone());
    Some(name)
}

pub(super) fn projects(
    document: &Document<'_>,
    tables: Vec<Table<'_>>,
) -> Named<ProjectName, ProjectConfig> {
    let mut projects = Named::new();
    if tables.is_empty() {
        document.refuse(
            None,
            Some("project"),
            r#"there is no project; write [[project]] with name = "main" and a region"#.to_owned(),
        );
    }
    for table in tables {
        let name = name(&table, &mut projects.names);
        if let Some(project) = project(&table, name) {
            projects.items.push(project);
        }
    }
    projects
}

fn project(table: &Table<'_>, name: Option<ProjectName>) -> Option<ProjectConfig> {
    let region = table.get("region").and_then(|entry| {
        entry.parsed(r#"a region such as "cn-north-4""#, |text| {
            // The endpoint that it leads to is the only judge of a region there is.
            api::endpoint(text, &BTreeMap::new())
                .map_err(|_| "letters, digits and '-' are allowed; give one such as cn-north-4")?;
            Ok::<_, &str>(text.to_owned())
        })
    });
    let endpoint = table.get("endpoint").and_then(|entry| {
        let text = entry.text(r#"a URL such as "https://dcs.cn-north-4.myhuaweicloud.com""#)?;
        match api::parse_endpoint(text) {
            Ok(url) => Some(url),
            Err(why) => entry.refuse(why),
        }
    });
    let project_id = table
        .get("project_id")
        .and_then(|entry| entry.parsed("a project ID in quotes", str::parse));
    let credential = credential(table);
    let ca_file = table.get("ca_file").and_then(|entry| entry.path());
    Some(ProjectConfig {
        name: name?,
        region,
        endpoint,
        project_id,
        credential,
        ca_file,
    })
}

fn credential(table: &Table<'_>) -> Given {
    let [ak, sk, security_token, auth_token] = [
        "ak_file",
        "sk_file",
        "security_token_file",
        "auth_token_file",
    ]
    .map(|key| table.get(key));
    if let Some(token) = &auth_token {
        if ak.is_some() || sk.is_some() || security_token.is_some() {
            token.refuse::<()>(
                "a project has either an IAM token or an access key; remove one of them",
            );
        }
    } else if let Some(given) = [&ak, &sk, &security_token].into_iter().flatten().next() {
        for (key, entry) in [("ak_file", &ak), ("sk_file", &sk)] {
            if entry.is_none() {
                given.refuse::<()>(format!("{key} is missing; an access key has two parts"));
            }
        }
    }
    let path = |entry: Option<Entry<'_>>| entry.and_then(|entry| entry.path());
    Given {
        ak_file: path(ak),
        sk_file: path(sk),
        security_token_file: path(security_token),
        auth_token_file: path(auth_token),
    }
}
