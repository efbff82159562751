//! `frostglass bench`: what the networks, and the path of a frame, cost on this machine.
//!
//! **Invariant.** What is compared is measured by turns in one run: on a busy machine ratios hold, milliseconds do
//! not. The frame is filled with texture, so that no page is touched for the first time while a clock runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use frostglass_models::{Detail, DetectError, Detector, Family, NetworkFile, Runtime, measure};
use frostglass_vault::{
    Area, Blank, Detection, Format, Kind, Matrix, Outline, PersonRule, Picture, Policy, Pool, Range, Redactor, Score,
    Size, Stamp, Style, Zone, ZoneStyle, Zones,
};
use serde::Serialize;

use super::bench_live::Live;
use super::{Done, WrongUse};
use crate::config::Config;
use crate::hatch::ring::{RingReader, RingWriter};
use crate::hold::track::Clues;
use crate::hold::{Hold, Leaving, Limits};
use crate::inspect::motion::{Watch, WatchSettings};
use crate::inspect::{Inspector, MOST_PLACES};

/// Arguments of `frostglass bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// One network only: yunet, centerface or efficientdet (default: all)
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Size of the camera's frames
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    size: String,
    /// Threads for a network (default: 1, and all cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Measure the path of a frame too: its stages without networks and codecs, and live through all three processes
    #[arg(long)]
    path: bool,
    /// For the live path: a clip of your own in the place of a made scene without faces (30 frames a second fit)
    #[arg(long, value_name = "FILE", requires = "path")]
    source: Option<std::path::PathBuf>,
    /// Print JSON to standard output
    #[arg(long)]
    json: bool,
}

/// Rounds of each measurement, after a few that warm up.
const ROUNDS: usize = 60;
const PATH_ROUNDS: usize = 300;

#[derive(Debug, Serialize)]
struct Report {
    cpu: String,
    cores: usize,
    runtime_sha256: String,
    runtime_pinned: bool,
    frame: String,
    networks: Vec<NetworkRow>,
    path: Option<PathReport>,
    /// Which network looks at which frame, by default.
    schedule: Vec<String>,
    live: Vec<Live>,
}

#[derive(Debug, Serialize)]
struct NetworkRow {
    network: String,
    input: String,
    threads: usize,
    #[serde(flatten)]
    measured: measure::Measured,
}

#[derive(Debug, Serialize)]
struct PathReport {
    stages: Vec<Stage>,
    sum_p50_us: f64,
    memcpy_p50_us: f64,
    sum_over_memcpy: f64,
    /// What tracks cost beside all other stages: how the camera moves, which detection is whose, what is filled.
    track_over_rest: f64,
    /// The same with 24 faces, a third of them lost in each frame, and 12 persons, beside the other stages as they are.
    busy_track_p50_us: f64,
    busy_track_over_rest: f64,
}

#[derive(Debug, Serialize)]
struct Stage {
    stage: &'static str,
    p50_us: f64,
    p95_us: f64,
    p99_us: f64,
}

pub(crate) fn bench(args: &BenchArgs) -> anyhow::Result<Done> {
    let size = parse_size(&args.size)?;
    let families = parse_model(args.model.as_deref())?;
    let runtime = Runtime::load()?;
    let threads: Vec<usize> = match (args.threads, super::networks::all_cores()) {
        (Some(threads), _) => vec![threads.max(1)],
        (None, 1) => vec![1],
        (None, cores) => vec![1, cores],
    };
    let mut report = Report {
        cpu: cpu_name(),
        cores: super::networks::all_cores(),
        runtime_sha256: runtime.sha256().to_owned(),
        runtime_pinned: runtime.is_pinned(),
        frame: size.to_string(),
        networks: Vec::new(),
        path: None,
        schedule: Vec::new(),
        live: Vec::new(),
    };
    for family in families {
        for &threads in &threads {
            let network = NetworkFile::Bundled(family);
            let threads_in_words = super::redact::plural(threads as u64, "thread");
            eprintln!("frostglass: measuring {} with {threads_in_words}", family.name());
            report.networks.push(measure_network(&runtime, &network, size, threads)?);
        }
    }
    if args.path {
        eprintln!("frostglass: measuring the path at {size}");
        report.path = Some(measure_path(size)?);
        report.schedule = schedule(size);
        report.live = super::bench_live::measure(size, args.source.as_deref())?;
    }
    print(&report, args.json)?;
    Ok(Done::Whole)
}

fn measure_network(runtime: &Runtime, network: &NetworkFile, size: Size, threads: usize) -> anyhow::Result<NetworkRow> {
    let pool = Pool::new(format(size), 1);
    let mut raw = textured(&pool)?.expose(STAMP, &Zones::none());
    let look = raw.lend();
    let input = measure::live_input(network.family(), size);
    let measured = measure::network(runtime, network, input, &look.picture(), threads, ROUNDS)?;
    let name = network.family().name().to_owned();
    Ok(NetworkRow { network: name, input: input.to_string(), threads, measured })
}

const STAMP: Stamp = Stamp { sequence: 0, time: Duration::ZERO };

/// Each stage of the path by turns, and a plain copy of the frame beside them.
fn measure_path(size: Size) -> anyhow::Result<PathReport> {
    let format = format(size);
    let pool = Pool::new(format, 4 + LOOK_AHEAD);
    let zones = Arc::new(Zones::new(&[corner_zone()?], format));
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
    let mut watch = Watch::new(WatchSettings::default(), format);
    let mut inspector = Inspector::new(Box::new(FourFaces));
    let mut hold = Hold::new(Limits::new(LOOK_AHEAD, Duration::from_secs(1), Duration::from_millis(33)));
    let mut clues = Clues::default();
    let mut shrinker = measure::Shrinking::new(Family::YuNet, size);
    let mut hatch = RingWriter::new(format)?;
    let (mut front, mut received) = (RingReader::new(hatch.descriptor(), format)?, vec![1; format.bytes()]);
    let (source, mut target) = (texture(format.bytes()), vec![1; format.bytes()]);

    let names = ["memcpy", "capture", "zones", "motion", "shrink", "track", "redact", "publish", "take"];
    let mut times: Vec<Vec<Duration>> = vec![Vec::with_capacity(PATH_ROUNDS); names.len()];
    for round in 0..PATH_ROUNDS + 20 {
        let mut clock = Instant::now();
        let mut laps = [Duration::ZERO; 9];
        let mut lap = |index: usize| {
            laps[index] = clock.elapsed();
            clock = Instant::now();
        };
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&target);
        lap(0);
        let mut blank = pool.blank().context("the pool is empty")?;
        fill(&mut blank, &source);
        lap(1);
        let stamp = Stamp { sequence: round as u64, time: Duration::from_millis(33) * round as u32 };
        let now = stamp.time;
        let look = hold.take_in(blank.expose(stamp, &zones), now);
        lap(2);
        let mut events = Vec::new();
        watch.observe(&look.picture(), stamp, None, jiff::Timestamp::UNIX_EPOCH, &mut events);
        lap(3);
        shrinker.shrink(&look.picture())?;
        lap(4);
        let findings = inspector.inspect_next(look, jiff::Timestamp::UNIX_EPOCH, &mut events, &mut clues);
        hold.settle(stamp.sequence, findings, &clues);
        let leaving = hold.leave(now);
        lap(5);
        let redacted = match leaving {
            Some((Leaving::Frame(inspected), _)) => redactor.redact(inspected),
            _ => continue,
        };
        lap(6);
        // The hatch of `run`: a copy into the ring, and one out of it in the front.
        anyhow::ensure!(hatch.publish(&redacted, stamp.time), "the hatch takes no such frame");
        lap(7);
        anyhow::ensure!(front.take(&mut received).is_some(), "nothing came through the hatch");
        std::hint::black_box(&received);
        lap(8);
        drop(redacted);
        if round >= 20 {
            laps.iter().zip(&mut times).for_each(|(&lap, times)| times.push(lap));
        }
    }
    let stages: Vec<_> = names.into_iter().zip(&mut times).map(|(stage, times)| Stage::of(stage, times)).collect();
    let sum_p50_us: f64 = stages[1..].iter().map(|stage| stage.p50_us).sum();
    let memcpy_p50_us = stages[0].p50_us;
    let track = stages.iter().find(|stage| stage.stage == "track").map_or(0.0, |stage| stage.p50_us);
    let rest = sum_p50_us - track;
    let mut busy = super::bench_tracks::measure(&pool, &source, PATH_ROUNDS)?;
    let busy_track_p50_us = Stage::of("track, busy", &mut busy).p50_us;
    Ok(PathReport {
        sum_over_memcpy: sum_p50_us / memcpy_p50_us,
        stages,
        sum_p50_us,
        memcpy_p50_us,
        track_over_rest: track / rest,
        busy_track_p50_us,
        busy_track_over_rest: busy_track_p50_us / rest,
    })
}

/// Frames of look-ahead, as by default.
const LOOK_AHEAD: usize = 3;

/// Which network looks at which frame, in words.
fn schedule(size: Size) -> Vec<String> {
    let config = Config::default_for_files();
    let details =
        [("fast", Detail::Fast), ("balanced (the default)", Detail::Balanced), ("thorough", Detail::Thorough)];
    let mut lines: Vec<String> = details
        .iter()
        .map(|(name, detail)| {
            let looks: Vec<String> = measure::face_looks(size, *detail).iter().map(Size::to_string).collect();
            format!("faces, {name}: on each frame, {}", looks.join(" + "))
        })
        .collect();
    let every = config.persons.every;
    lines.push(format!("persons: on each {every}th frame, and the next after one that failed"));
    lines.push(format!(
        "closer looks for faces: on frames in which a track was lost or a person has no face, at most {MOST_PLACES} places, \
         together at most 640x384"
    ));
    lines
}

/// Finds four faces at once, so that only what is around the networks takes time.
struct FourFaces;

impl Detector for FourFaces {
    fn detect(&mut self, _: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        found.extend(four_faces());
        Ok(())
    }
}

impl Stage {
    fn of(stage: &'static str, times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = ((times.len() - 1) as f64 * share).round() as usize;
            times[index].as_secs_f64() * 1e6
        };
        Self { stage, p50_us: at(0.5), p95_us: at(0.95), p99_us: at(0.99) }
    }
}

fn corner_zone() -> anyhow::Result<Zone> {
    let corners = [[0.0, 0.0], [0.2, 0.0], [0.15, 0.3], [0.0, 0.25]];
    let outline = Outline::new(&corners).map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    Ok(Zone { outline, style: ZoneStyle::Solid })
}

/// Four faces of about a tenth of the picture's height each, which is what a doorbell sees.
fn four_faces() -> impl Iterator<Item = Detection> {
    [0.25f32, 0.42, 0.6, 0.8].into_iter().filter_map(|left| {
        let area = Area::new(left, 0.35, left + 0.05, 0.47)?;
        Some(Detection { kind: Kind::Face, area, score: Score::new(0.9)? })
    })
}

fn format(size: Size) -> Format {
    Format::video(size, Matrix::Bt709, Range::Limited)
}

fn textured(pool: &Pool) -> anyhow::Result<Blank> {
    let mut blank = pool.blank().context("the pool is empty")?;
    fill(&mut blank, &texture(pool.format().bytes()));
    Ok(blank)
}

pub(super) fn fill(blank: &mut Blank, source: &[u8]) {
    let mut rest = source;
    for plane in blank.planes_mut() {
        let (bytes, left) = rest.split_at(plane.bytes.len());
        plane.bytes.copy_from_slice(bytes);
        rest = left;
    }
}

/// Waves and noise: no value is zero, neighbours are alike.
pub(super) fn texture(length: usize) -> Vec<u8> {
    let mut noise = 0x2545_f491_u32;
    let sample = |index: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let wave = (index as f32 / 37.0).sin() * 40.0 + (index as f32 / 4001.0).cos() * 30.0;
        (128.0 + wave) as u8 / 2 * 2 + 1 + (noise % 8) as u8
    };
    (0..length).map(sample).collect()
}

#[expect(clippy::print_stdout, reason = "the measurements are this command's data")]
fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
        return Ok(());
    }
    println!("{}, {} cores, frames of {}", report.cpu, report.cores, report.frame);
    println!(
        "{:<14} {:>9} {:>7}  {:>26}  {:>26}  {:>6}",
        "network", "input", "threads", "ours p50/p95/p99 ms", "bare engine ms", "ratio"
    );
    for NetworkRow { network, input, threads, measured } in &report.networks {
        let three = |times: &measure::Percentiles| format!("{:8.2} {:8.2} {:8.2}", times.p50, times.p95, times.p99);
        let (ours, bare) = (three(&measured.ours), three(&measured.bare));
        println!(
            "{network:<14} {input:>9} {threads:>7}  {ours}  {bare}  {:>6.2}",
            measured.ours.p50 / measured.bare.p50
        );
    }
    if let Some(path) = &report.path {
        println!("{:<14} {:>10} {:>10} {:>10}", "stage", "p50 µs", "p95 µs", "p99 µs");
        for Stage { stage, p50_us, p95_us, p99_us } in &path.stages {
            println!("{stage:<14} {p50_us:>10.0} {p95_us:>10.0} {p99_us:>10.0}");
        }
        println!(
            "path without networks and codecs: {:.0} µs, {:.1} copies of the frame",
            path.sum_p50_us, path.sum_over_memcpy
        );
        println!(
            "tracks: {:.2} of what the other stages cost; with 24 faces, 8 of them lost in each frame, and 12 persons: \
             {:.0} µs, {:.2}",
            path.track_over_rest, path.busy_track_p50_us, path.busy_track_over_rest
        );
    }
    for line in &report.schedule {
        println!("{line}");
    }
    for live in &report.live {
        println!("{}", live.text());
    }
    Ok(())
}

fn parse_size(text: &str) -> anyhow::Result<Size> {
    let wrong = || WrongUse(format!("--size {text}: expected WIDTHxHEIGHT, such as 1280x720, each 16 to 16384"));
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |side: &str| side.parse().ok().filter(|side| (16..=16_384).contains(side));
    Ok(Size::new(side(width).ok_or_else(wrong)?, side(height).ok_or_else(wrong)?))
}

fn parse_model(name: Option<&str>) -> anyhow::Result<Vec<Family>> {
    Ok(match name {
        None => vec![Family::YuNet, Family::CenterFace, Family::EfficientDet],
        Some("yunet") => vec![Family::YuNet],
        Some("centerface") => vec![Family::CenterFace],
        Some("efficientdet") => vec![Family::EfficientDet],
        Some(name) => {
            return Err(WrongUse(format!("--model {name}: expected yunet, centerface or efficientdet")).into());
        }
    })
}

fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned)
}
