//! `frostglass bench --path`, second part: the live path through all three processes.
//!
//! **Invariant.** It runs the very program that `run` is, on a clip played at its own pace, and reads what the program tells
//! of itself and what the kernel tells of its processes. What had to be masked is reported beside what was fast.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use frostglass_vault::Size;
use serde::Serialize;

use crate::capture::{self, OpenOptions, Opened};
use crate::event::{Event, Health};

/// Frames are counted from here on: networks are loaded, and pages were touched.
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(15);
/// More than any machine of today keeps up with.
const HIGHEST: u32 = 240;

/// One run of the program.
#[derive(Debug, Serialize)]
pub(super) struct Live {
    /// Frames a second of the source.
    fps: f64,
    look_ahead: u32,
    seconds: f64,
    /// Frames that were handed to the ways out.
    frames: u64,
    /// From capture until then, in milliseconds, since the start.
    p50_ms: f32,
    p95_ms: f32,
    p99_ms: f32,
    /// Share of the frames that were wholly masked, because nobody had time to look.
    masked_share: f64,
    /// Frames a second that left with a picture in them.
    clear_per_second: f64,
    /// Resident memory of each process, in MiB. What several share counts in parts, where the kernel tells this user.
    resident_mib: BTreeMap<String, f64>,
    resident_sum_mib: f64,
    /// Whether it did.
    shared_counted_once: bool,
    /// Share of one core, of each thread.
    cpu: BTreeMap<String, f64>,
}

/// Without look-ahead, with it, and at the highest rate.
pub(super) fn measure(size: Size, source: Option<&Path>) -> anyhow::Result<Vec<Live>> {
    let folder = tempfile::tempdir().context("making a temporary folder failed")?;
    let runs = [(30, 0), (30, 3), (HIGHEST, 3)];
    let run = |(fps, look_ahead)| {
        let (source, fps) = match source {
            Some(source) if fps == 30 => {
                let path = fs::canonicalize(source).with_context(|| source.display().to_string())?;
                (path, own_rate(source)?.unwrap_or(f64::from(fps)))
            }
            _ => (scene(folder.path(), size, fps)?, f64::from(fps)),
        };
        eprintln!("frostglass: measuring the live path at {size}, {fps:.2} frames a second, look-ahead {look_ahead}");
        live(folder.path(), &source, fps, look_ahead)
    };
    runs.into_iter().map(run).collect()
}

/// Frames a second that a clip states.
fn own_rate(clip: &Path) -> anyhow::Result<Option<f64>> {
    let rate = match capture::open(clip, &OpenOptions::default())? {
        Opened::Moving(moving) => moving.source.rate(),
        Opened::Still(_) => bail!("{}: one picture is no camera; name a clip", clip.display()),
    };
    Ok(rate.map(|rate| f64::from(rate.frames) / f64::from(rate.seconds)))
}

fn live(folder: &Path, source: &Path, fps: f64, look_ahead: u32) -> anyhow::Result<Live> {
    let config = folder.join("bench.toml");
    let text = format!(
        "[camera]\nsource = {:?}\nrepeat = true\n[hold]\nframes = {look_ahead}\n[emit]\njsonl = \"-\"\n[log]\nlevel = \"error\"\n",
        source.display().to_string()
    );
    fs::write(&config, text).with_context(|| config.display().to_string())?;
    let mut command = Command::new(std::env::current_exe().context("finding this program failed")?);
    command.arg("run").arg("--config").arg(&config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().context("starting this program failed")?);
    let out = running.0.stdout.take().context("the program has no standard output")?;
    let mut health =
        BufReader::new(out).lines().map_while(Result::ok).filter_map(|line| match serde_json::from_str(&line) {
            Ok(Event::Health(health)) => Some(health),
            _ => None,
        });
    let mut next = |what: &str| health.next().with_context(|| format!("the live path ended {what}"));
    while next("before a frame left")?.out == 0 {}
    let mut wait = |time: Duration| -> anyhow::Result<Health> {
        let start = Instant::now();
        loop {
            let health = next("while it was measured")?;
            if start.elapsed() >= time {
                return Ok(health);
            }
        }
    };
    let before = wait(WARM_UP)?;
    let (start, busy) = (Instant::now(), processor_times(running.0.id())?);
    let after = wait(MEASURED)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = processor_times(running.0.id())?.into_iter().filter_map(|(thread, ticks)| {
        let share = (ticks - busy.get(&thread).copied().unwrap_or(0.0)) / seconds;
        (share >= 0.001).then_some((thread, share))
    });
    let cpu: BTreeMap<_, _> = cpu.collect();
    let (resident_mib, shared_counted_once) = resident(running.0.id())?;
    let frames = after.out - before.out;
    if frames == 0 {
        bail!("no frame left while the live path was measured");
    }
    let masked = after.masked - before.masked;
    Ok(Live {
        fps,
        look_ahead,
        seconds,
        frames,
        p50_ms: after.latency_ms.p50,
        p95_ms: after.latency_ms.p95,
        p99_ms: after.latency_ms.p99,
        masked_share: masked as f64 / frames as f64,
        clear_per_second: (frames - masked) as f64 / seconds,
        resident_sum_mib: resident_mib.values().sum(),
        resident_mib,
        shared_counted_once,
        cpu,
    })
}

impl Live {
    /// As people read it.
    pub(super) fn text(&self) -> String {
        let Self { fps, look_ahead, p50_ms, p95_ms, p99_ms, masked_share, clear_per_second, .. } = self;
        let parts = |map: &BTreeMap<String, f64>, factor: f64, unit: &str| {
            let list: Vec<_> = map.iter().map(|(name, value)| format!("{name} {:.1}{unit}", factor * value)).collect();
            list.join(", ")
        };
        format!(
            "live at {fps}/s, look-ahead {look_ahead}, after {} s: p50/p95/p99 {p50_ms:.1}/{p95_ms:.1}/{p99_ms:.1} ms from capture to \
             the ways out, {:.1} % masked whole, {clear_per_second:.1} clear frames a second\n  memory: {} (sum {:.0} MiB)\n  \
             of one core: {}",
            WARM_UP.as_secs(),
            100.0 * masked_share,
            parts(&self.resident_mib, 1.0, " MiB"),
            self.resident_sum_mib,
            parts(&self.cpu, 100.0, " %"),
        )
    }
}

/// The program; it ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The supervisor and its children, each with its name.
fn family(supervisor: u32) -> Vec<(u32, &'static str)> {
    let mut list = vec![(supervisor, "supervisor")];
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if field(&status, "PPid:") != Some(u64::from(supervisor)) {
            continue;
        }
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        list.push((number, if line.contains(crate::supervise::PIXEL) { "pixel" } else { "front" }));
    }
    list
}

/// A number of a file of the kernel's with one field a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Memory of each process, and whether what they share is counted once.
fn resident(supervisor: u32) -> anyhow::Result<(BTreeMap<String, f64>, bool)> {
    let mut once = true;
    let mut list = BTreeMap::new();
    for (process, name) in family(supervisor) {
        // The processes are closed to debuggers: only root may read the first.
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let kib = match field(&rollup, "Pss:") {
            Some(kib) => kib,
            None => {
                once = false;
                let path = format!("/proc/{process}/status");
                let status = fs::read_to_string(&path).with_context(|| path.clone())?;
                field(&status, "VmRSS:").with_context(|| path)?
            }
        };
        list.insert(name.to_owned(), kib as f64 / 1024.0);
    }
    Ok((list, once))
}

/// Seconds of processor time of each thread, by process and thread name; threads of one name are added up.
fn processor_times(supervisor: u32) -> anyhow::Result<BTreeMap<String, f64>> {
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut times = BTreeMap::new();
    for (process, name) in family(supervisor) {
        let path = format!("/proc/{process}/task");
        for task in fs::read_dir(&path).with_context(|| path)?.flatten() {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The name stands in brackets, and may hold any of them.
            let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
            let thread = head.split_once('(').map_or("", |(_, thread)| thread);
            let fields: Vec<f64> =
                rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
            let thread = if matches!(thread, "frostglass" | "exe") { "main" } else { thread };
            *times.entry(format!("{name}/{thread}")).or_insert(0.0) += fields.iter().sum::<f64>() / per_second;
        }
    }
    Ok(times)
}

/// A clip of a scene in which something moves, without faces.
fn scene(folder: &Path, size: Size, fps: u32) -> anyhow::Result<PathBuf> {
    const FRAMES: usize = 8;
    let path = folder.join(format!("scene-{fps}.y4m"));
    let (width, height) = (size.width as usize, size.height as usize);
    let length = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
    let texture = super::bench::texture(length + 64 * FRAMES);
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
        writeln!(file, "YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420mpeg2")?;
        for frame in 0..FRAMES {
            file.write_all(b"FRAME\n")?;
            file.write_all(&texture[64 * frame..][..length])?;
        }
        file.flush()
    };
    write().with_context(|| path.display().to_string())?;
    Ok(path)
}
