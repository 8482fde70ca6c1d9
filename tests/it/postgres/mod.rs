//! PostgreSQL for tests: a server, and a database for each test.
//!
//! `DCS_WAIT_TEST_POSTGRES` names a server that is there already, as `tests/run` starts one; else each
//! process that needs one starts its own.

mod proxy;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use dcs_wait::store::{PostgresPlan, PostgresStore, SharedStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;

pub(crate) use self::proxy::Proxy;

/// What names a server that is there already.
const VARIABLE: &str = "DCS_WAIT_TEST_POSTGRES";

/// A lease that doesn't end by itself in a test.
const LEASE: Duration = Duration::from_secs(30);

/// The server that tests of this process use.
static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// A server, stopped when it is dropped where it was started here.
pub(crate) struct Server {
    url: String,
    directory: Option<TempDir>,
}

impl Server {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(server) = shared.upgrade() {
            return server;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "it says where tests find a server"
        )]
        let named = std::env::var(VARIABLE).ok();
        let server = Arc::new(match named {
            Some(url) => Self {
                url,
                directory: None,
            },
            None => Self::started(),
        });
        *shared = Arc::downgrade(&server);
        server
    }

    /// A server that a test may stop and start.
    pub(crate) fn private() -> Arc<Self> {
        Arc::new(Self::started())
    }

    /// One that encrypts, with a key and a certificate in PEM.
    pub(crate) fn private_with_tls(key: &str, certificate: &str) -> Arc<Self> {
        let server = Self::started();
        let data = server.directory().join("data");
        let owner = fs::metadata(&data).unwrap();
        let add = |name: &str, text: &str| {
            let path = data.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        };
        add("server.key", key);
        add("server.crt", certificate);
        add("postgresql.auto.conf", "ssl = on\n");
        server.crash();
        server.start();
        Arc::new(server)
    }

    fn started() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("dcs-wait-")
            .tempdir()
            .unwrap();
        let url = script("start", directory.path(), None);
        Self {
            url,
            directory: Some(directory),
        }
    }

    /// Starts it again, where it was before.
    pub(crate) fn start(&self) {
        script("start", self.directory(), None);
    }

    /// Stops it as a crash does.
    pub(crate) fn crash(&self) {
        script("stop", self.directory(), Some("immediate"));
    }

    /// Where its socket is.
    pub(crate) fn directory(&self) -> &Path {
        let directory = self.directory.as_ref();
        directory.expect("the server is this test's").path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            script("stop", directory.path(), Some("immediate"));
        }
    }
}

/// Has `tests/postgres` do something, and says what it answers.
fn script(command: &str, directory: &Path, mode: Option<&str>) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/postgres");
    let done = Command::new(script)
        .arg(command)
        .arg(directory)
        .args(mode)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() || command == "stop", "{said}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A database of a test's own, gone with this.
pub(crate) struct Database {
    server: Arc<Server>,
    name: String,
}

impl Database {
    pub(crate) async fn new() -> Self {
        Self::on(Server::shared()).await
    }

    pub(crate) async fn on(server: Arc<Server>) -> Self {
        let name = format!("test_{:016x}", fastrand::u64(..));
        let mut connection = connected(&server.url).await;
        change(&mut connection, &format!("CREATE DATABASE {name}")).await;
        connection.close().await.unwrap();
        Self { server, name }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's part of the URL: `HOST:PORT`.
    pub(crate) fn server(&self) -> &str {
        let url = self.server.url.strip_prefix("postgres://postgres@");
        url.unwrap().strip_suffix("/postgres").unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/{}", self.server(), self.name)
    }

    pub(crate) fn plan(&self, instance: &str) -> PostgresPlan {
        PostgresPlan {
            url: self.url(),
            password: None,
            instance: instance.to_owned(),
            lease: LEASE,
        }
    }

    /// A store on it that has joined nobody.
    pub(crate) async fn opened(&self) -> PostgresStore {
        PostgresStore::open(self.plan("one")).await.unwrap()
    }

    /// A store on it as an instance of that name.
    pub(crate) async fn joined(&self, instance: &str) -> PostgresStore {
        let store = PostgresStore::open(self.plan(instance)).await.unwrap();
        store.join().await.unwrap();
        store
    }

    /// A connection as somebody with another program has it.
    pub(crate) async fn connected(&self) -> PgConnection {
        connected(&self.url()).await
    }

    /// Changes it as somebody with another program does.
    pub(crate) async fn change(&self, sql: &str) {
        let mut connection = self.connected().await;
        change(&mut connection, sql).await;
        connection.close().await.unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, name) = (self.server.url.clone(), self.name.clone());
        // A runtime can't be waited for within another's thread. Where the server is gone, so is
        // the database.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let options: PgConnectOptions = url.parse().unwrap();
                if let Ok(mut connection) = options.connect().await {
                    let sql = format!("DROP DATABASE {name} WITH (FORCE)");
                    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
                    drop(sql.execute(&mut connection).await);
                }
            });
        });
        drop(dropping.join());
    }
}

async fn connected(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

pub(crate) async fn change(connection: &mut PgConnection, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    sql.execute(connection).await.unwrap();
}
