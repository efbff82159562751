//! Made scenes, played to a watch.

use std::collections::HashMap;
use std::time::Duration;

use frostglass_vault::{Area, Detection, Format, Kind, Matrix, Picture, Plane, Range, Score, Size, Stamp};
use jiff::Timestamp;

use super::super::{Watch, WatchSettings};
use crate::event::{Event, Motion, Phase};

pub(super) const SIZE: Size = Size::new(320, 180);
pub(super) const FPS: u32 = 15;

pub(super) fn format() -> Format {
    Format::video(SIZE, Matrix::Bt601, Range::Full)
}

/// What looks at the watch after a frame.
type After = Box<dyn FnMut(f32, &Watch)>;

/// A scene as a function of seconds and place, seen by a sensor with its own noise.
pub(super) struct Film {
    pub(super) watch: Watch,
    pub(super) events: Vec<Motion>,
    pub(super) noise: Noise,
    pub(super) time: f32,
    pub(super) frame: u64,
    pub(super) luma: Vec<u8>,
    pub(super) moved: bool,
    pub(super) fps: f32,
    /// What is kept in each frame, by seconds of this part.
    pub(super) kept: fn(f32) -> Option<Area>,
    /// Looks at the watch after each frame, with the seconds of this part.
    pub(super) after: After,
}

impl Film {
    pub(super) fn new(settings: WatchSettings) -> Self {
        let luma = vec![0; SIZE.pixels()];
        let noise = Noise(0x5EED);
        Self {
            watch: Watch::new(settings, format()),
            events: Vec::new(),
            noise,
            time: 0.0,
            frame: 0,
            luma,
            moved: false,
            fps: FPS as f32,
            kept: |_| None,
            after: Box::new(|_, _| ()),
        }
    }

    /// Plays `seconds` of `scene(seconds since this part began, x, y)`, with sensor noise of `grain` levels.
    pub(super) fn play(&mut self, seconds: f32, grain: f32, scene: impl Fn(f32, f32, f32) -> f32) -> &mut Self {
        self.play_with(seconds, grain, |_| None, scene)
    }

    pub(super) fn play_with(
        &mut self,
        seconds: f32,
        grain: f32,
        persons: impl Fn(f32) -> Option<Vec<Detection>>,
        scene: impl Fn(f32, f32, f32) -> f32,
    ) -> &mut Self {
        let begun = self.time;
        while self.time < begun + seconds {
            let since = self.time - begun;
            for y in 0..SIZE.height {
                for x in 0..SIZE.width {
                    let value = scene(since, x as f32, y as f32) + grain * self.noise.next();
                    self.luma[(y * SIZE.width + x) as usize] = value.round().clamp(0.0, 255.0) as u8;
                }
            }
            let stamp = Stamp { sequence: self.frame, time: Duration::from_secs_f32(self.time) };
            let mut out = Vec::new();
            let persons = persons(since);
            let wall = Timestamp::from_millisecond((self.time * 1000.0) as i64).unwrap();
            self.watch.keep((self.kept)(since).as_slice());
            show(&mut self.watch, &self.luma, SIZE, stamp, persons.as_deref(), wall, &mut out);
            self.keep(out);
            (self.after)(since, &self.watch);
            self.moved |= !self.watch.moving().is_empty();
            self.frame += 1;
            self.time += 1.0 / self.fps;
        }
        self
    }

    fn keep(&mut self, out: Vec<Event>) {
        for event in out {
            let Event::Motion(motion) = event else { panic!("{event:?}") };
            self.events.push(motion);
        }
    }

    /// Ends the film and returns what was told, checked to be well-formed.
    pub(super) fn end(&mut self) -> Vec<Motion> {
        let mut out = Vec::new();
        self.watch.finish(Timestamp::UNIX_EPOCH, &mut out);
        self.keep(out);
        assert_well_formed(&self.events);
        std::mem::take(&mut self.events)
    }
}

/// A small generator of its own (Numerical Recipes), so that each run sees the same noise.
pub(super) struct Noise(pub(super) u32);

impl Noise {
    /// Nearly normal, of variance 1: the sum of four even ones.
    pub(super) fn next(&mut self) -> f32 {
        let mut even = || {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (even() + even() + even() + even()) * 3.0f32.sqrt()
    }
}

pub(super) fn show(
    watch: &mut Watch,
    luma: &[u8],
    size: Size,
    stamp: Stamp,
    persons: Option<&[Detection]>,
    wall: Timestamp,
    out: &mut Vec<Event>,
) {
    let format = Format::video(size, Matrix::Bt601, Range::Full);
    let chroma = format.plane_size(1);
    let grey = vec![128; chroma.pixels()];
    let small = Plane { bytes: &grey, stride: chroma.width as usize };
    let planes = [Plane { bytes: luma, stride: size.width as usize }, small, small];
    watch.observe(&Picture::new(format, planes).unwrap(), stamp, persons, wall, out);
}

/// Each id has one start, then updates, then one end.
pub(super) fn assert_well_formed(events: &[Motion]) {
    let mut phases: HashMap<&str, Vec<Phase>> = HashMap::new();
    for event in events {
        phases.entry(&event.id).or_default().push(event.phase);
        assert!((0.0..=1.0).contains(&event.score), "{event:?}");
        let [left, top, right, bottom] = event.area;
        assert!(Area::new(left, top, right, bottom).is_some(), "{event:?}");
    }
    for (id, phases) in phases {
        let (first, last) = (phases.first(), phases.last());
        assert!(phases.len() > 1 && first == Some(&Phase::Start) && last == Some(&Phase::End), "{id}: {phases:?}");
        assert!(phases[1..phases.len() - 1].iter().all(|phase| *phase == Phase::Update), "{id}: {phases:?}");
    }
}

pub(super) fn starts(events: &[Motion]) -> usize {
    events.iter().filter(|event| event.phase == Phase::Start).count()
}

/// A wall, a door, a window and some tiles.
pub(super) fn room(x: f32, y: f32) -> f32 {
    let door = (200.0..250.0).contains(&x) && y > 60.0;
    let window = (40.0..90.0).contains(&x) && (30.0..80.0).contains(&y);
    let tiles = y > 140.0 && ((x / 20.0) as i32 + (y / 10.0) as i32) % 2 == 0;
    90.0 + x / 10.0 + if door { -40.0 } else { 0.0 } + if window { 60.0 } else { 0.0 } + if tiles { 20.0 } else { 0.0 }
}

/// Somebody in a dark coat, head and body, whose middle is at `at`.
pub(super) fn somebody(at: f32, x: f32, y: f32, behind: f32) -> f32 {
    let head = (x - at).powi(2) + (y - 65.0).powi(2) < 100.0;
    let body = (x - at).abs() < 14.0 && (75.0..165.0).contains(&y);
    if head {
        170.0
    } else if body {
        35.0
    } else {
        behind
    }
}

pub(super) fn seen_at(at: f32) -> Option<Vec<Detection>> {
    let area = Area::clipped((at - 15.0) / 320.0, 55.0 / 180.0, (at + 15.0) / 320.0, 165.0 / 180.0);
    Some(
        area.map(|area| Detection { kind: Kind::Person, area, score: Score::new(0.83).unwrap() }).into_iter().collect(),
    )
}

/// From beyond the left edge to beyond the right one in eight seconds.
pub(super) fn walk(since: f32) -> f32 {
    -20.0 + since * 45.0
}
