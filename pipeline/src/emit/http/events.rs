//! Events on their way to whoever listens, as server-sent events.
//!
//! **Invariant.** Telling never waits: a listener that is too slow misses the oldest, and is told how many. Nothing
//! is written out while nobody listens. What the page says about the picture follows from the frames that came, not
//! from events that may have been lost.
//!
//! The format is <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Shared;
use super::pieces::Source;
use crate::event::{Event, Masked};

/// How often a listener looks whether the picture became live, masked or missing.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks without a frame, and the picture is missing.
const QUIET_LOOKS: u32 = 4;

/// What was told and what came.
pub(super) struct Told {
    events: Sender<Bytes>,
    frames: AtomicU64,
    masked: AtomicU64,
    /// Why everything is masked, as the last fault said; gone with the first frame that shows something.
    why: Mutex<Option<String>>,
    has_why: AtomicBool,
}

impl Told {
    pub(super) fn new(backlog: usize) -> Self {
        Self {
            events: Sender::new(backlog),
            frames: AtomicU64::new(0),
            masked: AtomicU64::new(0),
            why: Mutex::new(None),
            has_why: AtomicBool::new(false),
        }
    }

    /// A frame came.
    pub(super) fn saw(&self, masked: bool) {
        self.masked.fetch_add(u64::from(masked), Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        if !masked && self.has_why.swap(false, Ordering::Relaxed) {
            *self.lock() = None;
        }
    }

    /// Tells an event to all who listen.
    pub(super) fn tell(&self, event: &Event) {
        if let Event::Fault(fault) = event
            && fault.masked == Masked::Everything
        {
            *self.lock() = Some(fault.what.clone());
            self.has_why.store(true, Ordering::Relaxed);
        }
        if self.events.receiver_count() == 0 {
            return;
        }
        match serde_json::to_string(event) {
            // With nobody there any more it is nobody's loss.
            Ok(line) => drop(self.events.send(message(kind(&line), &line))),
            Err(error) => tracing::error!("the live view: an event could not be written: {error}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who listens.
pub(super) struct Listener {
    shared: Arc<Shared>,
    events: Receiver<Bytes>,
    keep_alive: Interval,
    look: Interval,
    seen: Seen,
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    pub(super) fn new(shared: Arc<Shared>, permit: OwnedSemaphorePermit) -> Self {
        let every = |period| {
            let mut interval = tokio::time::interval_at(Instant::now() + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        Self {
            events: shared.told.events.subscribe(),
            keep_alive: every(shared.limits.keep_alive),
            look: every(LOOK_EVERY),
            seen: Seen::of(&shared.told),
            greeted: false,
            shared,
            _permit: permit,
        }
    }
}

impl Source for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            return Some(Bytes::from_static(b": events of this camera\nretry: 2000\n\n"));
        }
        loop {
            tokio::select! {
                told = self.events.recv() => return match told {
                    Ok(message) => Some(message),
                    Err(RecvError::Lagged(count)) => Some(missed(count)),
                    Err(RecvError::Closed) => None,
                },
                _ = self.look.tick() => if let Some(news) = self.seen.news(&self.shared.told) {
                    return Some(news);
                },
                _ = self.keep_alive.tick() => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }
}

/// What a listener knows about the picture.
struct Seen {
    frames: u64,
    masked: u64,
    quiet: u32,
    last: Option<Bytes>,
}

impl Seen {
    fn of(told: &Told) -> Self {
        let (frames, masked) = (told.frames.load(Ordering::Relaxed), told.masked.load(Ordering::Relaxed));
        Self { frames, masked, quiet: 0, last: None }
    }

    /// A message, if the picture is not what it was when this was last asked.
    fn news(&mut self, told: &Told) -> Option<Bytes> {
        let now = Self::of(told);
        let (frames, masked) = (now.frames - self.frames, now.masked.saturating_sub(self.masked));
        (self.frames, self.masked) = (now.frames, now.masked);
        self.quiet = if frames == 0 { self.quiet + 1 } else { 0 };
        let (state, why) = match frames {
            0 if self.quiet < QUIET_LOOKS => return None,
            0 => ("missing", "no frame comes from the camera".to_owned()),
            // Of frames that come while this looks, one may be counted as masked before it is counted at all.
            _ if masked >= frames => {
                let fault = told.lock().clone();
                ("masked", fault.unwrap_or_else(|| "nobody could look at the frames in time".to_owned()))
            }
            _ => ("live", String::new()),
        };
        self.quiet = self.quiet.min(QUIET_LOOKS);
        let news = message("view", &serde_json::json!({ "type": "view", "state": state, "why": why }).to_string());
        (self.last.as_ref() != Some(&news)).then(|| self.last.insert(news).clone())
    }
}

/// The type stands first in each line: see [`Event`].
fn kind(line: &str) -> &str {
    line.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next()).unwrap_or("event")
}

/// JSON has its line ends escaped, so that it is one line.
fn message(kind: &str, line: &str) -> Bytes {
    format!("event: {kind}\ndata: {line}\n\n").into()
}

fn missed(count: u64) -> Bytes {
    message("missed", &serde_json::json!({ "type": "missed", "events": count }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fault, Policy};

    fn fault(what: &str, masked: Masked) -> Event {
        Event::Fault(Fault { time: "t".to_owned(), what: what.to_owned(), since: "t".to_owned(), masked })
    }

    fn text(bytes: Option<Bytes>) -> String {
        String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap()
    }

    #[test]
    fn the_state_of_the_picture_is_told_when_it_changes_with_the_reason() {
        let told = Told::new(4);
        let mut seen = Seen::of(&told);
        told.saw(false);
        assert!(text(seen.news(&told)).contains(r#""state":"live""#));
        told.saw(false);
        told.saw(true);
        assert_eq!(seen.news(&told), None, "one masked frame among clear ones is still live");
        told.saw(true);
        assert!(text(seen.news(&told)).contains("in time"));
        told.tell(&fault("camera gone", Masked::Everything));
        told.tell(&fault("a zone moved", Masked::Parts));
        told.saw(true);
        let masked = text(seen.news(&told));
        assert!(masked.contains(r#""masked""#) && masked.contains("camera gone"), "{masked}");
        let quiet: Vec<_> = (0..9).filter_map(|_| seen.news(&told)).collect();
        assert_eq!(quiet.len(), 1);
        assert!(text(quiet.last().cloned()).contains("missing"));
        told.saw(false);
        assert!(text(seen.news(&told)).contains("live"));
        told.saw(true);
        assert!(!text(seen.news(&told)).contains("camera gone"), "that fault is over");
    }

    #[test]
    fn an_event_is_one_message_of_its_type_whatever_its_text_is() {
        let told = Told::new(4);
        let mut listening = told.events.subscribe();
        told.tell(&fault("two\nlines\n\nevent: motion\r\ndata: {}", Masked::Nothing));
        told.tell(&Event::Policy(Policy { time: "t".to_owned(), hides: vec!["faces".to_owned()] }));
        let first = text(listening.try_recv().ok());
        assert!(first.starts_with("event: fault\ndata: {\"type\":\"fault\"") && first.ends_with("}\n\n"), "{first}");
        assert_eq!(first.lines().count(), 3, "{first}");
        let second = text(listening.try_recv().ok());
        assert_eq!(second, "event: policy\ndata: {\"type\":\"policy\",\"time\":\"t\",\"hides\":[\"faces\"]}\n\n");
    }
}
