//! A driver's buffer to planar 4:2:0.
//!
//! **Invariant.** A row is read only after it was seen to lie inside of the bytes that the driver filled. A buffer that is
//! too short gives no frame, not even the part that is there. What has to be parsed is copied out of the driver's memory
//! before, for that may change while it is read; samples may, they are numbers and nothing else.
//!
//! Source of the layouts: the Linux Media Infrastructure userspace API, "Image Formats".

use frostglass_vault::{Blank, Format, Matrix, PlaneMut, Range, Size};

use crate::arena::Scratch;
use crate::capture::{FrameFault, JpegFrameDecoder, check_size};
use crate::v4l2::{Kind, Layout, MOST_PLANES};

/// Turns buffers of one layout into frames.
pub(super) struct Unpack {
    how: How,
    format: Format,
    /// Bytes from row to row of luma, and of chroma where it lies apart.
    strides: [usize; 3],
}

enum How {
    /// Luma and chroma of two pixels in four bytes; the first luma sample is at this place.
    Packed { luma: usize },
    /// Luma, then pairs of chroma samples; in one buffer or two.
    SemiPlanar { apart: bool },
    /// Three planes; in one buffer or three.
    Planar { apart: bool },
    /// Compressed.
    Jpeg(Box<Compressed>),
}

/// A compressed frame that was copied out, and what decodes it.
struct Compressed {
    bytes: Scratch,
    decoder: JpegFrameDecoder,
}

impl std::fmt::Debug for Unpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpack").field("format", &self.format).field("strides", &self.strides).finish_non_exhaustive()
    }
}

impl Unpack {
    /// For what the driver says that it will give.
    ///
    /// # Errors
    /// When that can not be; what is wrong with it.
    pub(super) fn new(layout: &Layout, kind: Kind) -> Result<Self, String> {
        let Layout { size, planes, .. } = *layout;
        if check_size("", size).is_err() {
            return Err(format!("wants pictures of {size}"));
        }
        // `V4L2_FIELD_ANY`, which a driver ought not to answer, and `V4L2_FIELD_NONE`.
        if layout.field > 1 {
            return Err("gives half pictures (interlaced); a progressive mode is needed".to_owned());
        }
        let (how, buffers) = match &layout.fourcc.0 {
            b"YUYV" => (How::Packed { luma: 0 }, 1),
            b"UYVY" => (How::Packed { luma: 1 }, 1),
            b"NV12" => (How::SemiPlanar { apart: false }, 1),
            b"NM12" => (How::SemiPlanar { apart: true }, 2),
            b"YU12" => (How::Planar { apart: false }, 1),
            b"YM12" => (How::Planar { apart: true }, 3),
            b"MJPG" => {
                let made = JpegFrameDecoder::of(size).and_then(|decoder| Ok((decoder, Scratch::of(size.pixels())?)));
                let (decoder, bytes) = made.map_err(|error| format!("wants memory that is not there: {error}"))?;
                (How::Jpeg(Box::new(Compressed { bytes, decoder })), 1)
            }
            _ => return Err(format!("gives {}, which is not taken", layout.fourcc)),
        };
        if planes != buffers || kind != Kind::CaptureMultiplanar && planes != 1 {
            return Err(format!("speaks of {planes} buffers a picture, {} has {buffers}", layout.fourcc));
        }
        let compressed = matches!(how, How::Jpeg(_));
        let format = if compressed {
            Format::video(size, Matrix::Bt601, Range::Full)
        } else {
            Format::video(size, matrix(layout), range(layout))
        };
        let (least, strides) = strides(&how, size, layout);
        for (stride, least) in strides.iter().zip(least) {
            if *stride < least {
                return Err(format!("puts {stride} bytes into a row that needs {least}"));
            }
        }
        Ok(Self { how, format, strides })
    }

    /// What the frames will be.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Takes the picture in `planes`, which may go back to the driver then: into the blank, or aside when it is
    /// compressed.
    ///
    /// # Errors
    /// When they do not hold a whole one; the blank is worthless then.
    pub(super) fn copy_out(&mut self, planes: &[&[u8]; MOST_PLANES], blank: &mut Blank) -> Result<(), FrameFault> {
        if let How::Jpeg(compressed) = &mut self.how {
            compressed.bytes.forget();
            let taken = compressed.bytes.take(planes[0].len());
            taken
                .map_err(|error| FrameFault::Broken(format!("there is no memory for it: {error}")))?
                .copy_from_slice(planes[0]);
            return Ok(());
        }
        self.copy(planes, blank).map_err(|(has, needs)| {
            FrameFault::Broken(format!("the driver filled {has} bytes of the {needs} that a picture has"))
        })
    }

    /// Decodes into the blank what was taken aside, if something was.
    ///
    /// # Errors
    /// When that is no whole picture; the blank is worthless then.
    pub(super) fn finish(&mut self, blank: &mut Blank) -> Result<(), FrameFault> {
        let How::Jpeg(compressed) = &mut self.how else { return Ok(()) };
        let result = compressed.decoder.decode(compressed.bytes.bytes(), blank);
        compressed.bytes.forget();
        result
    }

    fn copy(&self, planes: &[&[u8]; MOST_PLANES], blank: &mut Blank) -> Result<(), (usize, usize)> {
        let [mut luma, mut blue, mut red] = blank.planes_mut();
        let [stride, second, third] = self.strides;
        let (rows, half) = (luma.size.height as usize, blue.size.height as usize);
        match self.how {
            How::Packed { luma: at } => {
                let row = luma.size.width.div_ceil(2) as usize * 4;
                let packed = area(planes[0], 0, stride, row, rows)?;
                unpack_pairs(packed, stride, row, at, [luma, blue, red]);
            }
            How::SemiPlanar { apart } => {
                let (place, offset) = if apart { (1, 0) } else { (0, stride * rows) };
                let pairs = area(planes[place], offset, second, blue.size.width as usize * 2, half)?;
                copy_rows(area(planes[0], 0, stride, luma.size.width as usize, rows)?, stride, &mut luma);
                part_pairs(pairs, second, &mut blue, &mut red);
            }
            How::Planar { apart } => {
                let (at_blue, at_red) =
                    if apart { ((1, 0), (2, 0)) } else { ((0, stride * rows), (0, stride * rows + second * half)) };
                let width = blue.size.width as usize;
                let from_blue = area(planes[at_blue.0], at_blue.1, second, width, half)?;
                let from_red = area(planes[at_red.0], at_red.1, third, width, half)?;
                copy_rows(area(planes[0], 0, stride, luma.size.width as usize, rows)?, stride, &mut luma);
                copy_rows(from_blue, second, &mut blue);
                copy_rows(from_red, third, &mut red);
            }
            How::Jpeg(_) => {}
        }
        Ok(())
    }
}

/// The least and the stated bytes from row to row, of luma and chroma; a driver that states none packs them.
fn strides(how: &How, size: Size, layout: &Layout) -> ([usize; 3], [usize; 3]) {
    let (width, half) = (size.width as usize, size.width.div_ceil(2) as usize);
    let least = match how {
        How::Packed { .. } => [4 * half, 0, 0],
        How::SemiPlanar { .. } => [width, 2 * half, 0],
        How::Planar { .. } => [width, half, half],
        How::Jpeg(_) => [0; 3],
    };
    let stated = |place: usize| match layout.strides[place] as usize {
        0 => least[place],
        stride => stride,
    };
    let first = stated(0);
    let all = match how {
        How::Packed { .. } => [first, 0, 0],
        How::SemiPlanar { apart: false } if first == width => [first, 2 * half, 0],
        How::SemiPlanar { apart: false } => [first, first, 0],
        // The chroma rows of a contiguous buffer are half as long, padding included.
        How::Planar { apart: false } => [first, first.div_ceil(2), first.div_ceil(2)],
        How::SemiPlanar { apart: true } => [first, stated(1), 0],
        How::Planar { apart: true } => [first, stated(1), stated(2)],
        How::Jpeg(_) => [0; 3],
    };
    (least, all)
}

/// The bytes from `offset` that hold `rows` rows of `row` bytes; else how many there are and should be.
fn area(bytes: &[u8], offset: usize, stride: usize, row: usize, rows: usize) -> Result<&[u8], (usize, usize)> {
    // Padding after the last row need not be there.
    let needed = offset + stride * rows.saturating_sub(1) + row;
    bytes.get(offset..needed).ok_or((bytes.len(), needed))
}

fn copy_rows(from: &[u8], stride: usize, to: &mut PlaneMut<'_>) {
    let width = to.size.width as usize;
    for (from, to) in from.chunks(stride).zip(to.bytes.chunks_exact_mut(width)) {
        to.copy_from_slice(&from[..width]);
    }
}

fn part_pairs(from: &[u8], stride: usize, blue: &mut PlaneMut<'_>, red: &mut PlaneMut<'_>) {
    let width = blue.size.width as usize;
    let rows = blue.bytes.chunks_exact_mut(width).zip(red.bytes.chunks_exact_mut(width));
    for (from, (blue, red)) in from.chunks(stride).zip(rows) {
        for ((pair, blue), red) in from.chunks_exact(2).zip(blue).zip(red) {
            (*blue, *red) = (pair[0], pair[1]);
        }
    }
}

/// 4:2:2 to 4:2:0: of each two rows, the chroma is averaged; the last of an odd height stands for itself.
fn unpack_pairs(from: &[u8], stride: usize, row: usize, luma_at: usize, to: [PlaneMut<'_>; 3]) {
    let [luma, blue, red] = to;
    let (width, half) = (luma.size.width as usize, blue.size.width as usize);
    let chroma = blue.bytes.chunks_exact_mut(half).zip(red.bytes.chunks_exact_mut(half));
    let two_rows = from.chunks(2 * stride).zip(luma.bytes.chunks_mut(2 * width)).zip(chroma);
    for ((from, luma), (blue, red)) in two_rows {
        let upper = &from[..row];
        let lower = from.get(stride..stride + row).unwrap_or(upper);
        for (from, luma) in [upper, lower].into_iter().zip(luma.chunks_exact_mut(width)) {
            take_luma(from, luma_at, luma);
        }
        let fours = upper.chunks_exact(4).zip(lower.chunks_exact(4));
        let (first, second) = (1 - luma_at, 3 - luma_at);
        for (((upper, lower), blue), red) in fours.zip(blue).zip(red) {
            *blue = upper[first].midpoint(lower[first]);
            *red = upper[second].midpoint(lower[second]);
        }
    }
}

fn take_luma(from: &[u8], at: usize, to: &mut [u8]) {
    for (pair, luma) in from.chunks_exact(2).zip(to) {
        *luma = pair[at];
    }
}

/// As `V4L2_MAP_YCBCR_ENC_DEFAULT` has it where the driver does not say.
fn matrix(layout: &Layout) -> Matrix {
    match (layout.encoding, layout.colorspace) {
        (1 | 3, _) => Matrix::Bt601,
        (2 | 4, _) => Matrix::Bt709,
        (6 | 7, _) => Matrix::Bt2020,
        // Rec. 709 and DCI-P3.
        (_, 3 | 12) => Matrix::Bt709,
        (_, 10) => Matrix::Bt2020,
        _ => Matrix::Bt601,
    }
}

/// As `V4L2_MAP_QUANTIZATION_DEFAULT` has it where the driver does not say.
fn range(layout: &Layout) -> Range {
    match (layout.quantization, layout.colorspace) {
        (1, _) => Range::Full,
        (2, _) => Range::Limited,
        // `V4L2_COLORSPACE_JPEG`.
        (_, 7) => Range::Full,
        _ => Range::Limited,
    }
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
