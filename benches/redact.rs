//! What the redactor costs for a frame with four faces, beside a plain copy of that frame.
//!
//! Shows: each style at 720p and 1080p, on planar 4:2:0 made of the bundled photograph. The frame is copied in anew for
//! each round, as capture does, and only the redactor's part is timed.
//! Run: `cargo bench -p benches --bench redact`

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use frostglass_vault::{
    Area, Detection, Findings, Format, Inspected, Kind, Matrix, PersonRule, Policy, Pool, Range, Redactor, Score, Size,
    Stamp, Style, Zones,
};

const STAMP: Stamp = Stamp { sequence: 0, time: Duration::ZERO };

fn redact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redact");
    for size in [Size::new(1280, 720), Size::new(1920, 1080)] {
        let format = Format::video(size, Matrix::Bt601, Range::Full);
        let source = photograph(format);
        group.throughput(Throughput::Bytes(format.bytes() as u64));
        let mut target = vec![1u8; format.bytes()];
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| target.copy_from_slice(black_box(&source)));
        });
        for style in [Style::Blur, Style::Mosaic, Style::Solid] {
            let zones = Arc::new(Zones::none());
            let policy = Policy { style, persons: PersonRule::Head, margin: 0.5 };
            let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
            let pool = Pool::new(format, 2);
            group.bench_function(BenchmarkId::new(format!("{style:?}").to_lowercase(), size), |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..rounds {
                        let mut blank = pool.blank().expect("a slot is free");
                        let mut rest = source.as_slice();
                        for plane in blank.planes_mut() {
                            let (bytes, left) = rest.split_at(plane.bytes.len());
                            plane.bytes.copy_from_slice(bytes);
                            rest = left;
                        }
                        let inspected = Inspected::new(blank.expose(STAMP, &zones), Findings::Complete(four_faces()));
                        let start = Instant::now();
                        let redacted = black_box(redactor.redact(inspected));
                        spent += start.elapsed();
                        assert!(!redacted.is_masked());
                    }
                    spent
                });
            });
        }
    }
    group.finish();
}

/// The bundled photograph as 4:2:0; grey, so that chroma is neutral.
fn photograph(format: Format) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay.jpg");
    let picture = image::open(path).expect("the bundled photograph").to_luma8();
    let Size { width, height } = format.size;
    let luma = image::imageops::resize(&picture, width, height, image::imageops::FilterType::Triangle);
    let mut bytes = luma.into_raw();
    bytes.resize(format.bytes(), 128);
    bytes
}

/// Four faces of about a tenth of the picture's height, which is what a doorbell sees.
fn four_faces() -> Vec<Detection> {
    let face = |left: f32| Detection {
        kind: Kind::Face,
        area: Area::new(left, 0.35, left + 0.05, 0.47).expect("inside the picture"),
        score: Score::new(0.9).expect("in 0..=1"),
    };
    [0.25, 0.42, 0.6, 0.8].map(face).to_vec()
}

criterion_group!(benches, redact);
criterion_main!(benches);
