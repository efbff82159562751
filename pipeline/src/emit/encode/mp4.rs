//! Fragmented MP4 with one H.264 track.
//!
//! **Invariant.** What has been written can be played up to the last whole fragment: the index stands before the
//! frames, and each fragment begins with a key frame. Held in memory is one fragment, two seconds at most.
//!
//! Times are those of the stamps, counted from the first frame; the last frame lasts as long as the one before.
//! Dates are zero ("unknown"), names empty. Boxes: ISO/IEC 14496-12 and -15, by `shiguredo_mp4`.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::time::Duration;

use frostglass_vault::{Picture, Stamp};
use shiguredo_mp4::bitstream::h264::{
    H264NalUnitType, H264SampleEntryConfig, LengthSize, build_avc1_box_from_annexb, parse_annexb_nal_units,
};

use shiguredo_mp4::boxes::{FtypBox, MoovBox, SampleEntry};
use shiguredo_mp4::mux::{Fmp4SegmentMuxer, Sample};
use shiguredo_mp4::{Decode, Encode, Mp4FileTime, TrackKind};

use super::h264::{AccessUnit, H264Encoder};
use super::incomplete;
use crate::capture::Rate;

/// Writes frames of one format as an MP4 clip. Without [`Mp4Writer::finish`] the last fragment is missing.
pub struct Mp4Writer {
    clock: Clock,
    encoder: Option<H264Encoder>,
    fragment: Fragment,
    muxer: Fmp4SegmentMuxer,
    entry: Option<SampleEntry>,
    begun: bool,
    broken: bool,
}

impl Mp4Writer {
    /// A writer for clips of this rate, which sets the unit of time; times are those of the stamps.
    ///
    /// # Errors
    /// When the container can not be set up.
    pub fn new(rate: Option<Rate>) -> io::Result<Self> {
        Ok(Self {
            clock: Clock::new(rate),
            encoder: None,
            fragment: Fragment::default(),
            muxer: Fmp4SegmentMuxer::new().map_err(io::Error::other)?,
            entry: None,
            begun: false,
            broken: false,
        })
    }

    /// Encodes a frame. What came before it is written when it begins a fragment.
    ///
    /// # Errors
    /// Those of `out` and of the encoder; `Unsupported` for stills, for more than 3840×2160 pixels and for a
    /// frame of another format than the first. The clip is then broken and takes no more.
    pub fn write(&mut self, picture: &Picture<'_>, stamp: Stamp, out: &mut impl Write) -> io::Result<()> {
        self.guarded(|writer| writer.add(picture, stamp, out))
    }

    /// Writes what is left, and an index for seeking.
    ///
    /// # Errors
    /// Those of `out`; or no frame came, or an earlier one was not written.
    pub fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        self.guarded(|writer| {
            let last = writer.clock.last_duration();
            writer.fragment.lasts(last);
            writer.flush(out)?;
            out.write_all(&writer.muxer.mfra_bytes().map_err(io::Error::other)?)
        })
    }

    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        if self.broken {
            return Err(incomplete());
        }
        let done = step(self);
        self.broken = done.is_err();
        done
    }

    fn add(&mut self, picture: &Picture<'_>, stamp: Stamp, out: &mut impl Write) -> io::Result<()> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => H264Encoder::new(picture.format())?,
        };
        let unit = encoder.encode(picture, stamp.time)?;
        if let Some(duration) = self.clock.tick(stamp.time) {
            self.fragment.lasts(duration);
        }
        if unit.key {
            self.flush(out)?;
            if self.entry.is_none() {
                let config = H264SampleEntryConfig { length_size: LengthSize::FourBytes };
                let avc1 = build_avc1_box_from_annexb(unit.bytes, &config).map_err(io::Error::other)?;
                self.entry = Some(SampleEntry::Avc1(avc1));
            }
        }
        self.fragment.push(&unit, self.clock.timescale, self.entry.clone())?;
        self.encoder = Some(encoder);
        Ok(())
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.fragment.samples.is_empty() {
            return Ok(());
        }
        let header = self.muxer.create_media_segment_metadata(&self.fragment.samples).map_err(io::Error::other)?;
        if !self.begun {
            out.write_all(&undated(&self.muxer.init_segment_bytes().map_err(io::Error::other)?)?)?;
            self.begun = true;
        }
        out.write_all(&header)?;
        out.write_all(&self.fragment.payload)?;
        self.fragment.clear();
        out.flush()
    }
}

impl std::fmt::Debug for Mp4Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mp4Writer").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Encoded frames that wait for the next key frame.
#[derive(Default)]
struct Fragment {
    samples: Vec<Sample>,
    payload: Vec<u8>,
}

impl Fragment {
    fn push(&mut self, unit: &AccessUnit<'_>, timescale: NonZeroU32, entry: Option<SampleEntry>) -> io::Result<()> {
        let start = self.payload.len();
        for nal in parse_annexb_nal_units(unit.bytes).map_err(io::Error::other)? {
            // Parameter sets stand in the track's description.
            if matches!(nal.nal_unit_type, H264NalUnitType::Sps | H264NalUnitType::Pps) {
                continue;
            }
            let length = u32::try_from(nal.data.len()).map_err(io::Error::other)?;
            self.payload.extend_from_slice(&length.to_be_bytes());
            self.payload.extend_from_slice(nal.data);
        }
        self.samples.push(Sample {
            track_kind: TrackKind::Video,
            sample_entry: entry,
            keyframe: unit.key,
            timescale,
            duration: 0,
            composition_time_offset: None,
            data_offset: start as u64,
            data_size: self.payload.len() - start,
        });
        Ok(())
    }

    /// The frame that came last lasts so long.
    fn lasts(&mut self, duration: u32) {
        if let Some(last) = self.samples.last_mut() {
            last.duration = duration;
        }
    }

    fn clear(&mut self) {
        self.samples.clear();
        self.payload.clear();
    }
}

/// Turns stamps into ticks that never stand still.
#[derive(Debug)]
struct Clock {
    timescale: NonZeroU32,
    nominal: u32,
    first: Duration,
    ticks: Option<u64>,
    duration: Option<u32>,
}

/// What most tools take for clips of any rate.
const USUAL_TIMESCALE: u32 = 90_000;
/// Fine enough for a camera that comes late.
const COARSEST_TIMESCALE: u32 = 10_000;
const FINEST_TIMESCALE: u32 = 1_000_000;

impl Clock {
    /// A timescale in which a frame of this rate lasts a whole number of ticks.
    fn new(rate: Option<Rate>) -> Self {
        let exact = rate.filter(|rate| rate.frames > 0 && rate.frames <= FINEST_TIMESCALE).map(|rate| {
            let times = COARSEST_TIMESCALE.div_ceil(rate.frames);
            (rate.frames * times, rate.seconds.saturating_mul(times))
        });
        let (timescale, nominal) = exact.unwrap_or((USUAL_TIMESCALE, USUAL_TIMESCALE / 25));
        let timescale = NonZeroU32::new(timescale).unwrap_or(NonZeroU32::MIN);
        Self { timescale, nominal: nominal.max(1), first: Duration::ZERO, ticks: None, duration: None }
    }

    /// Takes the time of a frame and tells how long the one before it lasted. Errors do not add up: each time is
    /// rounded by itself. A time that does not move on counts as one tick later.
    fn tick(&mut self, time: Duration) -> Option<u32> {
        let Some(before) = self.ticks else {
            (self.first, self.ticks) = (time, Some(0));
            return None;
        };
        const NANOS: u128 = 1_000_000_000;
        let since = time.saturating_sub(self.first).as_nanos();
        let ticks = (since * u128::from(self.timescale.get()) + NANOS / 2) / NANOS;
        let duration = u64::try_from(ticks).unwrap_or(u64::MAX).saturating_sub(before).clamp(1, u64::from(u32::MAX));
        self.ticks = Some(before.saturating_add(duration));
        self.duration = u32::try_from(duration).ok();
        self.duration
    }

    fn last_duration(&self) -> u32 {
        self.duration.unwrap_or(self.nominal)
    }
}

/// The same first boxes without dates: the muxer knows only those after 1970.
fn undated(init: &[u8]) -> io::Result<Vec<u8>> {
    let (ftyp, length) = FtypBox::decode(init).map_err(io::Error::other)?;
    let (mut moov, _) = MoovBox::decode(&init[length..]).map_err(io::Error::other)?;
    let unknown = Mp4FileTime::from_secs(0);
    (moov.mvhd_box.creation_time, moov.mvhd_box.modification_time) = (unknown, unknown);
    for track in &mut moov.trak_boxes {
        (track.tkhd_box.creation_time, track.tkhd_box.modification_time) = (unknown, unknown);
        let media = &mut track.mdia_box.mdhd_box;
        (media.creation_time, media.modification_time) = (unknown, unknown);
    }
    let mut bytes = ftyp.encode_to_vec().map_err(io::Error::other)?;
    bytes.extend(moov.encode_to_vec().map_err(io::Error::other)?);
    // The index at the end counts from here.
    if bytes.len() == init.len() { Ok(bytes) } else { Err(io::Error::other("an MP4 header changed its length")) }
}

#[cfg(test)]
mod tests;
