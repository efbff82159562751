//! Colour of stills: into sRGB with 8 bits, and transparency onto white.

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// What a profile does that changes no sample by more than this is called sRGB, and left alone: each pixel of a
/// lossless picture stays as it was.
const ROUNDING: u8 = 1;

/// Converts to sRGB with 8 bits; says in `notes` when something was converted, or a profile could not be used.
pub(super) fn to_srgb(picture: DynamicImage, profile: Option<&[u8]>, notes: &mut Vec<String>) -> RgbaImage {
    let grey = !picture.color().has_color();
    let mut pixels = picture.into_rgba8();
    let Some(profile) = profile else { return pixels };
    match Conversion::new(profile, grey) {
        Ok(None) => {}
        Ok(Some(conversion)) => {
            conversion.apply(&mut pixels);
            notes.push("colours were converted to sRGB by the picture's ICC profile".to_owned());
        }
        Err(reason) => notes.push(format!("the ICC profile is not used ({reason}): colours are taken for sRGB")),
    }
    pixels
}

/// Puts everything that is not opaque onto white. What lies behind is gone. Says whether there was anything.
pub(super) fn flatten(pixels: &mut RgbaImage) -> bool {
    let mut any = false;
    for pixel in pixels.pixels_mut() {
        let alpha = u32::from(pixel[3]);
        if alpha == 255 {
            continue;
        }
        any = true;
        for channel in 0..3 {
            let mixed = (u32::from(pixel[channel]) * alpha + 255 * (255 - alpha) + 127) / 255;
            pixel[channel] = u8::try_from(mixed).unwrap_or(255);
        }
        pixel[3] = 255;
    }
    any
}

/// Only the colours.
pub(super) fn drop_alpha(pixels: RgbaImage) -> RgbImage {
    let (width, height) = pixels.dimensions();
    let mut bytes = pixels.into_raw();
    let length = bytes.len() / 4;
    for index in 0..length {
        bytes.copy_within(index * 4..index * 4 + 3, index * 3);
    }
    bytes.truncate(length * 3);
    RgbImage::from_raw(width, height, bytes).unwrap_or_default()
}

/// From a picture's own colours to sRGB.
struct Conversion {
    transform: std::sync::Arc<moxcms::Transform8BitExecutor>,
    from_grey: bool,
}

impl Conversion {
    /// `None` when the profile is sRGB.
    fn new(profile: &[u8], grey: bool) -> Result<Option<Self>, String> {
        let profile = ColorProfile::new_from_slice(profile).map_err(|error| error.to_string())?;
        let from_grey = match profile.color_space {
            DataColorSpace::Gray if grey => true,
            DataColorSpace::Rgb => false,
            other => return Err(format!("it is for {other:?} colours")),
        };
        let (from, to) = if from_grey { (Layout::Gray, Layout::Rgb) } else { (Layout::Rgb, Layout::Rgb) };
        let transform = profile
            .create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default())
            .map_err(|error| error.to_string())?;
        let conversion = Self { transform, from_grey };
        conversion.run_on_probes().map(|changes| changes.then_some(conversion))
    }

    /// Whether anything changes by more than rounding, on a grid of colours.
    fn run_on_probes(&self) -> Result<bool, String> {
        let steps = || (0..=255u8).step_by(15);
        let probes: Vec<[u8; 3]> = if self.from_grey {
            (0..=255).map(|grey| [grey; 3]).collect()
        } else {
            steps().flat_map(|red| steps().flat_map(move |green| steps().map(move |blue| [red, green, blue]))).collect()
        };
        let converted = self.convert(&probes)?;
        Ok(probes.iter().flatten().zip(converted.iter()).any(|(from, to)| from.abs_diff(*to) > ROUNDING))
    }

    fn convert(&self, pixels: &[[u8; 3]]) -> Result<Vec<u8>, String> {
        let mut converted = vec![0; pixels.len() * 3];
        let result = if self.from_grey {
            let grey: Vec<u8> = pixels.iter().map(|pixel| pixel[0]).collect();
            self.transform.transform(&grey, &mut converted)
        } else {
            self.transform.transform(pixels.as_flattened(), &mut converted)
        };
        result.map_err(|error| error.to_string())?;
        Ok(converted)
    }

    /// Row by row, so that no second picture is needed.
    fn apply(&self, pixels: &mut RgbaImage) {
        let mut row = Vec::with_capacity(pixels.width() as usize);
        for line in pixels.rows_mut() {
            row.clear();
            let line: Vec<_> = line.collect();
            row.extend(line.iter().map(|pixel| [pixel[0], pixel[1], pixel[2]]));
            // The same call has worked on the probes; a row that fails keeps its colours, which hide nothing less.
            let Ok(converted) = self.convert(&row) else { continue };
            for (pixel, colour) in line.into_iter().zip(converted.chunks_exact(3)) {
                pixel.0[..3].copy_from_slice(colour);
            }
        }
    }
}
