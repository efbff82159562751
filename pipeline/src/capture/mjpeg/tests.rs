use frostglass_vault::Pool;
use image::{ImageBuffer, Rgb, RgbImage};
use proptest::prelude::*;

use super::super::testing::drain;
use super::*;

fn jpeg(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let picture: RgbImage =
        ImageBuffer::from_fn(width, height, |x, y| Rgb([shade, (x * 255 / width) as u8, (y * 255 / height) as u8]));
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture).unwrap();
    bytes
}

fn open(bytes: &[u8]) -> Result<MjpegSource<&[u8]>, CaptureError> {
    MjpegSource::new("clip.mjpeg".to_owned(), bytes, Rate::new(10, 1))
}

/// Takes the Huffman tables out, as webcams do.
fn without_tables(bytes: &[u8]) -> Vec<u8> {
    let mut lean = bytes.to_vec();
    while let Some(at) = lean.windows(2).position(|two| two == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([lean[at + 2], lean[at + 3]])) + 2;
        lean.drain(at..at + length);
    }
    lean
}

fn decode(bytes: &[u8]) -> Result<[Vec<u8>; 3], FrameFault> {
    let mut blank = Pool::new(JpegFrameDecoder::format_of(bytes)?, 1).blank().unwrap();
    JpegFrameDecoder::new().decode(bytes, &mut blank)?;
    Ok(blank.planes_mut().map(|plane| plane.bytes.to_vec()))
}

#[test]
fn planes_are_what_the_conversion_of_rgb_gives() {
    for (width, height) in [(64, 48), (33, 17), (1, 1), (2, 1), (1, 2), (17, 1)] {
        let bytes = jpeg(width, height, 77);
        let [luma, blue, red] = decode(&bytes).unwrap();
        assert_eq!(blue.len(), (width.div_ceil(2) * height.div_ceil(2)) as usize);
        let rgb = image::load_from_memory(&bytes).unwrap().into_rgb8();
        for (x, y, pixel) in rgb.enumerate_pixels() {
            let [r, g, b] = pixel.0.map(f32::from);
            let found = luma[(y * width + x) as usize];
            assert!(
                (f32::from(found) - (0.299 * r + 0.587 * g + 0.114 * b)).abs() < 3.0,
                "{width}x{height} at {x},{y}"
            );
            // A chroma sample stands for 2 by 2 pixels.
            let block = [(x & !1, y & !1), (x | 1, y & !1), (x & !1, y | 1), (x | 1, y | 1)]
                .map(|(x, y)| rgb.get_pixel(x.min(width - 1), y.min(height - 1)).0.map(f32::from));
            let mean = |weights: [f32; 3]| {
                let one = |[r, g, b]: [f32; 3]| r * weights[0] + g * weights[1] + b * weights[2];
                128.0 + block.into_iter().map(one).sum::<f32>() / 4.0
            };
            let expected = [mean([-0.169, -0.331, 0.5]), mean([0.5, -0.419, -0.081])];
            let at = (y / 2 * width.div_ceil(2) + x / 2) as usize;
            for (found, expected) in [blue[at], red[at]].into_iter().zip(expected) {
                // Colours outside of RGB were clipped there: a small difference remains.
                assert!((f32::from(found) - expected).abs() < 12.0, "{width}x{height} at {x},{y}: {found} {expected}");
            }
        }
    }
}

#[test]
fn missing_standard_tables_are_put_in() {
    // The image crate's encoder uses the standard tables.
    let bytes = jpeg(40, 24, 9);
    let lean = without_tables(&bytes);
    assert!(lean.len() + 400 < bytes.len());
    assert_eq!(decode(&lean).unwrap(), decode(&bytes).unwrap());
}

#[test]
fn a_blank_of_another_format_is_refused() {
    let bytes = jpeg(40, 24, 9);
    let other = Format::video(Size::new(40, 26), Matrix::Bt601, Range::Full);
    let mut blank = Pool::new(other, 1).blank().unwrap();
    let fault = JpegFrameDecoder::new().decode(&bytes, &mut blank).unwrap_err();
    assert_eq!(fault, FrameFault::OtherFormat(JpegFrameDecoder::format_of(&bytes).unwrap()));
}

#[test]
fn a_camera_buffer_with_padding_is_decoded_and_a_cut_one_is_not() {
    let bytes = jpeg(64, 48, 9);
    let padded = [&bytes[..], &[0; 999]].concat();
    assert_eq!(decode(&padded).unwrap(), decode(&bytes).unwrap());
    for tenth in 0..10 {
        assert!(matches!(decode(&bytes[..bytes.len() * tenth / 10]), Err(FrameFault::Broken(_))), "{tenth}0 %");
    }
}

#[test]
fn frames_come_in_order_whatever_stands_between_them() {
    let between = b"\r\n--boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 12345\r\n\r\n";
    let stream = [&jpeg(32, 16, 10)[..], &jpeg(32, 16, 90), between, &jpeg(32, 16, 200), b"\0\0\0"].concat();
    let (frames, faults) = drain(&mut open(&stream).unwrap());
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(frames.iter().map(|frame| frame.1).collect::<Vec<_>>(), [0, 100, 200]);
    assert!(frames.windows(2).all(|two| two[0].0[0][40] + 10 < two[1].0[0][40]));
}

#[test]
fn a_stream_that_comes_in_small_pieces_is_the_same_stream() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(7).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }
    let stream = [jpeg(320, 200, 10), jpeg(320, 200, 90), jpeg(320, 200, 180)].concat().repeat(9);
    let fast = drain(&mut open(&stream).unwrap()).0;
    let slow = drain(&mut MjpegSource::new("pipe".to_owned(), Slow(&stream), Rate::new(10, 1)).unwrap()).0;
    assert_eq!(fast.len(), 27);
    assert!(fast == slow);
}

#[test]
fn a_broken_frame_is_missing_and_the_stream_goes_on() {
    let frame = jpeg(64, 48, 50);
    let mut changed = frame.clone();
    let header = changed.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    changed[header + 4] = 12;
    let half = &frame[..frame.len() / 2];
    for (name, broken) in [("12 bits", &changed[..]), ("cut in half", half)] {
        let stream = [&frame[..], broken, &frame, &frame].concat();
        let (frames, faults) = drain(&mut open(&stream).unwrap());
        assert_eq!(frames.iter().map(|frame| frame.1).collect::<Vec<_>>(), [0, 200, 300], "{name}: {faults:?}");
        assert!(matches!(faults[..], [CaptureError::BrokenFrame { index: 1, .. }]), "{name}: {faults:?}");
        assert!(frames.iter().all(|other| other.0 == frames[0].0));
    }
}

#[test]
fn a_cut_at_the_end_and_another_size_end_the_stream() {
    let frame = jpeg(64, 48, 50);
    let cut = [&frame[..], &frame, &frame[..frame.len() - 5]].concat();
    let (frames, faults) = drain(&mut open(&cut).unwrap());
    assert_eq!(frames.len(), 2);
    assert!(matches!(faults[..], [CaptureError::Truncated { whole: 2, .. }]), "{faults:?}");

    let mixed = [&frame[..], &jpeg(32, 16, 50), &frame].concat();
    let (frames, faults) = drain(&mut open(&mixed).unwrap());
    assert_eq!(frames.len(), 1);
    assert!(matches!(faults[..], [CaptureError::SizeChanged { index: 1, .. }]), "{faults:?}");
}

#[test]
fn a_stream_without_a_frame_is_an_error() {
    assert!(matches!(open(b"no picture in here"), Err(CaptureError::NoFrames { .. })));
    assert!(matches!(open(&jpeg(16, 16, 1)[..200]), Err(CaptureError::Truncated { whole: 0, .. })));
}

#[test]
fn a_rate_that_is_assumed_is_said() {
    let bytes = jpeg(16, 16, 1);
    let source = MjpegSource::new("clip".to_owned(), &bytes[..], None).unwrap();
    assert_eq!((source.rate(), source.notes().len()), (Rate::new(25, 1), 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_changed_stream_ends_and_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut stream = [jpeg(48, 32, 1), jpeg(48, 32, 99), without_tables(&jpeg(48, 32, 5))].concat();
        for (at, value) in changes {
            let at = at.index(stream.len());
            stream[at] = value;
        }
        if let Ok(mut source) = open(&stream) && source.format().bytes() < 1 << 24 {
            let (frames, faults) = drain(&mut source);
            prop_assert!(frames.len() + faults.len() < 64);
        }
    }
}
