//! Pictures from files, in colour and as grey levels.
//!
//! Read as OpenCV's `imread` and `cvtColor` read them: upright (EXIF), colour to grey in 8 bits with OpenCV's own
//! integers. Which file belongs to a label is decided here too; clips are `footage`'s business.
//!
//! **Invariant:** a file that can not be read is an error, never an empty or partly decoded picture: whoever measures
//! what leaks must not measure something else.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::error::DecodingError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use crate::filter::Plane;
use crate::jpeg::{self, Rgb};

/// Why a picture can not be measured.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file can not be read.
    #[error("{file}: reading the picture failed")]
    Read {
        /// The picture.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no picture, or a broken one.
    #[error("{file}: decoding the picture failed")]
    Decode {
        /// The picture.
        file: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
}

/// Suffixes under which a redacted picture may stand in for the labelled one.
const SUFFIXES: [&str; 8] = ["png", "jpg", "jpeg", "bmp", "webp", "PNG", "JPG", "JPEG"];

/// The file below `folder` which a label's `image` means: the same path, else the same name at the top of the folder,
/// else either of them under another picture suffix.
pub fn find(folder: &Path, image: &str) -> Option<PathBuf> {
    let mut candidates = vec![folder.join(image)];
    candidates.extend(Path::new(image).file_name().map(|name| folder.join(name)));
    let other_suffixes = candidates.iter().flat_map(|file| SUFFIXES.map(|suffix| file.with_extension(suffix)));
    let all: Vec<PathBuf> = candidates.iter().cloned().chain(other_suffixes).collect();
    all.into_iter().find(|file| file.is_file())
}

/// Reads a picture and turns it upright.
///
/// # Errors
/// The file can not be read, or what is in it is no whole picture.
pub fn read(file: &Path) -> Result<RgbImage, PictureError> {
    let bytes = fs::read(file).map_err(|source| PictureError::Read { file: file.to_owned(), source })?;
    Ok(decode(&bytes).map_err(|source| PictureError::Decode { file: file.to_owned(), source })?.into_rgb8())
}

/// Reads a picture, turns it upright, and gives its grey levels.
///
/// # Errors
/// As of [`read()`].
pub fn read_grey(file: &Path) -> Result<Plane, PictureError> {
    Ok(grey(&read(file)?))
}

/// The grey levels of a picture: 0 to 255, whole numbers.
pub fn grey(picture: &RgbImage) -> Plane {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Plane { width, height, values: picture.pixels().map(|pixel| f32::from(luma(pixel.0))).collect() }
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, image::ImageError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = if is_jpeg {
        jpeg::decode(bytes).and_then(rgb_image).map_or_else(|| decode_other_jpeg(bytes), Ok)?
    } else {
        DynamicImage::from_decoder(decoder)?
    };
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// JPEGs that are not baseline. `image` itself would take a file that was cut short for a whole one.
fn decode_other_jpeg(bytes: &[u8]) -> Result<DynamicImage, image::ImageError> {
    let fault = |what: String| image::ImageError::Decoding(DecodingError::new(ImageFormat::Jpeg.into(), what));
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let bytes = decoder.decode().map_err(|error| fault(error.to_string()))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    rgb_image(Rgb { width, height, bytes }).ok_or_else(|| fault("too few pixels".into()))
}

fn rgb_image(Rgb { width, height, bytes }: Rgb) -> Option<DynamicImage> {
    RgbImage::from_raw(u32::try_from(width).ok()?, u32::try_from(height).ok()?, bytes).map(DynamicImage::from)
}

/// `cvtColor(…, COLOR_BGR2GRAY)` on 8 bits: 0.299, 0.587 and 0.114 in 1/32768.
#[expect(clippy::cast_possible_truncation, reason = "the weights sum to 1")]
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((9798 * u32::from(red) + 19_235 * u32::from(green) + 3735 * u32::from(blue) + (1 << 14)) >> 15) as u8
}
