use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, Rgba, RgbaImage};
use moxcms::ColorProfile;
use proptest::prelude::*;

use super::super::testing::{drain, file};
use super::*;

/// A picture without symmetry: each corner has its own colour.
fn corners(width: u32, height: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([250, 10, 10]),
        (false, true) => Rgb([10, 250, 10]),
        (true, false) => Rgb([10, 10, 250]),
        (false, false) => Rgb([240, 240, 240]),
    })
}

/// Something with detail, so that every part of the file matters.
fn detailed(width: u32, height: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(97) >> 13;
        Rgb([(noise & 0xff) as u8, (x * 3) as u8, (y * 5) as u8])
    })
}

fn jpeg_of(picture: &RgbImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    encoder.encode_image(picture).unwrap();
    bytes
}

fn png_of(pixels: &[u8], size: (u32, u32), colour: ExtendedColorType, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).unwrap();
    }
    encoder.write_image(pixels, size.0, size.1, colour).unwrap();
    bytes
}

fn webp_of(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    WebPEncoder::new_lossless(&mut bytes)
        .encode(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn progressive_of(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_progressive(true);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(picture.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// The smallest EXIF block that states an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn still(container: StillContainer, bytes: &[u8]) -> Result<StillSource, CaptureError> {
    decode_still("picture", container, bytes)
}

fn planes(mut source: StillSource) -> [Vec<u8>; 3] {
    let (mut frames, faults) = drain(&mut source);
    assert!(faults.is_empty() && frames.len() == 1);
    frames.remove(0).0
}

fn interleaved(planes: &[Vec<u8>; 3]) -> Vec<u8> {
    (0..planes[0].len()).flat_map(|index| [planes[0][index], planes[1][index], planes[2][index]]).collect()
}

fn said(source: &StillSource, word: &str) -> bool {
    source.notes().iter().any(|note| note.contains(word))
}

#[test]
fn a_lossless_picture_keeps_every_sample() {
    let picture = detailed(37, 21);
    for (container, bytes) in [
        (StillContainer::Png, png_of(picture.as_raw(), (37, 21), ExtendedColorType::Rgb8, None)),
        (StillContainer::Webp, webp_of(&picture)),
    ] {
        let source = still(container, &bytes).unwrap();
        assert!(source.notes().is_empty());
        assert_eq!((source.container(), source.format()), (container, Format::still(Size::new(37, 21))));
        assert_eq!(interleaved(&planes(source)), *picture.as_raw());
    }
}

#[test]
fn all_eight_orientations_are_turned_upright() {
    // Where the stored picture's corners (top left, top right, bottom left, bottom right: R, G, B, white) come to.
    let table =
        [(1, "RGBW"), (2, "GRWB"), (3, "WBGR"), (4, "BWRG"), (5, "RBGW"), (6, "BRWG"), (7, "WGBR"), (8, "GWRB")];
    for (orientation, corners_expected) in table {
        let source = still(StillContainer::Jpeg, &jpeg_of(&corners(32, 16), Some(exif(orientation)))).unwrap();
        let size = source.format().size;
        assert_eq!((size.width, size.height), if orientation < 5 { (32, 16) } else { (16, 32) });
        let planes = planes(source);
        let name = |x: u32, y: u32| {
            let index = (y * size.width + x) as usize;
            match [0, 1, 2].map(|plane| planes[plane][index] > 128) {
                [true, false, false] => 'R',
                [false, true, false] => 'G',
                [false, false, true] => 'B',
                [true, true, true] => 'W',
                _ => '?',
            }
        };
        let (right, bottom) = (size.width - 2, size.height - 2);
        let found: String = [name(1, 1), name(right, 1), name(1, bottom), name(right, bottom)].iter().collect();
        assert_eq!(found, corners_expected, "orientation {orientation}");
    }
}

#[test]
fn what_lies_behind_transparent_pixels_is_gone() {
    let pixels = |secret: u8| {
        RgbaImage::from_fn(8, 4, |x, _| match x {
            0..4 => Rgba([secret, secret, secret, 0]),
            4..6 => Rgba([100, 0, 0, 128]),
            _ => Rgba([1, 2, 3, 255]),
        })
    };
    for container in [StillContainer::Png, StillContainer::Webp] {
        let [one, other] = [7, 201].map(|secret| {
            let pixels = pixels(secret);
            let bytes = match container {
                StillContainer::Png => png_of(pixels.as_raw(), (8, 4), ExtendedColorType::Rgba8, None),
                _ => {
                    let mut bytes = Vec::new();
                    let encoder = WebPEncoder::new_lossless(&mut bytes);
                    encoder.encode(pixels.as_raw(), 8, 4, ExtendedColorType::Rgba8).unwrap();
                    bytes
                }
            };
            let source = still(container, &bytes).unwrap();
            assert!(said(&source, "transparency"));
            interleaved(&planes(source))
        });
        assert_eq!(one, other);
        assert_eq!(one[..3], [255; 3]);
        assert_eq!(one[12..15], [177, 127, 127]);
        assert_eq!(one[18..21], [1, 2, 3]);
    }
}

#[test]
fn sixteen_bits_become_eight_and_it_is_said() {
    let picture: ImageBuffer<Rgb<u16>, Vec<u16>> =
        ImageBuffer::from_fn(4, 4, |x, _| Rgb([(x * 20_000) as u16, 65_535, 257]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    let source = still(StillContainer::Png, &bytes).unwrap();
    assert!(said(&source, "16 bits"));
    let planes = planes(source);
    assert_eq!([planes[0][1], planes[1][1], planes[2][1]], [78, 255, 1]);
}

#[test]
fn an_icc_profile_is_applied_and_srgb_itself_changes_nothing() {
    let mut swapped = ColorProfile::new_srgb();
    std::mem::swap(&mut swapped.red_colorant, &mut swapped.green_colorant);
    swapped.cicp = None;
    let picture = corners(8, 8);
    let decode = |profile: Vec<u8>| {
        let bytes = png_of(picture.as_raw(), (8, 8), ExtendedColorType::Rgb8, Some(profile));
        still(StillContainer::Png, &bytes).unwrap()
    };
    let source = decode(swapped.encode().unwrap());
    assert!(said(&source, "converted to sRGB"), "{:?}", source.notes());
    let converted = planes(source);
    assert!(
        converted[0][0] < 60 && converted[1][0] > 200,
        "red became green: {:?}",
        [converted[0][0], converted[1][0]]
    );

    let source = decode(ColorProfile::new_srgb().encode().unwrap());
    assert!(source.notes().is_empty(), "{:?}", source.notes());
    assert_eq!(interleaved(&planes(source)), *picture.as_raw());

    let source = decode(b"no profile at all".to_vec());
    assert!(said(&source, "is not used"), "{:?}", source.notes());
    assert_eq!(interleaved(&planes(source)), *picture.as_raw());
}

#[test]
fn a_grey_profile_is_applied_to_grey_and_refused_for_colour() {
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let grey: ImageBuffer<Luma<u8>, Vec<u8>> = ImageBuffer::from_pixel(4, 4, Luma([64]));
    let bytes = png_of(grey.as_raw(), (4, 4), ExtendedColorType::L8, Some(profile.clone()));
    let source = still(StillContainer::Png, &bytes).unwrap();
    assert!(said(&source, "converted"), "{:?}", source.notes());
    // Linear 64/255 is 137 in sRGB.
    let planes = planes(source);
    assert!(planes.iter().all(|plane| plane[5].abs_diff(137) <= 2), "{}", planes[0][5]);
    let bytes = png_of(corners(4, 4).as_raw(), (4, 4), ExtendedColorType::Rgb8, Some(profile));
    assert!(said(&still(StillContainer::Png, &bytes).unwrap(), "is not used"));
}

#[test]
fn grey_progressive_and_cmyk_jpegs_are_read() {
    let picture = corners(40, 24);
    let source = still(StillContainer::Jpeg, &progressive_of(&picture)).unwrap();
    let read = interleaved(&planes(source));
    assert!(read.iter().zip(picture.as_raw()).filter(|(a, b)| a.abs_diff(**b) > 24).count() < read.len() / 10);

    let encode = |pixels: &[u8], colour| {
        let mut bytes = Vec::new();
        jpeg_encoder::Encoder::new(&mut bytes, 95).encode(pixels, 16, 16, colour).unwrap();
        bytes
    };
    let grey = encode(&[99; 256], jpeg_encoder::ColorType::Luma);
    assert!(planes(still(StillContainer::Jpeg, &grey).unwrap()).iter().all(|plane| plane[7].abs_diff(99) <= 2));
    for colour in [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck] {
        // Full cyan ink and nothing else: no red.
        let ink: Vec<u8> = [255, 0, 0, 0].repeat(256);
        let source = still(StillContainer::Jpeg, &encode(&ink, colour)).unwrap();
        assert!(said(&source, "CMYK"));
        let planes = planes(source);
        assert!(planes[0][40] < 20 && planes[1][40] > 235 && planes[2][40] > 235, "{:?}", planes.map(|p| p[40]));
    }
}

#[test]
fn the_smallest_and_a_large_picture_are_read() {
    for (width, height) in [(1, 1), (5472, 3648)] {
        let bytes = jpeg_of(&RgbImage::from_pixel(width, height, Rgb([90, 120, 30])), None);
        let source = still(StillContainer::Jpeg, &bytes).unwrap();
        assert_eq!(source.format().size, Size::new(width, height));
        let planes = planes(source);
        assert!(planes[1].iter().all(|&green| green.abs_diff(120) <= 2));
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_decoded() {
    let mut bytes = jpeg_of(&corners(16, 16), None);
    let Walk::Whole(_) = jpeg::walk(&bytes) else { panic!("not whole") };
    let header = bytes.windows(2).position(|two| two[0] == 0xff && (0xc0..=0xc2).contains(&two[1])).unwrap();
    bytes[header + 5..header + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(still(StillContainer::Jpeg, &bytes), Err(CaptureError::TooLarge { .. })));
}

#[test]
fn cut_at_each_tenth_a_picture_is_an_error() {
    let picture = detailed(120, 80);
    let cases = [
        (StillContainer::Jpeg, jpeg_of(&picture, None)),
        (StillContainer::Jpeg, progressive_of(&picture)),
        (StillContainer::Png, png_of(picture.as_raw(), (120, 80), ExtendedColorType::Rgb8, None)),
        (StillContainer::Webp, webp_of(&picture)),
    ];
    for (container, bytes) in cases {
        assert!(still(container, &bytes).is_ok());
        for tenth in 0..10 {
            let end = bytes.len() * tenth / 10;
            let fault = still(container, &bytes[..end]);
            assert!(matches!(fault, Err(CaptureError::Broken { .. })), "{container:?} cut at {tenth}0 %");
        }
        assert!(still(container, &bytes[..bytes.len() - 13]).is_err(), "{container:?} cut 13 bytes before its end");
    }
}

#[test]
fn a_jpeg_that_lost_its_middle_is_not_taken_for_whole() {
    let bytes = jpeg_of(&detailed(120, 80), None);
    let Walk::Whole(skeleton) = jpeg::walk(&bytes) else { panic!("not whole") };
    let scan = skeleton.scan + 14;
    for percent in [10, 30, 50, 70, 90] {
        // The end marker is put where the data stops, as a camera does that lost the rest.
        let cut = scan + (bytes.len() - 2 - scan) * percent / 100;
        let ended = [&bytes[..cut], b"\xff\xd9"].concat();
        assert!(still(StillContainer::Jpeg, &ended).is_err(), "{percent} % of the data");
    }
}

#[test]
fn a_png_with_a_wrong_checksum_is_an_error() {
    let picture = detailed(40, 40);
    let bytes = png_of(picture.as_raw(), (40, 40), ExtendedColorType::Rgb8, None);
    let data = bytes.windows(4).position(|four| four == b"IDAT").unwrap();
    for offset in [8, 100, 1000] {
        let mut bytes = bytes.clone();
        bytes[data + offset] ^= 0x10;
        assert!(matches!(still(StillContainer::Png, &bytes), Err(CaptureError::Broken { .. })), "byte {offset}");
    }
}

#[test]
fn animated_pictures_are_refused_clearly() {
    let png = png_of(corners(4, 4).as_raw(), (4, 4), ExtendedColorType::Rgb8, None);
    let control = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let animated = [&png[..33], &control, &png[33..]].concat();
    let error = still(StillContainer::Png, &animated).unwrap_err();
    assert!(error.to_string().contains("animated PNG"), "{error}");

    let simple = webp_of(&corners(4, 4));
    let frame_data = &simple[12..];
    let mut frame = vec![0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 0, 0, 100, 0, 0, 0];
    frame.extend_from_slice(frame_data);
    let riff = |name: &[u8; 4], data: &[u8]| [&name[..], &(data.len() as u32).to_le_bytes(), data].concat();
    let body = [
        b"WEBP".to_vec(),
        riff(b"VP8X", &[0x02, 0, 0, 0, 3, 0, 0, 3, 0, 0]),
        riff(b"ANIM", &[0, 0, 0, 0, 0, 0]),
        riff(b"ANMF", &frame),
        riff(b"ANMF", &frame),
    ]
    .concat();
    let error = still(StillContainer::Webp, &riff(b"RIFF", &body)).unwrap_err();
    assert!(error.to_string().contains("animated WebP"), "{error}");
}

/// A PNG chunk with its checksum.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let covered = [&name[..], data].concat();
    let mut crc = u32::MAX;
    for byte in &covered {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    [&(data.len() as u32).to_be_bytes()[..], &covered, &(!crc).to_be_bytes()].concat()
}

#[test]
fn what_is_no_picture_says_so() {
    let table: [(&str, &[u8], &str); 4] = [
        ("empty.jpg", b"", "empty"),
        ("letter.jpg", b"Dear neighbour, your camera looks into my garden.", "neither a picture nor a clip"),
        ("film.png", b"\0\0\0\x20ftypisom", "a clip"),
        ("old.jpg", b"GIF89a\0\0\0", "GIF"),
    ];
    for (name, bytes, words) in table {
        let (_folder, path) = file(name, bytes);
        let error = open_still(&path).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
}

#[test]
fn the_name_does_not_matter_the_bytes_do() {
    let (_folder, path) = file("photo.txt", &webp_of(&corners(4, 4)));
    assert_eq!(open_still(&path).unwrap().container(), StillContainer::Webp);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changed_bytes_never_panic_and_never_give_another_size_than_stated(
        which in 0..4usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let picture = detailed(48, 32);
        let (container, mut bytes) = match which {
            0 => (StillContainer::Jpeg, jpeg_of(&picture, Some(exif(6)))),
            1 => (StillContainer::Jpeg, progressive_of(&picture)),
            2 => (StillContainer::Png, png_of(picture.as_raw(), (48, 32), ExtendedColorType::Rgb8, None)),
            _ => (StillContainer::Webp, webp_of(&picture)),
        };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(source) = still(container, &bytes) {
            let size = source.format().size;
            let planes = planes(source);
            prop_assert!(planes.iter().all(|plane| plane.len() == size.pixels()));
        }
    }

    #[test]
    fn random_bytes_never_panic(which in 0..3usize, tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let (container, head): (_, &[u8]) = [
            (StillContainer::Jpeg, b"\xff\xd8\xff\xe0".as_slice()),
            (StillContainer::Png, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice()),
            (StillContainer::Webp, b"RIFF\x40\0\0\0WEBPVP8".as_slice()),
        ][which];
        let _ = still(container, &[head, &tail].concat());
    }
}
