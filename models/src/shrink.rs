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
use frostglass_vault::{Picture, Plane, Size};

use crate::DetectError;
use crate::look::Look;
use crate::turn::Turn;
use colour::ToRgb;

/// Shrinks the planes of pictures.
#[derive(Debug, Default)]
pub(crate) struct Shrinker {
    resizer: Resizer,
    /// The three planes at the size of the look's content.
    planes: [Vec<u8>; 3],
    /// A plane that was turned.
    turned: Vec<u8>,
    /// A plane whose last row is cut short, made whole.
    whole: Vec<u8>,
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
            self.whole.clear();
            self.whole.extend_from_slice(bytes);
            self.whole.resize(rows, 0);
            bytes = &self.whole;
        }
        let shrunk = &mut self.planes[index];
        shrunk.resize(content.pixels(), 0);
        let region = look.region();
        for (ratio, whole_ratio) in [(2, halve as WholeRatio), (3, third as WholeRatio)] {
            if (region.width(), region.height()) == (ratio * cell * content.width, ratio * cell * content.height) {
                let start = (region.top / cell) as usize * stride + (region.left / cell) as usize;
                whole_ratio(&bytes[start..], stride, content.width as usize, shrunk);
                return Ok(());
            }
        }
        let stride = u32::try_from(stride).map_err(|error| error.to_string())?;
        let source = TypedImageRef::<U8>::from_buffer(stride, size.height, bytes).map_err(|error| error.to_string())?;
        let mut target =
            TypedImage::<U8>::from_buffer(content.width, content.height, shrunk).map_err(|error| error.to_string())?;
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
        let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false).crop(left, top, width, height);
        self.resizer.resize_typed(&source, &mut target, &options).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;
    use frostglass_vault::{Format, Matrix, Range};
    use proptest::prelude::*;

    fn shrunk(picture: &Picture<'_>, look: &Look) -> [Vec<u8>; 3] {
        let mut shrinker = Shrinker::default();
        shrinker.shrink(picture, look).unwrap();
        shrinker.planes
    }

    #[test]
    fn around_the_picture_it_is_black_whatever_was_there_before() {
        let look = Look::into_input(Size::new(64, 36), Size::new(64, 64));
        let (light, mut shrinker) = (vec![200; 64 * 64], Shrinker::default());
        let picture = |size| Picture::new(Format::still(size), [Plane { bytes: &light, stride: 64 }; 3]).unwrap();
        for mut tensor in [Tensor::floats(Order::Bgr), Tensor::bytes()] {
            let (full, wide) = (picture(Size::new(64, 64)), picture(Size::new(64, 36)));
            let all = Look::into_input(Size::new(64, 64), Size::new(64, 64));
            shrinker.shrink(&full, &all).unwrap();
            shrinker.fill(&full, &all, &mut tensor);
            shrinker.shrink(&wide, &look).unwrap();
            shrinker.fill(&wide, &look, &mut tensor);
            let light = match &tensor {
                Tensor::Floats { values, .. } => values.iter().filter(|&&value| value == 200.0).count(),
                Tensor::Bytes { values, .. } => values.iter().filter(|&&value| value == 200).count(),
            };
            let black = match &tensor {
                Tensor::Floats { values, .. } => values.iter().filter(|&&value| value == 0.0).count(),
                Tensor::Bytes { values, .. } => values.iter().filter(|&&value| value == 0).count(),
            };
            assert_eq!((light, black), (64 * 36 * 3, 64 * 28 * 3));
        }
    }

    #[test]
    fn yunet_gets_blue_first_and_centerface_red() {
        let size = Size::new(32, 32);
        let (red, green, blue) = ([10; 1024], [20; 1024], [30; 1024]);
        let planes = [&red, &green, &blue].map(|bytes| Plane { bytes: &bytes[..], stride: 32 });
        let (picture, look) = (Picture::new(Format::still(size), planes).unwrap(), Look::into_input(size, size));
        let mut shrinker = Shrinker::default();
        shrinker.shrink(&picture, &look).unwrap();
        for (order, first, last) in [(Order::Bgr, 30.0, 10.0), (Order::Rgb, 10.0, 30.0)] {
            let mut tensor = Tensor::floats(order);
            shrinker.fill(&picture, &look, &mut tensor);
            let Tensor::Floats { values, .. } = tensor else { unreachable!() };
            assert_eq!((values[0], values[1024], values[2048]), (first, 20.0, last));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_whole_ratio_gives_the_mean_of_each_square(
            width in 1u32..40, height in 1u32..20, ratio in 2u32..=3, seed: u8,
        ) {
            let size = Size::new(ratio * width, ratio * height);
            let (stride, rows) = (size.width as usize + 3, size.height as usize);
            let bytes: Vec<u8> = (0..stride * rows).map(|at| (at * 37 % 256) as u8 ^ seed).collect();
            let format = Format::still(size);
            let picture = Picture::new(format, [Plane { bytes: &bytes, stride }; 3]).unwrap();
            let look = Look::into_input(size, Size::new(width, height));
            let [luma, ..] = shrunk(&picture, &look);
            let ratio = ratio as usize;
            for (at, &mean) in luma.iter().enumerate() {
                let (x, y) = (ratio * (at % width as usize), ratio * (at / width as usize));
                let square = (y..y + ratio).flat_map(|y| &bytes[y * stride + x..][..ratio]).copied();
                let (sum, count) = (square.map(usize::from).sum::<usize>(), ratio * ratio);
                prop_assert_eq!(usize::from(mean), (sum + count / 2) / count);
            }
        }

        #[test]
        fn an_even_picture_stays_even_at_any_size(
            width in 1u32..300, height in 1u32..300, input in 1u32..20, value: u8, half: bool,
        ) {
            let size = Size::new(width, height);
            let format = if half { Format::video(size, Matrix::Bt709, Range::Limited) } else { Format::still(size) };
            let bytes = vec![value; size.pixels()];
            let plane = |index| Plane { bytes: &bytes[..], stride: format.plane_size(index).width as usize };
            let picture = Picture::new(format, [plane(0), plane(1), plane(2)]).unwrap();
            let look = Look::into_input(size, Size::new(input * 32, 64));
            for plane in shrunk(&picture, &look) {
                prop_assert_eq!(plane.len(), look.content().pixels());
                prop_assert!(plane.iter().all(|&sample| sample.abs_diff(value) <= 1));
            }
        }
    }
}
