//! MP4 and QuickTime clips with H.264, plain or fragmented.
//!
//! **Invariant.** Frames come whole, in the order in which they are shown, turned upright, and only those that the
//! clip's edit list shows: what its owner trimmed away stays away. A cut file gives what was whole, then says so.
//! Sound, subtitles, places and every other track are dropped.
//!
//! Boxes are read by shiguredo_mp4, pictures by [`super::h264`]; other codecs go by way of ffmpeg.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Size};

use self::demux::Demuxer;
use self::track::Window;
use super::h264::{H264, Kept};
use super::rotate::{Rotated, Turn};
use super::{CaptureError, Rate, Source, check_blank, check_size};

mod demux;
mod sps;
mod track;

/// Why a clip is not read here.
pub(super) enum Refusal {
    /// ffmpeg may read it; what it is.
    Foreign(String),
    /// Nobody can.
    Fault(CaptureError),
}

impl From<CaptureError> for Refusal {
    fn from(fault: CaptureError) -> Self {
        Self::Fault(fault)
    }
}

/// An upright clip and what the user should know about it.
pub(super) struct Clip {
    pub(super) source: Box<dyn Source>,
    pub(super) notes: Vec<String>,
}

/// Opens a clip and decodes its first frame.
pub(super) fn open_mp4(path: &Path) -> Result<Clip, Refusal> {
    let demuxer = Demuxer::open(path)?;
    let (turn, notes) = (demuxer.track.turn, demuxer.track.notes.clone());
    let source = Mp4Source::new(path.display().to_string(), demuxer)?;
    let source: Box<dyn Source> = match turn {
        Turn::None => Box::new(source),
        turn => Box::new(Rotated::new(source, turn)),
    };
    Ok(Clip { source, notes })
}

/// Whether its pictures are of a codec that is not read here. Nothing is decoded.
pub(super) fn is_foreign(path: &Path) -> bool {
    matches!(Demuxer::open(path), Err(Refusal::Foreign(_)))
}

/// The frames of the clip's picture track, as they are stored.
struct Mp4Source {
    path: String,
    demuxer: Demuxer,
    decoder: H264,
    packet: Vec<u8>,
    /// Times at which the packets that are in the decoder are shown: it gives frames in that order.
    due: BinaryHeap<Reverse<i64>>,
    /// Frames that were decoded before anybody asked.
    ready: VecDeque<Kept>,
    format: Format,
    first: Option<i64>,
    last: Duration,
    given: u64,
    drained: bool,
    fault: Option<End>,
}

/// How a clip ends when it does not end well.
enum End {
    Cut,
    Broken(String),
    Resized(Size),
    Other(CaptureError),
}

impl From<CaptureError> for End {
    fn from(fault: CaptureError) -> Self {
        Self::Other(fault)
    }
}

impl Mp4Source {
    fn new(path: String, demuxer: Demuxer) -> Result<Self, Refusal> {
        let broken = |reason| CaptureError::BrokenClip { path: path.clone(), index: 0, reason };
        let decoder = H264::new().map_err(broken)?;
        let colour = demuxer.track.colour;
        let mut source = Self {
            path,
            demuxer,
            decoder,
            packet: Vec::new(),
            due: BinaryHeap::new(),
            ready: VecDeque::new(),
            format: Format::video(Size::new(0, 0), colour.matrix_for(Size::new(0, 0)), colour.range),
            first: None,
            last: Duration::ZERO,
            given: 0,
            drained: false,
            fault: None,
        };
        // The true size is what comes out of the decoder.
        while source.ready.is_empty() && !source.drained {
            source.decode_into(None);
        }
        let Some(size) = source.ready.front().map(|kept| kept.size) else {
            return Err(match source.fault.take() {
                Some(End::Broken(reason)) => Refusal::Foreign(format!("this kind of H.264 ({reason})")),
                Some(end) => source.explain(end).into(),
                None => CaptureError::NoFrames { path: source.path, what: "a clip" }.into(),
            });
        };
        check_size(&source.path, size)?;
        source.format = Format::video(size, colour.matrix_for(size), colour.range);
        Ok(source)
    }

    /// Feeds the decoder one packet. A frame that comes out is written into the blank, if there is one and the frame
    /// is shown, and its time given; without a blank it is kept.
    fn decode_into(&mut self, blank: Option<&mut Blank>) -> Option<Duration> {
        let due = match self.demuxer.next_packet(&mut self.packet) {
            Ok(Some(due)) => due,
            Ok(None) => return self.drain(None),
            Err(end) => return self.drain(Some(end)),
        };
        self.due.push(Reverse(due));
        let frame = match self.decoder.decode(&self.packet) {
            Ok(Some(frame)) => frame,
            Ok(None) => return None,
            Err(reason) => {
                // What the decoder still holds may lean on what it could not decode: it is not asked for it.
                self.drained = true;
                self.fault = Some(End::Broken(reason));
                return None;
            }
        };
        let Some(blank) = blank else {
            self.ready.extend(frame.keep());
            return None;
        };
        if frame.size() != self.format.size {
            self.fault = Some(End::Resized(frame.size()));
            self.drained = true;
            return None;
        }
        let Reverse(due) = self.due.pop()?;
        if !self.demuxer.track.windows.iter().any(|window: &Window| window.contains(due)) {
            return None;
        }
        if !frame.write(blank.planes_mut()) {
            self.fault = Some(End::Broken("the decoder gave half a frame".to_owned()));
            self.drained = true;
            return None;
        }
        Some(self.stamp(due))
    }

    /// Takes what the decoder has held back.
    fn drain(&mut self, end: Option<End>) -> Option<Duration> {
        self.drained = true;
        match self.decoder.finish() {
            Ok(frames) => self.ready.extend(frames),
            Err(reason) => self.fault = Some(End::Broken(reason)),
        }
        self.fault = end.or(self.fault.take());
        None
    }

    /// Time since the first frame that was shown; never falls, whatever the file says.
    fn stamp(&mut self, due: i64) -> Duration {
        let since = i128::from(due) - i128::from(*self.first.get_or_insert(due));
        let nanos = since.max(0) * 1_000_000_000 / i128::from(self.demuxer.track.timescale.get());
        self.last = self.last.max(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        self.given += 1;
        self.last
    }

    /// Gives a kept frame, if it is shown.
    fn give(&mut self, kept: &Kept, blank: &mut Blank) -> Option<Duration> {
        let Reverse(due) = self.due.pop()?;
        if kept.size != self.format.size {
            self.fault = Some(End::Resized(kept.size));
            self.drained = true;
            self.ready.clear();
            return None;
        }
        let shown = self.demuxer.track.windows.iter().any(|window| window.contains(due));
        (shown && kept.write(blank.planes_mut())).then(|| self.stamp(due))
    }

    fn explain(&self, end: End) -> CaptureError {
        let (path, index) = (self.path.clone(), self.given);
        match end {
            End::Cut => CaptureError::Truncated { path, whole: index },
            End::Broken(reason) => CaptureError::BrokenClip { path, index, reason },
            End::Resized(is) => CaptureError::SizeChanged { path, index, was: self.format.size, is },
            End::Other(fault) => fault,
        }
    }
}

impl Source for Mp4Source {
    fn format(&self) -> Format {
        self.format
    }

    fn rate(&self) -> Option<Rate> {
        self.demuxer.track.rate
    }

    fn expected_frames(&self) -> Option<u64> {
        self.demuxer.expected_frames()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format)?;
        loop {
            let time = if let Some(kept) = self.ready.pop_front() {
                self.give(&kept, blank)
            } else if self.drained {
                return self.fault.take().map_or(Ok(None), |end| Err(self.explain(end)));
            } else {
                self.decode_into(Some(blank))
            };
            if time.is_some() {
                return Ok(time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt;

    use frostglass_vault::Pool;

    use super::*;

    /// Opens and reads a few frames; says how many came. ffmpeg is not asked.
    fn try_frames(path: &Path, most: usize) -> Option<usize> {
        let mut clip = open_mp4(path).ok()?.source;
        let pool = Pool::new(clip.format(), 1);
        let mut came = 0;
        for _ in 0..most {
            match clip.read(&mut pool.blank()?) {
                Ok(Some(_)) => came += 1,
                Ok(None) | Err(_) => break,
            }
        }
        Some(came)
    }

    /// Reads all packets and decodes none; says how many came.
    fn try_packets(path: &Path) -> Option<usize> {
        let mut demuxer = Demuxer::open(path).ok()?;
        let mut packet = Vec::new();
        let came = std::iter::from_fn(|| demuxer.next_packet(&mut packet).ok().flatten()).take(1000).count();
        assert!(came < 1000, "the packets do not end");
        Some(came)
    }

    #[test]
    fn a_lie_in_any_byte_of_the_index_neither_panics_nor_runs_on() {
        let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay_pan.mp4");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lies.mp4");
        std::fs::copy(bundled, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let index = bytes.windows(4).rposition(|four| four == b"moov").unwrap() - 4;
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let (mut opened, mut refused) = (0, 0);
        for at in (0..32).chain(index..bytes.len()) {
            let lie = [0x00, 0x7f, 0xff, bytes[at] ^ 0x01][at % 4];
            file.write_all_at(&[lie], at as u64).unwrap();
            match if at % 24 == 0 { try_frames(&path, 3) } else { try_packets(&path) } {
                Some(_) => opened += 1,
                None => refused += 1,
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
        assert_eq!(try_frames(&path, 3), Some(3));
    }

    #[test]
    fn changed_pictures_never_panic_and_give_whole_frames_or_a_fault() {
        let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay_pan.mp4");
        let bytes = std::fs::read(bundled).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changed.mp4");
        let mut fewer = 0;
        // Packets 0 to 4, with B-frames among them, lie in the first 300 kB.
        for case in 0..24u32 {
            let mut changed = bytes.clone();
            for step in 0..6 {
                let noise = (case * 6 + step + 1).wrapping_mul(2_654_435_761);
                changed[48 + (noise >> 8) as usize % 300_000] = noise as u8;
            }
            std::fs::write(&path, &changed).unwrap();
            fewer += usize::from(try_frames(&path, 5) != Some(5));
        }
        assert!(fewer > 4, "the decoder noticed {fewer} of 24");
    }

    #[test]
    fn nothing_but_headers_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.mp4");
        for bytes in
            [b"\0\0\0\x10ftypisom\0\0\0\0".as_slice(), b"\0\0\0\x08moov", b"\0\0\0\0moov", b"\xff\xff\xff\xffmdat"]
        {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(open_mp4(&path), Err(Refusal::Fault(_))), "{bytes:?}");
        }
    }
}
