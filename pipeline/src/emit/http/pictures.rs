//! From frames to JPEGs: once for all who watch, the newest only.
//!
//! **Invariant.** Nothing is copied or encoded while nobody watches. The slot holds one frame, and a newer one takes
//! its place; whoever waits for a picture never gets one from before it asked.

use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use frostglass_vault::{Format, Picture, Plane};
use tokio::sync::watch;

use crate::emit::encode::write_jpeg;

/// What separates the parts of the stream.
pub(super) const BOUNDARY: &str = "frostglass-frame";
/// Opens the stream. The parts end with the next boundary, since browsers show a part only when they have seen it.
pub(super) const OPENING: &str = "--frostglass-frame\r\n";

const CLOSING: &[u8] = b"\r\n--frostglass-frame\r\n";
/// Room for the length of any JPEG, padded with blanks.
const DIGITS: usize = 10;
const HEAD: &str = "Content-Type: image/jpeg\r\nContent-Length: ";
const HEAD_BYTES: usize = HEAD.len() + DIGITS + 4;

/// How many published pictures the encoder remembers, to write into again when all clients are done with them.
const REMEMBERED: usize = 4;

/// The frame that waits, and the picture that was made last.
pub(super) struct Pictures {
    slot: Mutex<Slot>,
    /// Somebody filled or closed the slot.
    changed: Condvar,
    newest: watch::Sender<Jpeg>,
    encoded: AtomicU64,
}

#[derive(Default)]
struct Slot {
    /// Planes one after the other, without gaps. Kept for its memory when there is no frame in it.
    planes: Vec<u8>,
    /// What the planes are; `None`: there is no frame.
    format: Option<Format>,
    closed: bool,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            slot: Mutex::default(),
            changed: Condvar::new(),
            newest: watch::Sender::new(Jpeg(Bytes::new())),
            encoded: AtomicU64::new(0),
        }
    }
}

impl Pictures {
    /// Hands over a frame, if somebody watches.
    pub(super) fn offer(&self, picture: &Picture<'_>) {
        if self.watchers() == 0 {
            return;
        }
        let mut slot = self.lock();
        slot.planes.clear();
        for plane in 0..3 {
            for y in 0..picture.format().plane_size(plane).height {
                slot.planes.extend_from_slice(picture.row(plane, y));
            }
        }
        slot.format = Some(picture.format());
        drop(slot);
        self.changed.notify_one();
    }

    /// Waits for pictures that are made from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Jpeg> {
        self.newest.subscribe()
    }

    pub(super) fn watchers(&self) -> usize {
        self.newest.receiver_count()
    }

    pub(super) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Ends [`Pictures::encode_all`].
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Encodes what is offered until it is closed.
    pub(super) fn encode_all(&self) {
        let (mut planes, mut told) = (Vec::new(), false);
        let mut published: Vec<Bytes> = Vec::new();
        while let Some(format) = self.take(&mut planes) {
            if self.watchers() == 0 {
                continue;
            }
            match encode(&planes, format, room(&mut published)) {
                Ok(bytes) => {
                    self.encoded.fetch_add(1, Ordering::Relaxed);
                    if published.len() == REMEMBERED {
                        published.remove(0);
                    }
                    published.push(bytes.clone());
                    self.newest.send_replace(Jpeg(bytes));
                }
                // The next one may fit; a broken encoder shall not fill the log.
                Err(error) if !told => {
                    told = true;
                    tracing::error!("the live view: encoding a picture failed: {error}");
                }
                Err(_) => {}
            }
        }
    }

    /// The frame in the slot, as soon as there is one; `None` when it was closed.
    fn take(&self, planes: &mut Vec<u8>) -> Option<Format> {
        let mut slot = self.lock();
        loop {
            if slot.closed {
                return None;
            }
            if let Some(format) = slot.format.take() {
                mem::swap(planes, &mut slot.planes);
                return Some(format);
            }
            slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A JPEG as a part of the stream: its headers before it, the next boundary after it.
#[derive(Clone)]
pub(super) struct Jpeg(Bytes);

impl Jpeg {
    /// For the stream.
    pub(super) fn part(&self) -> Bytes {
        self.0.clone()
    }

    /// The picture alone.
    pub(super) fn picture(&self) -> Bytes {
        self.0.slice(HEAD_BYTES..self.0.len() - CLOSING.len())
    }
}

/// Memory of a picture that nobody uses any more, or new memory.
fn room(published: &mut Vec<Bytes>) -> Vec<u8> {
    let free = published.iter().position(Bytes::is_unique);
    let mut bytes = free.map_or_else(Vec::new, |index| published.remove(index).into());
    bytes.clear();
    bytes
}

fn encode(planes: &[u8], format: Format, mut bytes: Vec<u8>) -> io::Result<Bytes> {
    let mut rest = planes;
    let planes = [0, 1, 2].map(|index| {
        let size = format.plane_size(index);
        let (bytes, after) = rest.split_at(size.pixels().min(rest.len()));
        rest = after;
        Plane { bytes, stride: size.width as usize }
    });
    let picture = Picture::new(format, planes).ok_or_else(|| io::Error::other("the frame was not copied whole"))?;
    bytes.extend_from_slice(&[b' '; HEAD_BYTES]);
    write_jpeg(&picture, &mut bytes)?;
    let length = bytes.len() - HEAD_BYTES;
    write!(&mut bytes[..HEAD_BYTES], "{HEAD}{length:>DIGITS$}\r\n\r\n")?;
    bytes.extend_from_slice(CLOSING);
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Matrix, Range, Size};

    use super::*;
    use crate::emit::testing::{frame, smooth};

    fn small(shift: u32) -> crate::hatch::ReceivedFrame {
        frame(Format::video(Size::new(35, 21), Matrix::Bt601, Range::Full), smooth(shift))
    }

    #[test]
    fn a_part_says_how_long_its_picture_is_and_ends_with_the_next_boundary() {
        let pictures = Pictures::default();
        let _watching = pictures.watch();
        let frame = small(3);
        pictures.offer(&frame.picture());
        let mut planes = Vec::new();
        let format = pictures.take(&mut planes).unwrap();
        let jpeg = Jpeg(encode(&planes, format, Vec::new()).unwrap());
        let mut direct = Vec::new();
        write_jpeg(&frame.picture(), &mut direct).unwrap();
        assert_eq!(jpeg.picture(), direct, "the copy is the frame");
        let part = jpeg.part();
        let text = String::from_utf8_lossy(&part[..HEAD_BYTES]).into_owned();
        let length = text.split("Content-Length:").nth(1).unwrap().trim();
        assert_eq!((length.parse(), text.ends_with("\r\n\r\n")), (Ok(direct.len()), true), "{text}");
        assert!(part.ends_with(OPENING.as_bytes()) && OPENING.contains(BOUNDARY));
    }

    #[test]
    fn only_the_newest_frame_waits_and_only_for_somebody() {
        let pictures = Pictures::default();
        pictures.offer(&small(0).picture());
        assert!(pictures.lock().planes.is_empty(), "nobody watches");
        let _watching = pictures.watch();
        (1..4).for_each(|shift| pictures.offer(&small(shift).picture()));
        let mut planes = Vec::new();
        pictures.take(&mut planes).unwrap();
        assert_eq!(planes[..35], *small(3).picture().row(0, 0));
        pictures.close();
        assert!(pictures.take(&mut planes).is_none());
    }

    #[test]
    fn memory_is_written_again_when_all_are_done_with_it() {
        let bytes = Bytes::from(Vec::with_capacity(1000));
        let (held, mut published) = (bytes.clone(), vec![bytes]);
        assert_eq!(room(&mut published).capacity(), 0);
        drop(held);
        assert_eq!((room(&mut published).capacity(), published.len()), (1000, 0));
    }
}
