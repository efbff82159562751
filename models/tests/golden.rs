//! Pictures in, boxes out, through the real networks: what is in the photograph is found, whatever its size, its
//! shape, its planes and its colours.

#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::path::Path;

use frostglass_models::{
    Detail, DetectError, Detector, FaceSetup, Family, ModelError, NetworkFile, Runtime, face_detector, person_detector,
};
use frostglass_vault::{Area, Detection, Format, Kind, Matrix, Picture, Plane, Range, Size};
use image::RgbImage;

/// A picture that owns its planes.
struct Owned {
    format: Format,
    planes: [Vec<u8>; 3],
}

impl Owned {
    fn still(image: &RgbImage) -> Self {
        let planes = [0, 1, 2].map(|channel| image.pixels().map(|pixel| pixel[channel]).collect());
        Self { format: Format::still(Size::new(image.width(), image.height())), planes }
    }

    /// As a camera gives it: 4:2:0, by the definition of the matrix, chroma taken from every second pixel.
    fn video(image: &RgbImage, matrix: Matrix, range: Range) -> Self {
        let format = Format::video(Size::new(image.width(), image.height()), matrix, range);
        let (kr, kb) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (black, luma_gain, chroma_gain) = match range {
            Range::Full => (0.0, 1.0, 1.0),
            Range::Limited => (16.0, 219.0 / 255.0, 224.0 / 255.0),
        };
        let mut planes: [Vec<u8>; 3] = Default::default();
        for (x, y, pixel) in image.enumerate_pixels() {
            let [red, green, blue] = pixel.0.map(f32::from);
            let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
            planes[0].push((black + luma * luma_gain).round() as u8);
            if x % 2 == 0 && y % 2 == 0 {
                planes[1].push((128.0 + (blue - luma) / (2.0 * (1.0 - kb)) * chroma_gain).round() as u8);
                planes[2].push((128.0 + (red - luma) / (2.0 * (1.0 - kr)) * chroma_gain).round() as u8);
            }
        }
        Self { format, planes }
    }

    fn picture(&self) -> Picture<'_> {
        let plane =
            |index: usize| Plane { bytes: &self.planes[index], stride: self.format.plane_size(index).width as usize };
        Picture::new(self.format, [plane(0), plane(1), plane(2)]).unwrap()
    }
}

fn runtime() -> Runtime {
    Runtime::load().unwrap_or_else(|error| panic!("{error}"))
}

fn faces(family: Family, detail: Detail) -> Box<dyn Detector> {
    let setup =
        FaceSetup { networks: vec![NetworkFile::Bundled(family)], detail, score: 0.5, threads: 1, stills: false };
    face_detector(&runtime(), &setup).unwrap_or_else(|error| panic!("{error}"))
}

fn detect(detector: &mut dyn Detector, picture: &Owned) -> Vec<Detection> {
    let mut found = Vec::new();
    detector.detect(&picture.picture(), &mut found).unwrap_or_else(|error| panic!("{error}"));
    found
}

fn media(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media").join(name)
}

fn photograph() -> RgbImage {
    image::open(media("solvay.jpg")).unwrap().to_rgb8()
}

fn labels() -> Vec<Area> {
    let text = std::fs::read_to_string(media("solvay.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let number = |value: &serde_json::Value| value.as_f64().unwrap() as f32;
    let (width, height) = (number(&line["width"]), number(&line["height"]));
    let area = |face: &serde_json::Value| {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| number(&face[key]));
        Area::new(x / width, y / height, (x + w) / width, (y + h) / height).unwrap()
    };
    line["faces"].as_array().unwrap().iter().map(area).collect()
}

/// How many of the labels were found, and how well they were met on average.
fn met(found: &[Detection]) -> (usize, f32) {
    let best = |label: &Area| found.iter().map(|found| found.area.iou(*label)).fold(0.0, f32::max);
    let hits: Vec<f32> = labels().iter().map(best).filter(|&iou| iou >= 0.5).collect();
    (hits.len(), hits.iter().sum::<f32>() / hits.len().max(1) as f32)
}

#[test]
fn both_face_networks_find_all_29_faces_at_every_detail() {
    let photograph = Owned::still(&photograph());
    for (family, well) in [(Family::YuNet, 0.78), (Family::CenterFace, 0.82)] {
        for detail in [Detail::Fast, Detail::Balanced] {
            let found = detect(&mut *faces(family, detail), &photograph);
            let (hits, iou) = met(&found);
            assert_eq!(hits, 29, "{family:?} {detail:?}");
            assert!(iou > well, "{family:?} {detail:?}: mean IoU {iou}");
            assert!(found.len() <= 33, "{family:?} {detail:?}: {} boxes for 29 faces", found.len());
            assert!(found.iter().all(|found| found.kind == Kind::Face && found.score.value() >= 0.5));
        }
    }
}

#[test]
fn tiles_beyond_the_own_resolution_find_each_face_once() {
    let found = detect(&mut *faces(Family::YuNet, Detail::Thorough), &Owned::still(&photograph()));
    assert_eq!(met(&found).0, 29);
    assert!(found.len() <= 40, "{} boxes for 29 faces", found.len());
}

#[test]
fn stills_are_looked_at_turned_and_mirrored_and_each_face_is_found_once() {
    let network = vec![NetworkFile::Bundled(Family::CenterFace)];
    let setup = FaceSetup { networks: network, detail: Detail::Thorough, score: 0.5, threads: 2, stills: true };
    let mut detector = face_detector(&runtime(), &setup).unwrap();
    let small = image::imageops::thumbnail(&photograph(), 801, 579);
    let found = detect(&mut *detector, &Owned::still(&small));
    assert_eq!(met(&found).0, 29);
    assert!(found.len() <= 36, "{} boxes for 29 faces", found.len());
    // On its side, it is the turned looks that see most of it.
    let lying = image::imageops::rotate90(&small);
    let found = detect(&mut *detector, &Owned::still(&lying));
    let upright = |seen: &Detection| {
        let area = Area::new(seen.area.top(), 1.0 - seen.area.right(), seen.area.bottom(), 1.0 - seen.area.left());
        Detection { area: area.unwrap(), ..*seen }
    };
    let back: Vec<Detection> = found.iter().map(upright).collect();
    let (hits, _) = met(&back);
    assert!(hits >= 15, "{hits} of 29 faces of a photograph that lies on its side");
}

#[test]
fn what_is_seen_weakly_is_told_apart_and_is_no_duplicate() {
    let small = Owned::still(&image::imageops::thumbnail(&photograph(), 240, 174));
    let networks = vec![NetworkFile::Bundled(Family::YuNet)];
    let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.8, threads: 1, stills: false };
    let mut detector = face_detector(&runtime(), &setup).unwrap();
    assert!(detector.weak().is_empty());
    let found = detect(&mut *detector, &small);
    let weak = detector.weak().to_vec();
    assert!(!weak.is_empty() && weak.iter().all(|seen| (0.4..0.8).contains(&seen.score.value())), "{weak:?}");
    assert!(found.iter().all(|seen| seen.score.value() >= 0.8));
    let most = |area: Area| found.iter().map(|seen| seen.area.iou(area)).fold(0.0, f32::max);
    assert!(weak.iter().all(|seen| most(seen.area) < 0.5));
    let grey = RgbImage::from_pixel(64, 64, image::Rgb([90, 120, 140]));
    assert_eq!(detect(&mut *detector, &Owned::still(&grey)), []);
    assert!(detector.weak().is_empty(), "nothing of the last picture is told of this one");
}

#[test]
fn a_closer_look_finds_small_faces_and_appends_none_twice() {
    // In a look 640 pixels long its faces are some eight pixels high, which is too little.
    let mut wide = RgbImage::from_pixel(1280, 720, image::Rgb([90, 120, 140]));
    image::imageops::overlay(&mut wide, &image::imageops::thumbnail(&photograph(), 320, 231), 900, 400);
    let picture = Owned::still(&wide);
    let mut detector = faces(Family::YuNet, Detail::Fast);
    let mut found = detect(&mut *detector, &picture);
    let before = found.len();
    let part = |left: f32, top: f32, right: f32, bottom: f32| {
        let (x, y) = (|share: f32| (900.0 + share * 320.0) / 1280.0, |share: f32| (400.0 + share * 231.0) / 720.0);
        Area::new(x(left), y(top), x(right), y(bottom)).unwrap()
    };
    let places: Vec<Area> = (0..9u8)
        .map(|at| {
            let (column, row) = (f32::from(at % 3) * 0.3, f32::from(at / 3) * 0.2);
            part(column, row, column + 0.4, row + 0.5)
        })
        .collect();
    detector.look_closer(&picture.picture(), &places, &mut found).unwrap();
    assert!(found.len() >= before + 5, "{before} before, {} after a closer look", found.len());
    for (at, one) in found.iter().enumerate() {
        assert!(found[..at].iter().all(|other| other.area.iou(one.area) < 0.5), "{one:?} is there twice");
    }
    let after = found.len();
    detector.look_closer(&picture.picture(), &places, &mut found).unwrap();
    assert_eq!(found.len(), after, "the same look again brings nothing");
    detector.look_closer(&picture.picture(), &[], &mut found).unwrap();
    assert_eq!(found.len(), after);
}

#[test]
fn several_networks_give_one_list() {
    let networks = vec![NetworkFile::Bundled(Family::YuNet), NetworkFile::Bundled(Family::CenterFace)];
    let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.5, threads: 1, stills: false };
    let mut both = face_detector(&runtime(), &setup).unwrap();
    let found = detect(&mut *both, &Owned::still(&photograph()));
    assert_eq!(met(&found).0, 29);
    assert!(found.len() <= 40, "{} boxes for 29 faces", found.len());
}

#[test]
fn a_video_frame_of_any_matrix_and_range_shows_the_same_faces() {
    let small = image::imageops::thumbnail(&photograph(), 801, 579);
    let mut detector = faces(Family::YuNet, Detail::Fast);
    for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
        for range in [Range::Limited, Range::Full] {
            let found = detect(&mut *detector, &Owned::video(&small, matrix, range));
            assert_eq!(met(&found).0, 29, "{matrix:?} {range:?}");
        }
    }
}

#[test]
fn strides_and_a_last_row_that_is_cut_short_change_nothing() {
    let small = Owned::still(&image::imageops::thumbnail(&photograph(), 640, 463));
    let mut detector = faces(Family::YuNet, Detail::Fast);
    let packed = detect(&mut *detector, &small);
    let padded = small.planes.clone().map(|plane| {
        let mut rows: Vec<u8> = plane.chunks(640).flat_map(|row| row.iter().copied().chain([255; 37])).collect();
        rows.truncate(rows.len() - 37);
        rows
    });
    let picture = Picture::new(small.format, [0, 1, 2].map(|index| Plane { bytes: &padded[index], stride: 677 }));
    let mut found = Vec::new();
    detector.detect(&picture.unwrap(), &mut found).unwrap();
    assert_eq!(found, packed);
}

#[test]
fn persons_are_found_and_told_as_persons() {
    let mut detector = person_detector(&runtime(), &NetworkFile::Bundled(Family::EfficientDet), 1).unwrap();
    let found = detect(&mut *detector, &Owned::still(&photograph()));
    assert!((9..=12).contains(&found.len()), "{} persons, 10 expected", found.len());
    assert!(found.iter().all(|found| found.kind == Kind::Person));
    // A picture three times as wide as high is also looked at in halves: the seated row is larger there.
    let strip = image::imageops::crop_imm(&photograph(), 0, 400, 1600, 533).to_image();
    assert!(detect(&mut *detector, &Owned::still(&strip)).len() >= 10);
}

#[test]
fn odd_tiny_and_extreme_pictures_are_looked_at() {
    let sizes = [(1, 1), (2, 1), (1, 5000), (5000, 1), (31, 33), (641, 3), (1279, 719)];
    let mut persons = person_detector(&runtime(), &NetworkFile::Bundled(Family::EfficientDet), 1).unwrap();
    for detail in [Detail::Fast, Detail::Balanced, Detail::Thorough] {
        let mut detector = faces(Family::YuNet, detail);
        for (width, height) in sizes {
            let grey = RgbImage::from_pixel(width, height, image::Rgb([90, 120, 140]));
            for picture in [Owned::still(&grey), Owned::video(&grey, Matrix::Bt709, Range::Limited)] {
                assert_eq!(detect(&mut *detector, &picture), [], "{width}x{height} {detail:?}");
                if detail == Detail::Fast {
                    assert_eq!(detect(&mut *persons, &picture), [], "{width}x{height}");
                }
            }
        }
    }
}

#[test]
fn a_picture_without_pixels_is_an_error() {
    let empty = Format::still(Size::new(0, 4));
    let picture = Picture::new(empty, [Plane { bytes: &[], stride: 0 }; 3]).unwrap();
    let outcome = faces(Family::YuNet, Detail::Fast).detect(&picture, &mut Vec::new());
    assert!(matches!(outcome, Err(DetectError::Picture { .. })));
}

#[test]
fn a_network_of_another_family_is_refused_by_name() {
    let onnx = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx").join(file);
    let (yunet, centerface, efficientdet) = (
        onnx("face_yunet_2023mar_dynamic_mit.onnx"),
        onnx("face_centerface_dynamic_mit.onnx"),
        onnx("person_efficientdet_lite0_fp32_apache2.onnx"),
    );
    let cases = [
        (Family::YuNet, &centerface, "no input `input`, but `input.1`"),
        (Family::CenterFace, &yunet, "no input `input.1`, but `input`"),
        (Family::YuNet, &efficientdet, "no input `input`, but `image`"),
    ];
    for (family, path, told) in cases {
        let networks = vec![NetworkFile::Own { family, path: path.clone() }];
        let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.5, threads: 1, stills: false };
        let Err(error) = face_detector(&runtime(), &setup) else { panic!("{path:?} was taken as {family:?}") };
        assert!(matches!(error, ModelError::Family { .. }));
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn what_is_no_network_or_finds_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.onnx");
    std::fs::write(&path, b"not a network").unwrap();
    let setup =
        |network, score| FaceSetup { networks: vec![network], detail: Detail::Fast, score, threads: 1, stills: false };
    let refused = |setup: &FaceSetup| face_detector(&runtime(), setup).err().map(|error| error.to_string());
    let own = NetworkFile::Own { family: Family::YuNet, path };
    assert!(refused(&setup(own, 0.5)).unwrap().contains("own.onnx"));
    assert!(refused(&setup(NetworkFile::Bundled(Family::EfficientDet), 0.5)).unwrap().contains("does not find faces"));
    assert!(refused(&setup(NetworkFile::Bundled(Family::YuNet), f32::NAN)).unwrap().contains("NaN"));
    assert!(refused(&FaceSetup { networks: vec![], ..setup(NetworkFile::Bundled(Family::YuNet), 0.5) }).is_some());
}
