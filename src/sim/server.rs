//! The socket: connections, TLS, and the faults that need the connection itself.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::service::{Cut, SeenRequest, Service};
use super::{ScriptedJob, SimOptions, tls};

/// How long accepting rests after a failure, such as too many open files.
const REST: Duration = Duration::from_millis(50);

/// Why a simulator can't start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address can't be listened on.
    #[error("can't listen on {address}; choose another address, or port 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key can't be used.
    #[error(
        "can't serve TLS with {path}: {why}; give PEM files with a certificate and its key",
        path = path.display()
    )]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A simulated DCS job API that is running. Dropping it stops it.
pub struct Simulator {
    address: SocketAddr,
    scheme: &'static str,
    service: Arc<Service>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Simulator {
    /// Starts to serve on an address; port 0 is any free port.
    ///
    /// # Errors
    /// When the address can't be listened on, or the certificate can't be used.
    pub async fn start(listen: SocketAddr, options: SimOptions) -> Result<Self, SimError> {
        let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let cant_listen = |source| SimError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(cant_listen)?;
        let simulator = Self {
            address: listener.local_addr().map_err(cant_listen)?,
            scheme: if tls.is_some() { "https" } else { "http" },
            service: Arc::new(Service::new(options)),
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let accepting = accept(
            listener,
            tls,
            Arc::clone(&simulator.service),
            simulator.stop.clone(),
            simulator.connections.clone(),
        );
        simulator.connections.spawn(accepting);
        Ok(simulator)
    }

    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give to clients as the endpoint, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Adds a job, or begins it anew with another script.
    pub fn script(&self, job: ScriptedJob) {
        self.service.script(job);
    }

    /// The requests that have come in, oldest first: as many as are remembered.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.service.seen()
    }

    /// Closes all connections at once, and returns when they are closed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let serving = greet(socket, tls.clone(), Arc::clone(&service));
        let stop = stop.clone();
        connections.spawn(async move { stop.run_until_cancelled(serving).await });
    }
}

async fn greet(socket: TcpStream, tls: Option<TlsAcceptor>, service: Arc<Service>) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "answers may be delayed");
    }
    match tls {
        None => serve(socket, service).await,
        Some(tls) => match tls.accept(socket).await {
            Ok(socket) => serve(socket, service).await,
            Err(error) => tracing::debug!(%error, "a client broke off the TLS handshake"),
        },
    }
}

/// Serves a connection until its end, which is a reset where an answer is one.
async fn serve<S: Socket>(socket: S, service: Arc<Service>) {
    let mut connection = http1::Builder::new()
        .title_case_headers(true)
        // A client that sends nothing more may still wait for its answer.
        .half_close(true)
        .serve_connection(
            TokioIo::new(socket),
            service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { service.answer(request).await }
            }),
        );
    let Err(error) = (&mut connection).await else {
        return;
    };
    let cut = error.source().and_then(|source| source.downcast_ref());
    if cut == Some(&Cut::Reset) {
        let socket = connection.into_parts().io.into_inner();
        // Without a linger time, closing sends RST.
        if let Err(error) = socket.tcp().set_zero_linger() {
            tracing::debug!(%error, "a connection is closed that should have been reset");
        }
    }
}

/// A connection, plain or under TLS.
trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}
