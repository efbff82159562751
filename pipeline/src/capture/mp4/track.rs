//! Which track is the picture, how it is turned, which part of it is shown, and what its numbers mean.

use std::num::NonZeroU32;

use frostglass_vault::{Matrix, Range, Size};
use shiguredo_mp4::boxes::{HdlrBox, MoovBox, SampleEntry, StblBox, TrakBox};

use super::super::rotate::Turn;
use super::super::y4m::usual_matrix;
use super::super::{CaptureError, Rate};
use super::demux::avc_of;
use super::{Refusal, sps};

/// The picture track.
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) timescale: NonZeroU32,
    pub(super) turn: Turn,
    pub(super) windows: Vec<Window>,
    pub(super) colour: TrackColour,
    pub(super) rate: Option<Rate>,
    pub(super) notes: Vec<String>,
    /// By sample entry; `None` is another codec.
    pub(super) entries: Vec<Option<Avc>>,
    raw_entries: Vec<SampleEntry>,
}

/// What the decoder has to know before the first packet.
pub(super) struct Avc {
    /// Parameter sets with start codes.
    pub(super) sets: Vec<u8>,
    /// Bytes of a unit's length.
    pub(super) length_size: usize,
}

/// A span of the track's time that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: i64,
    end: Option<i64>,
}

impl Window {
    pub(super) fn contains(self, due: i64) -> bool {
        due >= self.start && self.end.is_none_or(|end| due < end)
    }
}

/// The meaning of the samples, as far as it is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrackColour {
    matrix: Option<Matrix>,
    pub(super) range: Range,
}

impl TrackColour {
    /// The stated matrix, or what players assume.
    pub(super) fn matrix_for(self, size: Size) -> Matrix {
        self.matrix.unwrap_or_else(|| usual_matrix(size))
    }
}

impl Track {
    /// Takes the first picture track that is switched on.
    pub(super) fn choose(path: &str, moov: MoovBox) -> Result<(Self, StblBox), Refusal> {
        let movie_timescale = moov.mvhd_box.timescale;
        let mut notes = Vec::new();
        let mut pictures = Vec::new();
        for track in moov.trak_boxes {
            match track.mdia_box.hdlr_box.handler_type {
                HdlrBox::HANDLER_TYPE_VIDE => pictures.push(track),
                HdlrBox::HANDLER_TYPE_SOUN => note(&mut notes, "the sound is dropped"),
                _ => note(&mut notes, "tracks that are neither picture nor sound are dropped"),
            }
        }
        if pictures.len() > 1 {
            note(&mut notes, "there are several picture tracks: one is used, the others are dropped");
        }
        let chosen = pictures.iter().position(|track| track.tkhd_box.flag_track_enabled).unwrap_or(0);
        if pictures.is_empty() {
            return Err(CaptureError::NoFrames { path: path.to_owned(), what: "an MP4" }.into());
        }
        let track = pictures.swap_remove(chosen);
        let turn = turn_of(&track.tkhd_box.matrix).unwrap_or_else(|| {
            note(&mut notes, "the clip asks to be mirrored, skewed or scaled, which is not done");
            Turn::None
        });
        let windows = windows_of(&track, movie_timescale);
        if windows.iter().any(|window| window.end.is_some()) && trims(&track, &windows) {
            note(&mut notes, "what the clip's edit list hides stays hidden");
        }
        Self::of(path, track, turn, windows, notes)
    }

    fn of(
        path: &str,
        track: TrakBox,
        turn: Turn,
        windows: Vec<Window>,
        notes: Vec<String>,
    ) -> Result<(Self, StblBox), Refusal> {
        let timescale = track.mdia_box.mdhd_box.timescale;
        let table = track.mdia_box.minf_box.stbl_box;
        let raw_entries = table.stsd_box.entries.clone();
        let Some(first) = raw_entries.first() else {
            return Err(CaptureError::NoFrames { path: path.to_owned(), what: "an MP4" }.into());
        };
        let SampleEntry::Avc1(avc) = first else { return Err(Refusal::Foreign(name_of(first))) };
        let described = avc.avcc_box.sps_list.first().and_then(|set| sps::parse(set));
        if let Some(reason) = described.as_ref().and_then(sps::Sps::refusal) {
            return Err(Refusal::Foreign(format!("{reason} H.264")));
        }
        let stated = avc.unknown_boxes.iter().find(|found| found.box_type.as_bytes() == b"colr");
        let colour = colour_of(described.as_ref(), stated.map(|found| found.payload.as_slice()));
        let counts = table.stts_box.entries.iter().fold((0u64, 0u64), |(count, length), entry| {
            let more = u64::from(entry.sample_count);
            (count + more, length.saturating_add(more * u64::from(entry.sample_delta)))
        });
        let entries = raw_entries.iter().map(avc_of).collect();
        let rate = rate_of(counts.0, counts.1, timescale);
        let id = track.tkhd_box.track_id;
        Ok((Self { id, timescale, turn, windows, colour, rate, notes, entries, raw_entries }, table))
    }

    /// Which sample entry this is.
    pub(super) fn index_of(&self, entry: &SampleEntry) -> Option<usize> {
        self.raw_entries.iter().position(|known| known == entry)
    }

    /// The rate of a clip whose index has none, from the length of its first packet.
    pub(super) fn guess_rate(&mut self, duration: Option<u32>) {
        if self.rate.is_none() {
            self.rate = duration.and_then(|duration| rate_of(1, u64::from(duration), self.timescale));
        }
    }
}

fn note(notes: &mut Vec<String>, text: &str) {
    if !notes.iter().any(|known| known == text) {
        notes.push(text.to_owned());
    }
}

/// So many packets in so much time, as a fraction in lowest terms.
fn rate_of(count: u64, length: u64, timescale: NonZeroU32) -> Option<Rate> {
    let (frames, seconds) = (count.checked_mul(u64::from(timescale.get()))?, length);
    let (mut low, mut high) = (frames, seconds);
    while low != 0 {
        (low, high) = (high % low, low);
    }
    let divisor = high.max(1);
    let (mut frames, mut seconds) = (frames / divisor, seconds / divisor);
    while frames > u64::from(u32::MAX) || seconds > u64::from(u32::MAX) {
        (frames, seconds) = (frames / 2, seconds / 2);
    }
    Rate::new(u32::try_from(frames).ok()?, u32::try_from(seconds).ok()?)
}

/// The four turns that phones write (ISO/IEC 14496-12, 8.3.2); `None` for everything else.
fn turn_of(matrix: &[i32; 9]) -> Option<Turn> {
    let [a, b, _, c, d, ..] = matrix.map(i32::signum);
    let same =
        [matrix[0], matrix[1], matrix[3], matrix[4]].iter().all(|value| matches!(value.unsigned_abs(), 0 | 65_536));
    match (a, b, c, d) {
        _ if !same => None,
        (1, 0, 0, 1) => Some(Turn::None),
        (0, 1, -1, 0) => Some(Turn::Quarter),
        (-1, 0, 0, -1) => Some(Turn::Half),
        (0, -1, 1, 0) => Some(Turn::ThreeQuarters),
        // Some writers leave the matrix out.
        (0, 0, 0, 0) => Some(Turn::None),
        _ => None,
    }
}

/// What the edit list shows; everything, when there is none.
fn windows_of(track: &TrakBox, movie: NonZeroU32) -> Vec<Window> {
    let list = track.edts_box.as_ref().and_then(|edits| edits.elst_box.as_ref());
    let media = i128::from(track.mdia_box.mdhd_box.timescale.get());
    let mut windows: Vec<Window> = list
        .iter()
        .flat_map(|list| &list.entries)
        .filter(|entry| entry.media_time >= 0)
        .map(|entry| {
            // Rounded up: a frame that is shown for a moment only is shown.
            let length =
                (i128::from(entry.edit_duration) * media + i128::from(movie.get()) - 1) / i128::from(movie.get());
            let end = i64::try_from(i128::from(entry.media_time) + length).ok();
            Window { start: entry.media_time, end: end.filter(|_| entry.edit_duration > 0) }
        })
        .collect();
    if windows.is_empty() {
        windows.push(Window { start: i64::MIN, end: None });
    }
    windows
}

/// Whether the edit list leaves out a part that is longer than the reordering of frames explains.
fn trims(track: &TrakBox, windows: &[Window]) -> bool {
    let media = &track.mdia_box;
    let length = i128::from(media.mdhd_box.duration);
    let second = i128::from(media.mdhd_box.timescale.get());
    let start = windows.iter().map(|window| i128::from(window.start)).min().unwrap_or(0);
    let end = windows.iter().map(|window| window.end.map_or(length, i128::from)).max().unwrap_or(length);
    length > 0 && (start > second / 2 || end + second / 2 < length)
}

/// The picture's own words first, then the container's, then what is usual.
fn colour_of(described: Option<&sps::Sps>, stated: Option<&[u8]>) -> TrackColour {
    let container = stated.and_then(|payload| match payload {
        [b'n', b'c', b'l', b'x', _, _, _, _, high, low, full, ..] => {
            Some((u16::from_be_bytes([*high, *low]), full & 0x80 != 0))
        }
        [b'n', b'c', b'l', b'c', _, _, _, _, high, low, ..] => Some((u16::from_be_bytes([*high, *low]), false)),
        _ => None,
    });
    let matrix = described
        .and_then(|sps| sps.matrix)
        .and_then(|code| matrix_of(u16::from(code)))
        .or_else(|| container.and_then(|(code, _)| matrix_of(code)));
    let full = described.and_then(|sps| sps.full_range).or(container.map(|(_, full)| full)).unwrap_or(false);
    TrackColour { matrix, range: if full { Range::Full } else { Range::Limited } }
}

/// ITU-T H.273, table 4.
fn matrix_of(code: u16) -> Option<Matrix> {
    match code {
        1 => Some(Matrix::Bt709),
        4..=6 => Some(Matrix::Bt601),
        9 | 10 => Some(Matrix::Bt2020),
        _ => None,
    }
}

/// What people call a codec.
fn name_of(entry: &SampleEntry) -> String {
    match entry {
        SampleEntry::Hev1(_) | SampleEntry::Hvc1(_) => "HEVC (H.265)".to_owned(),
        SampleEntry::Av01(_) => "AV1".to_owned(),
        SampleEntry::Vp08(_) => "VP8".to_owned(),
        SampleEntry::Vp09(_) => "VP9".to_owned(),
        SampleEntry::Unknown(found) => {
            format!("the codec {:?}", String::from_utf8_lossy(found.box_type.as_bytes()))
        }
        _ => "a codec that is no video".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 65_536;

    #[test]
    fn phones_turn_by_quarters() {
        let matrix = |a, b, c, d| [a, b, 0, c, d, 0, 0, 0, 1 << 30];
        let table = [
            (matrix(ONE, 0, 0, ONE), Some(Turn::None)),
            (matrix(0, ONE, -ONE, 0), Some(Turn::Quarter)),
            (matrix(-ONE, 0, 0, -ONE), Some(Turn::Half)),
            (matrix(0, -ONE, ONE, 0), Some(Turn::ThreeQuarters)),
            (matrix(-ONE, 0, 0, ONE), None),
            (matrix(ONE / 2, 0, 0, ONE), None),
        ];
        for (matrix, turn) in table {
            assert_eq!(turn_of(&matrix), turn, "{matrix:?}");
        }
    }

    #[test]
    fn a_rate_is_in_lowest_terms() {
        let scale = NonZeroU32::new(15_360).unwrap();
        assert_eq!(rate_of(60, 60 * 512, scale), Rate::new(30, 1));
        assert_eq!(rate_of(300, 300 * 1001, NonZeroU32::new(30_000).unwrap()), Rate::new(30_000, 1001));
        assert_eq!(rate_of(0, 0, scale), None);
        assert_eq!(rate_of(1, 0, scale), None);
    }

    #[test]
    fn stated_colour_wins_over_what_is_usual() {
        let nclx = |matrix: u8, full: u8| [b"nclx\0\x01\0\x01\0".as_slice(), &[matrix, full]].concat();
        let small = Size::new(640, 360);
        let none = colour_of(None, None);
        assert_eq!((none.matrix_for(small), none.range), (Matrix::Bt601, Range::Limited));
        assert_eq!(none.matrix_for(Size::new(1280, 720)), Matrix::Bt709);
        let stated = colour_of(None, Some(&nclx(1, 0x80)));
        assert_eq!((stated.matrix_for(small), stated.range), (Matrix::Bt709, Range::Full));
        let sps = sps::Sps { full_range: Some(false), matrix: Some(9), ..sps::Sps::default() };
        let both = colour_of(Some(&sps), Some(&nclx(1, 0x80)));
        assert_eq!((both.matrix_for(small), both.range), (Matrix::Bt2020, Range::Limited));
        assert_eq!(colour_of(None, Some(b"prof")).range, Range::Limited);
    }
}
