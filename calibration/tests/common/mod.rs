//! Redacted variants of the bundled cut of the Solvay photograph, made with integers only.
//!
//! They stay in `target/tmp/leak/leak/NAME/solvay.*` after a run, so that the recorded values can be recorded again:
//! `python leak_eval.py --gt solvay.jsonl --orig tests/fixtures --red target/tmp/leak/leak/NAME --per-face out.csv`.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use frostglass_calibration::jpeg;
use frostglass_calibration::labels::{self, Labelled, Target};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage, imageops};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub(crate) fn labels() -> Vec<Labelled> {
    labels::read(&[fixtures().join("solvay.jsonl")]).unwrap()
}

pub(crate) fn original() -> RgbImage {
    let decoded = jpeg::decode(&fs::read(fixtures().join("solvay.jpg")).unwrap()).unwrap();
    RgbImage::from_raw(decoded.width as u32, decoded.height as u32, decoded.bytes).unwrap()
}

/// Left, top, right, bottom of a face, rounded outwards.
type Box = (u32, u32, u32, u32);

fn boxes() -> Vec<Box> {
    let outwards = |&Target { x, y, w, h, .. }: &Target| {
        (x.floor() as u32, y.floor() as u32, (x + w).ceil() as u32, (y + h).ceil() as u32)
    };
    labels()[0].record.faces.iter().map(outwards).collect()
}

fn paint(picture: &mut RgbImage, (left, top, right, bottom): Box) {
    for y in top..bottom.min(picture.height()) {
        for x in left..right.min(picture.width()) {
            picture.put_pixel(x, y, Rgb([0; 3]));
        }
    }
}

/// Each pixel becomes the mean of the pixels which `near` names for it.
fn average(picture: &RgbImage, (left, top, right, bottom): Box, near: impl Fn(u32, u32) -> Box) -> RgbImage {
    let mut out = picture.clone();
    for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
        let (l, t, r, b) = near(x, y);
        let (r, b) = (r.min(picture.width()), b.min(picture.height()));
        let mut sums = [0; 3];
        for (x, y) in (t..b).flat_map(|y| (l..r).map(move |x| (x, y))) {
            for (sum, &level) in sums.iter_mut().zip(&picture.get_pixel(x, y).0) {
                *sum += u32::from(level);
            }
        }
        out.put_pixel(x, y, Rgb(sums.map(|sum| (sum / ((r - l) * (b - t))) as u8)));
    }
    out
}

/// A folder with one redacted picture, by the name of what was done to it.
pub(crate) fn redacted(name: &str) -> PathBuf {
    let mut picture = original();
    let faces = boxes();
    match name {
        "same" | "recompressed" => {}
        "black" => faces.iter().for_each(|&face| paint(&mut picture, face)),
        "upper_half" => faces.iter().for_each(|&(l, t, r, b)| paint(&mut picture, (l, t, r, t + (b - t) / 2))),
        "nine_tenths" => faces.iter().for_each(|&(l, t, r, b)| paint(&mut picture, (l, t, l + (r - l) * 9 / 10, b))),
        "all_black" => paint(&mut picture, (0, 0, u32::MAX, u32::MAX)),
        "mosaic" => {
            let block = |x: u32, y: u32| (x / 8 * 8, y / 8 * 8, x / 8 * 8 + 8, y / 8 * 8 + 8);
            for face in faces {
                picture = average(&picture.clone(), face, block);
            }
        }
        "soft" => {
            let around = |x: u32, y: u32| (x.saturating_sub(2), y.saturating_sub(2), x + 3, y + 3);
            for face in faces {
                picture = (0..3).fold(picture, |picture, _| average(&picture, face, around));
            }
        }
        "small" => {
            faces.iter().for_each(|&face| paint(&mut picture, face));
            picture = imageops::resize(&picture, 150, 100, imageops::FilterType::Nearest);
        }
        other => panic!("no such variant: {other}"),
    }
    // Test programs run side by side: each its own folder.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leak").join(env!("CARGO_CRATE_NAME")).join(name);
    fs::create_dir_all(&folder).unwrap();
    // Tests of one program run side by side too: nobody may read a file that another is writing.
    let part = folder.join(format!("{:?}.part", std::thread::current().id()));
    let mut bytes = Cursor::new(Vec::new());
    let suffix = if name == "recompressed" {
        JpegEncoder::new_with_quality(&mut bytes, 40).encode_image(&picture).unwrap();
        "jpg"
    } else {
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        "png"
    };
    fs::write(&part, bytes.into_inner()).unwrap();
    fs::rename(part, folder.join("solvay").with_extension(suffix)).unwrap();
    folder
}

/// A clip of the bundled cut: a window of 180×120 that moves over it, `FRAMES` times, the faces' places as tracks.
pub(crate) struct MadeClip {
    pub(crate) frames: Vec<RgbImage>,
    pub(crate) labels: String,
}

pub(crate) const FRAMES: usize = 6;

impl MadeClip {
    pub(crate) fn new() -> Self {
        let (picture, faces) = (original(), labels()[0].record.faces.clone());
        let offset = |frame: usize| (8 * frame as u32, 4 * frame as u32);
        let frames = (0..FRAMES).map(|frame| {
            let (x, y) = offset(frame);
            imageops::crop_imm(&picture, x, y, 180, 120).to_image()
        });
        let line = |frame: usize| {
            let (x, y) = offset(frame);
            let face = |(track, face): (usize, &Target)| {
                let (x, y) = (face.x - f64::from(x), face.y - f64::from(y));
                let (w, h) = (face.w, face.h);
                let (light, frame) = (if track == 1 { "dark" } else { "bright" }, frame / 3);
                format!(
                    r#"{{"x":{x},"y":{y},"w":{w},"h":{h},"track":{track},"attrs":{{"light":"{light}","pose":{frame}}}}}"#
                )
            };
            let faces: Vec<String> = faces.iter().enumerate().map(face).collect();
            format!(r#"{{"image":"{frame:05}.png","width":180,"height":120,"faces":[{}]}}"#, faces.join(","))
        };
        let labels: Vec<String> = (0..FRAMES).map(line).collect();
        Self { frames: frames.collect(), labels: labels.join("\n") }
    }

    /// The same with each face painted over for which `hides(frame, track)` is true.
    pub(crate) fn redacted(&self, hides: impl Fn(usize, usize) -> bool) -> Vec<RgbImage> {
        let mut frames = self.frames.clone();
        for (frame, line) in self.labels.lines().enumerate() {
            let label: labels::Record = serde_json::from_str(line).unwrap();
            for (track, face) in label.faces.iter().enumerate().filter(|&(track, _)| hides(frame, track)) {
                let edge = |edge: f64| edge.max(0.0) as u32;
                let (left, top) = (edge(face.x.floor()), edge(face.y.floor()));
                let (right, bottom) = (edge((face.x + face.w).ceil()), edge((face.y + face.h).ceil()));
                assert!(track < 3);
                paint(&mut frames[frame], (left, top, right, bottom));
            }
        }
        frames
    }
}

/// Uncompressed video without colours.
pub(crate) fn y4m(frames: &[RgbImage]) -> Vec<u8> {
    let (width, height) = frames.first().map_or((180, 120), image::GenericImageView::dimensions);
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F10:1 Cmono\n").into_bytes();
    for frame in frames {
        bytes.extend_from_slice(b"FRAME\n");
        // Black is 16 and white 235 there.
        let level = |grey: u8| (16 + (u32::from(grey) * 219 + 127) / 255) as u8;
        bytes.extend(imageops::grayscale(frame).pixels().map(|pixel| level(pixel.0[0])));
    }
    bytes
}
