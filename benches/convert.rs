//! What it costs to bring a frame in: compressed or raw bytes to packed 4:2:0 planes, at the sizes of real cameras.
//!
//! `cargo bench -p benches --bench convert`. Throughput is that of the 4:2:0 frame; `copy` is what memory can do.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use frostglass::capture::y4m::Y4mSource;
use frostglass::capture::{JpegFrameDecoder, OpenOptions, Opened, Rotated, Source, Turn, open};
use frostglass_vault::{Format, Matrix, Pool, Range, Size};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;

const SIZES: [Size; 2] = [Size::new(1280, 720), Size::new(1920, 1080)];

fn media(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media").join(name)
}

/// The bundled photograph at this size, as a webcam would compress it.
fn jpeg(size: Size) -> Vec<u8> {
    let photograph = image::open(media("solvay.jpg")).expect("the bundled photograph is read");
    let scaled = photograph.resize_exact(size.width, size.height, FilterType::Triangle).into_rgb8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&scaled).expect("it is encoded");
    bytes
}

/// An endless Y4M stream of one frame.
struct Endless {
    header: Vec<u8>,
    frame: Vec<u8>,
    at: usize,
}

impl Endless {
    fn new(format: Format) -> Self {
        let header = format!("YUV4MPEG2 W{} H{} F30:1\n", format.size.width, format.size.height).into_bytes();
        let mut frame = b"FRAME\n".to_vec();
        frame.extend((0..format.bytes()).map(|at| (at / 7) as u8));
        Self { header, frame, at: 0 }
    }
}

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.header.is_empty() {
            let length = buffer.len().min(self.header.len());
            buffer[..length].copy_from_slice(&self.header[..length]);
            self.header.drain(..length);
            return Ok(length);
        }
        let length = buffer.len().min(self.frame.len() - self.at);
        buffer[..length].copy_from_slice(&self.frame[self.at..self.at + length]);
        self.at = (self.at + length) % self.frame.len();
        Ok(length)
    }
}

fn convert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convert");
    for size in SIZES {
        let video = |range| Format::video(size, Matrix::Bt601, range);
        group.throughput(Throughput::Bytes(video(Range::Full).bytes() as u64));

        let frame = vec![77u8; video(Range::Full).bytes()];
        let mut copy = frame.clone();
        group.bench_with_input(BenchmarkId::new("copy", size), &frame, |bench, frame| {
            bench.iter(|| black_box(&mut copy).copy_from_slice(black_box(frame)));
        });

        let compressed = jpeg(size);
        let mut decoder = JpegFrameDecoder::new();
        let mut blank = Pool::new(video(Range::Full), 1).blank().expect("the pool has a slot");
        group.bench_with_input(BenchmarkId::new("mjpeg", size), &compressed, |bench, compressed| {
            bench.iter(|| decoder.decode(black_box(compressed), &mut blank).expect("the frame is whole"));
        });

        let limited = video(Range::Limited);
        let mut y4m = Y4mSource::new("bench".to_owned(), Endless::new(limited)).expect("the header is right");
        let mut blank = Pool::new(y4m.format(), 1).blank().expect("the pool has a slot");
        group.bench_function(BenchmarkId::new("y4m", size), |bench| {
            bench.iter(|| y4m.read(black_box(&mut blank)).expect("it never ends"));
        });

        let inner = Y4mSource::new("bench".to_owned(), Endless::new(limited)).expect("the header is right");
        let mut rotated = Rotated::new(inner, Turn::Quarter);
        let mut blank = Pool::new(rotated.format(), 1).blank().expect("the pool has a slot");
        group.bench_function(BenchmarkId::new("y4m turned by 90 degrees", size), |bench| {
            bench.iter(|| rotated.read(black_box(&mut blank)).expect("it never ends"));
        });
    }

    // The bundled clip, 640 by 360 with B-frames, again and again.
    let options = OpenOptions { fps: None, repeat: true };
    if let Ok(Opened::Moving(mut clip)) = open(&media("solvay_pan.mp4"), &options) {
        let pool = Pool::new(clip.source.format(), 1);
        group.throughput(Throughput::Bytes(clip.source.format().bytes() as u64));
        let mut blank = pool.blank().expect("the pool has a slot");
        group.bench_function(BenchmarkId::new("h264", clip.source.format().size), |bench| {
            bench.iter(|| clip.source.read(black_box(&mut blank)).expect("it never ends"));
        });
    }
    group.finish();
}

criterion_group!(benches, convert);
criterion_main!(benches);
