//! Runs the targets on stable Rust: each kept input as it is, then mutations of them.
//!
//! ```sh
//! cargo test -p frostglass --lib fuzz::run                                            # seconds: always the same inputs
//! FROSTGLASS_FUZZ_SECONDS=3600 cargo test -p frostglass --lib fuzz::run::y4m -- --nocapture     # others each time
//! ```
//!
//! **Invariant.** What breaks a law is made smaller, written into `target/fuzz-crashes/`, and told with what to do about it.
//! Each input that once did so stands in `pipeline/fuzz/found/` under a name that says what it did, and is run each time.
//!
//! proptest makes the mutations and the smaller inputs; libFuzzer, which sees where an input leads, is better for hours
//! (`pipeline/fuzz/`).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestError, TestRng, TestRunner};

use super::{PER_BYTE, Target, target};

/// An input that takes longer hangs: the slowest take milliseconds, and the machine may be busy.
const HANGS: Duration = Duration::from_secs(60);
/// Longer inputs are cut.
const LONGEST: usize = 1 << 16;

macro_rules! targets {
    ($($name:ident),*) => { $(#[test] fn $name() { run(target(stringify!($name)).unwrap()); })* };
}

targets!(config, kind, y4m, mjpeg, jpeg, png, webp, mp4, driver, messages, ring, gate, http);

#[test]
fn no_target_is_left_out_and_each_has_seeds() {
    let source = include_str!("run.rs");
    let list = source.split("targets!(").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let listed: Vec<&str> = list.split(',').map(str::trim).collect();
    assert_eq!(listed, super::TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
    for target in super::TARGETS {
        let seeds = kept(target, "seeds");
        assert!(seeds.len() >= 3, "{} has {} seeds", target.name, seeds.len());
        assert!(seeds.values().all(|seed| seed.len() <= 4096), "a seed of {} is long", target.name);
    }
}

fn run(target: &'static Target) {
    let watch = Watch::start(target);
    let seeds = kept(target, "seeds");
    for (name, bytes) in seeds.iter().chain(&kept(target, "found")) {
        watch.look_at(bytes);
        judge(target, bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let seconds = std::env::var("FROSTGLASS_FUZZ_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let named =
        std::env::var("FROSTGLASS_FUZZ_SEED").ok().map(|text| text.parse().expect("a number, as it was printed"));
    let seed: u64 = named.unwrap_or_else(|| until.map_or(0, |_| rand_seed()));
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, max_shrink_time: 30_000, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4)),
    );
    let inputs = mutated(seeds.into_values().collect(), target.words);
    let (began, mut done) = (Instant::now(), 0u32);
    while until.map_or(done < target.inputs, |until| Instant::now() < until) {
        let tree = inputs.new_tree(&mut runner).expect("bytes can always be made");
        let judged = |input: Vec<u8>| {
            watch.look_at(&input);
            judge(target, &input)
        };
        if let Err(TestError::Fail(why, input)) = runner.run_one(tree, judged) {
            let path = keep(target, &input);
            panic!("{}: input {done} of seed {seed}: {why}\n{}", target.name, advice(target, &path));
        }
        done += 1;
    }
    if until.is_some() {
        let a_second = f64::from(done) / began.elapsed().as_secs_f64();
        eprintln!("{}: seed {seed}, {done} inputs, {a_second:.0} a second, no law was broken", target.name);
    }
}

/// One input: no panic, and no more memory than the target may have.
fn judge(target: &Target, input: &[u8]) -> TestCaseResult {
    let mut ended = Ok(());
    let counted = allocation_counter::measure(|| ended = catch_unwind(AssertUnwindSafe(|| (target.judge)(input))));
    if let Err(panicked) = ended {
        let words = panicked.downcast_ref::<String>().map(String::as_str);
        let words = words.or(panicked.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
        return Err(TestCaseError::fail(words.to_owned()));
    }
    let most = target.memory + PER_BYTE * input.len() as u64;
    prop_assert!(counted.bytes_max <= most, "{} bytes of memory for {} of input", counted.bytes_max, input.len());
    Ok(())
}

/// The inputs of one folder, by name.
fn kept(target: &Target, what: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(what).join(target.name);
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

/// Where inputs that broke a law are kept.
fn folder(target: &Target) -> PathBuf {
    let beside = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = beside.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let folder = folder.join("fuzz-crashes").join(target.name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let sum =
        input.iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let path = folder(target).join(format!("{sum:016x}"));
    std::fs::write(&path, input).unwrap();
    path
}

fn advice(target: &Target, path: &Path) -> String {
    format!(
        "the input is in {}: copy it to pipeline/fuzz/found/{}/ under a name that says what it does, which makes it a test, and \
         mend the code",
        path.display(),
        target.name
    )
}

fn rand_seed() -> u64 {
    ulid::Ulid::new().random() as u64
}

/// Ends the process when an input hangs, and keeps that input: nothing else could be done about it. In long runs the input
/// also lies in a file while it is looked at, for what ends the process at once.
struct Watch {
    now: Arc<Mutex<(Instant, Vec<u8>)>>,
    running: Option<PathBuf>,
}

impl Watch {
    fn start(target: &'static Target) -> Self {
        let now = Arc::new(Mutex::new((Instant::now(), Vec::new())));
        let watched = Arc::downgrade(&now);
        std::thread::spawn(move || {
            while let Some(now) = watched.upgrade() {
                let (since, input) = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
                drop(now);
                if since.elapsed() > HANGS {
                    let path = keep(target, &input);
                    eprintln!("{}: an input took over {HANGS:?}; {}", target.name, advice(target, &path));
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let long = std::env::var_os("FROSTGLASS_FUZZ_SECONDS").is_some();
        let running = long.then(|| folder(target).join(format!("running-{}", std::process::id())));
        Self { now, running }
    }

    fn look_at(&self, input: &[u8]) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), input.to_owned());
        if let Some(path) = &self.running {
            std::fs::write(path, input).unwrap();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(path) = &self.running {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Edit {
    /// Another byte.
    Byte(Index, u8),
    /// One bit.
    Bit(Index, u8),
    /// A number that is at an end of something, in so many bytes.
    Number { at: Index, value: u64, bytes: usize, big: bool },
    /// Some bytes are gone.
    Without(Index, usize),
    /// Some bytes come again, somewhere.
    Again { from: Index, length: usize, to: Index, times: usize },
    /// The end is gone.
    Cut(Index),
    /// A word, instead of what stands there or before it.
    Word { at: Index, word: Index, instead: bool },
    /// A piece of another seed.
    Of { seed: Index, from: Index, length: usize, to: Index },
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let ends = prop_oneof![
        prop::sample::select(vec![
            0,
            1,
            2,
            7,
            8,
            0x7f,
            0x80,
            0xff,
            0x7fff,
            0x8000,
            0xffff,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff
        ]),
        prop::sample::select(vec![u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 16_384, 16_385, 65_535, 100_000_000]),
        any::<u64>(),
    ];
    let widths = prop::sample::select(vec![1usize, 2, 4, 4, 8]);
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        3 => (at(), 0u8..8).prop_map(|(at, bit)| Edit::Bit(at, bit)),
        3 => (at(), ends, widths, any::<bool>()).prop_map(|(at, value, bytes, big)| Edit::Number { at, value, bytes, big }),
        1 => (at(), 1usize..64).prop_map(|(at, length)| Edit::Without(at, length)),
        1 => (at(), 1usize..200, at(), 1usize..20)
            .prop_map(|(from, length, to, times)| Edit::Again { from, length, to, times }),
        1 => at().prop_map(Edit::Cut),
        2 => (at(), at(), any::<bool>()).prop_map(|(at, word, instead)| Edit::Word { at, word, instead }),
        1 => (at(), at(), 1usize..600, at()).prop_map(|(seed, from, length, to)| Edit::Of { seed, from, length, to }),
    ]
}

/// A seed with some changes; fewer of them are tried when one breaks a law.
fn mutated(seeds: Vec<Vec<u8>>, words: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), prop::collection::vec(edit(), 1..10)).prop_map(move |(seed, edits)| {
        let mut input = seeds[seed.index(seeds.len())].clone();
        for edit in &edits {
            apply(edit, &mut input, &seeds, words);
        }
        input.truncate(LONGEST);
        input
    })
}

fn apply(edit: &Edit, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]]) {
    let length = input.len();
    let place = |at: &Index| at.index(length + 1);
    let piece = |of: &[u8], from: usize, length: usize| of[from..(from + length).min(of.len())].to_vec();
    match edit {
        Edit::Byte(at, byte) if length > 0 => input[at.index(length)] = *byte,
        Edit::Bit(at, bit) if length > 0 => input[at.index(length)] ^= 1 << bit,
        Edit::Number { at, value, bytes, big } if length > 0 => {
            let number =
                if *big { value.to_be_bytes()[8 - bytes..].to_vec() } else { value.to_le_bytes()[..*bytes].to_vec() };
            let at = at.index(length);
            for (byte, new) in input[at..].iter_mut().zip(number) {
                *byte = new;
            }
        }
        Edit::Without(at, count) => drop(input.drain(place(at)..(place(at) + count).min(length))),
        Edit::Again { from, length, to, times } => {
            let again = piece(input, place(from), *length).repeat(*times);
            input.splice(place(to)..place(to), again);
        }
        Edit::Cut(at) => input.truncate(place(at)),
        Edit::Word { at, word, instead } if !words.is_empty() => {
            let (at, word) = (place(at), words[word.index(words.len())]);
            let end = if *instead { (at + word.len()).min(length) } else { at };
            input.splice(at..end, word.iter().copied());
        }
        Edit::Of { seed, from, length, to } => {
            let other = &seeds[seed.index(seeds.len())];
            let other = piece(other, from.index(other.len() + 1), *length);
            input.splice(place(to)..place(to), other);
        }
        _ => {}
    }
}
