//! A network file of the owner's that is damaged, or was made to harm: it is refused, or its answers pass the checks.
//!
//! Loading one runs the engine's own code, in C++, on bytes that nobody checked before. So each is loaded in a child process
//! with limits, as it is in the program: one that makes the engine crash or hang ends that process, and no frame leaves. That
//! is counted and told here; a panic of ours, or an answer that is none, is a failure.
//!
//! `FROSTGLASS_FUZZ_SECONDS=600 cargo test -p frostglass-models --test hostile_networks -- --nocapture` tries others.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use frostglass_models::{Detail, FaceSetup, Family, NetworkFile, Runtime, face_detector};
use frostglass_vault::{Format, Picture, Plane, Size};

/// Names the folder of networks to the child, and the first of them.
const FOLDER: &str = "FROSTGLASS_HOSTILE_NETWORKS";
const FIRST: &str = "FROSTGLASS_HOSTILE_FIRST";
/// Networks that one folder has.
const AT_ONCE: usize = 12;
/// Bytes of a child's memory, in KiB, and seconds of its life.
const LIMITS: &str = "ulimit -c 0; ulimit -v 8000000; exec timeout -s KILL 300 \"$0\" \"$@\"";

#[test]
fn a_mutated_network_is_refused_or_answers_within_the_checks() {
    let seconds = std::env::var("FROSTGLASS_FUZZ_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = until.map_or(1, |_| u64::from(std::process::id()));
    println!("seed {seed}");
    let mut random = Random(seed);
    let whole = std::fs::read(network()).unwrap();
    let telling = telling(&whole);
    let (mut tried, mut deaths) = (0, 0);
    loop {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..AT_ONCE {
            std::fs::write(
                folder.path().join(format!("{number}.onnx")),
                mutated(&whole, &telling, number, &mut random),
            )
            .unwrap();
        }
        let mut first = 0;
        while first < AT_ONCE {
            let (done, died) = child(folder.path(), first);
            first = done + usize::from(died);
            deaths += u32::from(died);
        }
        tried += AT_ONCE;
        if until.is_none_or(|until| Instant::now() >= until) {
            break;
        }
    }
    println!("{tried} networks, of which {deaths} ended the process that loaded them");
    // A process that always died would have shown nothing.
    assert!((deaths as usize) < tried / 2, "{deaths} of {tried} ended the process");
}

/// Loads networks in another process, from one on; gives the number of the last that it came to, or that all are done, and
/// whether it died of that one.
fn child(folder: &Path, first: usize) -> (usize, bool) {
    let run = Command::new("sh")
        .args(["-c", LIMITS])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_that_loads_them", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    if run.status.success() {
        assert!(told.contains("all were tried"), "{told}");
        return (AT_ONCE, false);
    }
    let last = told.lines().filter_map(|line| line.strip_prefix("network ")?.parse().ok()).next_back().unwrap_or(first);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if run.status.code() == Some(101) {
        let kept = std::env::temp_dir().join("frostglass-hostile.onnx");
        std::fs::copy(folder.join(format!("{last}.onnx")), &kept).unwrap();
        panic!("network {last}, kept as {}: {told}{said}", kept.display());
    }
    println!("a network ended its process ({}): {said}", run.status);
    (last, true)
}

/// Not a test of its own: what the other one starts.
#[test]
fn the_child_that_loads_them() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let first: usize = std::env::var(FIRST).unwrap().parse().unwrap();
    let runtime = Runtime::load().unwrap_or_else(|error| panic!("{error}"));
    let size = Size::new(96, 64);
    let grey: Vec<u8> = (0..size.pixels()).map(|at| (at % 251) as u8).collect();
    let picture = Picture::new(Format::still(size), [Plane { bytes: &grey, stride: 96 }; 3]).unwrap();
    for number in first..AT_ONCE {
        println!("\nnetwork {number}");
        let path = folder.join(format!("{number}.onnx"));
        let networks = vec![NetworkFile::Own { family: Family::YuNet, path }];
        let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.1, threads: 1, stills: false };
        let mut detector = match face_detector(&runtime, &setup) {
            Ok(detector) => detector,
            Err(error) => {
                assert!(error.to_string().contains(&format!("{number}.onnx")), "{error}");
                continue;
            }
        };
        let mut found = Vec::new();
        if detector.detect(&picture, &mut found).is_ok() {
            for detection in &found {
                assert!((0.0..=1.0).contains(&detection.score.value()), "{detection:?}");
                let whole = detection.area.cover(size, frostglass_vault::Chroma::Full);
                assert!(whole.right <= size.width && whole.bottom <= size.height, "{detection:?}");
            }
        }
    }
    println!("\nall were tried");
}

fn network() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx/face_yunet_2023mar_dynamic_mit.onnx")
}

/// Where names and shapes stand: most of the file is numbers, of which one more or less changes little.
fn telling(bytes: &[u8]) -> Vec<usize> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/');
    let names = bytes.windows(6).enumerate().filter(|(_, window)| window.iter().all(is_name));
    let mut places: Vec<usize> = names.flat_map(|(at, _)| at.saturating_sub(8)..(at + 14).min(bytes.len())).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn mutated(whole: &[u8], telling: &[usize], number: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match number {
        0 => return (0..4096).map(|_| random.next(256) as u8).collect(),
        1 => bytes.truncate(random.next(whole.len())),
        _ => {}
    }
    for _ in 0..1 + random.next(4) {
        let at = if random.next(4) > 0 { telling[random.next(telling.len())] } else { random.next(whole.len()) };
        let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() > 8) else { continue };
        match random.next(4) {
            0 => rest[0] ^= 1 << random.next(8),
            1 => rest[0] = random.next(256) as u8,
            // A long number, as protocol buffers write it.
            2 => rest[..5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x07]),
            _ => drop(bytes.splice(at..at, [0x08; 3])),
        }
    }
    bytes
}

/// A linear congruential generator: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}
