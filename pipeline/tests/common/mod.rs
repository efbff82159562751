//! What the tests of the program share: the program itself, the bundled media, and made pictures.
#![allow(dead_code, unreachable_pub, reason = "each test file takes what it needs")]
#![allow(missing_docs, clippy::print_stdout, reason = "a test says why it is skipped")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub fn frostglass() -> Command {
    let mut command = Command::cargo_bin("frostglass").expect("the program was built");
    command.env_remove("RUST_LOG").env_remove("COLUMNS").timeout(std::time::Duration::from_secs(300));
    command
}

/// A file of `examples/`.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("examples").join(name)
}

/// The bundled photograph of 29 people.
pub fn solvay() -> PathBuf {
    example("media/solvay.jpg")
}

/// A virtual camera over that photograph, 60 frames of 640x360.
pub fn pan() -> PathBuf {
    example("media/solvay_pan.mp4")
}

/// An empty folder that goes away again.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A labelled box: x, y, width, height in pixels.
pub type Face = [f32; 4];

/// The labelled faces of each picture or frame, in the order of the lines.
pub fn labels(file: &Path) -> Vec<Vec<Face>> {
    let text = std::fs::read_to_string(file).expect("labels");
    let number = |face: &Value, key: &str| face[key].as_f64().expect("a number") as f32;
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a JSON line");
            let faces = line["faces"].as_array().expect("faces").iter();
            let counted = faces.filter(|face| face["ignore"] != Value::Bool(true));
            counted.map(|face| ["x", "y", "w", "h"].map(|key| number(face, key))).collect()
        })
        .collect()
}

/// Mean absolute difference of two pictures inside a box, over all channels.
pub fn difference(one: &RgbImage, two: &RgbImage, [x, y, w, h]: Face) -> f32 {
    let (left, top) = (x.max(0.0) as u32, y.max(0.0) as u32);
    let (right, bottom) = (((x + w) as u32).min(one.width()), ((y + h) as u32).min(one.height()));
    let (mut sum, mut count) = (0.0f32, 0u32);
    for y in top..bottom {
        for x in left..right {
            let (Rgb(one), Rgb(two)) = (one.get_pixel(x, y), two.get_pixel(x, y));
            sum += one.iter().zip(two).map(|(one, two)| f32::from(one.abs_diff(*two))).sum::<f32>() / 3.0;
            count += 1;
        }
    }
    sum / count.max(1) as f32
}

/// Share of pixels outside all boxes (grown to twice their size) that are as they were, within `tolerance`.
pub fn untouched(one: &RgbImage, two: &RgbImage, faces: &[Face], tolerance: u8) -> f32 {
    let near = |x: u32, y: u32| {
        faces.iter().any(|[left, top, w, h]| {
            let (x, y) = (x as f32, y as f32);
            x > left - w && x < left + 2.0 * w && y > top - h && y < top + 2.0 * h
        })
    };
    let (mut same, mut count) = (0u32, 0u32);
    for (x, y, Rgb(pixel)) in one.enumerate_pixels().filter(|(x, y, _)| !near(*x, *y)) {
        let Rgb(other) = two.get_pixel(x, y);
        same += u32::from(pixel.iter().zip(other).all(|(one, two)| one.abs_diff(*two) <= tolerance));
        count += 1;
    }
    same as f32 / count.max(1) as f32
}

/// A picture without faces: smooth colours and a little texture.
pub fn scene(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ seed.wrapping_mul(97)) >> 13 & 7;
        Rgb([(x % 200 + noise) as u8, (y % 200 + noise) as u8, ((x + y) % 180 + noise) as u8])
    })
}

/// A picture file read back.
pub fn read(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8()
}

/// Names of all files below a folder.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            let inner = entry.file_name().to_string_lossy().into_owned();
            names.extend(files(&entry.path()).into_iter().map(|name| format!("{inner}/{name}")));
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

/// Whether a test that needs `what` may run. A missing thing is said, and is a failure where it is required.
pub fn have(what: &str, found: bool) -> bool {
    let required = std::env::var("FROSTGLASS_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item == what));
    assert!(found || !required, "{what} is required by FROSTGLASS_REQUIRE and is not here");
    if !found {
        println!("skipped: this test needs {what}");
    }
    found
}

/// A Y4M clip, in memory or read back.
#[derive(Clone, PartialEq)]
pub struct Clip {
    pub width: usize,
    pub height: usize,
    pub frames: Vec<Vec<u8>>,
}

impl Clip {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("YUV4MPEG2 W{} H{} F25:1 Ip A1:1 C420jpeg\n", self.width, self.height).into_bytes();
        for frame in &self.frames {
            bytes.extend_from_slice(b"FRAME\n");
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let line = bytes.iter().position(|&byte| byte == b'\n').expect("a header");
        let header = String::from_utf8_lossy(&bytes[..line]).into_owned();
        let number = |letter: char| {
            header.split(' ').find_map(|part| part.strip_prefix(letter)?.parse::<usize>().ok()).expect("a size")
        };
        let (width, height) = (number('W'), number('H'));
        let length = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
        let frames = bytes[line + 1..].chunks_exact(length + 6).map(|frame| {
            assert_eq!(&frame[..6], b"FRAME\n");
            frame[6..].to_vec()
        });
        Self { width, height, frames: frames.collect() }
    }

    /// A moving scene without faces.
    pub fn moving(width: usize, height: usize, count: usize) -> Self {
        let frame = |number: usize| {
            let luma = (0..width * height).map(|at| (40 + (at % width + at / width + 3 * number) % 170) as u8);
            let chroma = (0..2 * width.div_ceil(2) * height.div_ceil(2)).map(|at| (100 + (at + number) % 60) as u8);
            luma.chain(chroma).collect()
        };
        Self { width, height, frames: (0..count).map(frame).collect() }
    }
}
