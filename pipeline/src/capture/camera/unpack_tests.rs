//! Layouts made by hand, with padding that must not be read as picture.

use frostglass_vault::{Pool, Stamp, Zones};

use super::*;
use crate::v4l2::Fourcc;

impl Unpack {
    fn unpack(&mut self, planes: &[&[u8]; MOST_PLANES], blank: &mut Blank) -> Result<(), FrameFault> {
        self.copy_out(planes, blank)?;
        self.finish(blank)
    }
}

const PADDING: u8 = 0xee;

fn layout(fourcc: &[u8; 4], size: Size, planes: usize, strides: [u32; 3]) -> Layout {
    let mut all = [0; MOST_PLANES];
    all[..3].copy_from_slice(&strides);
    let fourcc = Fourcc(*fourcc);
    let (colorspace, encoding, quantization, field) = (8, 0, 0, 1);
    Layout { fourcc, size, planes, strides: all, bytes: [0; MOST_PLANES], colorspace, encoding, quantization, field }
}

fn luma(x: usize, y: usize) -> u8 {
    (16 + (7 * x + 13 * y) % 200) as u8
}

/// Chroma of a 2 by 2 cell; the same in both rows, so that an average changes nothing.
fn chroma(x: usize, y: usize, plane: usize) -> u8 {
    (20 + (11 * x + 17 * y + 90 * plane) % 210) as u8
}

fn rows(stride: usize, rows: usize, row: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in 0..rows {
        let mut row = row(y);
        row.resize(stride, PADDING);
        bytes.extend(row);
    }
    bytes
}

/// Buffers of a made picture.
fn picture(fourcc: &[u8; 4], size: Size, strides: [usize; 3]) -> Vec<Vec<u8>> {
    let (width, height) = (size.width as usize, size.height as usize);
    let (half, half_rows) = (width.div_ceil(2), height.div_ceil(2));
    let of_luma = rows(strides[0], height, |y| (0..width).map(|x| luma(x, y)).collect());
    let plane = |stride, plane| rows(stride, half_rows, |y| (0..half).map(|x| chroma(x, y, plane)).collect());
    let pairs =
        |stride| rows(stride, half_rows, |y| (0..half).flat_map(|x| [chroma(x, y, 0), chroma(x, y, 1)]).collect());
    let packed = |at: usize| {
        rows(strides[0], height, |y| {
            let four = |x: usize| {
                let (one, two) = (luma(2 * x, y), luma(2 * x + 1, y));
                let (blue, red) = (chroma(x, y / 2, 0), chroma(x, y / 2, 1));
                if at == 0 { [one, blue, two, red] } else { [blue, one, red, two] }
            };
            (0..half).flat_map(four).collect()
        })
    };
    match fourcc {
        b"YUYV" => vec![packed(0)],
        b"UYVY" => vec![packed(1)],
        b"NV12" => vec![[of_luma, pairs(strides[1])].concat()],
        b"NM12" => vec![of_luma, pairs(strides[1])],
        b"YU12" => vec![[of_luma, plane(strides[1], 0), plane(strides[2], 1)].concat()],
        b"YM12" => vec![of_luma, plane(strides[1], 0), plane(strides[2], 1)],
        _ => unreachable!(),
    }
}

fn lists(buffers: &[Vec<u8>]) -> [&[u8]; MOST_PLANES] {
    let mut list: [&[u8]; MOST_PLANES] = [&[]; MOST_PLANES];
    for (list, buffer) in list.iter_mut().zip(buffers) {
        *list = buffer;
    }
    list
}

/// Each fourcc, its buffers, whether its API is the multi-planar one, and strides: tight and padded.
fn cases(size: Size) -> Vec<([u8; 4], usize, [usize; 3])> {
    let (width, half) = (size.width as usize, size.width.div_ceil(2) as usize);
    let even = width + width % 2;
    vec![
        (*b"YUYV", 1, [4 * half, 0, 0]),
        (*b"YUYV", 1, [4 * half + 20, 0, 0]),
        (*b"UYVY", 1, [4 * half + 4, 0, 0]),
        (*b"NV12", 1, [width, 2 * half, 0]),
        (*b"NV12", 1, [even + 16, even + 16, 0]),
        (*b"NM12", 2, [width + 3, 2 * half + 8, 0]),
        (*b"YU12", 1, [width, half, half]),
        (*b"YU12", 1, [even + 32, half + 16, half + 16]),
        (*b"YM12", 3, [width + 1, half + 2, half + 3]),
    ]
}

#[test]
fn each_layout_gives_the_picture_without_its_padding() {
    for size in [Size::new(16, 8), Size::new(6, 5), Size::new(7, 3), Size::new(2, 1), Size::new(1, 1)] {
        for (fourcc, planes, strides) in cases(size) {
            let stated = strides.map(|stride| stride as u32);
            let mut unpack = Unpack::new(&layout(&fourcc, size, planes, stated), Kind::CaptureMultiplanar).unwrap();
            let buffers = picture(&fourcc, size, strides);
            let mut blank = Pool::new(unpack.format(), 1).blank().unwrap();
            unpack.unpack(&lists(&buffers), &mut blank).unwrap();
            let stamp = Stamp { sequence: 0, time: std::time::Duration::ZERO };
            let look = blank.expose(stamp, &Zones::none()).lend();
            let what = format!("{} of {size}, rows of {strides:?}", Fourcc(fourcc));
            for y in 0..size.height as usize {
                for x in 0..size.width as usize {
                    let picture = look.picture();
                    let at = |plane: usize, x: usize, y: usize| {
                        let plane = picture.plane(plane);
                        plane.bytes[y * plane.stride + x]
                    };
                    assert_eq!(at(0, x, y), luma(x, y), "{what}, luma at {x}, {y}");
                    assert_eq!(at(1, x / 2, y / 2), chroma(x / 2, y / 2, 0), "{what}, blue at {x}, {y}");
                    assert_eq!(at(2, x / 2, y / 2), chroma(x / 2, y / 2, 1), "{what}, red at {x}, {y}");
                }
            }
        }
    }
}

#[test]
fn rows_of_two_kinds_of_chroma_are_averaged() {
    let size = Size::new(2, 2);
    let mut unpack = Unpack::new(&layout(b"YUYV", size, 1, [4, 0, 0]), Kind::Capture).unwrap();
    let mut blank = Pool::new(unpack.format(), 1).blank().unwrap();
    unpack.unpack(&lists(&[vec![1, 100, 2, 40, 3, 50, 4, 60]]), &mut blank).unwrap();
    let [luma, blue, red] = blank.planes_mut();
    assert_eq!((&luma.bytes[..], &blue.bytes[..], &red.bytes[..]), (&[1, 2, 3, 4][..], &[75][..], &[50][..]));
}

#[test]
fn one_byte_too_few_gives_no_frame() {
    let size = Size::new(6, 5);
    for (fourcc, planes, strides) in cases(size) {
        let stated = strides.map(|stride| stride as u32);
        let mut unpack = Unpack::new(&layout(&fourcc, size, planes, stated), Kind::CaptureMultiplanar).unwrap();
        let mut buffers = picture(&fourcc, size, strides);
        let last = buffers.last_mut().unwrap();
        // Padding behind the last row may be missing, the picture's last byte may not.
        while last.last() == Some(&PADDING) {
            last.pop();
        }
        let pool = Pool::new(unpack.format(), 1);
        assert_eq!(unpack.unpack(&lists(&buffers), &mut pool.blank().unwrap()), Ok(()), "{}", Fourcc(fourcc));
        for place in 0..planes {
            let mut short = buffers.clone();
            let needed = if place + 1 == planes { short[place].len() } else { strides[place] };
            short[place].truncate(needed - 1);
            let result = unpack.unpack(&lists(&short), &mut pool.blank().unwrap());
            assert!(matches!(result, Err(FrameFault::Broken(_))), "{} buffer {place}", Fourcc(fourcc));
        }
    }
}

#[test]
fn layouts_that_can_not_be_are_refused() {
    let size = Size::new(640, 480);
    let cases: &[(&[u8; 4], Size, usize, [u32; 3])] = &[
        (b"YUYV", size, 1, [1279, 0, 0]),
        (b"NV12", size, 1, [639, 0, 0]),
        (b"NM12", size, 2, [640, 639, 0]),
        (b"YM12", size, 3, [640, 320, 319]),
        (b"NM12", size, 1, [640, 0, 0]),
        (b"YUYV", size, 2, [1280, 0, 0]),
        (b"YUYV", size, 0, [1280, 0, 0]),
        (b"RGB3", size, 1, [1920, 0, 0]),
        (b"YUYV", Size::new(0, 480), 1, [0, 0, 0]),
        (b"YUYV", Size::new(u32::MAX, u32::MAX), 1, [u32::MAX, 0, 0]),
    ];
    for (fourcc, size, planes, strides) in cases {
        let layout = layout(fourcc, *size, *planes, *strides);
        assert!(Unpack::new(&layout, Kind::CaptureMultiplanar).is_err(), "{layout:?}");
    }
}

#[test]
fn half_pictures_are_refused_in_words() {
    // Top, bottom, interlaced, sequential, alternate: one after the other up to `V4L2_FIELD_INTERLACED_BT`.
    for field in 0..=10 {
        let layout = Layout { field, ..layout(b"YUYV", Size::new(720, 576), 1, [1440, 0, 0]) };
        match Unpack::new(&layout, Kind::Capture) {
            Ok(_) => assert!(field <= 1, "field {field} was taken"),
            Err(why) => assert!(field > 1 && why.contains("interlaced"), "field {field}: {why}"),
        }
    }
}

#[test]
fn strides_as_long_as_a_number_can_be_give_no_frame() {
    let size = Size::new(640, 480);
    for fourcc in [b"YUYV", b"NV12", b"YU12"] {
        let mut unpack = Unpack::new(&layout(fourcc, size, 1, [u32::MAX, 0, 0]), Kind::Capture).unwrap();
        let mut blank = Pool::new(unpack.format(), 1).blank().unwrap();
        assert!(unpack.unpack(&lists(&[vec![1; 640 * 480 * 2]]), &mut blank).is_err());
    }
}

#[test]
fn colours_are_what_the_driver_says_or_what_the_standard_makes_of_it() {
    let of = |colorspace, encoding, quantization| {
        let plain = layout(b"YUYV", Size::new(2, 2), 1, [4, 0, 0]);
        let layout = Layout { colorspace, encoding, quantization, ..plain };
        Unpack::new(&layout, Kind::Capture).unwrap().format().colour
    };
    let yuv = |matrix, range| frostglass_vault::Colour::Yuv { matrix, range };
    assert_eq!(of(8, 0, 0), yuv(Matrix::Bt601, Range::Limited));
    assert_eq!(of(3, 0, 0), yuv(Matrix::Bt709, Range::Limited));
    assert_eq!(of(3, 1, 1), yuv(Matrix::Bt601, Range::Full));
    assert_eq!(of(7, 0, 0), yuv(Matrix::Bt601, Range::Full));
    assert_eq!(of(7, 0, 2), yuv(Matrix::Bt601, Range::Limited));
    assert_eq!(of(10, 6, 2), yuv(Matrix::Bt2020, Range::Limited));
}

/// As webcams give it: 4:2:2, without Huffman tables.
fn webcam_jpeg(size: Size) -> Vec<u8> {
    let pixels = size.width as usize * size.height as usize;
    let colours = (0..pixels).flat_map(|at| [(at % 251) as u8, (at / 7 % 251) as u8, (at / 300 % 251) as u8]);
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
    let (width, height) = (size.width as u16, size.height as u16);
    encoder.encode(&colours.collect::<Vec<_>>(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    while let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])) + 2;
        bytes.drain(at..at + length);
    }
    bytes
}

#[test]
fn a_compressed_frame_is_read_when_the_driver_has_its_buffer_back() {
    let size = Size::new(64, 48);
    let mut unpack = Unpack::new(&layout(b"MJPG", size, 1, [0, 0, 0]), Kind::Capture).unwrap();
    let pool = Pool::new(unpack.format(), 1);
    let mut buffer = webcam_jpeg(size);
    let mut blank = pool.blank().unwrap();
    unpack.copy_out(&lists(&[buffer.clone()]), &mut blank).unwrap();
    assert!(blank.planes_mut()[0].bytes.iter().all(|&byte| byte == 0), "nothing was parsed yet");
    buffer.fill(0xff);
    assert_eq!(unpack.finish(&mut blank), Ok(()));
    assert!(blank.planes_mut()[0].bytes.iter().any(|&byte| byte > 100));
    drop(blank);
    // What is broken is found so only then; and nothing is left to be decoded again.
    unpack.copy_out(&lists(&[buffer]), &mut pool.blank().unwrap()).unwrap();
    assert!(unpack.finish(&mut pool.blank().unwrap()).is_err());
    assert!(unpack.finish(&mut pool.blank().unwrap()).is_err());
}

#[test]
fn a_compressed_frame_that_was_cut_at_any_tenth_gives_no_frame() {
    let size = Size::new(320, 240);
    let whole = webcam_jpeg(size);
    let mut unpack = Unpack::new(&layout(b"MJPG", size, 1, [0, 0, 0]), Kind::Capture).unwrap();
    let pool = Pool::new(unpack.format(), 1);
    let mut unpack_these = |bytes: &[u8]| unpack.unpack(&lists(&[bytes.to_vec()]), &mut pool.blank().unwrap());
    assert_eq!(unpack_these(&whole), Ok(()));
    for tenth in 0..10 {
        let cut = &whole[..whole.len() * tenth / 10];
        assert!(matches!(unpack_these(cut), Err(FrameFault::Broken(_))), "cut at {tenth} tenths");
        // A driver's buffer keeps the end of an older frame behind it.
        let mut mixed = cut.to_vec();
        mixed.extend([0; 64]);
        assert!(matches!(unpack_these(&mixed), Err(FrameFault::Broken(_))), "cut at {tenth} tenths, then zeroes");
        let ended = [cut, b"\xff\xd9"].concat();
        assert!(matches!(unpack_these(&ended), Err(FrameFault::Broken(_))), "cut at {tenth} tenths, then its end");
    }
    let other = webcam_jpeg(Size::new(160, 120));
    assert!(matches!(unpack_these(&other), Err(FrameFault::OtherFormat(_))), "another size ends the camera");
}
