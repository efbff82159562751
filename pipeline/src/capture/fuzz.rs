//! The laws of everything that reads pictures and clips, for `crate::fuzz`.
//!
//! **Invariant.** A frame comes whole or not at all, of the one size that its source states, at a time that does not fall; a
//! source ends; an error says what is wrong in some words, and not with what was read. Nothing is read by way of ffmpeg here.
#![allow(clippy::unwrap_used, reason = "a target may panic: that is how it tells")]

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use frostglass_vault::{Colour, Pool};

use super::mjpeg::MjpegSource;
use super::still::{StillContainer, decode_still};
use super::y4m::Y4mSource;
use super::{CaptureError, LONGEST_SIDE, MOST_PIXELS, Source, kind_of};
use crate::fuzz::is_fit_to_be_told;

pub(crate) const MAGIC: &[&[u8]] = &[
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF",
    b"WEBP",
    b"AVI ",
    b"YUV4MPEG2",
    b"ftyp",
    b"moov",
    b"avif",
    b"GIF89a",
    b"BM",
];
pub(crate) const Y4M: &[&[u8]] = &[
    b"YUV4MPEG2",
    b"FRAME\n",
    b"FRAME X\n",
    b" W16",
    b" H16",
    b" W4294967295",
    b" H16385",
    b" F0:0",
    b" F4294967295:1",
    b" Cmono",
    b" C420jpeg",
    b" It",
    b" XCOLORRANGE=FULL",
    b" A16:11",
    b" ",
    b"\n",
];
pub(crate) const JPEG: &[&[u8]] = &[
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xc0\x00\x11\x08",
    b"\xff\xc2\x00\x11\x08",
    b"\xff\xc4",
    b"\xff\xda",
    b"\xff\xdb",
    b"\xff\xdd\x00\x04\x00\x01",
    b"\xff\xd0",
    b"\xff\xd7",
    b"\xff\x00",
    b"\xff\xff",
    b"\xff\xe1",
    b"Exif\0\0II*\0",
    b"Exif\0\0MM\0*",
    b"ICC_PROFILE\0\x01\x01",
    b"Adobe\0\x64",
    b"\xff\xfe\x00\x02",
];
pub(crate) const PNG: &[&[u8]] = &[
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"iCCP",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"gAMA",
    b"zTXt",
    b"iTXt",
    b"sBIT",
    b"\x78\x9c",
];
pub(crate) const WEBP: &[&[u8]] = &[
    b"RIFF",
    b"WEBP",
    b"VP8 ",
    b"VP8L",
    b"VP8X",
    b"ALPH",
    b"ANIM",
    b"ANMF",
    b"ICCP",
    b"EXIF",
    b"XMP ",
    b"\x9d\x01\x2a",
    b"\x2f",
];
pub(crate) const MP4: &[&[u8]] = &[
    b"ftyp",
    b"moov",
    b"mvhd",
    b"trak",
    b"tkhd",
    b"edts",
    b"elst",
    b"mdia",
    b"mdhd",
    b"hdlr",
    b"vide",
    b"minf",
    b"stbl",
    b"stsd",
    b"avc1",
    b"avcC",
    b"stts",
    b"ctts",
    b"stsc",
    b"stsz",
    b"stz2",
    b"stco",
    b"co64",
    b"stss",
    b"mvex",
    b"trex",
    b"moof",
    b"traf",
    b"tfhd",
    b"tfdt",
    b"trun",
    b"mdat",
    b"colr",
    b"\0\0\0\x01",
    b"\x67",
    b"\x68",
    b"\x65",
];

/// Reads no frame that is larger: what it says of itself was looked at before.
const LARGEST_FRAME: usize = 1 << 22;

pub(crate) fn kind(bytes: &[u8]) {
    let file = Memory::of(bytes);
    match kind_of(&file.path()) {
        Ok(kind) => assert!(!(kind.is_still() && kind.is_clip())),
        Err(error) => {
            assert!(bytes.is_empty(), "{error}");
            is_fit_to_be_told(&error);
        }
    }
}

pub(crate) fn y4m(bytes: &[u8]) {
    match Y4mSource::new("a clip".to_owned(), bytes) {
        Ok(mut source) => {
            source.notes().iter().for_each(|note| assert!(note.len() < 200, "{note}"));
            // Each frame is as many bytes of the stream, and the word before it; a grey one has no chroma there.
            let least = source.format().size.pixels() + b"FRAME\n".len();
            is_a_source(&mut source, bytes.len() / least);
        }
        Err(error) => is_fit_to_be_told(&error),
    }
}

pub(crate) fn mjpeg(bytes: &[u8]) {
    match MjpegSource::new("a clip".to_owned(), bytes, None) {
        // No frame is shorter than its two markers.
        Ok(mut source) => is_a_source(&mut source, bytes.len() / 4),
        Err(error) => is_fit_to_be_told(&error),
    }
}

pub(crate) fn jpeg(bytes: &[u8]) {
    still(StillContainer::Jpeg, bytes);
}

pub(crate) fn png(bytes: &[u8]) {
    still(StillContainer::Png, bytes);
}

pub(crate) fn webp(bytes: &[u8]) {
    still(StillContainer::Webp, bytes);
}

fn still(container: StillContainer, bytes: &[u8]) {
    match decode_still("a picture", container, bytes) {
        Ok(mut source) => {
            assert_eq!((source.container(), source.format().colour), (container, Colour::Rgb));
            is_a_source(&mut source, 1);
        }
        Err(error) => is_fit_to_be_told(&error),
    }
}

#[cfg(feature = "h264")]
pub(crate) fn mp4(bytes: &[u8]) {
    use super::mp4::{Clip, Refusal, open_mp4};

    let file = Memory::of(bytes);
    match open_mp4(&file.path()) {
        Ok(Clip { mut source, notes }) => {
            notes.iter().for_each(|note| assert!(note.len() < 200, "{note}"));
            // Each packet needs some bytes of the index or the data.
            is_a_source(&mut source, 64 + 4 * bytes.len());
        }
        Err(Refusal::Foreign(what)) => {
            assert!(what.len() < 200 && !what.chars().any(char::is_control), "{what:?}");
        }
        Err(Refusal::Fault(error)) => is_fit_to_be_told(&error),
    }
}

#[cfg(not(feature = "h264"))]
pub(crate) fn mp4(bytes: &[u8]) {
    kind(bytes);
}

/// Reads it to its end, which has to come after `most` frames at the latest.
fn is_a_source(source: &mut dyn Source, most: usize) {
    let format = source.format();
    let (width, height) = (format.size.width, format.size.height);
    assert!((1..=LONGEST_SIDE).contains(&width) && (1..=LONGEST_SIDE).contains(&height), "{}", format.size);
    assert!(format.size.pixels() <= MOST_PIXELS);
    assert!(source.rate().is_none_or(|rate| rate.frames > 0 && rate.seconds > 0));
    if format.bytes() > LARGEST_FRAME {
        return;
    }
    let mut blank = Pool::new(format, 1).blank().unwrap();
    let (mut last, mut whole, mut broken) = (Duration::ZERO, 0, HashSet::new());
    loop {
        match source.read(&mut blank) {
            Ok(Some(time)) => {
                whole += 1;
                assert!(time >= last, "the time falls from {last:?} to {time:?}");
                last = time;
            }
            Ok(None) => break,
            Err(error) => {
                is_fit_to_be_told(&error);
                let CaptureError::BrokenFrame { index, .. } = error else {
                    assert!(matches!(source.read(&mut blank), Ok(None)), "it goes on after its end: {error}");
                    break;
                };
                assert!(broken.insert(index), "frame {index} is broken twice");
            }
        }
        assert_eq!(source.format(), format, "it became another one");
        assert!(whole + broken.len() <= most, "more than {most} frames");
    }
}

/// A file that lies in memory and has a path.
struct Memory(File);

impl Memory {
    fn of(bytes: &[u8]) -> Self {
        let descriptor = rustix::fs::memfd_create("frostglass-fuzz", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(descriptor);
        file.write_all(bytes).unwrap();
        Self(file)
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}
