//! What lingers in memory: the whole memory of each process, read from outside as only root may.
//!
//! What is looked for is what must not be seen: pieces of rows of faces, as the source gave them and as the networks are shown
//! them. While a frame is held, that is in the arena and nowhere else but in the network's hands; when it has left, nowhere.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::common::have;
use crate::originals::Originals;
use crate::pipe::{Flow, Pipe};
use crate::trial::{Trial, config_of};

/// Samples of a piece.
const PIECE: usize = 16;
/// A piece whose samples are more alike than this could be anything.
const LEAST_RANGE: u8 = 48;
/// From one sample of a network's input to the one that it was made of, in grey levels, either way.
const TOLERANCE: f32 = 2.5;

/// A mapping of a process.
struct Mapping {
    name: String,
    /// Locked, in no core dump, not inherited by children.
    is_arena: bool,
    bytes: Vec<u8>,
}

/// All memory that a process has written, or could have.
fn memory(process: u32) -> Vec<Mapping> {
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let mut found: Vec<(Mapping, u64, usize, bool)> = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let range = words.next().and_then(|range| range.split_once('-'));
        let ends = range.map(|(start, end)| [start, end].map(|end| u64::from_str_radix(end, 16)));
        if let Some([Ok(start), Ok(end)]) = ends {
            // What is only read came out of a file.
            let writable = words.next().is_some_and(|access| access.starts_with("rw"));
            let name = words.nth(3).unwrap_or("").to_owned();
            let mapping = Mapping { name, is_arena: false, bytes: Vec::new() };
            found.push((mapping, start, (end - start) as usize, writable));
        } else if let (Some(flags), Some((mapping, ..))) = (line.strip_prefix("VmFlags:"), found.last_mut()) {
            let has = |flag: &str| flags.split_whitespace().any(|found| found == flag);
            mapping.is_arena = has("lo") && has("dd") && has("dc");
        }
    }
    found.retain(|(mapping, _, _, writable)| *writable && !mapping.name.starts_with("[v"));
    for (mapping, start, length, _) in &mut found {
        mapping.bytes = vec![0; *length];
        // What the process has just given back is not there any more.
        if memory.read_exact_at(&mut mapping.bytes, *start).is_err() {
            mapping.bytes.clear();
        }
    }
    found.into_iter().map(|(mapping, ..)| mapping).collect()
}

/// Pieces of faces: as they are in a frame, and at half its size, as the network for persons is shown it.
struct Pieces {
    native: Vec<[u8; PIECE]>,
    half: Vec<[u8; PIECE]>,
}

impl Pieces {
    fn of(originals: &Originals) -> Self {
        let (mut native, mut half) = (Vec::new(), Vec::new());
        for original in &originals.frames {
            for [left, top, width, height] in original.places() {
                let (x, y) = ((left + width / 2.0) as usize, (top + height / 2.0) as usize);
                let row = |y: usize, x: usize, count: usize| &original.bytes[y * originals.width + x..][..count];
                if x >= PIECE && x + PIECE < originals.width {
                    native.push(row(y, x - PIECE / 2, PIECE).try_into().unwrap());
                    let (upper, lower) =
                        (row(y & !1, (x - PIECE) & !1, 2 * PIECE), row(y | 1, (x - PIECE) & !1, 2 * PIECE));
                    let mean = |at: usize| {
                        let four = [upper[2 * at], upper[2 * at + 1], lower[2 * at], lower[2 * at + 1]];
                        ((four.into_iter().map(u16::from).sum::<u16>() + 2) >> 2) as u8
                    };
                    half.push(std::array::from_fn(mean));
                }
            }
        }
        for pieces in [&mut native, &mut half] {
            pieces.retain(|piece| piece.iter().max().unwrap() - piece.iter().min().unwrap() >= LEAST_RANGE);
            pieces.sort_unstable();
            pieces.dedup();
        }
        Self { native, half }
    }

    /// How often one of them stands in memory: sample by sample at either size, as bytes of three colours each, as numbers.
    fn count(&self, mappings: &[&Mapping]) -> Counts {
        let mut counts = Counts::default();
        for mapping in mappings {
            counts.samples += exact(&mapping.bytes, &self.native);
            counts.halves += exact(&mapping.bytes, &self.half);
            counts.colours += colours(&mapping.bytes, &some(&self.half));
            counts.numbers += numbers(&mapping.bytes, &some(&self.native));
        }
        counts
    }
}

/// Fewer of them: what is only near takes longer to find. They are of all frames and of all faces, and of those that go up and
/// down: what watches for motion keeps means of whole columns, which are smooth, and near a smooth piece by chance.
fn some(pieces: &[[u8; PIECE]]) -> Vec<[u8; PIECE]> {
    let way = |piece: &[u8; PIECE]| piece.windows(2).map(|pair| u32::from(pair[0].abs_diff(pair[1]))).sum::<u32>();
    let range = |piece: &[u8; PIECE]| u32::from(piece.iter().max().unwrap() - piece.iter().min().unwrap());
    let rough: Vec<_> = pieces.iter().copied().filter(|piece| 2 * way(piece) >= 5 * range(piece)).collect();
    assert!(rough.len() >= 48, "{} of {} pieces", rough.len(), pieces.len());
    rough.iter().copied().step_by((rough.len() / 96).max(1)).collect()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    samples: usize,
    halves: usize,
    colours: usize,
    numbers: usize,
}

fn exact(bytes: &[u8], pieces: &[[u8; PIECE]]) -> usize {
    // Sorted; most places are no piece by their first two bytes.
    let mut begins = vec![false; 1 << 16];
    pieces.iter().for_each(|piece| begins[usize::from(u16::from_le_bytes([piece[0], piece[1]]))] = true);
    let is_piece = |window: &&[u8]| {
        begins[usize::from(u16::from_le_bytes([window[0], window[1]]))]
            && pieces.binary_search_by(|piece| piece[..].cmp(window)).is_ok()
    };
    bytes.windows(PIECE).filter(is_piece).count()
}

/// A grey sample of video as a network is shown it.
fn light(sample: u8) -> f32 {
    ((f32::from(sample) - 16.0) * 255.0 / 219.0).clamp(0.0, 255.0)
}

fn colours(bytes: &[u8], pieces: &[[u8; PIECE]]) -> usize {
    // The photograph is grey but for its age: the middle one of three colours is near its light.
    search(bytes, 1, 3, pieces, |bytes, at| f32::from(bytes[at + 1]))
}

fn numbers(bytes: &[u8], pieces: &[[u8; PIECE]]) -> usize {
    search(bytes, 4, 4, pieces, |bytes, at| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
}

/// Places at which a piece is near, by its first sample and then by all. They are `step` bytes apart; a sample has `size` bytes.
fn search(
    bytes: &[u8],
    step: usize,
    size: usize,
    pieces: &[[u8; PIECE]],
    sample: impl Fn(&[u8], usize) -> f32,
) -> usize {
    const NEAR: f32 = 3.0 * TOLERANCE;
    // Of all places there are hundreds of millions: what can be worked out before is.
    let lights: Vec<[f32; PIECE]> = pieces.iter().map(|piece| piece.map(light)).collect();
    let by_light: Vec<Vec<&[f32; PIECE]>> = (0..256)
        .map(|level| lights.iter().filter(|lights| (level as f32 - lights[0]).abs() <= NEAR + 1.0).collect())
        .collect();
    let mut found = 0;
    for at in (0..bytes.len().saturating_sub(size * PIECE)).step_by(step) {
        let first = sample(bytes, at);
        // Memory that was never used, and numbers that are no light.
        if !(0.5..256.0).contains(&first) {
            continue;
        }
        let is_near = |lights: &&[f32; PIECE]| {
            lights.iter().enumerate().all(|(index, light)| (sample(bytes, at + size * index) - light).abs() <= NEAR)
        };
        found += usize::from(by_light[first as usize].iter().any(is_near));
    }
    found
}

#[test]
fn what_is_searched_for_would_be_found() {
    let originals = Originals::of_pan();
    let pieces = Pieces::of(&originals);
    let near = [&pieces.native, &pieces.half].map(|pieces| some(pieces).len());
    println!("{} pieces of {} faces, {near:?} of them to be near", pieces.native.len(), originals.faces());
    assert!(pieces.native.len() > originals.faces() / 2);
    let mut bytes = vec![7; 1000];
    bytes[333..333 + PIECE].copy_from_slice(&pieces.native[0]);
    for sample in some(&pieces.half)[1] {
        bytes.extend([light(sample) as u8 + 2; 3]);
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    some(&pieces.native)[2].iter().for_each(|&sample| bytes.extend((light(sample) - 1.0).to_le_bytes()));
    bytes.extend([0; 100]);
    let mapping = Mapping { name: String::new(), is_arena: false, bytes };
    let Counts { samples, halves, colours, numbers } = pieces.count(&[&mapping]);
    assert!(samples == 1 && colours >= 1 && numbers >= 1, "{samples} {halves} {colours} {numbers}");
}

#[test]
fn of_frames_that_have_left_nothing_lingers_and_other_processes_never_had_any() {
    if !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let pieces = Pieces::of(&Originals::of_pan());
    let pipe = Pipe::new();
    // Persons are looked for on every other frame, so that their network's input is in use.
    let wish = config_of(&pipe.clip(), "[persons]\nevery = 2\n");
    let trial = Trial::start_with(&wish, |command| pipe.serve(command));
    let parts = ["pixel-process", "front-process"].map(|name| trial.part(name).unwrap());
    let supervisor = trial.id().as_raw_nonzero().get() as u32;
    // While frames come, those that are held are in the arena.
    let mut held = 0;
    for round in 0..4 {
        let pixel = memory(parts[0]);
        let (arena, rest): (Vec<_>, Vec<_>) = pixel.iter().partition(|mapping| mapping.is_arena);
        assert!(!arena.is_empty(), "there is an arena");
        held += pieces.count(&arena).samples;
        println!("while frames come: {:?} in the arena, {:?} elsewhere", pieces.count(&arena), pieces.count(&rest));
        for process in [parts[1], supervisor] {
            let all = memory(process);
            let counts = pieces.count(&all.iter().collect::<Vec<_>>());
            assert_eq!((counts.samples, counts.halves, counts.numbers), (0, 0, 0), "round {round}, process {process}");
        }
    }
    assert!(held > 0, "what is held was found");
    // The source stalls, and all that it gave leaves.
    let start = trial.now();
    pipe.give(Flow::Nothing);
    trial.until("a source that stalls", start, |counts| counts.masked >= 30);
    for mapping in &memory(parts[0]) {
        let counts = pieces.count(&[mapping]);
        // In what was redacted, smooth as it is, something is near a face by chance.
        let is_ring = mapping.name.contains("frostglass-redacted-frames");
        let left = Counts { colours: if is_ring { 0 } else { counts.colours }, ..counts };
        assert_eq!(left, Counts::default(), "after all have left: {:?}, {} bytes", mapping.name, mapping.bytes.len());
    }
    pipe.give(Flow::Frames);
    trial.recovers("after the source stalled");
    trial.end();
}
