//! Stills: JPEG, PNG and lossless WebP.
//!
//! **Invariant.** PNG and WebP of a still keep each sample of its planes; nothing but pixels is written.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use frostglass_vault::{Chroma, Colour, Matrix, Picture, Range, Size};
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use super::{jpeg, unsupported};
use crate::hatch::ReceivedFrame;

/// How a still is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Baseline JPEG in a JFIF file; stills in quality 92 with full chroma, video frames in 85 with half.
    Jpeg,
    /// PNG, 8 bits, RGB; exact.
    Png,
    /// WebP, lossless, RGB; exact.
    Webp,
}

impl PictureKind {
    /// What the end of a file name asks for, in any case: `jpg`, `jpeg`, `png`, `webp`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "png" => Some(Self::Png),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }
}

/// Writes one frame as a picture. A picture that is grey stays RGB.
///
/// # Errors
/// Those of `out`; `Unsupported` for sizes that the kind can not hold (JPEG 65535, WebP 16383 pixels a side).
pub fn encode_picture(frame: &ReceivedFrame, kind: PictureKind, out: &mut impl Write) -> io::Result<()> {
    let (picture, mut out) = (frame.picture(), Watched { out, fault: None });
    let encoded = match kind {
        PictureKind::Jpeg => jpeg::write(&picture, &mut out),
        PictureKind::Png => exact(&picture, PngEncoder::new(&mut out)),
        PictureKind::Webp => {
            within_webp(picture.size()).and_then(|()| exact(&picture, WebPEncoder::new_lossless(&mut out)))
        }
    };
    out.fault.map_or(encoded, Err)
}

/// Remembers what the system said, since encoders wrap it, each in its own way.
struct Watched<'a, W> {
    out: &'a mut W,
    fault: Option<io::Error>,
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.fault = Some(error);
            }
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn exact(picture: &Picture<'_>, encoder: impl ImageEncoder) -> io::Result<()> {
    let Size { width, height } = picture.size();
    encoder.write_image(&interleaved(picture)?, width, height, ExtendedColorType::Rgb8).map_err(io::Error::other)
}

fn within_webp(Size { width, height }: Size) -> io::Result<()> {
    if width.max(height) <= WEBP_SIDE {
        return Ok(());
    }
    Err(unsupported(format!(
        "a WebP picture has at most {WEBP_SIDE} pixels a side, this one is {width}×{height}: give a name that ends in .png"
    )))
}

/// 14 bits hold the width less one, but libwebp stops one short of what they could tell.
const WEBP_SIDE: u32 = 16_383;

/// Red, green, blue, pixel by pixel.
fn interleaved(picture: &Picture<'_>) -> io::Result<Vec<u8>> {
    let size = picture.size();
    let mut rgb = vec![0; size.pixels() * 3];
    let stride = size.width * 3;
    match (picture.format().colour, picture.format().chroma) {
        (Colour::Rgb, Chroma::Full) => {
            for (y, line) in (0..size.height).zip(rgb.chunks_exact_mut(stride as usize)) {
                let rows = [0, 1, 2].map(|plane| picture.row(plane, y));
                for (x, pixel) in line.chunks_exact_mut(3).enumerate() {
                    pixel.copy_from_slice(&[rows[0][x], rows[1][x], rows[2][x]]);
                }
            }
        }
        (Colour::Yuv { matrix, range }, chroma) => {
            let convert = if chroma == Chroma::Half { yuv::yuv420_to_rgb } else { yuv::yuv444_to_rgb };
            convert(&planar(picture), &mut rgb, stride, range_of(range), matrix_of(matrix))
                .map_err(io::Error::other)?;
        }
        (Colour::Rgb, Chroma::Half) => return Err(unsupported("red, green and blue planes of unequal size")),
    }
    Ok(rgb)
}

fn planar<'a>(picture: &Picture<'a>) -> YuvPlanarImage<'a, u8> {
    let [y, u, v] = [0, 1, 2].map(|index| picture.plane(index));
    let stride = |stride: usize| u32::try_from(stride).unwrap_or(u32::MAX);
    YuvPlanarImage {
        y_plane: y.bytes,
        y_stride: stride(y.stride),
        u_plane: u.bytes,
        u_stride: stride(u.stride),
        v_plane: v.bytes,
        v_stride: stride(v.stride),
        width: picture.size().width,
        height: picture.size().height,
    }
}

fn range_of(range: Range) -> YuvRange {
    match range {
        Range::Limited => YuvRange::Limited,
        Range::Full => YuvRange::Full,
    }
}

fn matrix_of(matrix: Matrix) -> YuvStandardMatrix {
    match matrix {
        Matrix::Bt601 => YuvStandardMatrix::Bt601,
        Matrix::Bt709 => YuvStandardMatrix::Bt709,
        Matrix::Bt2020 => YuvStandardMatrix::Bt2020,
    }
}

#[cfg(test)]
mod tests;
