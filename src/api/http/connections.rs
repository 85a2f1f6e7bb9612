//! Accepts connections within limits, serves them as HTTP/1.1 or HTTP/2, and closes idle ones.
//!
//! A client that sends nothing, sends slowly or does not read its answers costs no more than its connection: the server
//! closes it after a while, or earlier if another connection needs its place.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;

use crate::api::http::auth::{KeysTaken, UnderWay};
use crate::api::http::connections::places::{Answering, Place, Places};
use crate::api::http::connections::seldom::Seldom;
use crate::api::http::proxies::Proxies;
use crate::api::http::tls::Tls;
use crate::clock::Clock;

pub mod places;
mod seldom;

/// The time that requests in flight have to end when the server stops: longer than all but the slowest bodies take.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// The pause after a failure of the machine, such as too many open files: an immediate retry would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// File descriptors that are reserved for everything but connections: databases, images, callbacks, files.
const FILES_RESERVED: u64 = 256;
/// The least number of connections, even if fewer files may be open.
const CONNECTIONS_LEAST: u64 = 16;
/// The longest head, and the most bytes of a body that are read at once.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// HTTP/2: requests in flight on one connection.
const STREAMS_MAX: u32 = 64;
/// HTTP/2: the most requests that a client may reset before they begin, and the most faults of the client; beyond
/// either, the connection is closed.
const RESETS_MAX: usize = 20;
/// HTTP/2: the longest list of headers.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// HTTP/2: the interval of the pings that detect a client whose machine is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The operator's settings for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most connections in all.
    pub connections_max: usize,
    /// The most connections of one client address; with IPv6, of one /64 network.
    pub per_address_max: usize,
    /// These addresses have no limit of their own.
    pub proxies: Proxies,
    /// The time for the head of the first request, from the start of the connection.
    pub head: Duration,
    /// The time without a request after which a connection is closed; also the time that a write may wait for the
    /// client to read.
    pub idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let (head, idle) = (Duration::from_secs(10), Duration::from_secs(75));
        Self { connections_max: 4096, per_address_max: 512, proxies: Proxies::default(), head, idle }
    }
}

/// Raises the limit of open files as far as the system allows, and lowers `connections_max` to what that limit leaves.
pub fn fit_to_files(settings: Settings) -> Settings {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files is unknown");
        u64::MAX
    });
    let room = files.saturating_sub(FILES_RESERVED).max(CONNECTIONS_LEAST);
    let connections_max = usize::try_from(room).unwrap_or(usize::MAX).min(settings.connections_max);
    if connections_max < settings.connections_max {
        tracing::warn!(files, connections_max, "the hard limit of open files allows fewer connections than configured");
    }
    Settings { connections_max, ..settings }
}

/// Serves `listener`, over `tls` if it is given, until `stop` is ready. Requests in flight then have [`STOP_PATIENCE`]
/// to end.
pub async fn serve(
    endpoint: impl Endpoint<Output = Response> + 'static,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    places: Places,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let local = LocalAddr(listener.local_addr()?.into());
    let (endpoint, mut refusals) = (Arc::new(endpoint), Seldom::default());
    let (stopping, stopped) = watch::channel(false);
    let (mut connections, mut stop, mut accepting) =
        (JoinSet::new(), pin!(stop), Accepting::new(listener, places.clock()));
    loop {
        tokio::select! {
            () = &mut stop => break,
            stream = accepting.next() => {
                let Ok(address) = stream.peer_addr() else { continue };
                let Some(place) = places.take(address.ip()) else {
                    if let Some(times) = refusals.say(places.clock().monotonic()) {
                        tracing::warn!(address = %address.ip(), times, "a connection was refused, because all connections are busy");
                    }
                    continue;
                };
                let (endpoint, addresses) = (endpoint.clone(), (local.clone(), RemoteAddr(address.into())));
                connections.spawn(talk(stream, tls.clone(), addresses, endpoint, place, stopped.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(accepting);
    stopping.send_replace(true);
    let ended = timeout(STOP_PATIENCE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(connections = connections.len(), "the server stops and aborts the requests in flight");
    }
    Ok(())
}

/// Accepts connections from a listener, and continues after every failure.
struct Accepting {
    listener: TcpListener,
    clock: Clock,
    failures: Seldom,
}

impl Accepting {
    fn new(listener: TcpListener, clock: &Clock) -> Self {
        Self { listener, clock: clock.clone(), failures: Seldom::default() }
    }

    async fn next(&mut self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    if let Some(times) = self.failures.say(self.clock.monotonic()) {
                        tracing::error!(%error, times, "a connection could not be accepted");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// True for a fault of the one connection that was being accepted, rather than of the machine.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A client's stream, which fails if the client does not read what is written.
type Patient = Pin<Box<TimeoutStream<TcpStream>>>;

/// The properties of a connection that its requests know.
#[derive(Clone)]
struct Ends {
    local: LocalAddr,
    remote: RemoteAddr,
    scheme: Scheme,
    keys: KeysTaken,
}

/// Serves one connection until its client closes it, another connection needs its place, or the server stops.
async fn talk<E: Endpoint<Output = Response> + 'static>(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    (local, remote): (LocalAddr, RemoteAddr),
    endpoint: Arc<E>,
    place: Place,
    stopped: watch::Receiver<bool>,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(place.idle()));
    let stream: Patient = Box::pin(stream);
    let Some(tls) = tls else {
        let ends = Ends { local, remote, scheme: Scheme::HTTP, keys: KeysTaken(true) };
        return converse(stream, ends, endpoint, place, stopped).await;
    };
    let Some(stream) = shake_hands(&tls, stream, &place, stopped.clone()).await else { return };
    let has_certificate = stream.get_ref().1.peer_certificates().is_some();
    let keys = KeysTaken(has_certificate || !tls.keys_need_certificate());
    converse(stream, Ends { local, remote, scheme: Scheme::HTTPS, keys }, endpoint, place, stopped).await;
}

/// Returns the encrypted stream; `None` if the client does not complete the handshake in time.
async fn shake_hands(
    tls: &Tls,
    stream: Patient,
    place: &Place,
    mut stopped: watch::Receiver<bool>,
) -> Option<TlsStream<Patient>> {
    tokio::select! {
        accepted = tls.acceptor().accept(stream) => {
            accepted.inspect_err(|error| tracing::debug!(%error, "a TLS handshake failed")).ok()
        }
        () = place.ended() => None,
        _ = stopped.wait_for(|stopped| *stopped) => None,
    }
}

async fn converse<E: Endpoint<Output = Response> + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ends: Ends,
    endpoint: Arc<E>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (endpoint, answering) = (endpoint.clone(), place.answering());
        let Ends { local, remote, scheme, keys } = ends.clone();
        let mut request = Request::from((request, local, remote, scheme));
        request.set_data(keys);
        async move {
            let mut response = endpoint.get_response(request).await;
            let under_way = response.extensions_mut().remove::<UnderWay>();
            let response: hyper::Response<_> = response.into();
            Ok::<_, Infallible>(response.map(|body| Answer { body, _until_sent: (answering, under_way) }))
        }
    });
    let http = http();
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // An error here is the client's fault, and nobody needs to know it.
            _ = connection.as_mut() => return,
            () = place.ended() => return,
            _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // The place enforces the time limits.
    http.http1().header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .keep_alive_interval(PING_EVERY);
    http
}

/// The body of a response. Its request stays in flight while the body is sent.
struct Answer<B> {
    body: B,
    _until_sent: (Answering, Option<UnderWay>),
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
