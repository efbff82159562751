//! What tracks cost when there is much to follow.
//!
//! **Invariant.** No network runs: what they would say is made up, so that only the tracker and the fills take time.

use std::time::{Duration, Instant};

use anyhow::Context;
use frostglass_models::{DetectError, Detector};
use frostglass_vault::{Area, Detection, Kind, Picture, Pool, Score, Stamp, Zones};

use crate::hold::track::Clues;
use crate::hold::{Hold, Limits};
use crate::inspect::Inspector;

/// Frames of look-ahead and of the schedule of persons, as by default.
const LOOK_AHEAD: usize = 3;
const PERSONS_EVERY: u32 = 6;
/// How many of each are in the scene.
const FACES: usize = 24;
const PERSONS: usize = 12;
/// Of the faces, so many are not seen in each frame, others by turns: their tracks have to be filled.
const LOST_ONE_IN: usize = 3;

/// How long tracks take per frame of `pool`'s format, in ascending order: camera motion, tracker, fills.
pub(super) fn measure(pool: &Pool, source: &[u8], rounds: usize) -> anyhow::Result<Vec<Duration>> {
    let limits = Limits::new(LOOK_AHEAD, Duration::from_secs(1), Duration::from_millis(33));
    let mut hold = Hold::new(Limits { heads_only: true, margin: 0.5, ..limits });
    let crowd = Crowd { frame: 0, weak: Vec::new() };
    let mut inspector = Inspector::new(Box::new(crowd)).with_persons(Box::new(Standing), PERSONS_EVERY);
    let (mut clues, mut events) = (Clues::default(), Vec::new());
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds + 20 {
        let mut blank = pool.blank().context("the pool is empty")?;
        super::bench::fill(&mut blank, source);
        let stamp = Stamp { sequence: round as u64, time: Duration::from_millis(33) * u32::try_from(round)? };
        let look = hold.take_in(blank.expose(stamp, &Zones::none()), stamp.time);
        let began = Instant::now();
        let findings = inspector.inspect_next(look, jiff::Timestamp::UNIX_EPOCH, &mut events, &mut clues);
        hold.settle(stamp.sequence, findings, &clues);
        let left = hold.leave(stamp.time);
        let took = began.elapsed();
        drop(left);
        if round >= 20 {
            times.push(took);
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// Faces in rows, of which a third is missed in each frame and a sixth is seen weakly.
struct Crowd {
    frame: usize,
    weak: Vec<Detection>,
}

impl Detector for Crowd {
    fn detect(&mut self, _: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.frame += 1;
        self.weak.clear();
        for face in 0..FACES {
            let (x, y) = (0.04 + 0.12 * (face % 8) as f32, 0.1 + 0.28 * (face / 8) as f32);
            let drift = 0.002 * ((self.frame + face) % 10) as f32;
            let Some(seen) = box_of(Kind::Face, [x + drift, y, x + drift + 0.03, y + 0.07]) else { continue };
            match (self.frame + face) % LOST_ONE_IN {
                0 if face % 2 == 0 => self.weak.push(seen),
                0 => {}
                _ => found.push(seen),
            }
        }
        Ok(())
    }

    fn weak(&self) -> &[Detection] {
        &self.weak
    }
}

/// Persons below every second face.
struct Standing;

impl Detector for Standing {
    fn detect(&mut self, _: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        found.extend((0..PERSONS).filter_map(|at| {
            let (x, y) = (0.01 + 0.24 * (at % 4) as f32, 0.08 + 0.28 * (at / 4) as f32);
            box_of(Kind::Person, [x, y, x + 0.09, y + 0.26])
        }));
        Ok(())
    }
}

fn box_of(kind: Kind, [left, top, right, bottom]: [f32; 4]) -> Option<Detection> {
    Some(Detection { kind, area: Area::new(left, top, right, bottom)?, score: Score::new(0.9)? })
}
