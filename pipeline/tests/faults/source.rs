//! Clips that go wrong: one whose clock jumps, one whose frames change their size.
//!
//! **Invariant.** Each frame of the bundled clip's size is a frame of it, or of what a decoder makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use frostglass::capture::{MovingSource, OpenOptions, Opened, open};
use frostglass_vault::Pool;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tempfile::TempDir;

use crate::common::{folder, pan};
use crate::originals::Originals;

/// Frames a second of what is made here: few, so that a machine that is busy keeps up.
pub(crate) const RATE: u32 = 8;
/// Frames a second of the bundled clip.
pub(crate) const PAN_RATE: i64 = 15;

/// The bundled clip as Y4M.
pub(crate) fn clip() -> PathBuf {
    static CLIP: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let (originals, place) = (Originals::of_pan(), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let mut bytes = header(originals.width, originals.height).into_bytes();
        originals.frames.iter().for_each(|original| {
            bytes.extend_from_slice(b"FRAME\n");
            bytes.extend_from_slice(&original.bytes);
        });
        let unfinished = place.join(format!("faults-{}.y4m", std::process::id()));
        fs::write(&unfinished, bytes).unwrap();
        fs::rename(unfinished, place.join("faults.y4m")).unwrap();
        place.join("faults.y4m")
    };
    CLIP.get_or_init(make).clone()
}

pub(crate) fn header(width: usize, height: usize) -> String {
    format!("YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420mpeg2\n")
}

/// The bundled clip with other times: each frame is shown when `shown` says, in the frames' own time, given its number.
/// What was shown before another may come after it, or with it.
pub(crate) fn timed(shown: impl Fn(i64) -> i64) -> (TempDir, PathBuf) {
    let mut bytes = fs::read(pan()).unwrap();
    // The index stands last, so that it can grow. Each box that holds the table of times grows with it.
    let place = |bytes: &[u8], name: &[u8; 4]| bytes.windows(4).rposition(|four| four == name).unwrap() - 4;
    let number = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    // Each frame is decoded a step after the one before, and shown so much later.
    let decoded = place(&bytes, b"stts");
    let step = i64::from(number(&bytes, decoded + 20));
    assert_eq!([12, 16].map(|at| number(&bytes, decoded + at)), [1, 60], "one entry for all frames");
    let table = place(&bytes, b"ctts");
    let entries = number(&bytes, table + 12) as usize;
    let runs = (0..entries).map(|entry| [16, 20].map(|at| i64::from(number(&bytes, table + at + 8 * entry))));
    let due: Vec<i64> = runs
        .flat_map(|[count, later]| (0..count).map(move |_| later))
        .zip(0..)
        .map(|(later, at)| later + step * at)
        .collect();
    let first = *due.iter().min().unwrap();
    // So late that none is shown before it is decoded.
    let late = 600 * PAN_RATE;
    let mut longer = (due.len() as u32).to_be_bytes().to_vec();
    for (at, due) in (0..).zip(&due) {
        let later = (shown((due - first) / step) + late - at) * step;
        longer.extend_from_slice(&1u32.to_be_bytes());
        longer.extend_from_slice(&u32::try_from(later).unwrap().to_be_bytes());
    }
    let grown = longer.len() - 4 - 8 * entries;
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"ctts"] {
        let at = place(&bytes, name);
        let length = number(&bytes, at) + grown as u32;
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    bytes.splice(table + 12..table + 16 + 8 * entries, longer);
    // The edit list would show another part: all of it is shown, from the beginning on.
    let edits = place(&bytes, b"elst");
    bytes[edits + 16..edits + 24].fill(0);
    written("times.mp4", &bytes)
}

/// When each frame of a clip is shown, by the program's own reader.
pub(crate) fn times_of(clip: &Path) -> Vec<Duration> {
    let Opened::Moving(MovingSource { mut source, .. }) = open(clip, &OpenOptions::default()).unwrap() else {
        panic!("{} is no clip", clip.display());
    };
    let pool = Pool::new(source.format(), 1);
    std::iter::from_fn(|| source.read(&mut pool.blank().unwrap()).unwrap()).collect()
}

/// Pictures of the bundled clip behind one another, then smaller ones, and the large ones alone. The smaller ones are frames'
/// upper left quarters, faces and all.
pub(crate) fn resized() -> [(TempDir, PathBuf); 2] {
    let originals = Originals::of_pan();
    let (width, height) = (originals.width, originals.height);
    let jpeg = |number: usize, width: usize, height: usize| {
        let bytes = &originals.frames[number].bytes;
        let chroma = originals.width * originals.height;
        let plane =
            |index: usize, x: usize, y: usize| bytes[chroma + index * chroma / 4 + y / 2 * originals.width / 2 + x / 2];
        let pixel = |x: usize, y: usize| [bytes[y * originals.width + x], plane(0, x, y), plane(1, x, y)];
        let samples: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 95);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&samples, width as u16, height as u16, ColorType::Ycbcr).unwrap();
        jpeg
    };
    let whole: Vec<u8> = (0..RESIZED_AFTER).flat_map(|number| jpeg(number, width, height)).collect();
    let smaller = (0..8).flat_map(|number| jpeg(number, width / 2, height / 2));
    let all: Vec<u8> = whole.iter().copied().chain(smaller).collect();
    [written("resized.mjpeg", &all), written("whole.mjpeg", &whole)]
}

/// After so many frames of the bundled clip the size of [`resized`] changes.
pub(crate) const RESIZED_AFTER: usize = 28;

fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}
