//! Pictures are read as OpenCV reads them.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;

use common::{fixtures, original};
use frostglass_calibration::jpeg;
use frostglass_calibration::picture::{find, read_grey};
use proptest::prelude::*;

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// FNV-1a of the bytes of `cv2.imread(file)[:, :, ::-1]`, OpenCV 5.0.0 with libjpeg-turbo 3.1.2.
#[test]
fn baseline_jpegs_decode_to_the_bit_as_in_opencv() {
    struct Case {
        name: &'static str,
        width: usize,
        height: usize,
        hash: u64,
    }
    let cases = [
        Case { name: "420", width: 45, height: 37, hash: 0xAD4C_9343_79A4_A97A },
        Case { name: "422", width: 45, height: 37, hash: 0xC637_F8DA_A29B_86F6 },
        Case { name: "440", width: 45, height: 37, hash: 0x0318_0C97_F6DE_1991 },
        Case { name: "444", width: 45, height: 37, hash: 0x55F4_F828_6BA6_9DE1 },
        Case { name: "restart", width: 45, height: 37, hash: 0xAD4C_9343_79A4_A97A },
        Case { name: "grey", width: 45, height: 37, hash: 0xF7A0_0C5C_9122_660A },
        Case { name: "narrow", width: 4, height: 37, hash: 0x82BA_8C4D_93B6_C041 },
    ];
    for Case { name, width, height, hash } in cases {
        let bytes = fs::read(fixtures().join("jpeg").join(name).with_extension("jpg")).unwrap();
        let decoded = jpeg::decode(&bytes).unwrap_or_else(|| panic!("{name} was refused"));
        assert_eq!((decoded.width, decoded.height), (width, height), "{name}");
        assert_eq!(fnv(&decoded.bytes), hash, "{name}");
    }
}

/// The progressive fixture has the coefficients of the 4:2:0 one; another decoder reads it, off by little.
#[test]
fn a_progressive_jpeg_is_read_within_three_levels() {
    assert_eq!(jpeg::decode(&fs::read(fixtures().join("jpeg/progressive.jpg")).unwrap()), None);
    let baseline = read_grey(&fixtures().join("jpeg/420.jpg")).unwrap();
    let progressive = read_grey(&fixtures().join("jpeg/progressive.jpg")).unwrap();
    let most = baseline.values.iter().zip(&progressive.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most <= 3.0, "{most} levels");
}

#[test]
fn pictures_are_turned_upright() {
    let plain = fs::read(fixtures().join("solvay.jpg")).unwrap();
    // EXIF, big-endian, one entry: orientation (0x0112), a short, 6 (turn a quarter to the right).
    let exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turned.jpg");
    fs::write(&file, turned).unwrap();
    let (upright, plain) = (read_grey(&file).unwrap(), read_grey(&fixtures().join("solvay.jpg")).unwrap());
    assert_eq!((upright.width, upright.height), (plain.height, plain.width));
    for (x, y) in [(0, 0), (40, 17), (140, 229)] {
        assert_eq!(upright.values[y * upright.width + x], plain.values[(plain.height - 1 - x) * plain.width + y]);
    }
}

#[test]
fn colour_becomes_grey_by_opencvs_integers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("colours.png");
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 200, 30], [77, 78, 79]];
    image::RgbImage::from_raw(6, 1, colours.concat()).unwrap().save(&file).unwrap();
    assert_eq!(read_grey(&file).unwrap().values, [76.0, 150.0, 29.0, 255.0, 124.0, 78.0]);
}

#[test]
fn a_picture_is_found_by_path_then_name_then_under_another_suffix() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("frames")).unwrap();
    let found = || find(root, "frames/a.jpg").map(|file| file.strip_prefix(root).unwrap().to_owned());
    assert_eq!(found(), None);
    for name in ["a.webp", "frames/a.png", "a.jpg", "frames/a.jpg"] {
        fs::write(root.join(name), "").unwrap();
        assert_eq!(found().unwrap().to_str(), Some(name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// What comes from outside never brings the decoder down, and what it gives is always whole.
    #[test]
    fn broken_jpegs_do_no_harm(
        name in prop::sample::select(vec!["420", "422", "440", "444", "restart", "grey"]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = fs::read(fixtures().join("jpeg").join(name).with_extension("jpg")).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(decoded) = jpeg::decode(&bytes) {
            prop_assert_eq!(decoded.bytes.len(), decoded.width * decoded.height * 3);
        }
    }
}

#[test]
fn the_photograph_is_decoded_here() {
    assert_eq!(original().dimensions(), (230, 141));
}
