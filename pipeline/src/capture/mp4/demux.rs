//! Packets of the picture track, one after the other, from plain and fragmented files.
//!
//! **Invariant.** No more is read than the file has, and no length in it is believed before that is checked.

use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt;
use std::path::Path;

use shiguredo_mp4::aux::SampleTableAccessor;
use shiguredo_mp4::boxes::{MoofBox, SampleEntry, StblBox};
use shiguredo_mp4::demux::{Fmp4SegmentDemuxer, Sample};
use shiguredo_mp4::{BoxHeader, Decode};

use super::super::{CaptureError, handed, io_error};
use super::track::{Avc, Track};
use super::{End, Refusal};

/// A longer index, fragment or packet is not believed.
const LONGEST_INDEX: u64 = 256 << 20;
const LONGEST_PACKET: u64 = 64 << 20;

/// Reads packets of one track.
pub(super) struct Demuxer {
    file: Input,
    pub(super) track: Track,
    samples: Samples,
    /// Which of the track's parameter sets the decoder has.
    sent: Option<usize>,
}

/// Where the packets stand.
enum Samples {
    Table { table: Box<SampleTableAccessor<StblBox>>, next: u32 },
    Fragments { demuxer: Box<Fmp4SegmentDemuxer>, at: u64, segment: Vec<u8>, queue: VecDeque<Packet> },
}

/// One packet in the fragment that was read last.
struct Packet {
    start: u64,
    length: usize,
    due: i64,
    entry: usize,
}

impl Demuxer {
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let file = Input::open(path)?;
        let shown = file.path.clone();
        let broken = |reason: String| CaptureError::Broken { path: shown.clone(), what: "MP4 index", reason };
        let (start, length) = find_index(&file)?;
        let index = file.bytes(start, length, LONGEST_INDEX)?;
        let (moov, _) = shiguredo_mp4::boxes::MoovBox::decode(&index).map_err(|error| broken(error.to_string()))?;
        let fragmented = moov.mvex_box.is_some();
        let (track, table) = Track::choose(&shown, moov)?;
        let samples = if fragmented {
            let mut demuxer = Box::new(Fmp4SegmentDemuxer::new());
            demuxer.handle_init_segment(&index).map_err(|error| broken(format!("{error:?}")))?;
            Samples::Fragments { demuxer, at: start + length, segment: Vec::new(), queue: VecDeque::new() }
        } else {
            let table = SampleTableAccessor::new(table).map_err(|error| broken(format!("{error:?}")))?;
            Samples::Table { table: Box::new(table), next: 1 }
        };
        let mut demuxer = Self { file, track, samples, sent: None };
        demuxer.look_ahead()?;
        Ok(demuxer)
    }

    pub(super) fn expected_frames(&self) -> Option<u64> {
        match &self.samples {
            Samples::Table { table, .. } => Some(u64::from(table.sample_count())),
            Samples::Fragments { .. } => None,
        }
    }

    /// Puts the next packet into `packet`, with start codes, and the parameter sets before it if they are new; gives
    /// when it is shown, in the track's time scale.
    pub(super) fn next_packet(&mut self, packet: &mut Vec<u8>) -> Result<Option<i64>, End> {
        let (bytes, due, entry) = match &mut self.samples {
            Samples::Table { table, next } => {
                let Some(sample) = NonZeroU32::new(*next).and_then(|index| table.get_sample(index)) else {
                    return Ok(None);
                };
                *next = next.saturating_add(1);
                let due = due(sample.timestamp(), sample.composition_time_offset());
                let entry = sample.chunk().sample_entry_index();
                let bytes = self.file.whole(sample.data_offset(), u64::from(sample.data_size()), LONGEST_PACKET)?;
                (bytes, due, entry)
            }
            Samples::Fragments { queue, .. } if queue.is_empty() => {
                if !self.read_fragments()? {
                    return Ok(None);
                }
                return self.next_packet(packet);
            }
            Samples::Fragments { queue, segment, .. } => {
                let Some(Packet { start, length, due, entry }) = queue.pop_front() else { return Ok(None) };
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                let bytes = segment.get(start..start.saturating_add(length)).ok_or(End::Cut)?;
                (bytes.to_vec(), due, entry)
            }
        };
        let Some(avc) = self.track.entries.get(entry).and_then(Option::as_ref) else {
            return Err(End::Broken("the codec changes inside the clip".to_owned()));
        };
        packet.clear();
        if self.sent != Some(entry) {
            packet.extend_from_slice(&avc.sets);
            self.sent = Some(entry);
        }
        append_with_start_codes(&bytes, avc, packet)?;
        Ok(Some(due))
    }

    /// Knows the rate of a fragmented clip from its first fragment; refuses what the segment reader misunderstands.
    fn look_ahead(&mut self) -> Result<(), Refusal> {
        let Samples::Fragments { at, .. } = &self.samples else { return Ok(()) };
        let Ok(Some((start, length))) = next_box(&self.file, *at, b"moof") else { return Ok(()) };
        let Ok(bytes) = self.file.bytes(start, length, LONGEST_INDEX) else { return Ok(()) };
        // What is wrong with it is told when it is read.
        if samples_of(&bytes).is_none_or(|samples| samples > self.file.length) {
            return Ok(());
        }
        let Ok((moof, _)) = MoofBox::decode(&bytes) else { return Ok(()) };
        if moof.traf_boxes.iter().any(|part| part.tfhd_box.base_data_offset.is_some()) {
            return Err(Refusal::Foreign("an MP4 whose fragments state absolute positions".to_owned()));
        }
        let ours = moof.traf_boxes.iter().find(|part| part.tfhd_box.track_id == self.track.id);
        let duration = ours.and_then(|part| {
            let first = part.trun_boxes.first().and_then(|run| run.samples.first());
            first.and_then(|sample| sample.duration).or(part.tfhd_box.default_sample_duration)
        });
        self.track.guess_rate(duration);
        Ok(())
    }

    /// Reads fragments until one has packets of ours; says whether there was one.
    fn read_fragments(&mut self) -> Result<bool, End> {
        let Samples::Fragments { demuxer, at, segment, queue } = &mut self.samples else { return Ok(false) };
        while queue.is_empty() {
            let Some((start, header)) = next_box(&self.file, *at, b"moof")? else { return Ok(false) };
            let Some((data, length)) = next_box(&self.file, start + header, b"mdat")? else { return Err(End::Cut) };
            if data != start + header {
                return Err(End::Broken("a fragment's data does not follow its index".to_owned()));
            }
            *segment = self.file.whole(start, header + length, LONGEST_INDEX)?;
            *at = start + header + length;
            let index = usize::try_from(header).ok().and_then(|header| segment.get(..header)).unwrap_or_default();
            if samples_of(index).is_none_or(|samples| samples > header + length) {
                return Err(End::Broken("a fragment speaks of more samples than it has bytes".to_owned()));
            }
            let samples = demuxer.handle_media_segment(segment).map_err(|error| End::Broken(format!("{error:?}")))?;
            let mut entry = self.sent.unwrap_or(0);
            for sample in samples.iter().filter(|sample| sample.track.track_id == self.track.id) {
                if let Some(found) = sample.sample_entry.and_then(|found| self.track.index_of(found)) {
                    entry = found;
                }
                queue.push_back(Packet::of(sample, entry));
            }
        }
        Ok(true)
    }
}

impl Packet {
    fn of(sample: &Sample<'_>, entry: usize) -> Self {
        let due = due(sample.timestamp, sample.composition_time_offset);
        Self { start: sample.data_offset, length: sample.data_size, due, entry }
    }
}

/// What an H.264 sample entry holds; `None` for every other codec.
pub(super) fn avc_of(entry: &SampleEntry) -> Option<Avc> {
    let SampleEntry::Avc1(avc) = entry else { return None };
    let config = &avc.avcc_box;
    let mut sets = Vec::new();
    for set in config.sps_list.iter().chain(&config.pps_list) {
        sets.extend_from_slice(&[0, 0, 0, 1]);
        sets.extend_from_slice(set);
    }
    Some(Avc { sets, length_size: usize::from(config.length_size_minus_one.get()) + 1 })
}

/// How many samples a fragment's index speaks of; `None` when its boxes make no sense. Of a run whose samples all are as the
/// track's defaults say, only the number is stored: the reader would make room for each of them, some gigabytes for each
/// kilobyte of the file.
fn samples_of(moof: &[u8]) -> Option<u64> {
    let mut samples = 0u64;
    for (_, track) in boxes_in(boxes_in(moof)?.first()?.1)?.into_iter().filter(|(kind, _)| kind == b"traf") {
        for (_, run) in boxes_in(track)?.into_iter().filter(|(kind, _)| kind == b"trun") {
            let count = run.get(4..8)?.iter().fold(0u64, |count, &byte| count << 8 | u64::from(byte));
            samples = samples.saturating_add(count);
        }
    }
    Some(samples)
}

/// The boxes that stand one behind the other: kind and content of each.
fn boxes_in(mut bytes: &[u8]) -> Option<Vec<([u8; 4], &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (header, head) = BoxHeader::decode(bytes).ok()?;
        let length = match header.box_size.get() {
            0 => bytes.len(),
            length => usize::try_from(length).ok()?,
        };
        let (whole, rest) = bytes.split_at_checked(length)?;
        found.push((header.box_type.as_bytes().first_chunk().copied()?, whole.get(head..)?));
        bytes = rest;
    }
    Some(found)
}

fn due(decoded: u64, offset: Option<i64>) -> i64 {
    i64::try_from(decoded).unwrap_or(i64::MAX).saturating_add(offset.unwrap_or(0))
}

/// Replaces each unit's length by a start code.
fn append_with_start_codes(mut bytes: &[u8], avc: &Avc, packet: &mut Vec<u8>) -> Result<(), End> {
    while !bytes.is_empty() {
        let unit = bytes.split_at_checked(avc.length_size).and_then(|(length, rest)| {
            let length = length.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
            rest.split_at_checked(length)
        });
        let Some((unit, rest)) = unit else {
            return Err(End::Broken("a unit of it is longer than its packet".to_owned()));
        };
        packet.extend_from_slice(&[0, 0, 0, 1]);
        packet.extend_from_slice(unit);
        bytes = rest;
    }
    Ok(())
}

/// Finds the box that holds the index, wherever it stands.
fn find_index(file: &Input) -> Result<(u64, u64), CaptureError> {
    let lost =
        |reason: &str| CaptureError::Broken { path: file.path.clone(), what: "MP4 file", reason: reason.to_owned() };
    match next_box(file, 0, b"moov") {
        Ok(Some(found)) => Ok(found),
        Ok(None) | Err(End::Cut) => {
            Err(lost("its index is missing; the recording was cut before it was finished, and frames cannot be found"))
        }
        Err(End::Other(fault)) => Err(fault),
        Err(_) => Err(lost("its boxes make no sense")),
    }
}

/// The first box of this kind at or after `at`, with its length.
fn next_box(file: &Input, mut at: u64, wanted: &[u8; 4]) -> Result<Option<(u64, u64)>, End> {
    loop {
        if at >= file.length {
            return Ok(None);
        }
        let length = (file.length - at).min(BoxHeader::MAX_SIZE as u64);
        let head = file.whole(at, length, LONGEST_PACKET)?;
        let Ok((header, _)) = BoxHeader::decode(&head) else { return Err(End::Cut) };
        let length = match header.box_size.get() {
            0 => file.length - at,
            length => length,
        };
        let end = at.checked_add(length).filter(|&end| end <= file.length && length >= 8).ok_or(End::Cut)?;
        if header.box_type.as_bytes() == wanted {
            return Ok(Some((at, length)));
        }
        at = end;
    }
}

/// A file of known length.
struct Input {
    file: File,
    length: u64,
    path: String,
}

impl Input {
    fn open(path: &Path) -> Result<Self, CaptureError> {
        let shown = path.display().to_string();
        let file = handed::open(path).map_err(io_error(&shown, "opening"))?;
        let length = file.metadata().map_err(io_error(&shown, "reading"))?.len();
        Ok(Self { file, length, path: shown })
    }

    /// A piece of the file, which must be there.
    fn bytes(&self, start: u64, length: u64, longest: u64) -> Result<Vec<u8>, CaptureError> {
        self.whole(start, length, longest).map_err(|end| match end {
            End::Other(fault) => fault,
            _ => CaptureError::Truncated { path: self.path.clone(), whole: 0 },
        })
    }

    /// A piece of the file; [`End::Cut`] when it is not all there.
    fn whole(&self, start: u64, length: u64, longest: u64) -> Result<Vec<u8>, End> {
        if start.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(End::Cut);
        }
        if length > longest {
            return Err(End::Broken(format!("a piece of {length} bytes is not believed")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, start).map_err(io_error(&self.path, "reading"))?;
        Ok(bytes)
    }
}
