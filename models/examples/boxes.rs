//! What the detectors see in pictures, as JSON lines: for choosing thresholds and looking into misses, without a redactor.
//!
//! ```sh
//! cargo run --release -p frostglass-models --example boxes -- centerface thorough stills 0.5 picture.jpg ...
//! ```
//!
//! Each line has the file, its size, and boxes `[left, top, right, bottom, score]` in pixels, `weak` beside `faces`, and
//! the milliseconds it took. A third word other than `stills` looks as at the frames of a clip.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::time::Instant;

use anyhow::{Context, bail};
use frostglass_models::{Detail, FaceSetup, Family, NetworkFile, Runtime, face_detector};
use frostglass_vault::{Detection, Format, Picture, Plane, Size};

fn main() -> anyhow::Result<()> {
    // Before anything else: no other thread may read the environment while it is changed.
    frostglass_models::silence_engine().context("switching the engine's telemetry off")?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [networks, detail, medium, score, files @ ..] = words.as_slice() else {
        bail!("usage: boxes yunet|centerface|both fast|balanced|thorough stills|frames SCORE FILE...");
    };
    let families = match networks.as_str() {
        "yunet" => vec![Family::YuNet],
        "centerface" => vec![Family::CenterFace],
        "both" => vec![Family::YuNet, Family::CenterFace],
        other => bail!("{other}: no such network"),
    };
    let detail = match detail.as_str() {
        "fast" => Detail::Fast,
        "balanced" => Detail::Balanced,
        "thorough" => Detail::Thorough,
        other => bail!("{other}: no such detail"),
    };
    let networks = families.into_iter().map(NetworkFile::Bundled).collect();
    let score = score.parse().with_context(|| format!("{score}: a score is a number from 0 to 1"))?;
    let setup = FaceSetup { networks, detail, score, threads: 2, stills: medium == "stills" };
    let mut detector = face_detector(&Runtime::load()?, &setup)?;
    for file in files {
        let image = image::open(file).with_context(|| file.clone())?.to_rgb8();
        let planes = [0, 1, 2].map(|channel| image.pixels().map(|pixel| pixel[channel]).collect::<Vec<u8>>());
        let stride = image.width() as usize;
        let format = Format::still(Size::new(image.width(), image.height()));
        let plane = |index: usize| Plane { bytes: &planes[index], stride };
        let picture = Picture::new(format, [plane(0), plane(1), plane(2)]).context("no picture")?;
        let (start, mut found) = (Instant::now(), Vec::new());
        detector.detect(&picture, &mut found)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let boxes = |found: &[Detection]| found.iter().map(|seen| pixels(seen, format.size)).collect::<Vec<_>>();
        let line = serde_json::json!({
            "image": file, "width": image.width(), "height": image.height(), "ms": ms,
            "faces": boxes(&found), "weak": boxes(detector.weak()),
        });
        println!("{line}");
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
fn pixels(Detection { area, score, .. }: &Detection, size: Size) -> [f32; 5] {
    let (width, height) = (size.width as f32, size.height as f32);
    [area.left() * width, area.top() * height, area.right() * width, area.bottom() * height, score.value()]
}
