//! What decoder and writer say about one job: the frames of a file, in order, none of them lost.
//!
//! **Invariant.** The decoder writes a frame only where the writer has taken what was there, and waits for that. The writer gets
//! frames out of memory that the decoder sealed, copies them, and ends the conversation at the first thing that can not be.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use frostglass_vault::{Format, RedactedFrame, Size};
use serde::{Deserialize, Serialize};

use crate::capture::{LONGEST_SIDE, MOST_PIXELS, Rate, StillContainer};
use crate::event::Event;
use crate::hatch::ring::{RingReader, RingWriter, SLOTS};
use crate::hatch::shared::ToldFormat;
use crate::hatch::{Buffers, Closed, Hatch, Outbound, ReceivedFrame};
use crate::supervise::child::printable;
use crate::wire::{Wire, WireError};

/// From the decoder.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// The file could be opened. The ring of its frames comes with it.
    Opened(Opened),
    /// There is one more frame in the ring.
    Frame,
    /// Beside frames.
    Event(Event),
    /// That was all.
    Done(Done),
    /// It could not be done, in a sentence that names the file.
    Failed { why: String },
}

/// From the writer: it has copied one frame.
#[derive(Debug, Serialize, Deserialize)]
struct Taken;

/// What a file is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) frames: Frames,
    /// What people should know about it.
    pub(crate) notes: Vec<String>,
}

/// What its frames are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frames {
    /// One, of so many pixels in width and height.
    Still { size: [u32; 2], container: StillContainer },
    /// Many.
    Clip {
        format: ToldFormat,
        /// So many in so many seconds, if that is known.
        rate: Option<[u32; 2]>,
        /// How many will come, if that is known.
        expected: Option<u64>,
    },
}

/// How a job ended that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Faces, or boxes around faces, that were hidden.
    pub(crate) faces: u64,
    /// What is wrong with the rest of it, when only a part was whole, in a sentence that names the file.
    pub(crate) cut: Option<String>,
}

/// A side that waits looks so often whether it should go on.
const TICK: Duration = Duration::from_millis(200);
/// Letters of a sentence from the decoder that people see: a name may have this many.
const LONGEST_WORDS: usize = 4000;
/// Notes about a file that people see, and letters of one.
const MOST_NOTES: usize = 6;
const LONGEST_NOTE: usize = 300;
/// Events that may come between two frames: of each thing that moves, in each of them.
const MOST_EVENTS: usize = 200;
/// A decoder that says nothing for so long has a fault that it does not know of. Before the first frame of a clip it looks at all that
/// it looks ahead.
const PATIENCE: Duration = Duration::from_secs(1800);

impl Frames {
    pub(crate) fn clip(format: Format, rate: Option<Rate>, expected: Option<u64>) -> Option<Self> {
        let told = ToldFormat::of(format, Rate { frames: 25, seconds: 1 })?;
        Some(Self::Clip { format: told, rate: rate.map(|rate| [rate.frames, rate.seconds]), expected })
    }

    /// Their format and how many the ring holds, if there are such frames.
    fn format(&self) -> Option<(Format, usize)> {
        match *self {
            Self::Still { size: [width, height], .. } => {
                let sides = 1..=LONGEST_SIDE;
                let size = Size::new(width, height);
                let sound = sides.contains(&width) && sides.contains(&height) && size.pixels() <= MOST_PIXELS;
                sound.then(|| (Format::still(size), 1))
            }
            Self::Clip { format, .. } => format.format().map(|(format, _)| (format, SLOTS)),
        }
    }

    /// How fast a clip's frames follow one another, if that is known.
    pub(crate) fn rate(&self) -> Option<Rate> {
        match self {
            Self::Still { .. } => None,
            Self::Clip { rate, .. } => rate.and_then(|[frames, seconds]| Rate::new(frames, seconds)),
        }
    }
}

/// The decoder's side: frames and events that wait until they are taken.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    wire: &'a Wire,
    ring: RingWriter,
    unread: usize,
}

impl<'a> Telling<'a> {
    /// Tells what the file is, and makes the memory for its frames.
    ///
    /// # Errors
    /// When there is no such memory, or nobody listens.
    pub(crate) fn begin(wire: &'a Wire, opened: Opened) -> io::Result<Self> {
        let (format, slots) = opened.frames.format().ok_or(io::ErrorKind::Unsupported)?;
        let ring = RingWriter::of(format, slots)?;
        wire.send(&Told::Opened(opened), &[ring.descriptor()])?;
        Ok(Self { wire, ring, unread: 0 })
    }

    fn frame(&mut self, frame: &RedactedFrame) -> Result<(), Closed> {
        self.wait_for(self.ring.slots() - 1)?;
        if !self.ring.publish(frame, Duration::ZERO) {
            tracing::error!("a frame of another format than the ring's was not let out");
            return Err(Closed);
        }
        self.unread += 1;
        tell(self.wire, &Told::Frame)
    }

    /// Waits until all frames are taken. Who ends a conversation with words in it unread breaks it off: the other side would miss
    /// the last ones.
    ///
    /// # Errors
    /// When nobody takes them.
    pub(crate) fn finish(mut self) -> Result<(), Closed> {
        self.wait_for(0)
    }

    /// Until no more than so many frames are unread.
    fn wait_for(&mut self, unread: usize) -> Result<(), Closed> {
        while self.unread > unread {
            match self.wire.receive(TICK) {
                Ok(None) => {}
                Ok(Some(record)) => {
                    record.message::<Taken>().map_err(|_| Closed)?;
                    self.unread -= 1;
                }
                Err(_) => return Err(Closed),
            }
        }
        Ok(())
    }
}

impl Hatch for Telling<'_> {
    /// Waits until there is room.
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed> {
        match what {
            Outbound::Event(event) => tell(self.wire, &Told::Event(event))?,
            Outbound::Frame(frame) => self.frame(&frame)?,
        }
        Ok(0)
    }
}

/// The last word about a job.
pub(crate) fn end(wire: &Wire, ended: anyhow::Result<Done>) {
    let last = match ended {
        Ok(done) => Told::Done(done),
        Err(error) => Told::Failed { why: format!("{error:#}") },
    };
    // Whoever does not listen any more has given it up.
    let _ = tell(wire, &last);
}

/// Says it as soon as there is room for it.
fn tell(wire: &Wire, told: &Told) -> Result<(), Closed> {
    loop {
        match wire.write(told) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return Err(Closed),
        }
    }
}

/// The writer's side.
pub(crate) struct Conversation {
    wire: Wire,
    ring: Option<(RingReader, Format)>,
    buffers: Buffers,
    /// Events since the last frame.
    events: usize,
    /// Whether it is waited for no longer than [`PATIENCE`].
    hurried: bool,
}

/// What the decoder said, as far as it can be.
#[derive(Debug)]
pub(crate) enum Said {
    Opened(Opened),
    Frame(ReceivedFrame),
    Event(Event),
    Done(Done),
    /// In a sentence.
    Failed(String),
}

/// Why a conversation is over before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The decoder is gone, or has given up this job.
    #[error("the process that read it came to an end")]
    Gone,
    /// Somebody wants it to be over.
    #[error("interrupted")]
    Interrupted,
    /// The decoder is there, and does nothing.
    #[error("the process that read it said nothing for {} minutes", PATIENCE.as_secs() / 60)]
    Silent,
    /// The decoder was taken over, or has a fault.
    #[error("the process that read it said what can not be ({0})")]
    Nonsense(&'static str),
}

impl Conversation {
    /// `hurried`: whether the decoder has all that it needs, so that it can not be silent for ever.
    pub(crate) fn new(wire: Wire, hurried: bool) -> Self {
        Self { wire, ring: None, buffers: Buffers::default(), events: 0, hurried }
    }

    /// Waits for what the decoder says next.
    ///
    /// # Errors
    /// When nothing more will come, nothing sensible, or nobody waits any more.
    pub(crate) fn next(&mut self, stop: &AtomicBool) -> Result<Said, Broken> {
        let since = Instant::now();
        let mut record = loop {
            if self.hurried && since.elapsed() > PATIENCE {
                return Err(Broken::Silent);
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Broken::Interrupted);
            }
            match self.wire.receive(TICK) {
                Ok(None) => {}
                Ok(Some(record)) => break record,
                Err(WireError::Nonsense(why)) => return Err(Broken::Nonsense(why)),
                Err(WireError::Closed | WireError::Io(_)) => return Err(Broken::Gone),
            }
        };
        let told = record.message::<Told>().map_err(|_| Broken::Nonsense("no message of this conversation"))?;
        Ok(match told {
            Told::Opened(mut opened) => {
                let (format, slots) = opened.frames.format().ok_or(Broken::Nonsense("frames that can not be"))?;
                let ring = match (self.ring.is_some(), record.descriptors.pop()) {
                    (false, Some(ring)) => RingReader::of(ring.as_fd(), format, slots).ok(),
                    _ => None,
                };
                self.ring = Some((ring.ok_or(Broken::Nonsense("no memory of such frames"))?, format));
                opened.notes.truncate(MOST_NOTES);
                for note in &mut opened.notes {
                    *note = words(&note.chars().take(LONGEST_NOTE).collect::<String>());
                }
                Said::Opened(opened)
            }
            Told::Frame => {
                self.events = 0;
                Said::Frame(self.frame()?)
            }
            // Of a file there is nothing else to tell.
            Told::Event(event @ Event::Motion(_)) if event.is_plausible() && self.events < MOST_EVENTS => {
                self.events += 1;
                Said::Event(event)
            }
            Told::Event(_) => return Err(Broken::Nonsense("an event that can not be")),
            Told::Done(Done { faces, cut }) => Said::Done(Done { faces, cut: cut.as_deref().map(words) }),
            Told::Failed { why } => Said::Failed(words(&why)),
        })
    }

    fn frame(&mut self) -> Result<ReceivedFrame, Broken> {
        const NONE: Broken = Broken::Nonsense("a frame that is not there");
        let (ring, format) = self.ring.as_mut().ok_or(NONE)?;
        let mut buffer = self.buffers.take();
        let taken = ring.take(&mut buffer.bytes).ok_or(NONE)?;
        if ring.missed() != (0, 0) {
            return Err(Broken::Nonsense("more frames than there is room for"));
        }
        let frame = ReceivedFrame::copied(buffer, *format, taken.stamp, taken.masked).ok_or(NONE)?;
        // Whoever does not take this in has its own reasons, and is heard of.
        let _ = self.wire.write(&Taken);
        Ok(frame)
    }
}

/// What people may read on a terminal, and no more than they will.
pub(super) fn words(said: &str) -> String {
    let said: String = said.chars().take(LONGEST_WORDS).collect();
    printable(said.as_bytes())
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
