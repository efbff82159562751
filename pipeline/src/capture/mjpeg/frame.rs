//! One compressed frame of a camera or an MJPEG stream, to planes.
//!
//! **Invariant.** A frame is decoded wholly or not at all: its blocks are counted before, and no sample of it is kept
//! when it is done, so that nothing of one can stand in another.
//!
//! JPEG frames are full-range BT.601 (JFIF); their metadata is passed over. Coded data that was changed, but still has
//! as many blocks, is a picture like any other.

use std::io;

use frostglass_vault::{Blank, Format, Matrix, PlaneMut, Range, Size};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_jpeg::JpegDecoder;

use super::super::check_size;
use super::super::error::said;
use super::super::jpeg::{self, Walk};
use super::huffman;
use crate::arena::Scratch;

/// A decoded pixel's samples: Y, Cb and Cr.
const SAMPLES: usize = 3;

/// Decodes one compressed frame after the other; keeps its memory, which is guarded as that of frames, zeroised.
#[derive(Default)]
pub struct JpegFrameDecoder {
    samples: Scratch,
    completed: Scratch,
}

/// Why a compressed frame did not become a frame. The blank's content is then worthless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It is cut, broken, or of a kind that is not taken; what the decoder said.
    Broken(String),
    /// It is whole as far as its headers tell, but of another format than the blank.
    OtherFormat(Format),
}

impl JpegFrameDecoder {
    /// A decoder without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder with the memory that frames of this size take: behind the last walls none can be locked any more.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn of(size: Size) -> io::Result<Self> {
        let samples = size.pixels() * SAMPLES;
        Ok(Self { samples: Scratch::of(samples)?, completed: Scratch::of(samples)? })
    }

    /// The format that a compressed frame decodes to.
    ///
    /// # Errors
    /// When it is cut or broken, as far as its markers tell.
    pub fn format_of(compressed: &[u8]) -> Result<Format, FrameFault> {
        skeleton_of(compressed).map(|(_, format)| format)
    }

    /// Decodes one compressed frame, and what follows it is ignored. Standard Huffman tables are put in when it
    /// brings none, as frames of many webcams do.
    ///
    /// # Errors
    /// When it cannot be decoded wholly, or does not fit the blank.
    pub fn decode(&mut self, compressed: &[u8], blank: &mut Blank) -> Result<(), FrameFault> {
        let result = self.decode_whole(compressed, blank);
        self.samples.forget();
        self.completed.forget();
        result
    }

    fn decode_whole(&mut self, compressed: &[u8], blank: &mut Blank) -> Result<(), FrameFault> {
        let (skeleton, format) = skeleton_of(compressed)?;
        if format != blank.format() {
            return Err(FrameFault::OtherFormat(format));
        }
        let broken = |reason: String| FrameFault::Broken(reason);
        let no_memory = |error: io::Error| FrameFault::Broken(format!("there is no memory to decode it: {error}"));
        let whole = &compressed[..skeleton.length];
        let bytes = if skeleton.has_huffman {
            whole
        } else {
            let (before, behind) = whole.split_at(skeleton.scan);
            let completed = self.completed.take(whole.len() + huffman::STANDARD_TABLES.len()).map_err(no_memory)?;
            let (first, rest) = completed.split_at_mut(before.len());
            let (tables, last) = rest.split_at_mut(huffman::STANDARD_TABLES.len());
            first.copy_from_slice(before);
            tables.copy_from_slice(&huffman::STANDARD_TABLES);
            last.copy_from_slice(behind);
            &*completed
        };
        jpeg::scan::check_frame(bytes).map_err(|reason| broken(reason.to_owned()))?;
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg::options(ColorSpace::YCbCr));
        decoder.decode_headers().map_err(|error| broken(said(&error)))?;
        let grey = match decoder.input_colorspace() {
            Some(ColorSpace::YCbCr) => false,
            Some(ColorSpace::Luma) => true,
            _ => return Err(broken("its colours are neither YCbCr nor grey".to_owned())),
        };
        if grey {
            decoder.set_options(jpeg::options(ColorSpace::Luma));
        }
        if decoder.dimensions() != Some((format.size.width as usize, format.size.height as usize)) {
            return Err(broken("it states two sizes".to_owned()));
        }
        let [luma, blue, red] = blank.planes_mut();
        if grey {
            decoder.decode_into(luma.bytes).map_err(|error| broken(said(&error)))?;
            blue.bytes.fill(128);
            red.bytes.fill(128);
            return Ok(());
        }
        let samples = self.samples.take(format.size.pixels() * SAMPLES).map_err(no_memory)?;
        decoder.decode_into(samples).map_err(|error| broken(said(&error)))?;
        halve_chroma(samples, luma, blue, red);
        Ok(())
    }
}

fn skeleton_of(compressed: &[u8]) -> Result<(jpeg::Skeleton, Format), FrameFault> {
    let broken = |reason: &str| FrameFault::Broken(reason.to_owned());
    let skeleton = match jpeg::walk(compressed) {
        Walk::Whole(skeleton) => skeleton,
        Walk::Cut { .. } => return Err(broken("it ends too early")),
        Walk::Broken { reason, .. } => return Err(broken(reason)),
    };
    let size = skeleton.size.ok_or_else(|| broken("it states no size"))?;
    if check_size("", size).is_err() {
        return Err(FrameFault::Broken(format!("its size is {size}")));
    }
    Ok((skeleton, Format::video(size, Matrix::Bt601, Range::Full)))
}

/// Splits samples of Y, Cb, Cr at full size into planes; each chroma sample is the average of the 2 by 2 (at odd
/// edges 2 by 1 or 1 by 2) that it stands for, which undoes the decoder's own widening.
fn halve_chroma(samples: &[u8], luma: PlaneMut<'_>, blue: PlaneMut<'_>, red: PlaneMut<'_>) {
    let width = luma.size.width as usize;
    let half = blue.size.width as usize;
    let rows = samples.chunks(width * 6).zip(luma.bytes.chunks_mut(width * 2));
    for ((pair, luma), (blue, red)) in rows.zip(blue.bytes.chunks_exact_mut(half).zip(red.bytes.chunks_exact_mut(half)))
    {
        for (luma, sample) in luma.iter_mut().zip(pair.chunks_exact(3)) {
            *luma = sample[0];
        }
        let upper = &pair[..width * 3];
        // The last row of an odd height is its own neighbour.
        let lower = pair.get(width * 3..).filter(|lower| !lower.is_empty()).unwrap_or(upper);
        let columns = upper.chunks(6).zip(lower.chunks(6));
        for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red).zip(columns) {
            let right = if upper.len() == 6 { 3 } else { 0 };
            let average = |channel: usize| {
                let sum = u16::from(upper[channel])
                    + u16::from(upper[channel + right])
                    + u16::from(lower[channel])
                    + u16::from(lower[channel + right]);
                u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
            };
            (*blue, *red) = (average(1), average(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use frostglass_vault::Pool;

    use super::*;

    /// As webcams give it: 4:2:2.
    fn jpeg(shade: u8) -> Vec<u8> {
        let pixels: Vec<u8> = (0..160u32 * 120).flat_map(|at| [shade, (at % 251) as u8, (at / 160) as u8]).collect();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
        encoder.encode(&pixels, 160, 120, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    }

    fn scan_of(bytes: &[u8]) -> usize {
        skeleton_of(bytes).unwrap().0.scan + 14
    }

    #[test]
    fn a_frame_with_something_in_its_coded_data_is_broken_and_shows_nothing_of_the_one_before() {
        let (one, other) = (jpeg(250), jpeg(10));
        let at = scan_of(&other) + (other.len() - scan_of(&other)) / 3;
        let comment = [&b"\xff\xfe\x00\x40"[..], &[0; 62]].concat();
        let scan = &other[scan_of(&other) - 14..scan_of(&other)];
        // A comment in the middle, and then the end or the rest of it; a second scan.
        let cases = [
            [&other[..at], &comment, b"\xff\xd9"].concat(),
            [&other[..at], &comment, &other[at..]].concat(),
            [&other[..at], b"\xff\xfe\x00\x40", &other[at..]].concat(),
            [&other[..at], scan, &other[at..]].concat(),
        ];
        let pool = Pool::new(JpegFrameDecoder::format_of(&one).unwrap(), 1);
        let mut decoder = JpegFrameDecoder::new();
        for (index, case) in cases.iter().enumerate() {
            assert_eq!(decoder.decode(&one, &mut pool.blank().unwrap()), Ok(()));
            let mut blank = pool.blank().unwrap();
            let result = decoder.decode(case, &mut blank);
            assert!(matches!(result, Err(FrameFault::Broken(_))), "case {index}: {result:?}");
        }
    }

    /// As some webcams give them: the decoder passes over it, and all blocks are there.
    #[test]
    fn some_bytes_of_nonsense_before_a_marker_change_nothing_and_many_are_refused() {
        let pixels: Vec<u8> = (0..64u32 * 48 * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
        encoder.set_restart_interval(2);
        encoder.encode(&pixels, 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        let with = |count: usize| {
            let mut longer = bytes.clone();
            let is_marker = |at: &usize| bytes[*at] == 0xff && matches!(bytes[at + 1], 0xd0..=0xd7 | 0xd9);
            let markers: Vec<usize> = (scan_of(&bytes)..bytes.len() - 1).filter(is_marker).collect();
            assert!(markers.len() > 3);
            for at in markers.into_iter().rev() {
                longer.splice(at..at, (0..count).map(|byte| 0x51 + byte as u8));
            }
            longer
        };
        let pool = Pool::new(JpegFrameDecoder::format_of(&bytes).unwrap(), 1);
        let decode = |bytes: &[u8]| {
            let mut blank = pool.blank().unwrap();
            let result = JpegFrameDecoder::new().decode(bytes, &mut blank);
            result.map(|()| blank.planes_mut().map(|plane| plane.bytes.to_vec()))
        };
        let whole = decode(&bytes).unwrap();
        for count in [1, 4, 9] {
            assert!(decode(&with(count)).unwrap() == whole, "{count} bytes");
        }
        assert!(matches!(decode(&with(30)), Err(FrameFault::Broken(_))));
    }

    #[test]
    fn a_frame_that_was_cut_and_got_its_end_back_is_broken() {
        let whole = jpeg(77);
        let pool = Pool::new(JpegFrameDecoder::format_of(&whole).unwrap(), 1);
        for end in scan_of(&whole)..whole.len() - 2 {
            let cut = [&whole[..end], b"\xff\xd9"].concat();
            let result = JpegFrameDecoder::new().decode(&cut, &mut pool.blank().unwrap());
            assert!(matches!(result, Err(FrameFault::Broken(_))), "cut at {end} of {}", whole.len());
        }
    }

    #[test]
    fn of_a_frame_that_was_decoded_nothing_is_kept() {
        let mut bytes = jpeg(200);
        while let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])) + 2;
            bytes.drain(at..at + length);
        }
        let mut decoder = JpegFrameDecoder::new();
        let mut blank = Pool::new(JpegFrameDecoder::format_of(&bytes).unwrap(), 1).blank().unwrap();
        decoder.decode(&bytes, &mut blank).unwrap();
        assert!(decoder.samples.bytes().is_empty() && decoder.completed.bytes().is_empty());
        assert!(decoder.samples.take(160 * 120 * SAMPLES).unwrap().iter().all(|&sample| sample == 0));
        assert!(decoder.completed.take(bytes.len()).unwrap().iter().all(|&byte| byte == 0));
    }
}
