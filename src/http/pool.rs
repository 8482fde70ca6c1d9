//! Connections to one server that are kept for the next request.
//!
//! A connection has no task of its own: whoever has a request under way drives it, which saves two
//! trips between tasks for each request.

use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tower::ServiceExt;

use super::body::{Body, BodyError};
use super::descriptors::{ConnectionBudget, with_descriptor};
use super::trouble::{Peer, Stage};
use super::{MAX_BODY, Reply, Trouble};

/// How long a connection is kept at least that nobody uses; twice that at most.
const KEPT: Duration = Duration::from_secs(90);

/// How long a connection is quiet before the system looks whether its other end is still there.
const QUIET: Duration = Duration::from_secs(15);

type Question = Request<Empty<Bytes>>;

/// The connections to one server, and the way to make more. There are as many as requests under
/// way, and those that were needed in the last moments.
pub(super) struct Pool {
    /// Scheme, host and port.
    server: Uri,
    connector: HttpConnector,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    idle: Arc<Mutex<Idle>>,
    budget: Arc<ConnectionBudget>,
}

/// Connections that nobody uses.
#[derive(Default)]
pub(super) struct Idle {
    /// The one that was used last at the end, and since when.
    lines: Vec<(Line, Instant)>,
    /// Whether somebody looks after them.
    swept: bool,
}

impl Idle {
    /// Closes up to `most` connections, the least recently used first. Returns how many.
    pub(super) fn close_oldest(&mut self, most: usize) -> usize {
        let closed = most.min(self.lines.len());
        drop(self.lines.drain(..closed));
        closed
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool for the server of `server`. With TLS, where there is a configuration for it.
    pub(super) fn new(
        server: Uri,
        tls: Option<ClientConfig>,
        budget: Arc<ConnectionBudget>,
    ) -> Result<Self, InvalidDnsNameError> {
        let tls = match tls {
            Some(config) => {
                let host = server.host().unwrap_or_default();
                let name = ServerName::try_from(host.trim_matches(['[', ']']))?.to_owned();
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            None => None,
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(QUIET));
        connector.set_keepalive_interval(Some(QUIET));
        let idle = Arc::default();
        budget.add(&idle);
        Ok(Self {
            server,
            connector,
            tls,
            idle,
            budget,
        })
    }

    /// Waits until there is a connection, or may be another. Returns the permit for another.
    pub(super) async fn ready(&self) -> Option<OwnedSemaphorePermit> {
        if !lock(&self.idle).lines.is_empty() {
            return None;
        }
        match self.budget.try_acquire() {
            Some(permit) => Some(permit),
            // Rare, and large.
            None => Box::pin(self.budget.acquire()).await,
        }
    }

    /// Sends a request and reads the whole answer, however long that takes. A new connection takes the
    /// permit of [`ready`](Self::ready), or waits for one.
    pub(super) async fn send(
        &self,
        mut permit: Option<OwnedSemaphorePermit>,
        mut question: Question,
    ) -> Result<Reply, Trouble> {
        loop {
            let (mut line, is_new) = match self.kept() {
                Some(line) => (line, false),
                // Rare, and large.
                None => (Box::pin(self.connect(permit.take())).await?, true),
            };
            match line.exchange(question).await {
                Ok(reply) => {
                    self.keep(line);
                    return Ok(reply);
                }
                // The server closed it in this moment, and has seen nothing of the request.
                Err(Failure::Unsent(unsent, _)) if !is_new => question = *unsent,
                Err(Failure::Unsent(_, error)) => {
                    return Err(self.trouble(&error, Stage::Asking));
                }
                Err(Failure::Unanswered(error)) => {
                    return Err(self.trouble(&error, Stage::Asking));
                }
                Err(Failure::Cut(error)) => return Err(self.trouble(&error, Stage::Answering)),
                Err(Failure::Body(error)) => return Err(error.into()),
            }
        }
    }

    fn trouble(&self, error: &(dyn std::error::Error + 'static), stage: Stage) -> Trouble {
        let host = self.server.host().unwrap_or("the host");
        Trouble::of(error, stage, Peer::Server(host))
    }

    /// A connection that is open still.
    fn kept(&self) -> Option<Line> {
        loop {
            let (mut line, _) = lock(&self.idle).lines.pop()?;
            if line.is_ready() {
                return Some(line);
            }
        }
    }

    fn keep(&self, mut line: Line) {
        if !line.is_ready() {
            return;
        }
        let mut idle = lock(&self.idle);
        if self.budget.is_short() {
            return;
        }
        idle.lines.push((line, Instant::now()));
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
    }

    async fn connect(&self, permit: Option<OwnedSemaphorePermit>) -> Result<Line, Trouble> {
        let failed =
            |error: &(dyn std::error::Error + 'static)| self.trouble(error, Stage::Connecting);
        let permit = match permit {
            Some(permit) => Some(permit),
            None => self.budget.acquire().await,
        };
        let socket = with_descriptor(|| self.socket())
            .await
            .map_err(|error| failed(&error))?;
        let socket: Box<dyn Socket> = match &self.tls {
            None => Box::new(socket),
            Some((tls, name)) => {
                let greeted = tls.connect(name.clone(), socket).await;
                Box::new(greeted.map_err(|error| failed(&error))?)
            }
        };
        // Without a body there is one piece to write.
        let mut builder = http1::Builder::new();
        let line = builder.writev(false).handshake(TokioIo::new(socket)).await;
        let (sender, connection) = line.map_err(|error| failed(&error))?;
        Ok(Line {
            sender,
            connection: Some(connection),
            _permit: permit,
        })
    }

    async fn socket(&self) -> Result<TcpStream, impl Error + use<>> {
        let connecting = self.connector.clone().oneshot(self.server.clone());
        connecting.await.map(TokioIo::into_inner)
    }
}

/// Lets connections go that nobody has used for long, until there are none.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(KEPT).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        let used = |(_, since): &(Line, Instant)| since.elapsed() >= KEPT;
        let used = idle.lines.partition_point(used);
        drop(idle.lines.drain(..used));
        if idle.lines.is_empty() {
            idle.swept = false;
            return;
        }
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

type Io = TokioIo<Box<dyn Socket>>;

/// An open connection.
struct Line {
    sender: SendRequest<Empty<Bytes>>,
    /// None once it has ended: with it goes what it was still asked for, and whoever asked hears of that.
    connection: Option<Connection<Io, Empty<Bytes>>>,
    /// Returned after the connection is closed.
    _permit: Option<OwnedSemaphorePermit>,
}

/// Why there is no whole answer.
enum Failure {
    /// The connection had ended before. Nothing of the request was sent.
    Unsent(Box<Question>, hyper::Error),
    Unanswered(hyper::Error),
    /// It ended within the answer.
    Cut(hyper::Error),
    Body(BodyError),
}

impl Line {
    /// Whether a request can be sent, as far as is known without waiting.
    fn is_ready(&mut self) -> bool {
        // Nobody is to be woken by what happens to it while nobody uses it.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Has the connection do what it can.
    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            // What it ended with is told to whoever waits for an answer.
            self.connection = None;
        }
    }

    async fn exchange(&mut self, question: Question) -> Result<Reply, Failure> {
        let response = self.sender.try_send_request(question);
        // Unconstrained, as it waits for nothing but the connection, whose own budget counts.
        let mut reply = pin!(unconstrained(async {
            let response = response
                .await
                .map_err(|mut error| match error.take_message() {
                    Some(question) => Failure::Unsent(Box::new(question), error.into_error()),
                    None => Failure::Unanswered(error.into_error()),
                });
            whole(response?).await
        }));
        poll_fn(|context| {
            self.drive(context);
            // Its waker is of no use: whatever it waits for comes of the connection, and that was
            // polled a moment ago.
            reply.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }
}

/// All of an answer.
async fn whole(response: Response<Incoming>) -> Result<Reply, Failure> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Body::new(&head.headers, MAX_BODY);
    while let Some(frame) = incoming.frame().await {
        if let Ok(piece) = frame.map_err(Failure::Cut)?.into_data() {
            body.push(&piece).map_err(Failure::Body)?;
        }
    }
    body.finish(head.status.as_u16(), head.headers)
        .map_err(Failure::Body)
}

#[cfg(test)]
mod tests;
