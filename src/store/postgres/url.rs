//! What a URL says of how to reach the database.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::Url;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::PostgresPlan;
use super::limits::ServerLimits;
use crate::environment::Environment;

/// How a URL is written.
const FORM: &str = "write it as postgres://USER@HOST:PORT/DATABASE";

/// How long a connection may be silent before the server asks whether it is still there, how often it
/// asks, and how many times in vain: what a client held that has vanished is free after half a minute.
const KEEPALIVES: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// Variables that the driver reads whatever a URL says, and that nothing takes back.
const MEDDLING: [&str; 3] = ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"];

/// The variable that stands in for a parameter of the URL.
const ROOTS: &str = "PGSSLROOTCERT";

/// Where a database is, and as whom it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    user: String,
    /// The directory of a Unix socket, or a host.
    place: Result<PathBuf, String>,
    port: u16,
    database: String,
    encryption: &'static str,
    roots: Option<PathBuf>,
}

impl Address {
    /// The address in a URL. What is wrong with it is the part of a sentence that follows its name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|why| format!("is no URL: {why}; {FORM}"))?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(format!(
                "begins with {}:, and only PostgreSQL will do; {FORM}",
                url.scheme()
            ));
        }
        if url.password().is_some() {
            return Err("has a password in it; give it in password_file".to_owned());
        }
        let user = decoded(url.username())?;
        let database = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        for (what, text) in [("user", &user), ("database", &database)] {
            if text.is_empty() {
                return Err(format!("names no {what}; {FORM}"));
            }
        }
        if url.fragment().is_some() {
            return Err("has a '#' in it; write that as %23".to_owned());
        }
        let mut parameters = Parameters::default();
        for (name, value) in url.query_pairs() {
            parameters.take(&name, value)?;
        }
        if let Some(why) = unknown(&parameters.unknown) {
            return Err(why);
        }
        let host = decoded(url.host_str().unwrap_or_default())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let place = match parameters.directory {
            Some(directory) => Ok(directory),
            None if host.starts_with('/') => Ok(host.into()),
            None if host.is_empty() => return Err(format!("names no host; {FORM}")),
            None => Err(host.to_owned()),
        };
        let is_near = place.as_ref().err().is_none_or(|host| is_loopback(host));
        let default = if is_near { "prefer" } else { "verify-full" };
        Ok(Self {
            user,
            place,
            port: url.port().unwrap_or(5432),
            database,
            encryption: parameters.encryption.unwrap_or(default),
            roots: parameters.roots,
        })
    }

    /// What the driver needs to connect, without the password. Nothing is left to the driver's
    /// variables.
    pub(super) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .username(&self.user)
            .password("")
            .port(self.port)
            .database(&self.database)
            .ssl_mode(match self.encryption {
                "disable" => PgSslMode::Disable,
                "prefer" => PgSslMode::Prefer,
                "require" => PgSslMode::Require,
                "verify-ca" => PgSslMode::VerifyCa,
                _ => PgSslMode::VerifyFull,
            })
            .application_name("dcs-wait")
            .options(KEEPALIVES)
            .options(ServerLimits::QUERY.parameters())
            .options([("default_transaction_isolation", "read committed")])
            .disable_statement_logging();
        let options = match &self.place {
            Ok(directory) => options.host("localhost").socket(directory),
            Err(host) => options.host(host),
        };
        match &self.roots {
            Some(roots) => options.ssl_root_cert(roots),
            None => options,
        }
    }

    /// The file of authorities that certificates are verified with, if that isn't the system's.
    pub(super) fn roots(&self) -> Option<&Path> {
        self.roots.as_deref()
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// The server, for messages.
    pub(super) fn server(&self) -> String {
        match &self.place {
            Ok(directory) => format!("{}/.s.PGSQL.{}", directory.display(), self.port),
            Err(host) if host.contains(':') => format!("[{host}]:{}", self.port),
            Err(host) => format!("{host}:{}", self.port),
        }
    }

    /// A variable that would change how the database is reached.
    pub(super) fn meddling(&self, environment: &dyn Environment) -> Option<&'static str> {
        let roots = self.roots.is_none().then_some(ROOTS);
        let mut names = MEDDLING.into_iter().chain(roots);
        names.find(|name| environment.var(name).is_some())
    }
}

impl PostgresPlan {
    /// The file of authorities that the URL names, if any.
    #[must_use]
    pub fn roots(&self) -> Option<PathBuf> {
        Address::parse(&self.url).ok()?.roots
    }
}

#[derive(Default)]
struct Parameters {
    directory: Option<PathBuf>,
    encryption: Option<&'static str>,
    roots: Option<PathBuf>,
    /// The names of those that there aren't.
    unknown: Vec<String>,
}

impl Parameters {
    fn take(&mut self, name: &str, value: Cow<'_, str>) -> Result<(), String> {
        let is_new = match name {
            "host" if value.starts_with('/') => {
                self.directory.replace(value.into_owned().into()).is_none()
            }
            "host" => {
                return Err(
                    "has a parameter host that is no directory; there it takes that of a Unix \
                     socket, such as /run/postgresql"
                        .to_owned(),
                );
            }
            "sslmode" => self.encryption.replace(encryption(&value)?).is_none(),
            "sslrootcert" => self.roots.replace(value.into_owned().into()).is_none(),
            "password" => {
                return Err("has a password in it; give it in password_file".to_owned());
            }
            _ => {
                self.unknown.push(name.to_owned());
                true
            }
        };
        if is_new {
            Ok(())
        } else {
            Err(format!("has {name} twice; leave one"))
        }
    }
}

/// What is wrong with parameters of these names, with the one that was probably meant for each.
fn unknown(names: &[String]) -> Option<String> {
    const KNOWN: [&str; 3] = ["sslmode", "sslrootcert", "host"];
    const ALIKE: f64 = 0.8;
    let told = |name: &String| {
        let likeness = |known: &&str| strsim::jaro_winkler(&name.to_lowercase(), known);
        let meant = KNOWN.into_iter().filter(|known| likeness(known) >= ALIKE);
        match meant.max_by(|one, other| likeness(one).total_cmp(&likeness(other))) {
            Some(known) => format!("{name:?} (did you mean {known}?)"),
            None => format!("{name:?}"),
        }
    };
    let told: Vec<String> = names.iter().map(told).collect();
    let (what, which) = match told.len() {
        0 => return None,
        1 => ("a parameter that isn't", told.concat()),
        _ => ("parameters that aren't", told.join(", ")),
    };
    Some(format!(
        "has {what} understood: {which}; there are sslmode, sslrootcert and host"
    ))
}

fn encryption(mode: &str) -> Result<&'static str, String> {
    const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
    if mode == "allow" {
        return Err(
            "has sslmode=allow, which encrypts only where the server insists; take prefer, or \
             verify-full, which makes sure of the server"
                .to_owned(),
        );
    }
    let known = MODES.into_iter().find(|known| *known == mode);
    known.ok_or_else(|| {
        let modes = MODES.join(", ");
        format!("has sslmode={mode:?}, which there isn't; take one of {modes}")
    })
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| format!("has {text:?} in it, which is no UTF-8"))?;
    if decoded.contains('\0') {
        return Err("has a character of number 0 in it".to_owned());
    }
    Ok(decoded.into_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    #[test]
    fn all_parts_of_a_url_are_taken() {
        let one = address("postgresql://a%40b@db.example:6000/w%2Fx?sslrootcert=/etc/ca.pem");
        assert_eq!((one.user(), one.database()), ("a@b", "w/x"));
        assert_eq!(one.server(), "db.example:6000");
        assert_eq!(one.roots(), Some(Path::new("/etc/ca.pem")));
        assert_eq!(address("postgres://u@[::1]/d").server(), "[::1]:5432");
    }

    #[test]
    fn a_socket_is_named_by_its_directory() {
        for url in [
            "postgres://u@localhost/d?host=/run/postgresql",
            "postgres://u@%2Frun%2Fpostgresql/d",
        ] {
            let one = address(url);
            assert_eq!(one.server(), "/run/postgresql/.s.PGSQL.5432");
            assert_eq!(one.encryption, "prefer");
        }
    }

    #[test]
    fn servers_elsewhere_are_verified_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://u@localhost/d", "prefer"),
            ("postgres://u@127.0.0.2/d", "prefer"),
            ("postgres://u@[::1]/d", "prefer"),
            ("postgres://u@10.0.0.1/d", "verify-full"),
            ("postgres://u@db.example/d", "verify-full"),
            ("postgres://u@db.example/d?sslmode=disable", "disable"),
        ] {
            assert_eq!(address(url).encryption, mode, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_with_what_to_do() {
        for (url, what) in [
            ("", "is no URL"),
            ("db.example", "is no URL"),
            ("mysql://u@h/d", "begins with mysql:, and only PostgreSQL"),
            ("postgres://u:hush@h/d", "give it in password_file"),
            ("postgres://u@h/d?password=hush", "give it in password_file"),
            ("postgres://h/d", "names no user"),
            ("postgres://u@h", "names no database"),
            ("postgres://u@h/", "names no database"),
            ("postgres://u@/d", "write it as postgres://"),
            ("postgres://u@h/d?sslmode=allow", "take prefer"),
            ("postgres://u@h/d?sslmode=no", "verify-ca"),
            ("postgres://u@h/d?sslmode=require&sslmode=disable", "twice"),
            ("postgres://u@h/d?options=-cx", "\"options\""),
            (
                "postgres://u@h/d?application_name=x",
                "\"application_name\"",
            ),
            (
                "postgres://u@h/d?foo=1&sslmod=disable",
                "understood: \"foo\", \"sslmod\" (did you mean sslmode?)",
            ),
            ("postgres://u@h/d?host=other", "Unix socket"),
            ("postgres://u@h/d#x", "%23"),
            ("postgres://%ff@h/d", "no UTF-8"),
        ] {
            let why = Address::parse(url).unwrap_err();
            assert!(why.contains(what), "{url}: {why}");
            assert!(!why.contains("hush"), "{url}: {why}");
        }
    }

    #[test]
    fn variables_that_would_change_what_a_url_says_are_found() {
        let environment = |name: &str| BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        let plain = address("postgres://u@h/d");
        let with_roots = address("postgres://u@h/d?sslrootcert=/ca.pem");
        for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
            assert_eq!(plain.meddling(&environment(name)), Some(name));
        }
        assert_eq!(plain.meddling(&environment(ROOTS)), Some(ROOTS));
        assert_eq!(with_roots.meddling(&environment(ROOTS)), None);
        assert_eq!(plain.meddling(&environment("PGHOST")), None);
    }
}
