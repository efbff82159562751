//! The clip as it was before it was redacted, and what a frame that left shows of it.
//!
//! **Invariant.** Faces that are asked for are those people labelled and the face network finds on the same frame when
//! nothing is wrong: what no network finds is a matter of measured leak, and not of faults. All is judged from samples that
//! left; what the program says of itself is not asked.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use frostglass::capture::{MovingSource, OpenOptions, Opened, open};
use frostglass_models::{Detail, FaceSetup, Family, NetworkFile, Runtime, face_detector};
use frostglass_vault::{Findings, Inspected, PersonRule, Picture, Policy, Pool, Redactor, Stamp, Style, Zones};

use crate::common::{Face, example, labels, pan};

/// A face counts as clear when more than this share of its samples is exactly as it was, each with its neighbour: 90 % of a
/// face have to be painted over, as where leaks are measured. The stream is Y4M: what was not painted over is equal to the
/// last bit, and of what was, a few samples by chance.
const CLEAR: f32 = 0.10;
/// The same where a frame can not be told, and any face of the clip is looked for.
const CLEAR_ANYWHERE: f32 = 0.5;
/// A face also counts as clear when it differs by less than this share of what it differs by under its usual mask, and goes
/// along with itself.
const BLUNTED: f32 = 0.5;
/// What is left of a face is lighter where the face is: their correlation is more than this. The colours of a mask come from
/// around it, and of one that is wider than usual, or lies beside others, from farther away: they may come near to those of the
/// face by chance, and run from dark to light as it does (usual masks: 0.60 for nine of ten, 0.76 for 95 of 100), but hardly
/// follow it. A face that is only lighter or paler goes along with itself by 1.
const ALONG: f32 = 0.8;
/// From this share of equal samples on, a frame is known again.
const KNOWN: f32 = 0.15;
/// To tell frames, one of so many samples is enough.
const STRIDE: usize = 7;

/// All frames of the clip.
pub(crate) struct Originals {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) frames: Vec<Original>,
}

/// A frame, and the faces that must not be seen on it.
pub(crate) struct Original {
    /// Luma, then both planes of chroma.
    pub(crate) bytes: Vec<u8>,
    faces: Vec<Hidden>,
    /// The share of its samples that a healthy program leaves as they are.
    background: f32,
}

impl Original {
    /// Where the faces are that must not be seen.
    pub(crate) fn places(&self) -> impl Iterator<Item = Face> {
        self.faces.iter().map(|face| face.at)
    }
}

struct Hidden {
    at: Face,
    /// By how many grey levels it differs from itself when it is masked.
    difference: f32,
}

/// What a frame that left shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing: each sample is the same.
    Masked,
    /// The scene, but no face.
    Clear,
    /// So little that it is neither.
    Veiled,
    /// A face.
    Leak(String),
}

impl Originals {
    /// Those of the bundled clip.
    pub(crate) fn of_pan() -> Arc<Self> {
        static PAN: OnceLock<Arc<Originals>> = OnceLock::new();
        Arc::clone(PAN.get_or_init(|| Self::of_first(usize::MAX, &pan())))
    }

    /// Those of another clip, which shows the first frames of the bundled one.
    pub(crate) fn of_first(count: usize, clip: &Path) -> Arc<Self> {
        let labels = labels(&example("media/solvay_pan.jsonl"));
        Arc::new(Self::of(clip, &labels[..count.min(labels.len())]))
    }

    fn of(clip: &Path, labels: &[Vec<Face>]) -> Self {
        let Opened::Moving(MovingSource { mut source, .. }) = open(clip, &OpenOptions::default()).unwrap() else {
            panic!("{} is no clip", clip.display());
        };
        let (format, pool) = (source.format(), Pool::new(source.format(), 1));
        let networks = vec![NetworkFile::Bundled(Family::YuNet)];
        let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.5, threads: 2, stills: false };
        let mut detector = face_detector(&Runtime::load().unwrap(), &setup).unwrap();
        let policy = Policy { style: Style::Blur, persons: PersonRule::None, margin: 0.5 };
        let mut redactor = Redactor::new(policy, format, Arc::new(Zones::none()));
        let (width, height) = (format.size.width as usize, format.size.height as usize);
        let mut originals = Self { width, height, frames: Vec::new() };
        loop {
            let mut blank = pool.blank().unwrap();
            let Some(time) = source.read(&mut blank).unwrap() else { break };
            let mut raw = blank.expose(Stamp { sequence: 0, time }, &Zones::none());
            let (mut found, look) = (Vec::new(), raw.lend());
            let bytes = bytes_of(&look.picture());
            detector.detect(&look.picture(), &mut found).unwrap();
            drop(look);
            let redacted = bytes_of(&redactor.redact(Inspected::new(raw, Findings::Complete(found))).picture());
            let labelled = &labels[originals.frames.len()];
            let hidden = labelled.iter().filter_map(|&at| {
                let Likeness { equal, difference, .. } = originals.compare(&bytes, &redacted, at);
                (equal <= CLEAR / 2.0).then_some(Hidden { at, difference })
            });
            let (faces, background) = (hidden.collect(), equal_share(&bytes, &redacted, width * height));
            originals.frames.push(Original { bytes, faces, background });
        }
        let (asked, all) = (originals.faces(), labels.iter().map(Vec::len).sum::<usize>());
        assert!(10 * asked >= 9 * all, "only {asked} of {all} labelled faces are masked when nothing is wrong");
        originals
    }

    /// How many faces it asks for, over all frames.
    pub(crate) fn faces(&self) -> usize {
        self.frames.iter().map(|frame| frame.faces.len()).sum()
    }

    /// Judges a frame that left.
    pub(crate) fn judge(&self, frame: &[u8]) -> Verdict {
        let (luma, chroma) = frame.split_at(self.width * self.height);
        let (blue, red) = chroma.split_at(chroma.len() / 2);
        if [luma, blue, red].iter().all(|plane| plane.iter().all(|sample| *sample == plane[0])) {
            return Verdict::Masked;
        }
        let shares = self.frames.iter().map(|original| equal_share(&original.bytes, frame, luma.len()));
        let (index, share) = shares.enumerate().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
        if share < KNOWN {
            let anywhere = (0..self.frames.len()).find_map(|index| self.leak(index, frame, CLEAR_ANYWHERE, 0.0));
            return anywhere.map_or(Verdict::Veiled, Verdict::Leak);
        }
        match self.leak(index, frame, CLEAR, BLUNTED) {
            Some(leak) => Verdict::Leak(leak),
            None if share >= 0.5 * self.frames[index].background => Verdict::Clear,
            None => Verdict::Veiled,
        }
    }

    /// The first face that can be seen on this frame.
    fn leak(&self, index: usize, frame: &[u8], clear: f32, blunted: f32) -> Option<String> {
        let original = &self.frames[index];
        original.faces.iter().find_map(|face| {
            let Likeness { equal, difference, along } = self.compare(&original.bytes, frame, face.at);
            let is_blunted = difference < blunted * face.difference && along > ALONG;
            let is_seen = equal > clear || is_blunted;
            is_seen.then(|| {
                let percent = 100.0 * equal;
                format!(
                    "frame {index} shows the face at {:?}: {percent:.0} % of it is as it was, {difference:.1} levels from \
                     it ({:.1} when nothing is wrong), {along:.2} along with it",
                    face.at, face.difference
                )
            })
        })
    }

    /// Compares luma inside a box.
    fn compare(&self, one: &[u8], other: &[u8], [x, y, w, h]: Face) -> Likeness {
        let edge = |at: f32, end: usize| (at.round().max(0.0) as usize).min(end);
        let (mut equal, mut sum, mut count) = (0u32, 0u32, 0u32);
        // Sums of both, of their squares, and of their products.
        let [mut s, mut t, mut ss, mut tt, mut st] = [0.0f64; 5];
        for row in edge(y, self.height)..edge(y + h, self.height) {
            let row = row * self.width + edge(x, self.width)..row * self.width + edge(x + w, self.width);
            for (one, other) in one[row.clone()].windows(2).zip(other[row].windows(2)) {
                equal += u32::from(one == other);
                sum += u32::from(one[0].abs_diff(other[0]));
                count += 1;
                let [one, other] = [one[0], other[0]].map(f64::from);
                (s, t, ss, tt, st) = (s + one, t + other, ss + one * one, tt + other * other, st + one * other);
            }
        }
        let n = f64::from(count.max(1));
        let spread = ((ss - s * s / n) * (tt - t * t / n)).sqrt();
        let along = if spread > 0.0 { ((st - s * t / n) / spread) as f32 } else { 0.0 };
        Likeness { equal: equal as f32 / n as f32, difference: sum as f32 / n as f32, along }
    }
}

/// How much one picture of a face is like another.
struct Likeness {
    /// Share of samples that are equal together with their right neighbours.
    equal: f32,
    /// Mean difference, in grey levels.
    difference: f32,
    /// Correlation: 1 where one is the other but for brightness and contrast, 0 where they have nothing to do with each other.
    along: f32,
}

/// Share of luma samples that are equal, of those that are looked at.
fn equal_share(one: &[u8], other: &[u8], luma: usize) -> f32 {
    let pairs = one[..luma].iter().zip(&other[..luma]).step_by(STRIDE);
    let equal = pairs.filter(|(one, other)| one == other).count();
    equal as f32 / luma.div_ceil(STRIDE) as f32
}

fn bytes_of(picture: &Picture<'_>) -> Vec<u8> {
    let rows = |index: usize| (0..picture.format().plane_size(index).height).flat_map(move |y| picture.row(index, y));
    (0..3).flat_map(rows).copied().collect()
}

#[cfg(test)]
#[path = "originals_tests.rs"]
mod tests;
