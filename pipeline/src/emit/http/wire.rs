//! Connections: how many, how long they may take to ask, how long to take what they asked for.
//!
//! **Invariant.** A connection carries one request. It ends when the request is late or too long, when the client
//! takes nothing for a while although something waits for it, or when all is sent. The system buffers at most
//! [`SEND_BUFFER`] for a client, and its [`Wire`] tells when it has taken everything that it was given.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::Limits;

/// Bytes that wait in the system for one client (which doubles them for its own needs): some pictures, so that who
/// is slow sees what is new, and enough for 60 Mbit/s at 30 ms.
const SEND_BUFFER: usize = 256 * 1024;

/// Accepts connections, as many as may be.
pub(super) struct Door {
    listener: TcpListener,
    free: Arc<Semaphore>,
    limits: Limits,
}

impl Door {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(limits.connections)), limits }
    }
}

impl axum::serve::Listener for Door {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let Ok(permit) = Arc::clone(&self.free).acquire_owned().await else {
            // It is never closed.
            return std::future::pending().await;
        };
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => return (Socket::new(stream, permit, &self.limits), from),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Descriptors or memory are short: others may give some back.
                    tracing::warn!("the live view: accepting a connection failed: {error}; trying again in a second");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What a connection's socket and its response tell each other.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Our address, as the client sees it.
    pub(super) local: Option<SocketAddr>,
    asked: AtomicBool,
    waiting: AtomicBool,
    taken: Mutex<Option<Waker>>,
}

impl Wire {
    /// The request is whole.
    pub(super) fn asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Something was given that the system has not taken yet.
    pub(super) fn gave(&self) {
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Ready when the system has taken all that was given.
    pub(super) fn poll_taken(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.waiting.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The system has taken all that was given.
    pub(super) fn took_all(&self) {
        if self.waiting.swap(false, Ordering::Relaxed)
            && let Some(waker) = self.taken.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            waker.wake();
        }
    }
}

/// A request's way to its wire.
#[derive(Clone)]
pub(super) struct OnWire(pub(super) Arc<Wire>);

impl Connected<IncomingStream<'_, Door>> for OnWire {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(Arc::clone(&stream.io().wire))
    }
}

/// One connection.
pub(super) struct Socket {
    stream: TcpStream,
    wire: Arc<Wire>,
    request: Pin<Box<Sleep>>,
    /// Bytes that the request may still have.
    room: usize,
    stalled_after: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl Socket {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, limits: &Limits) -> Self {
        // Both are for the sake of latency: without them all works, only later.
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
        let wire = Wire { local: stream.local_addr().ok(), ..Wire::default() };
        Self {
            stream,
            wire: Arc::new(wire),
            request: Box::pin(tokio::time::sleep(limits.request)),
            room: limits.request_bytes,
            stalled_after: limits.stalled,
            stalled: None,
            _permit: permit,
        }
    }

    /// Passes on how a write went; a client that takes nothing for too long is given up.
    fn watched(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let after = self.stalled_after;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.wire.asked.load(Ordering::Relaxed) {
            return Pin::new(&mut this.stream).poll_read(cx, into);
        }
        // First, so that a byte now and then wins no time.
        if this.request.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        match this.room.checked_sub(into.filled().len() - before) {
            Some(room) => this.room = room,
            None => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watched(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.watched(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when nothing is left to write.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        this.wire.took_all();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
