//! The live view: a page, a motion JPEG, a snapshot and the events, over HTTP.
//!
//! **Invariant.** Nobody who watches can hold anything up: the sink copies a frame into one slot and goes on, the
//! encoder takes the newest and encodes it once for all, and each client takes the newest picture when its socket
//! has taken the one before. A client that never reads costs its socket buffer and one picture. Without a watcher
//! nothing is copied and nothing encoded. What a page of another site asks for is refused: see [`gate`].
//!
//! There is no password and no TLS here: the address that it listens on is who may see it. Frames come masked or
//! not, as they are; what is in them was settled before.

mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod pictures;
mod pieces;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use self::events::Told;
use self::gate::Gate;
use self::pictures::Pictures;
use super::{EmitError, Sink};
use crate::event::Event;
use crate::hatch::ReceivedFrame;

/// The live view of redacted frames and events. Dropping it closes all connections and ends its two threads.
///
/// | path | what |
/// |---|---|
/// | `/` | the page: picture, state, health, recent events |
/// | `/stream.mjpg` | `multipart/x-mixed-replace` of JPEGs, at the pace of whoever reads |
/// | `/snapshot.jpg` | the next frame; 503 when none comes within two seconds |
/// | `/events` | server-sent events: `motion`, `health`, `fault` and `policy` with the JSON of [`Event`] as data; `view` when the picture becomes live, masked or missing; `missed` with the number of events that a slow reader lost |
///
/// Another path is 404, another method 405, a request from another site 403 with the reason, and 503 is for whoever
/// comes when as many watch as may.
pub struct LiveView {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Dropped to end the server.
    alive: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    encoder: Option<JoinHandle<()>>,
}

/// What sink, encoder and server share.
struct Shared {
    pictures: Pictures,
    told: Told,
    gate: Gate,
    limits: Limits,
    streams: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
}

/// How much of it all there may be.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Open connections; whoever comes later waits to be accepted.
    connections: usize,
    /// Readers of `/stream.mjpg`.
    streams: usize,
    /// Readers of `/events`.
    listeners: usize,
    /// Events that wait for a slow reader; older ones are missed.
    backlog: usize,
    /// From accepting a connection to the end of the request's headers.
    request: Duration,
    /// Bytes of a request.
    request_bytes: usize,
    /// How long a client may take nothing at all while something waits for it.
    stalled: Duration,
    /// How long a snapshot waits for a frame.
    snapshot: Duration,
    /// Time between two signs of life on `/events`.
    keep_alive: Duration,
}

const LIMITS: Limits = Limits {
    connections: 64,
    streams: 16,
    listeners: 16,
    backlog: 64,
    request: Duration::from_secs(10),
    request_bytes: 16 * 1024,
    stalled: Duration::from_secs(30),
    snapshot: Duration::from_secs(2),
    keep_alive: Duration::from_secs(15),
};

impl LiveView {
    /// Listens on `address` at once; port 0 takes a free one, which [`LiveView::local_addr`] tells.
    ///
    /// An address that is not loopback was named by the owner, and is taken with a warning in the log: whoever
    /// reaches it sees the live view. The page is then asked for by address, not by name: `http://192.168.1.20:8080/`.
    ///
    /// # Errors
    /// [`EmitError::Listen`] when the port is in use, needs root, or the address is not this machine's.
    pub fn open(address: SocketAddr) -> Result<Self, EmitError> {
        Self::serve(TcpListener::bind(address).map_err(|source| refused(address, source))?)
    }

    /// Takes over a socket that listens already, which may have been opened by another process.
    ///
    /// # Errors
    /// When the system gives no thread, or the socket does not listen.
    pub fn serve(listener: TcpListener) -> Result<Self, EmitError> {
        Self::start(listener, LIMITS)
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How many clients wait for pictures now: streams and snapshots.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.shared.pictures.watchers()
    }

    /// How many frames have been encoded: none while nobody watches, one for all who do.
    #[must_use]
    pub fn encoded(&self) -> u64 {
        self.shared.pictures.encoded()
    }

    fn start(listener: TcpListener, limits: Limits) -> Result<Self, EmitError> {
        let start = |source| EmitError::Start { what: "the live view", source };
        let address = listener.local_addr().map_err(start)?;
        listener.set_nonblocking(true).map_err(start)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(start)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(start)?
        };
        if !address.ip().to_canonical().is_loopback() {
            tracing::warn!(
                "{address}: the live view has no password and no TLS; whoever reaches this address sees it, and can \
                 change it on its way"
            );
        }
        let shared = Arc::new(Shared {
            pictures: Pictures::default(),
            told: Told::new(limits.backlog),
            gate: Gate::new(address),
            limits,
            streams: Arc::new(Semaphore::new(limits.streams)),
            listeners: Arc::new(Semaphore::new(limits.listeners)),
        });
        let (alive, ended) = oneshot::channel();
        let mut view = Self { shared: Arc::clone(&shared), address, alive: Some(alive), server: None, encoder: None };
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let for_encoder = Arc::clone(&shared);
        view.encoder = Some(named("live-jpeg").spawn(move || for_encoder.pictures.encode_all()).map_err(start)?);
        let serving = move || serve_until(&runtime, listener, shared, ended);
        view.server = Some(named("live-http").spawn(serving).map_err(start)?);
        Ok(view)
    }
}

/// Serves until the other end of `ended` is gone. The runtime goes with its thread, and with it each connection.
fn serve_until(
    runtime: &Runtime,
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
) {
    runtime.block_on(async move {
        tokio::select! {
            _ = ended => {}
            () = server::run(listener, shared) => {}
        }
    });
}

impl Sink for LiveView {
    fn name(&self) -> String {
        format!("live view on http://{}/", self.address)
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        self.shared.told.saw(frame.is_masked());
        let size = frame.format().size;
        if size.width.max(size.height) > u32::from(u16::MAX) {
            let why = format!("a JPEG has at most 65535 pixels a side, this picture is {}×{}", size.width, size.height);
            return Err(EmitError::Unsupported { path: self.name(), why });
        }
        self.shared.pictures.offer(&frame.picture());
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), EmitError> {
        self.shared.told.tell(event);
        Ok(())
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.alive = None;
        self.shared.pictures.close();
        for thread in [self.server.take(), self.encoder.take()].into_iter().flatten() {
            // A thread that panicked has told so; there is nothing left to close.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for LiveView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveView").field("address", &self.address).finish_non_exhaustive()
    }
}

fn refused(address: SocketAddr, source: io::Error) -> EmitError {
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens on this port, perhaps another Frostglass: end it, or give another port in [emit] http"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need root: give a higher one in [emit] http",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: give one that `ip address` lists, or 127.0.0.1, in [emit] http"
        }
        _ => "see what the system says, or give another address in [emit] http",
    };
    EmitError::Listen { address, advice, source }
}
