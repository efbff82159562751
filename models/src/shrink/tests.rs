//! Planes in, planes and tensors out, and what is left of them.

use super::*;
use frostglass_vault::{Format, Matrix, Range};
use proptest::prelude::*;

fn shrunk(picture: &Picture<'_>, look: &Look) -> [Vec<u8>; 3] {
    let mut shrinker = Shrinker::default();
    shrinker.shrink(picture, look).unwrap();
    shrinker.planes.map(|plane| plane.to_vec())
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

/// Not one sample of a picture that was all 200 is left, in all the memory of each buffer, whichever ways it took: after a large
/// look a small one, in whose memory the large one still was.
#[test]
fn what_was_looked_at_is_forgotten() {
    let light = vec![200; 100 * 90];
    let picture = Picture::new(Format::still(Size::new(100, 89)), [Plane { bytes: &light[..8900], stride: 100 }; 3]);
    let picture = picture.unwrap();
    let looks = [(200, 160), (64, 64), (50, 45), (100, 96)]
        .map(|(width, height)| Look::into_input(picture.size(), Size::new(width, height)));
    for mut tensor in [Tensor::floats(Order::Bgr), Tensor::bytes()] {
        let mut shrinker = Shrinker::default();
        for look in &looks {
            shrinker.shrink(&picture, look).unwrap();
            shrinker.fill(&picture, look, &mut tensor);
        }
        shrinker.forget();
        tensor.forget();
        match &tensor {
            Tensor::Floats { values, .. } => {
                assert!(values.len() == values.capacity() && values.iter().all(|&value| value == 0.0));
            }
            Tensor::Bytes { values, .. } => {
                assert!(values.len() == values.capacity() && values.iter().all(|&value| value == 0));
            }
        }
        let [one, two, three] = &shrinker.planes;
        for buffer in [one, two, three, &shrinker.turned, &shrinker.whole, &shrinker.halfway] {
            assert!(buffer.len() == buffer.capacity() && buffer.iter().all(|&sample| sample == 0));
        }
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

    /// One way after the other, it is what the resizer itself makes of both. Halves and thirds are left out: those are the mean
    /// of each square, which is no triangle.
    #[test]
    fn two_steps_give_what_one_would(
        width in 40u32..300, height in 40u32..300, input in 1u32..12, seed: u32,
        share in prop::array::uniform4(0.0f32..1.0),
    ) {
        let size = Size::new(width, height);
        let mut state = u64::from(seed) | 1;
        let mut next = || { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); (state >> 56) as u8 };
        let bytes: Vec<u8> = (0..size.pixels()).map(|_| next()).collect();
        let picture = Picture::new(Format::still(size), [Plane { bytes: &bytes, stride: width as usize }; 3]).unwrap();
        let [left, top] = [share[0], share[1]].map(|share| share * 0.5);
        let (right, bottom) = (left + 0.4 + share[2] * 0.1, top + 0.4 + share[3] * 0.1);
        let area = frostglass_vault::Area::clipped(left, top, right, bottom).unwrap();
        let mut looks = vec![Look::into_input(size, Size::new(input * 32, 64))];
        let mut zooms = Vec::new();
        crate::zoom::looks(size, &[area], &mut zooms);
        looks.extend(zooms);
        looks.retain(|look| {
            let (region, content) = (look.region(), look.content());
            (2..=3).all(|n| (region.width(), region.height()) != (n * content.width, n * content.height))
        });
        for look in looks {
            let [luma, ..] = shrunk(&picture, &look);
            let (region, content) = (look.region(), look.content());
            let mut whole = vec![0; content.pixels()];
            let source = TypedImageRef::<U8>::from_buffer(size.width, size.height, &bytes).unwrap();
            let mut target = TypedImage::<U8>::from_buffer(content.width, content.height, &mut whole).unwrap();
            let [from_left, from_top] = [region.left, region.top].map(f64::from);
            let [across, down] = [region.right.min(width) - region.left, region.bottom.min(height) - region.top];
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                .use_alpha(false)
                .crop(from_left, from_top, f64::from(across), f64::from(down));
            Resizer::new().resize_typed(&source, &mut target, &options).unwrap();
            prop_assert!(luma.iter().zip(&whole).all(|(two, one)| two.abs_diff(*one) <= 1));
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
