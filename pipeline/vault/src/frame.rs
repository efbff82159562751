//! Raw frames: who may put pixels in, who may look, and what becomes of the memory.
//!
//! **Invariant.** A slot of the pool holds either zeroes or the one frame that lives in it. It is zeroised when
//! the last handle of that frame goes (frame, lease or redacted frame), and not given out before. Nothing is
//! allocated once the pool stands: handles are reference counts on slots that were made at the start.
//!
//! Locking the memory and keeping it out of core dumps is the business of whoever brings the memory ([`Pool::within`]); reading
//! pixels is the redactor's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroize;

use crate::detection::Detection;
use crate::findings::Also;
use crate::geometry::Chroma;
use crate::picture::{Format, Picture, Plane, PlaneMut};
use crate::zone::Zones;

/// A frame as the camera gave it, with the owner's zones already painted over.
///
/// There is no getter, no `Clone`, no serialisation: what is in it can be lent to the inspector
/// ([`RawFrame::lend`]) or handed to the redactor, which consumes it.
pub struct RawFrame {
    handle: Handle,
    format: Format,
    stamp: Stamp,
}

impl RawFrame {
    /// Size, chroma layout and colour.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// When it was taken and its place in the sequence.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Lends the pixels to the inspector. The slot is not reused before the lease ends, and a frame that has to
    /// leave while one is out leaves wholly masked.
    #[must_use]
    pub fn lend(&mut self) -> Look {
        let notepad = self.handle.slot_mut().map(|slot| std::mem::take(&mut slot.notepad)).unwrap_or_default();
        Look { handle: self.handle.share(), format: self.format, stamp: self.stamp, notepad }
    }

    /// The planes for painting; `None` while a lease is out.
    pub(crate) fn planes_mut(&mut self) -> Option<[PlaneMut<'_>; 3]> {
        let format = self.format;
        self.handle.slot_mut().map(|slot| slot.planes_mut(format))
    }

    /// An empty list for what else is to be hidden, with the room that earlier frames needed.
    pub(crate) fn take_further(&mut self) -> Vec<Also> {
        self.handle.slot_mut().map(|slot| std::mem::take(&mut slot.further)).unwrap_or_default()
    }

    /// The lists are done with; their room serves the next frame.
    pub(crate) fn keep_lists(&mut self, mut notepad: Vec<Detection>, mut further: Vec<Also>) {
        notepad.clear();
        further.clear();
        if let Some(slot) = self.handle.slot_mut() {
            (slot.notepad, slot.further) = (notepad, further);
        }
    }

    pub(crate) fn into_handle(self) -> Handle {
        self.handle
    }
}

impl std::fmt::Debug for RawFrame {
    /// Shows the format and the stamp, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawFrame").field("format", &self.format).field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// When a frame was taken, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Counts frames from 0, without gaps, in the order in which they were captured.
    pub sequence: u64,
    /// Since the first frame of the source: monotonic time of a camera, presentation time of a clip.
    pub time: Duration,
}

/// A read lease of a raw frame, for the inspector. It borrows, so that nothing can be kept.
pub struct Look {
    handle: Handle,
    format: Format,
    stamp: Stamp,
    notepad: Vec<Detection>,
}

impl Look {
    /// The pixels, for as long as the lease is held.
    #[must_use]
    pub fn picture(&self) -> Picture<'_> {
        self.handle.slot().picture(self.format)
    }

    /// Which frame this is.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// An empty list to write detections on, with the room that earlier frames needed: no allocation.
    #[must_use]
    pub fn take_notepad(&mut self) -> Vec<Detection> {
        std::mem::take(&mut self.notepad)
    }
}

impl std::fmt::Debug for Look {
    /// Shows the stamp, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// A zeroised frame that a source may fill.
pub struct Blank {
    handle: Handle,
    format: Format,
}

impl Blank {
    /// Size, chroma layout and colour of what has to be put in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The three planes, packed; they hold what was put in since the blank was taken, and zeroes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a blank's handle is never shared")]
    pub fn planes_mut(&mut self) -> [PlaneMut<'_>; 3] {
        let format = self.format;
        self.handle.slot_mut().expect("a blank is never lent").planes_mut(format)
    }

    /// The only way to a raw frame: the owner's zones are painted over first.
    #[must_use]
    pub fn expose(mut self, stamp: Stamp, zones: &Zones) -> RawFrame {
        let format = self.format;
        zones.paint(format, &mut self.planes_mut());
        RawFrame { handle: self.handle, format, stamp }
    }
}

impl std::fmt::Debug for Blank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blank").field("format", &self.format).finish_non_exhaustive()
    }
}

/// A fixed number of slots for frames of one format.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// The memory of one frame. A trait, because a camera's lies where it is never swapped out and in no core dump, which takes
/// code that has no place in this crate, and that of files and tests on the heap.
pub trait Memory: Send + Sync {
    /// All of it, zeroes at first.
    fn bytes(&self) -> &[u8];

    /// The same, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl Memory for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Pool {
    /// Allocates `slots` frames of `format` on the heap, zeroed.
    #[must_use]
    pub fn new(format: Format, slots: usize) -> Self {
        let memory = || Box::new(vec![0u8; format.bytes()]) as Box<dyn Memory>;
        Self::of(format, (0..slots).map(|_| memory()))
    }

    /// A frame of `format` in each of these pieces of memory. What is too short for one is left out.
    #[must_use]
    pub fn within(format: Format, pieces: Vec<Box<dyn Memory>>) -> Self {
        Self::of(format, pieces.into_iter().filter(|piece| piece.bytes().len() >= format.bytes()))
    }

    fn of(format: Format, pieces: impl Iterator<Item = Box<dyn Memory>>) -> Self {
        let slot = |bytes| Arc::new(Slot { bytes, notepad: Vec::new(), further: Vec::new() });
        Self { shared: Arc::new(Shared { format, free: Mutex::new(pieces.map(slot).collect()) }) }
    }

    /// The format of all its frames.
    #[must_use]
    pub fn format(&self) -> Format {
        self.shared.format
    }

    /// A zeroised frame; `None` when every slot is in use or in quarantine.
    #[must_use]
    pub fn blank(&self) -> Option<Blank> {
        let slot = self.shared.lock().pop()?;
        let handle = Handle { slot: Some(slot), home: Arc::clone(&self.shared) };
        Some(Blank { handle, format: self.shared.format })
    }

    /// Slots that are free now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.shared.lock().len()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("format", &self.shared.format).field("free", &self.free()).finish()
    }
}

/// The pool's state, held by each handle so that a slot finds home.
struct Shared {
    format: Format,
    free: Mutex<Vec<Arc<Slot>>>,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Slot>>> {
        // The list is whole between two operations, so a panic elsewhere does not make it wrong.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted reference to a slot; the last one to go zeroises it and gives it back.
pub(crate) struct Handle {
    slot: Option<Arc<Slot>>,
    home: Arc<Shared>,
}

impl Handle {
    pub(crate) fn picture(&self, format: Format) -> Picture<'_> {
        self.slot().picture(format)
    }

    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect("a handle holds its slot until it is dropped")
    }

    fn slot_mut(&mut self) -> Option<&mut Slot> {
        self.slot.as_mut().and_then(Arc::get_mut)
    }

    fn share(&self) -> Self {
        Self { slot: self.slot.clone(), home: Arc::clone(&self.home) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        {
            let _counting = self.home.lock();
            if Arc::strong_count(&slot) > 1 {
                // Counted down under the lock: of two handles that go at once, one sees that it is the last.
                drop(slot);
                return;
            }
        }
        if let Some(slot) = Arc::get_mut(&mut slot) {
            slot.bytes.bytes_mut().zeroize();
        }
        self.home.lock().push(slot);
    }
}

/// The memory of one frame: three packed planes, one behind the other.
struct Slot {
    bytes: Box<dyn Memory>,
    notepad: Vec<Detection>,
    further: Vec<Also>,
}

impl Slot {
    fn picture(&self, format: Format) -> Picture<'_> {
        let [first, second, third] = plane_lengths(format);
        let (one, rest) = self.bytes.bytes().split_at(first);
        let (two, rest) = rest.split_at(second);
        let plane = |index: usize, bytes| Plane { bytes, stride: format.plane_size(index).width as usize };
        Picture::new(format, [plane(0, one), plane(1, two), plane(2, &rest[..third])])
            .expect("a slot is as long as its format needs")
    }

    fn planes_mut(&mut self, format: Format) -> [PlaneMut<'_>; 3] {
        let [first, second, third] = plane_lengths(format);
        let (one, rest) = self.bytes.bytes_mut().split_at_mut(first);
        let (two, rest) = rest.split_at_mut(second);
        let three = &mut rest[..third];
        [
            PlaneMut { bytes: one, size: format.plane_size(0) },
            PlaneMut { bytes: two, size: format.plane_size(1) },
            PlaneMut { bytes: three, size: format.plane_size(2) },
        ]
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.bytes.bytes_mut().zeroize();
    }
}

fn plane_lengths(format: Format) -> [usize; 3] {
    [0, 1, 2].map(|plane| format.plane_size(plane).pixels())
}

const _: () = assert!(Chroma::Full.cell() == 1, "planes of a still are of equal size");

#[cfg(test)]
mod tests;
