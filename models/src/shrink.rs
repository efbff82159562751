//! From the planes of a picture to the tensor a network reads: shrunk first, colour converted last.
//!
//! **Invariant.** Raw pixels are copied into the buffers of a [`Shrinker`] and of a [`Tensor`] and nowhere else; both
//! are reused from picture to picture, and belong to one detector.
//!
//! The full picture is never converted to RGB: each plane is shrunk by itself, straight from the frame, to the size
//! at which the network looks; then luma and colour differences become red, green and blue at that size only.

mod colour;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use frostglass_vault::{Picture, Size};

use crate::DetectError;
use crate::look::Look;
use colour::ToRgb;

/// Shrinks the planes of pictures.
#[derive(Debug, Default)]
pub(crate) struct Shrinker {
    resizer: Resizer,
    /// The three planes at the size of the look's content.
    planes: [Vec<u8>; 3],
    /// A plane whose last row is cut short, made whole.
    whole: Vec<u8>,
}

impl Shrinker {
    /// Shrinks (or enlarges) what the look shows. A triangle as wide as the shrinking averages all pixels, so that
    /// nothing falls between two samples.
    pub(crate) fn shrink(&mut self, picture: &Picture<'_>, look: &Look) -> Result<(), DetectError> {
        let size = picture.size();
        let failed = |why: String| DetectError::Picture { width: size.width, height: size.height, why };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        for index in 0..3 {
            let format = picture.format();
            let cell = f64::from(if index == 0 { 1 } else { format.chroma.cell() });
            let plane_size = format.plane_size(index);
            let plane = picture.plane(index);
            let stride = u32::try_from(plane.stride).map_err(|error| failed(error.to_string()))?;
            let rows = plane.stride * plane_size.height as usize;
            let bytes = if plane.bytes.len() >= rows {
                plane.bytes
            } else {
                self.whole.clear();
                self.whole.extend_from_slice(plane.bytes);
                self.whole.resize(rows, 0);
                &self.whole
            };
            let source = TypedImageRef::<U8>::from_buffer(stride, plane_size.height, bytes)
                .map_err(|error| failed(error.to_string()))?;
            let content = look.content();
            let shrunk = &mut self.planes[index];
            shrunk.resize(content.pixels(), 0);
            let mut target = TypedImage::<U8>::from_buffer(content.width, content.height, shrunk)
                .map_err(|error| failed(error.to_string()))?;
            let region = look.region();
            let (left, top) = (f64::from(region.left) / cell, f64::from(region.top) / cell);
            let right = (f64::from(region.right) / cell).min(f64::from(plane_size.width));
            let bottom = (f64::from(region.bottom) / cell).min(f64::from(plane_size.height));
            let options = options.crop(left, top, right - left, bottom - top);
            self.resizer.resize_typed(&source, &mut target, &options).map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }

    /// Writes what was shrunk last into the upper left of `tensor`, black around it.
    pub(crate) fn fill(&self, picture: &Picture<'_>, look: &Look, tensor: &mut Tensor) {
        let to_rgb = ToRgb::of(picture.format().colour);
        let (content, input) = (look.content(), look.input());
        let (width, input_width) = (content.width as usize, input.width as usize);
        let row = |plane: usize, y: usize| &self.planes[plane][y * width..(y + 1) * width];
        tensor.resize(input);
        match tensor {
            Tensor::Floats { values, order, .. } => {
                let (first, rest) = values.split_at_mut(input.pixels());
                let (second, third) = rest.split_at_mut(input.pixels());
                let (red, blue) = match order {
                    Order::Rgb => (first, third),
                    Order::Bgr => (third, first),
                };
                let mut lines = red
                    .chunks_exact_mut(input_width)
                    .zip(second.chunks_exact_mut(input_width))
                    .zip(blue.chunks_exact_mut(input_width))
                    .map(|((red, green), blue)| [red, green, blue]);
                for (y, [red, green, blue]) in lines.by_ref().take(content.height as usize).enumerate() {
                    let target = [&mut red[..width], &mut green[..width], &mut blue[..width]];
                    to_rgb.row([row(0, y), row(1, y), row(2, y)], target);
                    for line in [red, green, blue] {
                        line[width..].fill(0.0);
                    }
                }
                lines.flatten().for_each(|line| line.fill(0.0));
            }
            Tensor::Bytes { values, .. } => {
                let mut lines = values.chunks_exact_mut(input_width * 3);
                for (y, line) in lines.by_ref().take(content.height as usize).enumerate() {
                    to_rgb.packed_row([row(0, y), row(1, y), row(2, y)], &mut line[..width * 3]);
                    line[width * 3..].fill(0);
                }
                lines.for_each(|line| line.fill(0));
            }
        }
    }
}

/// In which order a network wants its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Rgb,
    Bgr,
}

/// What a network reads.
#[derive(Debug)]
pub(crate) enum Tensor {
    /// Three planes of numbers from 0 to 255, one after the other (NCHW).
    Floats { size: Size, order: Order, values: Vec<f32> },
    /// Red, green, blue bytes, pixel by pixel (NHWC).
    Bytes { size: Size, values: Vec<u8> },
}

impl Tensor {
    pub(crate) fn floats(order: Order) -> Self {
        Self::Floats { size: Size::new(0, 0), order, values: Vec::new() }
    }

    pub(crate) fn bytes() -> Self {
        Self::Bytes { size: Size::new(0, 0), values: Vec::new() }
    }

    pub(crate) fn size(&self) -> Size {
        match self {
            Self::Floats { size, .. } | Self::Bytes { size, .. } => *size,
        }
    }

    /// Grows at most once to each size; what is in it is written over.
    fn resize(&mut self, to: Size) {
        match self {
            Self::Floats { size, values, .. } => {
                values.resize(3 * to.pixels(), 0.0);
                *size = to;
            }
            Self::Bytes { size, values } => {
                values.resize(3 * to.pixels(), 0);
                *size = to;
            }
        }
    }
}
