//! What a frame costs from capture to the hatch without networks and codecs, beside a plain copy of it.
//!
//! Shows: copying in, painting zones, watching for motion, redacting four faces and passing the ring of the hatch, in
//! and out, at 720p and 1080p; and the ring alone. Run: `cargo bench -p benches --bench frame`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use frostglass::hatch::ring::{RingReader, RingWriter};
use frostglass::inspect::motion::{Watch, WatchSettings};
use frostglass_vault::{
    Area, Detection, Findings, Format, Inspected, Kind, Matrix, Outline, PersonRule, Policy, Pool, Range, Redactor,
    Score, Size, Stamp, Style, Zone, ZoneStyle, Zones,
};

fn frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for size in [Size::new(1280, 720), Size::new(1920, 1080)] {
        let format = Format::video(size, Matrix::Bt709, Range::Limited);
        // Every page is written to before a clock runs.
        let source: Vec<u8> = (0..format.bytes()).map(|index| (index % 240 + 1) as u8).collect();
        let mut target = vec![1u8; format.bytes()];
        group.throughput(Throughput::Bytes(format.bytes() as u64));
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| target.copy_from_slice(black_box(&source)));
        });

        let pool = Pool::new(format, 3);
        let outline = Outline::new(&[[0.0, 0.0], [0.2, 0.0], [0.15, 0.3]]).expect("a triangle");
        let zones = Arc::new(Zones::new(&[Zone { outline, style: ZoneStyle::Solid }], format));
        let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
        let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
        let mut watch = Watch::new(WatchSettings::default(), format);
        let mut hatch = RingWriter::new(format).expect("memory for a ring");
        let mut front = RingReader::new(hatch.descriptor(), format).expect("a sealed ring");
        let mut received = vec![1u8; format.bytes()];
        let mut sequence = 0u64;
        group.bench_function(BenchmarkId::new("path", size), |bencher| {
            bencher.iter(|| {
                let mut blank = pool.blank().expect("a slot is free");
                let mut rest = source.as_slice();
                for plane in blank.planes_mut() {
                    let (bytes, left) = rest.split_at(plane.bytes.len());
                    plane.bytes.copy_from_slice(bytes);
                    rest = left;
                }
                let stamp = Stamp { sequence, time: Duration::from_millis(33 * sequence) };
                sequence += 1;
                let mut raw = blank.expose(stamp, &zones);
                let mut look = raw.lend();
                let mut found = look.take_notepad();
                watch.observe(&look.picture(), stamp, None, Default::default(), &mut Vec::new());
                drop(look);
                found.extend(four_faces());
                let redacted = redactor.redact(Inspected::new(raw, Findings::Complete(found)));
                assert!(hatch.publish(&redacted, stamp.time) && front.take(&mut received).is_some());
            });
        });

        let raw = pool.blank().expect("a slot is free").expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
        let redacted = redactor.redact(Inspected::new(raw, Findings::Complete(four_faces().collect())));
        group.bench_function(BenchmarkId::new("publish", size), |bencher| {
            bencher.iter(|| assert!(hatch.publish(black_box(&redacted), Duration::ZERO)));
        });
        group.bench_function(BenchmarkId::new("publish and take", size), |bencher| {
            bencher.iter(|| {
                assert!(hatch.publish(black_box(&redacted), Duration::ZERO) && front.take(&mut received).is_some());
            });
        });
    }
    group.finish();
}

fn four_faces() -> impl Iterator<Item = Detection> {
    [0.25f32, 0.42, 0.6, 0.8].into_iter().map(|left| {
        let area = Area::new(left, 0.35, left + 0.05, 0.47).expect("inside the picture");
        Detection { kind: Kind::Face, area, score: Score::new(0.9).expect("in 0..=1") }
    })
}

criterion_group!(benches, frame);
criterion_main!(benches);
