//! Pictures: JPEG, PNG and WebP become three planes, red, green and blue, upright and in sRGB.
//!
//! **Invariant.** A picture is whole or an error; what lies behind transparent pixels, in EXIF, in comments or in a
//! thumbnail is gone when this module is done. A lossless picture in sRGB keeps each opaque pixel as it was.

use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Size};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, RgbImage};
use serde::{Deserialize, Serialize};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_jpeg::JpegDecoder;

use super::error::said;
use super::jpeg::{self, Walk};
use super::{CaptureError, Kind, LONGEST_SIDE, Rate, Source, check_blank, check_size, handed, io_error, kind_of};

mod colour;

/// A longer file is not taken for a picture.
const LONGEST_FILE: u64 = 1 << 30;
/// The decoders of PNG and WebP may not take more memory than this: 100 megapixels of 16 bits and transparency.
const MOST_MEMORY: u64 = 1 << 30;

/// One picture, decoded: a source that gives one frame.
#[derive(Debug)]
pub struct StillSource {
    pixels: Option<RgbImage>,
    format: Format,
    container: StillContainer,
    notes: Vec<String>,
}

/// How a picture was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StillContainer {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy or not.
    Webp,
}

/// Reads and decodes a picture.
///
/// # Errors
/// When it is no picture, animated, cut, broken or too large. There is no partly decoded picture.
pub fn open_still(path: &Path) -> Result<StillSource, CaptureError> {
    let shown = path.display().to_string();
    let container = match kind_of(path)? {
        Kind::Jpeg | Kind::Mjpeg => StillContainer::Jpeg,
        Kind::Png => StillContainer::Png,
        Kind::Webp => StillContainer::Webp,
        Kind::OtherPicture(name) => {
            let advice = "convert it to JPEG, PNG or WebP".to_owned();
            return Err(CaptureError::Unsupported { path: shown, what: format!("a {name} picture"), advice });
        }
        Kind::Y4m | Kind::Mp4 | Kind::OtherClip(_) => {
            let advice = "a picture is wanted here".to_owned();
            return Err(CaptureError::Unsupported { path: shown, what: "a clip".to_owned(), advice });
        }
        Kind::Unknown => return Err(CaptureError::Unknown { path: shown }),
    };
    let mut bytes = Vec::new();
    let file = handed::open(path).map_err(io_error(&shown, "opening"))?;
    file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(io_error(&shown, "reading"))?;
    decode_still(&shown, container, &bytes)
}

/// Decodes a picture in memory; `path` is how errors call it.
///
/// # Errors
/// As [`open_still`].
pub fn decode_still(path: &str, container: StillContainer, bytes: &[u8]) -> Result<StillSource, CaptureError> {
    let mut decoded = match container {
        StillContainer::Jpeg => decode_jpeg(path, bytes)?,
        StillContainer::Png => decode_png(path, bytes)?,
        StillContainer::Webp => decode_webp(path, bytes)?,
    };
    let mut notes = Vec::new();
    if decoded.picture.color().bytes_per_pixel() / decoded.picture.color().channel_count() > 1 {
        notes.push("16 bits became 8".to_owned());
    }
    let had_alpha = decoded.picture.color().has_alpha();
    let mut pixels = colour::to_srgb(decoded.picture, decoded.profile.as_deref(), &mut notes);
    if colour::flatten(&mut pixels) && had_alpha {
        notes.push("transparency was flattened onto white".to_owned());
    }
    let mut upright = DynamicImage::ImageRgb8(colour::drop_alpha(pixels));
    upright.apply_orientation(decoded.orientation);
    let pixels = upright.into_rgb8();
    notes.append(&mut decoded.notes);
    let format = Format::still(Size::new(pixels.width(), pixels.height()));
    Ok(StillSource { pixels: Some(pixels), format, container, notes })
}

impl StillSource {
    /// How it was stored.
    #[must_use]
    pub fn container(&self) -> StillContainer {
        self.container
    }

    /// Red, green and blue of each pixel; `None` when the frame was read.
    pub(super) fn into_pixels(self) -> Option<Vec<u8>> {
        self.pixels.map(RgbImage::into_raw)
    }

    /// What the user should know: what was converted, what was dropped.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Source for StillSource {
    fn format(&self) -> Format {
        self.format
    }

    fn rate(&self) -> Option<Rate> {
        None
    }

    fn expected_frames(&self) -> Option<u64> {
        Some(1)
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format)?;
        let Some(pixels) = self.pixels.take() else { return Ok(None) };
        let [red, green, blue] = blank.planes_mut().map(|plane| plane.bytes);
        for (index, pixel) in pixels.as_raw().chunks_exact(3).enumerate() {
            (red[index], green[index], blue[index]) = (pixel[0], pixel[1], pixel[2]);
        }
        Ok(Some(Duration::ZERO))
    }
}

/// What the decoders give, before colour and orientation are dealt with.
struct Decoded {
    picture: DynamicImage,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    notes: Vec<String>,
}

/// By zune-jpeg itself: the `image` crate sets it to take broken pictures for whole.
fn decode_jpeg(path: &str, bytes: &[u8]) -> Result<Decoded, CaptureError> {
    let broken = |reason: String| CaptureError::Broken { path: path.to_owned(), what: "JPEG picture", reason };
    let skeleton = match jpeg::walk(bytes) {
        Walk::Whole(skeleton) => skeleton,
        Walk::Cut { .. } => return Err(broken("the file ends before the picture does".to_owned())),
        Walk::Broken { reason, .. } => return Err(broken(reason.to_owned())),
    };
    if let Some(size) = skeleton.size {
        check_size(path, size)?;
    }
    let bytes = &bytes[..skeleton.length];
    jpeg::scan::check(bytes).map_err(|reason| broken(reason.to_owned()))?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg::options(ColorSpace::RGB));
    decoder.decode_headers().map_err(|error| broken(said(&error)))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken("it states no size".to_owned()))?;
    let size = Size::new(u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX));
    check_size(path, size)?;
    let colours = decoder.input_colorspace();
    let grey = colours == Some(ColorSpace::Luma);
    if grey {
        let options = jpeg::options(ColorSpace::Luma);
        decoder.set_options(options);
    }
    let mut pixels = vec![0; size.pixels() * if grey { 1 } else { 3 }];
    decoder.decode_into(&mut pixels).map_err(|error| broken(said(&error)))?;
    let mut notes = Vec::new();
    let printing = matches!(colours, Some(ColorSpace::CMYK | ColorSpace::YCCK));
    if printing {
        notes.push("printing colours (CMYK) became sRGB without their profile".to_owned());
    }
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let picture = if grey {
        image::GrayImage::from_raw(size.width, size.height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(size.width, size.height, pixels).map(DynamicImage::ImageRgb8)
    };
    Ok(Decoded {
        picture: picture.ok_or_else(|| broken("its planes do not fit its size".to_owned()))?,
        profile: decoder.icc_profile().filter(|_| !printing),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        notes,
    })
}

fn decode_png(path: &str, bytes: &[u8]) -> Result<Decoded, CaptureError> {
    let broken = |error: image::ImageError| broken(path, "PNG picture", &error);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits()).map_err(broken)?;
    if decoder.is_apng().map_err(broken)? {
        return Err(animated(path, "PNG"));
    }
    decode(path, decoder).map_err(|error| error.unwrap_or_else(broken))
}

fn decode_webp(path: &str, bytes: &[u8]) -> Result<Decoded, CaptureError> {
    let broken = |error: image::ImageError| broken(path, "WebP picture", &error);
    let stated = bytes.get(4..8).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize);
    if stated.is_none_or(|stated| bytes.len() < stated.saturating_add(8)) {
        let reason = "the file ends before the picture does".to_owned();
        return Err(CaptureError::Broken { path: path.to_owned(), what: "WebP picture", reason });
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    if decoder.has_animation() {
        return Err(animated(path, "WebP"));
    }
    decoder.set_limits(limits()).map_err(broken)?;
    decode(path, decoder).map_err(|error| error.unwrap_or_else(broken))
}

/// What is not ours is the decoder's.
enum Fault {
    Ours(CaptureError),
    Theirs(image::ImageError),
}

impl Fault {
    fn unwrap_or_else(self, wrap: impl FnOnce(image::ImageError) -> CaptureError) -> CaptureError {
        match self {
            Self::Ours(error) => error,
            Self::Theirs(error) => wrap(error),
        }
    }
}

fn decode(path: &str, mut decoder: impl ImageDecoder) -> Result<Decoded, Fault> {
    let (width, height) = decoder.dimensions();
    check_size(path, Size::new(width, height)).map_err(Fault::Ours)?;
    // A profile or orientation that cannot be read is as if there were none; it is the pixels that must be right.
    let profile = decoder.icc_profile().unwrap_or_default();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(Fault::Theirs)?;
    Ok(Decoded { picture, profile, orientation, notes: Vec::new() })
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    limits
}

fn broken(path: &str, what: &'static str, error: &image::ImageError) -> CaptureError {
    CaptureError::Broken { path: path.to_owned(), what, reason: said(error) }
}

fn animated(path: &str, name: &str) -> CaptureError {
    let advice = "take one picture of it, or convert it to a clip (ffmpeg makes an MP4 of it)".to_owned();
    CaptureError::Unsupported { path: path.to_owned(), what: format!("an animated {name} picture"), advice }
}

#[cfg(test)]
#[path = "still/tests.rs"]
mod tests;
