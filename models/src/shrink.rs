//! From the planes of a picture to the tensor a network reads: shrunk first, colour converted last.
//!
//! **Invariant.** Raw pixels are copied into the buffers of a [`Shrinker`] and of a [`Tensor`] and nowhere else; both
//! are reused from picture to picture, belong to one detector, and are wiped when that has looked, when they grow and when
//! they go.
//!
//! The full picture is never converted to RGB: each plane is shrunk by itself, straight from the frame, to the size
//! at which the network looks; then luma and colour differences become red, green and blue at that size only.

mod colour;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use frostglass_vault::{Picture, Plane, Size};
use zeroize::{Zeroize, Zeroizing};

use crate::DetectError;
use crate::look::Look;
use crate::turn::Turn;
use colour::ToRgb;

/// Shrinks the planes of pictures.
#[derive(Debug, Default)]
pub(crate) struct Shrinker {
    resizer: Resizer,
    /// The three planes at the size of the look's content.
    planes: [Samples; 3],
    /// A plane that was turned.
    turned: Samples,
    /// A plane whose last row is cut short, made whole.
    whole: Samples,
    /// A plane that is as high as the look's content, and as wide as the picture.
    halfway: Samples,
}

type Samples = Zeroizing<Vec<u8>>;

/// Makes room for so many numbers. What is there may stay or not, but no copy of it is left behind.
fn grow<T: Copy + Default + Zeroize>(numbers: &mut Zeroizing<Vec<T>>, to: usize) {
    if numbers.capacity() < to {
        *numbers = Zeroizing::new(vec![T::default(); to]);
    }
    numbers.resize(to, T::default());
}

/// Overwrites numbers that will be used again, and what a larger picture left behind their end. Where they live on, this is no dead
/// store: whoever reads them next might see it.
fn wipe<T: Copy + Default + Zeroize>(numbers: &mut Zeroizing<Vec<T>>) {
    numbers.clear();
    let all = numbers.capacity();
    numbers.resize(all, T::default());
    std::hint::black_box(numbers.as_mut_slice());
}

impl Shrinker {
    /// Shrinks (or enlarges) what the look shows.
    pub(crate) fn shrink(&mut self, picture: &Picture<'_>, look: &Look) -> Result<(), DetectError> {
        (0..3).try_for_each(|index| self.shrink_plane(picture, look, index)).map_err(|why| {
            let Size { width, height } = picture.size();
            DetectError::Picture { width, height, why }
        })?;
        if look.turn() != Turn::NONE {
            for (plane, black) in self.planes.iter_mut().zip(picture.format().grey(0)) {
                grow(&mut self.turned, look.shown().pixels());
                look.turn().plane(look.content(), plane, black, &mut self.turned);
                std::mem::swap(plane, &mut self.turned);
            }
        }
        Ok(())
    }

    fn shrink_plane(&mut self, picture: &Picture<'_>, look: &Look, index: usize) -> Result<(), String> {
        let (format, content) = (picture.format(), look.content());
        let (cell, size) = (if index == 0 { 1 } else { format.chroma.cell() }, format.plane_size(index));
        let Plane { mut bytes, stride } = picture.plane(index);
        let rows = stride * size.height as usize;
        if bytes.len() < rows {
            grow(&mut self.whole, rows);
            let (there, missing) = self.whole.split_at_mut(bytes.len());
            there.copy_from_slice(bytes);
            missing.fill(0);
            bytes = &self.whole;
        }
        let shrunk = &mut self.planes[index];
        grow(shrunk, content.pixels());
        let region = look.region();
        for (ratio, whole_ratio) in [(2, halve as WholeRatio), (3, third as WholeRatio)] {
            if (region.width(), region.height()) == (ratio * cell * content.width, ratio * cell * content.height) {
                let start = (region.top / cell) as usize * stride + (region.left / cell) as usize;
                whole_ratio(&bytes[start..], stride, content.width as usize, shrunk);
                return Ok(());
            }
        }
        let stride = u32::try_from(stride).map_err(|error| error.to_string())?;
        let share = |edge: u32, length: u32| (f64::from(edge) / f64::from(cell)).min(f64::from(length));
        let (left, top) = (share(region.left, size.width), share(region.top, size.height));
        let (width, height) = (share(region.right, size.width) - left, share(region.bottom, size.height) - top);
        // A triangle as wide as the shrinking averages all luma: nothing falls between two samples. Colour differences
        // are coarse by nature, and the networks hardly look at them.
        let algorithm = if cell > 1 && width >= f64::from(content.width) {
            ResizeAlg::Nearest
        } else {
            ResizeAlg::Convolution(FilterType::Bilinear)
        };
        let mut resize =
            |from: &[u8], from_size: Size, to: &mut [u8], to_size: Size, [left, top, width, height]: [f64; 4]| {
                let source = TypedImageRef::<U8>::from_buffer(from_size.width, from_size.height, from);
                let target = TypedImage::<U8>::from_buffer(to_size.width, to_size.height, to);
                let (source, mut target) =
                    (source.map_err(|error| error.to_string())?, target.map_err(|error| error.to_string())?);
                let options =
                    ResizeOptions::new().resize_alg(algorithm).use_alpha(false).crop(left, top, width, height);
                self.resizer.resize_typed(&source, &mut target, &options).map_err(|error| error.to_string())
            };
        let source = Size::new(stride, size.height);
        let is_one_way = height == f64::from(content.height) && top.fract() == 0.0
            || width == f64::from(content.width) && left.fract() == 0.0;
        if is_one_way || algorithm == ResizeAlg::Nearest {
            return resize(bytes, source, shrunk, content, [left, top, width, height]);
        }
        // Both ways at once, the resizer keeps a picture of its own in between, which nobody could wipe. So one after the
        // other, down first, as it does itself, with the columns at both sides that a sample at the edge takes part of.
        let reach = (width / f64::from(content.width)).max(1.0).ceil() + 1.0;
        let (first, last) = ((left - reach).floor().max(0.0), (left + width + reach).ceil().min(f64::from(size.width)));
        let between = Size::new((last - first) as u32, content.height);
        grow(&mut self.halfway, between.pixels());
        resize(bytes, source, &mut self.halfway, between, [first, top, last - first, height])?;
        resize(&self.halfway, between, shrunk, content, [left - first, 0.0, width, f64::from(content.height)])
    }

    /// Nothing of a picture is left in any of its buffers.
    pub(crate) fn forget(&mut self) {
        let [first, second, third] = &mut self.planes;
        [first, second, third, &mut self.turned, &mut self.whole, &mut self.halfway].into_iter().for_each(wipe);
    }

    /// Writes what was shrunk last into the upper left of `tensor`, black around it.
    pub(crate) fn fill(&self, picture: &Picture<'_>, look: &Look, tensor: &mut Tensor) {
        let to_rgb = ToRgb::of(picture.format().colour);
        let (content, input) = (look.shown(), look.input());
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

/// Shrinks rows of a stride by a whole number, into a target of this width.
type WholeRatio = fn(&[u8], usize, usize, &mut [u8]);

/// The mean of each two by two pixels, rounded: a 720p frame for an input 640 pixels wide. An order of magnitude faster
/// than the general way.
fn halve(bytes: &[u8], stride: usize, width: usize, target: &mut [u8]) {
    /// Sixteen pixels of two rows at a time become eight, which the compiler makes a few instructions of.
    const BLOCK: usize = 16;
    let mean = |upper: &[u8], lower: &[u8], at: usize| {
        let sum = [upper[at], upper[at + 1], lower[at], lower[at + 1]].into_iter().map(u16::from).sum::<u16>();
        ((sum + 2) >> 2) as u8
    };
    for (y, target) in target.chunks_exact_mut(width).enumerate() {
        let (upper, lower) = (&bytes[2 * y * stride..], &bytes[(2 * y + 1) * stride..]);
        let (upper, lower) = (&upper[..2 * width], &lower[..2 * width]);
        let (upper_blocks, upper_rest) = upper.as_chunks::<BLOCK>();
        let (lower_blocks, lower_rest) = lower.as_chunks::<BLOCK>();
        let (target_blocks, target_rest) = target.as_chunks_mut::<{ BLOCK / 2 }>();
        for ((upper, lower), target) in upper_blocks.iter().zip(lower_blocks).zip(target_blocks) {
            for (at, target) in target.iter_mut().enumerate() {
                *target = mean(upper, lower, 2 * at);
            }
        }
        for (at, target) in target_rest.iter_mut().enumerate() {
            *target = mean(upper_rest, lower_rest, 2 * at);
        }
    }
}

/// The mean of each three by three pixels, rounded: a 1080p frame for an input 640 pixels wide.
fn third(bytes: &[u8], stride: usize, width: usize, target: &mut [u8]) {
    const BLOCK: usize = 16;
    // A ninth of up to 9 * 255, in the 16 bits of which a processor works on many at once: 7282 is 2^16 / 9, rounded up.
    let ninth = |sum: u16| ((u32::from(sum + 4) * 7282) >> 16) as u8;
    for (y, target) in target.chunks_exact_mut(width).enumerate() {
        let row = |at: usize| &bytes[(3 * y + at) * stride..][..3 * width];
        let rows = [row(0), row(1), row(2)];
        let (targets, target_rest) = target.as_chunks_mut::<BLOCK>();
        let [(upper, upper_rest), (middle, middle_rest), (lower, lower_rest)] =
            rows.map(|row| row.as_chunks::<{ 3 * BLOCK }>());
        for (((upper, middle), lower), target) in upper.iter().zip(middle).zip(lower).zip(targets) {
            let mut columns = [0u16; 3 * BLOCK];
            for (at, column) in columns.iter_mut().enumerate() {
                *column = u16::from(upper[at]) + u16::from(middle[at]) + u16::from(lower[at]);
            }
            for (target, three) in target.iter_mut().zip(columns.as_chunks::<3>().0) {
                *target = ninth(three[0] + three[1] + three[2]);
            }
        }
        for (at, target) in target_rest.iter_mut().enumerate() {
            let three = |row: &[u8]| row[3 * at..3 * at + 3].iter().copied().map(u16::from).sum::<u16>();
            *target = ninth(three(upper_rest) + three(middle_rest) + three(lower_rest));
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
    Floats { size: Size, order: Order, values: Zeroizing<Vec<f32>> },
    /// Red, green, blue bytes, pixel by pixel (NHWC).
    Bytes { size: Size, values: Samples },
}

impl Tensor {
    pub(crate) fn floats(order: Order) -> Self {
        Self::Floats { size: Size::new(0, 0), order, values: Zeroizing::default() }
    }

    pub(crate) fn bytes() -> Self {
        Self::Bytes { size: Size::new(0, 0), values: Zeroizing::default() }
    }

    pub(crate) fn size(&self) -> Size {
        match self {
            Self::Floats { size, .. } | Self::Bytes { size, .. } => *size,
        }
    }

    /// Nothing of a picture is left in it.
    pub(crate) fn forget(&mut self) {
        match self {
            Self::Floats { values, .. } => wipe(values),
            Self::Bytes { values, .. } => wipe(values),
        }
    }

    /// Grows at most once to each size; what is in it is written over.
    fn resize(&mut self, to: Size) {
        match self {
            Self::Floats { size, values, .. } => {
                grow(values, 3 * to.pixels());
                *size = to;
            }
            Self::Bytes { size, values } => {
                grow(values, 3 * to.pixels());
                *size = to;
            }
        }
    }
}

#[cfg(test)]
mod tests;
