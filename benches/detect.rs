//! What a network costs from the planes of a frame to boxes, beside the bare engine on a prepared tensor.
//!
//! Shows: YuNet on a 1280x720 frame shown at 640x384, and the other networks in their live inputs, one thread each.
//! The frame is the bundled photograph. Run: `cargo bench -p benches --bench detect`

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use frostglass_models::measure::{Pair, live_input};
use frostglass_models::{Family, NetworkFile, Runtime};
use frostglass_vault::{Format, Matrix, Pool, Range, Size, Stamp, Zones};

fn detect(criterion: &mut Criterion) {
    let size = Size::new(1280, 720);
    let pool = Pool::new(Format::video(size, Matrix::Bt601, Range::Full), 1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay.jpg");
    let picture = image::open(path).expect("the bundled photograph").to_luma8();
    let luma = image::imageops::resize(&picture, size.width, size.height, image::imageops::FilterType::Triangle);
    let mut blank = pool.blank().expect("a slot is free");
    let [first, second, third] = blank.planes_mut();
    first.bytes.copy_from_slice(luma.as_raw());
    second.bytes.fill(128);
    third.bytes.fill(128);
    let mut raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none());
    let look = raw.lend();

    let runtime = Runtime::load().expect("ONNX Runtime");
    for family in [Family::YuNet, Family::CenterFace, Family::EfficientDet] {
        let file = NetworkFile::Bundled(family);
        let input = live_input(family, size);
        let mut pair = Pair::new(&runtime, &file, input, &look.picture(), 1).expect("a network");
        let mut group = criterion.benchmark_group(format!("detect/{}/{input}", family.name()));
        group.bench_function("bare", |bencher| bencher.iter(|| pair.bare().expect("the engine runs")));
        group.bench_function("ours", |bencher| bencher.iter(|| pair.ours(&look.picture()).expect("the network runs")));
        group.finish();
    }
}

criterion_group!(benches, detect);
criterion_main!(benches);
