//! The hatch inside one process: for files, whose sinks stand beside the pixel side.
//!
//! **Invariant.** Messages are never dropped for the sake of frames, nor frames for messages.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, unbounded};
use frostglass_vault::RedactedFrame;

use super::{Closed, Hatch, Outbound, Received, ReceivedFrame};
use crate::event::Event;

/// What a full hatch does with a further frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Waits: for files, where each frame counts.
    Wait,
    /// Gives up the oldest unread frame: for cameras, which do not wait.
    Replace,
}

/// A hatch inside one process, for `frames` unread frames.
#[must_use]
pub fn in_process(frames: usize, when_full: WhenFull) -> (InProcess, Front) {
    let (frame_in, frame_out) = bounded(frames.max(1));
    let (event_in, event_out) = unbounded();
    let alive = Arc::new(());
    let front = Arc::downgrade(&alive);
    let pixel_side = InProcess { frames: frame_in, oldest: frame_out.clone(), events: event_in, front, when_full };
    (pixel_side, Front { frames: frame_out, events: event_out, _alive: alive })
}

/// The pixel side's end of a hatch in one process.
#[derive(Debug)]
pub struct InProcess {
    frames: Sender<RedactedFrame>,
    /// For making room only, so that it says nothing about the front's life.
    oldest: Receiver<RedactedFrame>,
    events: Sender<Event>,
    front: Weak<()>,
    when_full: WhenFull,
}

impl Hatch for InProcess {
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed> {
        match what {
            Outbound::Event(event) => self.events.send(event).map(|()| 0).map_err(|_| Closed),
            Outbound::Frame(frame) => self.publish_frame(frame),
        }
    }
}

impl InProcess {
    fn publish_frame(&mut self, mut frame: RedactedFrame) -> Result<u64, Closed> {
        let mut replaced = 0;
        loop {
            if self.front.strong_count() == 0 {
                return Err(Closed);
            }
            let full = match self.when_full {
                WhenFull::Wait => match self.frames.send_timeout(frame, Duration::from_millis(100)) {
                    Ok(()) => return Ok(replaced),
                    Err(error) => error.into_inner(),
                },
                WhenFull::Replace => match self.frames.try_send(frame) {
                    Ok(()) => return Ok(replaced),
                    Err(TrySendError::Full(frame) | TrySendError::Disconnected(frame)) => {
                        replaced += u64::from(self.oldest.try_recv().is_ok());
                        frame
                    }
                },
            };
            frame = full;
        }
    }
}

/// The front's end: everything that has a network, a disk or an encoder is behind it.
#[derive(Debug)]
pub struct Front {
    frames: Receiver<RedactedFrame>,
    events: Receiver<Event>,
    _alive: Arc<()>,
}

impl Front {
    /// The next thing that comes out; `None` when the pixel side is gone and all was taken.
    pub fn receive(&self, timeout: Duration) -> Option<Received> {
        if let Ok(event) = self.events.try_recv() {
            return Some(Received::Event(event));
        }
        crossbeam_channel::select! {
            recv(self.frames) -> frame => match frame {
                Ok(frame) => Some(Received::Frame(ReceivedFrame::from_redacted(frame))),
                Err(_) => self.rest(timeout),
            },
            recv(self.events) -> event => match event {
                Ok(event) => Some(Received::Event(event)),
                Err(_) => self.frames.recv().ok().map(|frame| Received::Frame(ReceivedFrame::from_redacted(frame))),
            },
            default(timeout) => Some(Received::Nothing),
        }
    }

    fn rest(&self, timeout: Duration) -> Option<Received> {
        match self.events.recv_timeout(timeout) {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvTimeoutError::Timeout) => Some(Received::Nothing),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Format, Size, Stamp};

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn frame(sequence: u64) -> RedactedFrame {
        RedactedFrame::masked(Format::still(Size::new(2, 2)), Stamp { sequence, time: Duration::ZERO })
    }

    fn sequences(front: &Front) -> Vec<u64> {
        std::iter::from_fn(|| match front.receive(SOON) {
            Some(Received::Frame(frame)) => Some(frame.stamp().sequence),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_camera_gives_up_the_oldest_unread_frame_and_counts_it() {
        let (mut hatch, front) = in_process(2, WhenFull::Replace);
        let replaced: u64 = (0..5).map(|number| hatch.publish(Outbound::Frame(frame(number))).unwrap()).sum();
        assert_eq!((replaced, sequences(&front)), (3, vec![3, 4]));
    }

    #[test]
    fn for_files_each_frame_counts() {
        let (mut hatch, front) = in_process(1, WhenFull::Wait);
        let writer = std::thread::spawn(move || {
            (0..50).map(|number| hatch.publish(Outbound::Frame(frame(number))).unwrap()).sum::<u64>()
        });
        assert_eq!(sequences(&front), (0..50).collect::<Vec<_>>());
        assert_eq!(writer.join().unwrap(), 0);
        assert!(front.receive(SOON).is_none(), "the pixel side is gone");
    }

    #[test]
    fn a_front_that_is_gone_is_noticed_by_a_full_and_an_empty_hatch() {
        for when_full in [WhenFull::Wait, WhenFull::Replace] {
            let (mut hatch, front) = in_process(1, when_full);
            hatch.publish(Outbound::Frame(frame(0))).unwrap();
            drop(front);
            assert_eq!(hatch.publish(Outbound::Frame(frame(1))), Err(Closed), "{when_full:?}");
        }
    }
}
