//! Responses without an end, piece by piece.
//!
//! **Invariant.** A piece is asked for when the system has taken the one before, not earlier: so it is the newest,
//! and a client that does not read holds one.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::pictures::{Jpeg, OPENING};
use super::wire::Wire;

/// Where pieces come from.
pub(super) trait Source: Send + 'static {
    /// Waits for the next piece; `None` ends the response.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// A response of all that a source gives.
pub(super) fn body(wire: Arc<Wire>, source: impl Source) -> Body {
    Body::new(Pieces { wire, next: next(source) })
}

/// The next piece, and the source again.
type Next<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

struct Pieces<S> {
    wire: Arc<Wire>,
    next: Next<S>,
}

fn next<S: Source>(mut source: S) -> Next<S> {
    Box::pin(async move { source.next().await.map(|piece| (piece, source)) })
}

impl<S: Source> HttpBody for Pieces<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.wire.poll_taken(cx));
        let Some((piece, source)) = ready!(self.next.as_mut().poll(cx)) else { return Poll::Ready(None) };
        self.next = next(source);
        self.wire.gave();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// One who watches the stream.
pub(super) struct Watcher {
    newest: watch::Receiver<Jpeg>,
    opened: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    pub(super) fn new(newest: watch::Receiver<Jpeg>, permit: OwnedSemaphorePermit) -> Self {
        Self { newest, opened: false, _permit: permit }
    }
}

impl Source for Watcher {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.opened {
            self.opened = true;
            return Some(Bytes::from_static(OPENING.as_bytes()));
        }
        self.newest.changed().await.ok()?;
        Some(self.newest.borrow_and_update().part())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::task::Waker;

    use super::*;

    struct Counted(Arc<AtomicU8>);

    impl Source for Counted {
        async fn next(&mut self) -> Option<Bytes> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            (number < 3).then(|| Bytes::from(vec![number]))
        }
    }

    #[test]
    fn a_piece_is_asked_for_when_the_one_before_was_taken_and_not_earlier() {
        let (wire, asked) = (Arc::new(Wire::default()), Arc::new(AtomicU8::new(0)));
        let mut body = body(Arc::clone(&wire), Counted(Arc::clone(&asked)));
        let cx = &mut Context::from_waker(Waker::noop());
        for number in 0..3 {
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(cx) else { panic!("no piece {number}") };
            assert_eq!(frame.into_data().unwrap(), vec![number]);
            for _ in 0..3 {
                assert!(Pin::new(&mut body).poll_frame(cx).is_pending());
                assert_eq!(asked.load(Ordering::Relaxed), number + 1);
            }
            wire.took_all();
        }
        assert!(matches!(Pin::new(&mut body).poll_frame(cx), Poll::Ready(None)));
    }
}
