//! Connections: accepted up to a limit, served with patience, let go in the end.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use axum::{Router, serve::ListenerExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::accept::TcpAddress;
use super::door::{Token, admit};
use super::listen::Listeners;
use super::patient::Patient;
use super::problem::Problem;
use super::{App, ServerParts, Shared, description};

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How many batches of watches are read and accepted at once.
const BATCHES: usize = 4;
/// How much of what nobody reads is taken in before a connection is closed, and for how long: a
/// connection that is closed before loses its last answer.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 256 * 1024);

impl Listeners {
    /// Serves until `stop`, then answers what was asked before, for `request_timeout` at most; ends
    /// event streams; and removes the socket file.
    pub async fn serve(self, parts: ServerParts, stop: CancellationToken) {
        let Self { unix, tcp } = self;
        // The file goes when all have their answers.
        let file = unix.file();
        let most = parts.max_connections.max(1);
        let patience = parts.request_timeout;
        let (routes, description) = description::routes();
        let all = Arc::new(Semaphore::new(most));
        let app: App = Arc::new(Shared {
            engine: parts.engine,
            since: parts.clock.now(),
            metrics: parts.metrics,
            clock: parts.clock,
            events: parts.events,
            draining: parts.draining,
            stop: stop.clone(),
            streams: Arc::new(Semaphore::new((most / 2).max(1))),
            batches: Arc::new(Semaphore::new(BATCHES)),
            seats: Arc::clone(&all),
            most,
            description: description.into(),
        });
        let router = routes
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .with_state(app);
        // Whatever is left when this future ends is cut off with it.
        let cut = CancellationToken::new();
        let _cut = cut.clone().drop_guard();
        let hall = Hall {
            router,
            patience,
            stop: stop.clone(),
            cut: cut.clone(),
            guests: TaskTracker::new(),
        };
        let strangers = tcp.map(|(listener, token)| {
            // Whoever floods the TCP address can't shut out those on the socket.
            let seats = [Arc::new(Semaphore::new(most - most / 4)), Arc::clone(&all)];
            let listener = TcpAddress(listener).tap_io(|socket| {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "answers may be delayed");
                }
            });
            hall.accept(listener, Some(token), seats.into())
        });
        let friends = hall.accept(unix, None, vec![all]);
        match strangers {
            Some(strangers) => _ = tokio::join!(friends, strangers),
            None => friends.await,
        }
        hall.guests.close();
        if timeout(patience, hall.guests.wait()).await.is_err() {
            tracing::warn!("connections are cut off that didn't end in time");
            cut.cancel();
            hall.guests.wait().await;
        }
        drop(file);
    }
}

/// Where all connections are served.
struct Hall {
    router: Router,
    patience: Duration,
    /// No more of them, and no more requests.
    stop: CancellationToken,
    /// Not even those.
    cut: CancellationToken,
    guests: TaskTracker,
}

impl Hall {
    /// Accepts connections until it is time to stop. Each takes a seat of each kind; while there is
    /// none, the next one is held and the others wait in the system's queue.
    async fn accept<L>(&self, mut listener: L, token: Option<Token>, seats: Vec<Arc<Semaphore>>)
    where
        L: Listener<Io: Unpin>,
    {
        let token = token.map(Arc::new);
        let accepting = async {
            loop {
                let (socket, _) = listener.accept().await;
                let mut taken = Vec::with_capacity(seats.len());
                for seats in &seats {
                    // They are never closed.
                    taken.extend(Arc::clone(seats).acquire_owned().await.ok());
                }
                let guest = Guest {
                    router: self.router.clone(),
                    token: token.clone(),
                    patience: self.patience,
                };
                let (stop, cut) = (self.stop.clone(), self.cut.clone());
                self.guests.spawn(async move {
                    cut.run_until_cancelled(converse(socket, guest, stop)).await;
                    drop(taken);
                });
            }
        };
        self.stop.run_until_cancelled(accepting).await;
    }
}

/// Part of each request: cancelled once its client sends nothing more. It may be gone, or wait for the
/// answer.
#[derive(Debug, Clone)]
pub(super) struct HalfClosed(pub(super) CancellationToken);

/// What a connection's requests are answered with.
struct Guest {
    router: Router,
    token: Option<Arc<Token>>,
    patience: Duration,
}

/// Serves a connection to its end.
async fn converse<S>(socket: S, guest: Guest, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let patience = guest.patience;
    let guest = Arc::new(guest);
    let socket = Patient::new(socket, patience);
    let half_closed = HalfClosed(socket.half_closed());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let guest = Arc::clone(&guest);
        request.extensions_mut().insert(half_closed.clone());
        Box::pin(async move { Ok::<_, Infallible>(guest.answer(request).await) })
    });
    let io = TokioIo::new(socket);
    // The time for a head runs from the end of the answer before: it ends idle connections too.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A client that sends nothing more may still wait for its answer.
        .half_close(true)
        .header_read_timeout(patience)
        .max_buf_size(MAX_HEAD)
        .serve_connection(io, service);
    let mut stopping = pin!(stop.cancelled());
    let mut is_stopping = false;
    let ended = loop {
        let serving = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx));
        tokio::select! {
            biased;
            ended = serving => break ended,
            () = &mut stopping, if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
        return;
    }
    let socket = connection.into_parts().io.into_inner();
    if let Err(error) = linger(socket).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Closes a connection so that its last answer arrives, even where it came before all was read that
/// was asked.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) -> io::Result<()> {
    socket.shutdown().await?;
    let (time, bytes) = LINGER;
    let mut rest = socket.take(bytes);
    let drained = timeout(time, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    drained.map_or(Ok(()), |result| result.map(drop))
}

impl Guest {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let begun = Instant::now();
        let response = match admit(self.token.as_deref(), &request) {
            Ok(()) => self.route(request.map(Body::new)).await,
            Err(problem) => problem.into_response(),
        };
        tracing::debug!(
            %method,
            ?path,
            status = response.status().as_u16(),
            took_ms = crate::forms::millis(begun.elapsed()),
            "asked"
        );
        response
    }

    async fn route(&self, request: Request<Body>) -> Response {
        let routed = caught(self.router.clone().oneshot(request));
        match timeout(self.patience, routed).await {
            Ok(Some(Ok(response))) => response,
            Ok(Some(Err(never))) => match never {},
            Ok(None) => panicked().into_response(),
            Err(_) => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the request didn't come in, or couldn't be answered, in time; what it asks may \
                 have been done",
            )
            .into_response(),
        }
    }
}

/// Has the work done to its end, even where whoever asked is gone before: half of it would be a watch
/// that is kept and not polled.
pub(super) async fn whole<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    let work = tokio::spawn(work).await;
    work.map_err(|error| {
        tracing::error!(%error, "a request made the daemon panic; it goes on");
        panicked()
    })
}

fn panicked() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "a fault of the daemon: its log has the rest",
    )
}

/// The future's output, or nothing where it panicked.
async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx: &mut Context<'_>| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => {
                tracing::error!("a request made the daemon panic; it goes on");
                Poll::Ready(None)
            }
        }
    })
    .await
}

async fn no_such_path() -> Problem {
    Problem::unknown(
        "no_such_path",
        "there is nothing at this path; /openapi.json describes what there is",
    )
}

async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path has no such method; the header Allow names those that it has",
    )
}
