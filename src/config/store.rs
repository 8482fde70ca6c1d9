//! `[store]`: one SQLite file of this daemon's own, or a PostgreSQL database that several share.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::defaults;
use super::read::{Entry, Table};
use crate::secret::{SecretFileError, read_secret_file};
use crate::store::PostgresPlan;

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// In what.
    pub place: StorePlace,
    /// How long ended watches are kept.
    pub retention: Duration,
}

/// What everything is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// A SQLite file of this daemon's own.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which other daemons may share.
    Postgres(PostgresConfig),
}

/// A PostgreSQL database, and how this daemon appears in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Its URL, without a password.
    pub url: String,
    /// The file with the password, where one is needed.
    pub password_file: Option<PathBuf>,
    /// What this daemon is called among those that share the database.
    pub instance: String,
    /// How long after its last sign of life its watches go to others.
    pub lease: Duration,
}

impl PostgresConfig {
    /// How to open it, with the password as it is in its file now.
    ///
    /// # Errors
    /// When there is a file with the password, and it can't be used.
    pub fn plan(&self) -> Result<PostgresPlan, SecretFileError> {
        let password = self.password_file.as_deref().map(read_secret_file);
        Ok(PostgresPlan {
            url: self.url.clone(),
            password: password.transpose()?,
            instance: self.instance.clone(),
            lease: self.lease,
        })
    }
}

/// The longest name of an instance, in characters.
const MAX_INSTANCE: usize = 64;

/// A shorter lease would end while the database has a slow moment; during a longer one, nobody asks
/// for the jobs of a daemon that was killed.
const LEASES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(3)..=Duration::from_secs(600);

/// The keys that mean nothing without `url`.
const OF_POSTGRES: [&str; 3] = ["password_file", "instance", "lease"];

pub(super) fn store(table: &Table<'_>) -> StoreConfig {
    StoreConfig {
        place: place(table),
        retention: table
            .get("retention")
            .and_then(|entry| entry.some_time())
            .unwrap_or(defaults::RETENTION),
    }
}

fn place(table: &Table<'_>) -> StorePlace {
    let path = table.get("path");
    let Some(url) = table.get("url") else {
        for entry in OF_POSTGRES.iter().filter_map(|key| table.get(key)) {
            entry.refuse::<()>("it is for PostgreSQL, and there is no url; give one, or remove it");
        }
        let path = path.and_then(|entry| sqlite(&entry));
        return StorePlace::Sqlite(path.unwrap_or_else(|| defaults::STORE_PATH.into()));
    };
    if path.is_some() {
        url.refuse::<()>(
            "a store is in a SQLite file or in PostgreSQL, and path is given as well; remove one of \
             them",
        );
    }
    StorePlace::Postgres(PostgresConfig {
        url: postgres(&url).unwrap_or_default(),
        password_file: table.get("password_file").and_then(|entry| entry.path()),
        instance: table
            .get("instance")
            .and_then(|entry| entry.parsed(r#"a name such as "dcs-1""#, instance))
            .unwrap_or_else(host_name),
        lease: table
            .get("lease")
            .and_then(|entry| lease(&entry))
            .unwrap_or(defaults::LEASE),
    })
}

fn sqlite(entry: &Entry<'_>) -> Option<PathBuf> {
    let path = entry.path()?;
    let text = entry.text("")?;
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return entry.refuse("it is the URL of a database, and no path; give it as url");
    }
    Some(path)
}

/// What is wrong with a URL is said without it: there may be a password in it, wherever it is wrong.
fn postgres(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text(r#"a URL such as "postgres://dcs_wait@db.example.com/dcs_wait""#)?;
    match check_url(text, "password_file") {
        Ok(()) => Some(text.to_owned()),
        Err(why) => entry.refuse(why),
    }
}

/// Whether this is the URL of a database in PostgreSQL, without a password: that is for the file that
/// is named with `password_file`, an option or a key.
pub(crate) fn check_url(text: &str, password_file: &str) -> Result<(), String> {
    if has_password(text) {
        return Err(format!(
            "it carries a password; remove that, write it into a file (mode 0600), and name the file \
             with {password_file}"
        ));
    }
    PostgresPlan::check_url(text).map_err(|why| format!("it {why}"))
}

/// Whether there is a password in one of the places that it could be in.
fn has_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
    })
}

fn lease(entry: &Entry<'_>) -> Option<Duration> {
    let lease = entry.duration()?;
    if LEASES.contains(&lease) {
        Some(lease)
    } else {
        entry.refuse("must be from 3s to 10m")
    }
}

fn is_of_instance(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

fn instance(text: &str) -> Result<String, String> {
    const ALLOWED: &str = "letters, digits, '-', '_' and '.' of ASCII are allowed";
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| !is_of_instance(*c)) {
        return Err(format!(
            "it contains {c:?} at position {}; {ALLOWED}",
            at + 1
        ));
    }
    match text.len() {
        0 => Err(format!("it is empty; {ALLOWED}")),
        1..=MAX_INSTANCE => Ok(text.to_owned()),
        length => Err(format!(
            "it has {length} characters, and at most {MAX_INSTANCE} are allowed"
        )),
    }
}

/// The machine's name, as far as an instance may be called so.
pub(crate) fn host_name() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    let fit = |c| if is_of_instance(c) { c } else { '-' };
    let name: String = name.chars().take(MAX_INSTANCE).map(fit).collect();
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_name_is_one_that_an_instance_may_have() {
        let name = host_name();
        assert_eq!(instance(&name), Ok(name));
    }

    #[test]
    fn a_password_is_found_wherever_it_is() {
        for (url, expected) in [
            ("postgres://me:s3cret@db/x", true),
            ("postgres://:s3cret@db/x", true),
            ("postgres://db/x?user=me&password=s3cret", true),
            ("postgres://db/x?pass%77ord=s3cret", true),
            ("postgres://me@db:5432/x?sslmode=require", false),
            ("postgres:///x?host=/run/postgresql", false),
        ] {
            assert_eq!(has_password(url), expected, "{url}");
        }
    }
}
