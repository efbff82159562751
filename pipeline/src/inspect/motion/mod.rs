//! Motion: what moves in the scene, as events.
//!
//! **Invariant.** Whatever the pictures and their stamps, nothing panics, each event has one start and one end with its
//! updates between, and at most eight are open. While the background is not known, [`Watch::moving`] is the whole
//! picture: not known is not the same as still. In the steady state nothing is allocated for a frame in which nothing
//! happens.
//!
//! A frame becomes a small grey grid (`grid`), is held against what the scene looks like when nothing moves
//! (`background`), what differs is gathered into regions (`regions`), and regions of many frames into visits
//! (`visits`); `attention` knows where the owner wants to be told. Finding persons is the networks' business, painting
//! the redactor's.

mod attention;
mod background;
pub(in crate::inspect) mod grid;
mod regions;
#[cfg(test)]
mod tests;
mod visits;

use std::time::Duration;

use frostglass_vault::{Area, Detection, Format, Outline, Picture, Stamp};
use jiff::Timestamp;

use crate::event::Event;
use attention::Attention;
use background::{Background, Threshold, Verdict};
use grid::Grid;
use regions::{Finder, Region};
use visits::{MOST_OPEN, Moment, Sighting, Visits};

/// A longer pause between two frames, in seconds, or a step back, and the scene counts as another one.
const JUMP: f64 = 10.0;

/// What raises events.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// Whether motion raises events at all; [`Watch::moving`] is kept either way.
    pub motion: bool,
    /// `0..=1`: from large and clear only to small and faint too; 0.5 by default. NaN counts as 0.5.
    pub sensitivity: f32,
    /// How long nothing must move for an event to be over; at least half a second.
    pub cooldown: Duration,
    /// Where events are wanted, and where not.
    pub zones: Vec<WatchZone>,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { motion: true, sensitivity: 0.5, cooldown: Duration::from_secs(5), zones: Vec::new() }
    }
}

/// A part of the picture with a rule about events.
#[derive(Clone, Debug)]
pub struct WatchZone {
    /// Its name, as events tell it.
    pub name: String,
    /// What the rule is.
    pub rule: WatchRule,
    /// Its border.
    pub outline: Outline,
}

/// What a zone means for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchRule {
    /// If there are zones to watch, only motion that touches one raises events.
    Watch,
    /// Motion in it raises no event.
    Ignore,
    /// It is painted over before anybody looks, so that nothing can move in it.
    Hide,
}

/// Watches one camera.
pub struct Watch {
    motion: bool,
    grid: Grid,
    background: Background,
    finder: Finder,
    attention: Attention,
    visits: Visits,
    sightings: Vec<Sighting>,
    moving: Vec<Area>,
    /// Cells that a region must have to begin an event.
    smallest: usize,
    last: Option<Stamp>,
}

impl Watch {
    /// A watch over pictures of `format`.
    #[must_use]
    pub fn new(settings: WatchSettings, format: Format) -> Self {
        let sensitivity = if settings.sensitivity.is_nan() { 0.5 } else { settings.sensitivity.clamp(0.0, 1.0) };
        let between = |least: f32, most: f32| least + (most - least) * sensitivity;
        let grid = Grid::new(format);
        let cells = grid.means.len();
        // Shares of the picture from 1.2 % down to 0.02 %, in even ratios.
        let share = 0.012 * (0.0002f32 / 0.012).powf(sensitivity);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of at most 25600 cells")]
        let smallest = ((cells as f32 * share).round() as usize).max(2);
        let mut blind = vec![false; cells];
        for zone in settings.zones.iter().filter(|zone| zone.rule == WatchRule::Hide) {
            let hidden = attention::cells_of(&zone.outline, grid.columns, grid.rows);
            blind.iter_mut().zip(hidden).for_each(|(blind, hidden)| *blind |= hidden);
        }
        let threshold = Threshold { deviations: between(7.0, 2.5), floor: between(12.0, 3.0) };
        Self {
            motion: settings.motion,
            background: Background::new(grid.columns, threshold, blind),
            attention: Attention::new(&settings.zones, grid.columns, grid.rows),
            grid,
            finder: Finder::new(cells),
            visits: Visits::new(settings.cooldown),
            sightings: Vec::new(),
            moving: Vec::with_capacity(1),
            smallest,
            last: None,
        }
    }

    /// Looks at a frame and appends what there is to tell.
    ///
    /// `persons` is what the person network found in this frame, `None` when it did not look; `wall` is only written
    /// into events, all durations are those of the stamps. A stamp that steps back, or forward by more than ten
    /// seconds, ends what is open and begins anew. A picture of another format counts as one nobody could see.
    pub fn observe(
        &mut self,
        picture: &Picture<'_>,
        stamp: Stamp,
        persons: Option<&[Detection]>,
        wall: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let now = Moment { frame: stamp.sequence, time: stamp.time.as_secs_f64(), wall };
        let elapsed = self.last.map_or(0.0, |last| now.time - last.time.as_secs_f64());
        if !(0.0..=JUMP).contains(&elapsed) {
            self.finish(wall, out);
            self.background.forget();
        }
        let seconds = if (0.0..=JUMP).contains(&elapsed) { elapsed as f32 } else { 0.0 };
        self.last = Some(stamp);
        self.moving.clear();
        self.sightings.clear();

        let verdict = if self.grid.read(picture) {
            self.background.observe(&self.grid.means, seconds)
        } else {
            Verdict::Learning
        };
        match verdict {
            Verdict::Learning => self.moving.push(Area::EVERYTHING),
            Verdict::Everything => {
                self.moving.push(Area::EVERYTHING);
                let whole = Sighting { area: Area::EVERYTHING, begins: true, score: 0.9, wide: true };
                self.sightings.push(whole);
            }
            Verdict::Known => self.find_regions(),
        }
        if self.motion {
            self.tell(verdict, persons, now, out);
        }
    }

    /// Ends the events that are open, as at the end of a clip.
    pub fn finish(&mut self, wall: Timestamp, out: &mut Vec<Event>) {
        if let Some(last) = self.last {
            let now = Moment { frame: last.sequence, time: last.time.as_secs_f64(), wall };
            self.visits.end_all(now, &self.attention, out);
        }
    }

    /// What moves in the frame observed last, wherever it is: zones and the switch for events do not matter here.
    ///
    /// The whole picture while it is not known what moves: at the start, and after a change of light.
    #[must_use]
    pub fn moving(&self) -> &[Area] {
        &self.moving
    }

    fn find_regions(&mut self) {
        let (columns, background) = (self.grid.columns, &mut self.background);
        let keeps = self.smallest.div_ceil(4);
        self.finder.find(columns, background.excess(), |cell| background.moving()[cell]);
        for region in self.finder.found.iter().filter(|region| region.count >= keeps) {
            self.moving.push(self.grid.area(region.cells));
        }
        if self.attention.ignores_some() {
            let attention = &self.attention;
            let wanted = |cell| background.moving()[cell] && !attention.ignores(cell);
            self.finder.find(columns, background.excess(), wanted);
        }
        for region in self.finder.found.iter().filter(|region| region.count >= keeps) {
            // Too small a region has no texture to judge by.
            if region.count * 100 >= self.grid.means.len() && background.is_light(&self.grid.means, region.cells) {
                background.accept(&self.grid.means, region.cells);
            } else if is_watched(region, &self.attention, background.moving(), columns, keeps) {
                self.sightings.push(Sighting {
                    area: self.grid.area(region.cells),
                    begins: region.count >= self.smallest,
                    score: 1.0 - 0.5 / (region.excess / region.count.max(1) as f32).sqrt().max(0.5),
                    wide: false,
                });
            }
        }
        if self.sightings.iter().filter(|sighting| sighting.begins).count() > MOST_OPEN {
            let score = self.sightings.iter().map(|sighting| sighting.score).fold(0.0, f32::max);
            self.sightings.clear();
            self.sightings.push(Sighting { area: Area::EVERYTHING, begins: true, score, wide: true });
        }
    }

    fn tell(&mut self, verdict: Verdict, persons: Option<&[Detection]>, now: Moment, out: &mut Vec<Event>) {
        if verdict == Verdict::Learning {
            self.visits.hold(now);
        }
        let (grid, attention, background) = (&self.grid, &self.attention, &self.background);
        let whole = verdict == Verdict::Everything;
        self.visits.observe(&self.sightings, now, attention, |area, zone| {
            cells_in(grid.cells(area), grid.columns)
                .any(|cell| attention.watches(zone, cell) && (whole || background.moving()[cell]))
        });
        if let Some(persons) = persons {
            self.visits.meet(persons, now);
        }
        for area in self.visits.persons() {
            self.background.keep(self.grid.cells(area));
        }
        self.visits.tell(now, &self.attention, out);
    }
}

/// Whether enough of a region lies where events are wanted.
fn is_watched(region: &Region, attention: &Attention, moving: &[bool], columns: usize, enough: usize) -> bool {
    let zones = attention.zones();
    let wanted = |cell: &usize| moving[*cell] && (0..zones).any(|zone| attention.watches(zone, *cell));
    zones == 0 || cells_in(region.cells, columns).filter(wanted).take(enough).count() >= enough
}

fn cells_in([left, top, right, bottom]: [usize; 4], columns: usize) -> impl Iterator<Item = usize> {
    (top..bottom).flat_map(move |y| (left..right).map(move |x| y * columns + x))
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("last", &self.last).field("moving", &self.moving).finish_non_exhaustive()
    }
}
