//! What is answered to which path.
//!
//! **Invariant.** No handler runs before the [`gate`](super::gate) let the request pass, and each response, refusals
//! too, forbids caching, framing, guessing of types and use by other sites.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Shared;
use super::events::Listener;
use super::pictures::BOUNDARY;
use super::pieces::{Watcher, body};
use super::wire::{Door, OnWire};

const PAGE: &str = include_str!("page.html");
/// Stands in the page where each response has a number of its own.
const NONCE: &str = "{nonce}";

/// Serves until it is dropped.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let door = Door::new(listener, shared.limits);
    let router = Router::new()
        .route("/", get(page))
        .route("/stream.mjpg", get(stream))
        .route("/snapshot.jpg", get(snapshot))
        .route("/events", get(events))
        .fallback(|| async { text(StatusCode::NOT_FOUND, "There is /, /stream.mjpg, /snapshot.jpg and /events.\n") })
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&shared), pass))
        .with_state(shared);
    if let Err(error) = axum::serve(door, router.into_make_service_with_connect_info::<OnWire>()).await {
        tracing::error!("the live view ended: {error}");
    }
}

/// The gate before all handlers, and the headers after them.
async fn pass(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(OnWire(wire)): ConnectInfo<OnWire>,
    request: Request,
    next: Next,
) -> Response {
    wire.asked();
    let mut response = match shared.gate.check(wire.local, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::debug!("the live view refused {}: {refusal:?}", request.uri().path());
            text(StatusCode::FORBIDDEN, refusal.reason())
        }
    };
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    for (name, value) in [
        // One request a connection: its limits are those of the request.
        (CONNECTION, "close"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page() -> Response {
    // 80 random bits each.
    let nonce = format!("{:020x}{:020x}", ulid::Ulid::new().random(), ulid::Ulid::new().random());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, &policy)];
    (headers, PAGE.replace(NONCE, &nonce)).into_response()
}

async fn stream(State(shared): State<Arc<Shared>>, ConnectInfo(OnWire(wire)): ConnectInfo<OnWire>) -> Response {
    let Ok(permit) = Semaphore::try_acquire_owned(Arc::clone(&shared.streams)) else { return full() };
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    ([(CONTENT_TYPE, kind)], body(wire, Watcher::new(shared.pictures.watch(), permit))).into_response()
}

async fn snapshot(State(shared): State<Arc<Shared>>) -> Response {
    let mut newest = shared.pictures.watch();
    match tokio::time::timeout(shared.limits.snapshot, newest.changed()).await {
        Ok(Ok(())) => {
            let picture = newest.borrow_and_update().picture();
            ([(CONTENT_TYPE, "image/jpeg")], Body::from(picture)).into_response()
        }
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "No frame came from the camera. Try again.\n"),
    }
}

async fn events(State(shared): State<Arc<Shared>>, ConnectInfo(OnWire(wire)): ConnectInfo<OnWire>) -> Response {
    let Ok(permit) = Semaphore::try_acquire_owned(Arc::clone(&shared.listeners)) else { return full() };
    ([(CONTENT_TYPE, "text/event-stream")], body(wire, Listener::new(shared, permit))).into_response()
}

async fn not_allowed() -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "There is nothing here to send to: only GET.\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn full() -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "As many watch as may. Close another view first.\n");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

fn text(status: StatusCode, what: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], what).into_response()
}
