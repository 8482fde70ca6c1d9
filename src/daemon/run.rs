//! The daemon's life: configured, running, draining.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::http::{ListenError, Listeners, ServerParts};
use super::journal;
use super::logging::Logging;
use super::metrics::Metrics;
use super::reload::applicable;
use super::sessions::{SessionError, Sessions};
use super::stores::Opened;
use super::{care, notify, orders, process};
use crate::api::HoldBook;
use crate::clock::{Clock, SaturatingAdd as _, SystemClock};
use crate::config::{Config, ConfigErrors};
use crate::engine::{Engine, Parts, Retries, Setup};
use crate::environment::{Environment, ProcessEnvironment};

use crate::hooks::{self, ExitRequest, HookError, Tools};
use crate::http::server_connections;
use crate::secret::{SecretFileError, read_secret_file};
use crate::store::StoreError;
use crate::system_error::is_temporary;

/// What a daemon starts from.
pub struct Start {
    /// The configuration file, which is read again for every reload.
    pub config: PathBuf,
    /// Where credentials may come from.
    pub environment: Arc<dyn Environment>,
    /// Where jobs are asked for.
    pub polling: Handle,
}

/// What a running daemon is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To read its configuration anew.
    Reload,
    /// To drain and end.
    Stop,
}

/// Why a daemon ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    AsAsked,
    /// An exit hook fired, with this code.
    ByHook(u8),
}

/// Why a daemon can't start, or can't take a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A project can't be asked, and waiting won't change that.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A hook can't be used as it is configured.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The token can't be read.
    #[error("http.token_file: {0}")]
    Token(SecretFileError),
    /// The database's password can't be read.
    #[error("store.password_file: {0}")]
    Password(SecretFileError),
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no listening there.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl DaemonError {
    /// Whether the same start may succeed later, without a change to the configuration.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Config(errors) => errors.is_temporary(),
            // A project that can't be asked now doesn't end a start.
            Self::Session(_) => false,
            Self::Hook(error) => error.is_temporary(),
            Self::Store(error) => matches!(error, StoreError::NotNow { .. }),
            Self::Token(error) | Self::Password(error) => error.is_temporary(),
            Self::Listen(ListenError::Socket { source, .. } | ListenError::Tcp { source, .. }) => {
                is_temporary(source)
            }
            Self::Listen(_) => false,
        }
    }
}

/// Runs a daemon to its end: from the configuration until it has drained. Whoever asks for a stop
/// again, and wants it at once, drops the future with its runtime.
///
/// # Errors
/// When it can't start.
pub async fn run(start: Start, mut asked: UnboundedReceiver<Asked>) -> Result<Ended, DaemonError> {
    let mut again = false;
    let mut running = {
        let starting = Running::start(start);
        tokio::pin!(starting);
        loop {
            tokio::select! {
                running = &mut starting => break running?,
                what = asked.recv() => match what {
                    Some(Asked::Reload) => again = true,
                    Some(Asked::Stop) | None => return Ok(Ended::AsAsked),
                },
            }
        }
    };
    if again {
        running.reload().await;
    }
    let why = loop {
        tokio::select! {
            what = asked.recv() => match what {
                Some(Asked::Reload) => running.reload().await,
                Some(Asked::Stop) | None => break Why::Asked,
            },
            Some(request) = running.exits.recv() => break Why::Hook(request),
        }
    };
    Ok(running.drain(why).await)
}

/// The time to send answers that are ready when the daemon ends.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// Why a daemon is to end.
enum Why {
    Asked,
    Hook(ExitRequest),
}

/// A daemon that watches and answers.
struct Running {
    start: Start,
    config: Config,
    logging: Logging,
    sessions: Sessions,
    store: Opened,
    engine: Engine,
    retention: watch::Sender<Duration>,
    exits: UnboundedReceiver<ExitRequest>,
    tools: Tools,
    draining: CancellationToken,
    closing: CancellationToken,
    server: JoinHandle<()>,
    care: JoinSet<()>,
}

impl Running {
    /// From the configuration to ready.
    async fn start(start: Start) -> Result<Self, DaemonError> {
        process::prepare();
        let environment = start.environment.as_ref();
        let config = Config::load(&start.config, environment)?;
        let logging = Logging::start(config.daemon.log, config.daemon.log_level, environment);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %start.config.display(), "starting");

        let metrics = Arc::new(Metrics::default());
        metrics.count_dropped_lines_of(logging.writer());
        let (requests, exits) = unbounded_channel();
        let tools = Tools {
            exits: requests,
            variables: ProcessEnvironment::inherited(),
        };
        // The store first: it knows which credentials are not to be sent yet.
        let store = Opened::open(&config.store.place).await?;
        let (changes, hold_changes) = unbounded_channel();
        let holds = store.store().holds().await?;
        let book = HoldBook::restore(holds, SystemClock.now(), changes);
        let sessions = Sessions::new(Arc::clone(&start.environment), metrics.clone());
        let mut sessions = sessions.keeping(Arc::new(book));
        let setup = match setup(&config, &mut sessions, &tools).await {
            Ok(setup) => setup,
            Err(error) => {
                store.close().await;
                return Err(error);
            }
        };
        let membership = store.membership();
        let clock: Arc<dyn Clock> = match &membership {
            Some(membership) => membership.clock.clone(),
            None => Arc::new(SystemClock),
        };
        let listeners = listen(&config).await?;

        let events = broadcast::Sender::new(journal::BACKLOG);
        let engine = Engine::start(Parts {
            store: store.store(),
            membership,
            clock: Arc::clone(&clock),
            meter: metrics.clone(),
            teller: journal::teller(events.clone()),
            retries: retries(),
            seed: fastrand::u64(..),
            polling: start.polling.clone(),
        });
        engine.configure(setup);
        let (watches, deliveries) = engine.restore().await?;
        orders::accept(&engine, &config.watches).await;

        let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
        let parts = ServerParts {
            engine: engine.clone(),
            metrics,
            clock: Arc::clone(&clock),
            events,
            draining: draining.clone(),
            max_connections: max_connections(config.http.max_connections),
            request_timeout: config.http.request_timeout,
        };
        let server = tokio::spawn(listeners.serve(parts, closing.clone()));
        let (retention, kept) = watch::channel(config.store.retention);
        let mut care = JoinSet::new();
        care.spawn(care::prune(engine.clone(), Arc::clone(&clock), kept));
        care.spawn(care::look(engine.clone()));
        care.spawn(care::keep_holds(engine.clone(), hold_changes));
        care.spawn(care::keep_time(engine.clone()));
        if let Some(within) = notify::watchdog() {
            care.spawn(care::show_life(engine.clone(), within));
        }
        notify::ready();
        tracing::info!(watches, deliveries, socket = %config.http.socket.display(), "ready");
        Ok(Self {
            start,
            config,
            logging,
            sessions,
            store,
            engine,
            retention,
            exits,
            tools,
            draining,
            closing,
            server,
            care,
        })
    }

    /// Applies what is new in the configuration, all of it or nothing.
    async fn reload(&mut self) {
        notify::reloading();
        match self.try_reload().await {
            Ok(kept) => {
                for key in kept {
                    tracing::warn!(key, "this key changes with the next start only");
                }
                tracing::info!(config = %self.start.config.display(), "reloaded");
            }
            Err(error) => {
                for line in error.to_string().lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("not reloaded; the daemon goes on as it was configured before");
            }
        }
        notify::ready();
    }

    async fn try_reload(&mut self) -> Result<Vec<&'static str>, DaemonError> {
        let config = Config::load(&self.start.config, self.start.environment.as_ref())?;
        let (config, kept) = applicable(&self.config, config);
        // Services are asked again after a reload.
        self.sessions.lift();
        let mut sessions = self.sessions.clone();
        let setup = setup(&config, &mut sessions, &self.tools).await?;
        self.logging.set_level(config.daemon.log_level);
        self.sessions = sessions;
        self.engine.configure(setup);
        self.engine.lift_holds();
        self.retention.send_replace(config.store.retention);
        orders::accept(&self.engine, &config.watches).await;
        self.config = config;
        Ok(kept)
    }

    /// Polls no more, ends what is under way, and stores what is to be stored.
    async fn drain(mut self, why: Why) -> Ended {
        let within = self.config.daemon.drain_timeout;
        let end = Instant::now().saturating_add(within);
        notify::stopping(within, self.config.http.request_timeout);
        self.care.shutdown().await;
        self.draining.cancel();
        drop(timeout(within, self.engine.stop_polling()).await);
        let ended = match why {
            Why::Asked => {
                tracing::info!("stopping");
                Ended::AsAsked
            }
            Why::Hook(request) => {
                let (watch_id, code) = (request.watch_id, request.code);
                tracing::info!(%watch_id, code, "stopping, as an exit hook says");
                if timeout(within, self.engine.settled(watch_id))
                    .await
                    .is_err()
                {
                    tracing::warn!(%watch_id, "not all of this watch's deliveries arrived in time; the next start goes on with them");
                }
                Ended::ByHook(code)
            }
        };
        let left = end.duration_since(Instant::now());
        let is_stored = self.engine.stop(left).await;
        self.closing.cancel();
        // A request that waits for a store that hangs isn't answered in its own time either.
        let answering = match is_stored {
            true => self
                .config
                .http
                .request_timeout
                .saturating_add(ANSWER_MARGIN),
            false => ANSWER_MARGIN,
        };
        match timeout(answering, &mut self.server).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the control API's server failed"),
            Err(_) => {
                // With it goes the socket's file.
                self.server.abort();
                drop(self.server.await);
            }
        }
        if timeout(notify::CLOSE_MARGIN, self.store.close())
            .await
            .is_err()
        {
            tracing::warn!("the store couldn't be closed in time; what was stored is kept");
        }
        tracing::info!("stopped");
        notify::flush().await;
        ended
    }
}

/// As the Standard Webhooks convention has it.
fn retries() -> Retries {
    const HOUR: u64 = 3600;
    let after = [5, 5 * 60, 30 * 60, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
    Retries {
        after: after.map(Duration::from_secs).to_vec(),
        jitter: 0.1,
        honors_retry_after: true,
    }
}

/// The projects and hooks of a configuration, all of them usable.
async fn setup(
    config: &Config,
    sessions: &mut Sessions,
    tools: &Tools,
) -> Result<Setup, DaemonError> {
    let hooks = config.hooks.iter().map(|spec| hooks::make(spec, tools));
    let hooks = hooks.collect::<Result<_, _>>()?;
    let projects = sessions.of(config).await?;
    Ok(Setup { projects, hooks })
}

/// How many connections the control API accepts, so that descriptors are left for everything else.
fn max_connections(configured: usize) -> usize {
    let limit = server_connections();
    if limit < configured {
        tracing::warn!(
            limit,
            configured,
            "[http] max_connections is more than the limit of open files allows; raise that limit (LimitNOFILE, ulimit -n)"
        );
    }
    configured.min(limit)
}

async fn listen(config: &Config) -> Result<Listeners, DaemonError> {
    let tcp = match (config.http.listen, &config.http.token_file) {
        (Some(address), Some(path)) => {
            let token = read_secret_file(path).map_err(DaemonError::Token)?;
            Some((address, token))
        }
        _ => None,
    };
    Ok(Listeners::bind(config.http.socket.clone(), tcp).await?)
}
