//! Motion: what moves in the scene, as events.
//!
//! **Invariant.** Whatever the pictures and their stamps, nothing panics, each event has one start and one end with its
//! updates between, and at most eight are open. While the background is not known, [`Watch::moving`] is the whole
//! picture: not known is not the same as still. What is kept ([`Watch::keep`]) is never learnt, so that who sits still in
//! a mask stays in [`Watch::moving`]. In the steady state nothing is allocated for a frame in which nothing happens.
//!
//! A frame becomes a small grey grid (`grid`), is held against what the scene looks like when nothing moves
//! (`background`), unless it is the camera that moves (`camera`). What differs is gathered into regions (`regions`), and
//! regions of many frames, together with whom the person network found (`people`), into visits (`visits`); `stir` tells
//! what moves from what only stands where nothing stood, `attention` knows where the owner wants to be told. Finding
//! persons is the networks' business, painting the redactor's.

mod attention;
mod background;
mod camera;
pub(in crate::inspect) mod grid;
mod people;
mod regions;
mod settings;
mod stir;
#[cfg(test)]
mod tests;
mod visit;
mod visits;

use frostglass_vault::{Area, Detection, Format, Picture, Stamp};
use jiff::Timestamp;

use crate::event::Event;
pub use settings::{WatchRule, WatchSettings, WatchZone};

use attention::Attention;
use background::{Background, Threshold, Verdict};
use camera::Camera;
use grid::Grid;
use people::People;
use regions::{Finder, MOST_REGIONS, Region};
use stir::Stir;
use visit::{Moment, Sighting};
use visits::{MOST_OPEN, Visits};

/// What is hidden because it moves is looked for at least at this sensitivity, however few events the owner wants.
const HIDING: f32 = 0.5;
/// A longer pause between two frames, in seconds, or a step back, and the scene counts as another one.
const JUMP: f64 = 10.0;

/// Watches one camera.
pub struct Watch {
    motion: bool,
    grid: Grid,
    camera: Camera,
    background: Background,
    stir: Stir,
    finder: Finder,
    attention: Attention,
    people: People,
    visits: Visits,
    sightings: Vec<Sighting>,
    moving: Vec<Area>,
    /// Cells that a region must have to begin an event.
    smallest: usize,
    score: f32,
    last: Option<Stamp>,
}

/// A person stirs when so many cells of their box do: so many at least, and this share of it.
const STIRRING_CELLS: usize = 3;
const STIRRING_SHARE: f32 = 0.01;

impl Watch {
    /// A watch over pictures of `format`.
    #[must_use]
    pub fn new(settings: WatchSettings, format: Format) -> Self {
        let sensitivity = if settings.sensitivity.is_nan() { 0.5 } else { settings.sensitivity.clamp(0.0, 1.0) };
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
        let (threshold, fine) = (threshold(sensitivity), threshold(HIDING));
        Self {
            motion: settings.motion,
            background: Background::new(grid.columns, threshold, fine, blind),
            camera: Camera::new(grid.columns, grid.rows),
            stir: Stir::new(cells, threshold),
            people: People::new(),
            attention: Attention::new(&settings.zones, grid.columns, grid.rows),
            grid,
            finder: Finder::new(cells),
            visits: Visits::new(settings.cooldown),
            sightings: Vec::new(),
            moving: Vec::with_capacity(MOST_REGIONS),
            smallest,
            score: 0.0,
            last: None,
        }
    }

    /// From now on the background is not learnt in the cells that these areas touch, and only in them; said before the frame
    /// that they belong to is observed.
    ///
    /// So that somebody who sits still under a mask stays in [`moving`](Self::moving) for as long as they are kept, and a
    /// minute and a half longer. What has to be learnt meanwhile, at the start or because of another light, counts as moving
    /// there: it could be them.
    pub fn keep(&mut self, areas: &[Area]) {
        let grid = &self.grid;
        self.background.keep_only(areas.iter().map(|area| grid.cells(*area)));
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
        let read = self.grid.read(picture);
        self.go_on(read, stamp, persons, wall, out);
    }

    /// The same for a picture whose grid somebody has read already.
    pub(super) fn observe_read(
        &mut self,
        grid: &Grid,
        stamp: Stamp,
        persons: Option<&[Detection]>,
        wall: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let read = self.grid.copy(grid);
        self.go_on(read, stamp, persons, wall, out);
    }

    fn go_on(
        &mut self,
        read: bool,
        stamp: Stamp,
        persons: Option<&[Detection]>,
        wall: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let now = Moment { frame: stamp.sequence, time: stamp.time.as_secs_f64(), wall };
        let elapsed = self.last.map_or(0.0, |last| now.time - last.time.as_secs_f64());
        if !(0.0..=JUMP).contains(&elapsed) {
            self.finish(wall, out);
            self.begin_anew();
        }
        let seconds = if (0.0..=JUMP).contains(&elapsed) { elapsed as f32 } else { 0.0 };
        self.last = Some(stamp);
        self.moving.clear();
        self.sightings.clear();
        self.score = 0.0;

        let camera = read && self.camera.observe(&self.grid.means, seconds);
        if camera {
            // The scene is where it was, the picture of it is not.
            self.background.forget();
            self.stir.forget();
            self.people.forget();
        }
        let first = self.background.is_learning_first();
        let verdict = if read { self.background.observe(&self.grid.means, seconds) } else { Verdict::Learning };
        if verdict == Verdict::Known {
            self.hide_what_moves();
        } else {
            self.moving.push(Area::EVERYTHING);
        }
        if read && !camera && self.motion {
            self.stir.observe(&self.grid.means, seconds);
        }
        if verdict == Verdict::Known {
            self.find_regions();
        } else if (camera || verdict == Verdict::Everything) && !self.attention.ignores_all() {
            self.score = 1.0;
            let whole = Sighting { area: Area::EVERYTHING, begins: true, stirs: true, score: 0.9, wide: true };
            self.sightings.push(whole);
        }
        if self.motion {
            if verdict == Verdict::Learning && !camera {
                self.visits.hold(now);
            }
            self.visit(verdict, now);
            if let Some(persons) = persons.filter(|_| !camera) {
                let credible = verdict == Verdict::Known || (verdict == Verdict::Learning && first);
                self.meet(persons, credible && self.stir.is_credible(), now);
            }
            for area in self.visits.persons() {
                self.background.rejuvenate(self.grid.cells(area));
            }
            self.visits.tell(now, &self.attention, out);
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
    /// The whole picture while it is not known what moves: at the start, after a change of light, while the camera moves.
    /// Otherwise the box of each region that is not as the background is, a cell wider on each side, however small, unless
    /// it is lone cells of noise; a low sensitivity makes it no coarser than the default one does.
    #[must_use]
    pub fn moving(&self) -> &[Area] {
        &self.moving
    }

    /// Strength of the motion in the frame observed last, of that which may raise events where the owner wants them: the
    /// share of the picture that moves in its largest region, `0..=1`.
    ///
    /// Regions of less than a quarter of what begins an event do not count. 1 when all of it does, or the camera; 0 while the background is not known. Compare with
    /// [`begins_at`](Self::begins_at): from there on an event begins, if it goes on for a quarter of a second.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.score
    }

    /// The least [`score`](Self::score) that begins an event at this sensitivity.
    #[must_use]
    pub fn begins_at(&self) -> f32 {
        self.smallest as f32 / self.grid.means.len().max(1) as f32
    }

    fn begin_anew(&mut self) {
        self.background.forget();
        self.camera.forget();
        self.stir.forget();
        self.people.forget();
    }

    fn hide_what_moves(&mut self) {
        let (columns, rows) = (self.grid.columns, self.grid.rows);
        let Some(doubtful) = self.background.doubtful() else { return };
        self.finder.find(columns, self.background.excess(), |cell| doubtful[cell]);
        for Region { cells: [left, top, right, bottom], .. } in &self.finder.found {
            // The cells beside it may be covered in part.
            let wider =
                [left.saturating_sub(1), top.saturating_sub(1), (right + 1).min(columns), (bottom + 1).min(rows)];
            self.moving.push(self.grid.area(wider));
        }
    }

    fn find_regions(&mut self) {
        let (columns, background) = (self.grid.columns, &mut self.background);
        let keeps = self.smallest.div_ceil(4);
        if !background.some_move() {
            return;
        }
        let attention = &self.attention;
        self.finder.find(columns, background.excess(), |cell| background.moving()[cell] && !attention.ignores(cell));
        for region in self.finder.found.iter().filter(|region| region.count >= keeps) {
            // Too small a region has no texture to judge by.
            if region.count * 100 >= self.grid.means.len() && background.is_light(&self.grid.means, region.cells) {
                background.accept(&self.grid.means, region.cells);
            } else if is_watched(region, &self.attention, background.moving(), columns, keeps) {
                self.score = self.score.max(region.count as f32 / self.grid.means.len().max(1) as f32);
                self.sightings.push(Sighting {
                    area: self.grid.area(region.cells),
                    begins: region.count >= self.smallest,
                    stirs: self.stir.count(region.cells, columns, |_| true) >= 2,
                    score: 1.0 - 0.5 / (region.excess / region.count.max(1) as f32).sqrt().max(0.5),
                    wide: false,
                });
            }
        }
        if self.sightings.iter().filter(|sighting| sighting.begins).count() > MOST_OPEN {
            let score = self.sightings.iter().map(|sighting| sighting.score).fold(0.0, f32::max);
            self.sightings.clear();
            self.sightings.push(Sighting { area: Area::EVERYTHING, begins: true, stirs: true, score, wide: true });
        }
    }

    fn visit(&mut self, verdict: Verdict, now: Moment) {
        let (grid, attention, background) = (&self.grid, &self.attention, &self.background);
        let whole = verdict != Verdict::Known;
        self.visits.observe(&self.sightings, now, attention, |area, zone| {
            cells_in(grid.cells(area), grid.columns)
                .any(|cell| attention.watches(zone, cell) && (whole || background.moving()[cell]))
        });
    }

    fn meet(&mut self, persons: &[Detection], credible: bool, now: Moment) {
        let (grid, attention, stir) = (&self.grid, &self.attention, &self.stir);
        let zones = attention.zones();
        let stirring = |area: Area, counts: &dyn Fn(usize) -> bool| stir.count(grid.cells(area), grid.columns, counts);
        self.people.meet(persons, now.time, |area| {
            let enough = STIRRING_SHARE * area.width() * area.height() * grid.means.len() as f32;
            let count = stirring(area, &|_| true);
            credible && count >= STIRRING_CELLS && count as f32 >= enough
        });
        let wanted = |cell: usize| {
            !attention.ignores(cell) && (zones == 0 || (0..zones).any(|zone| attention.watches(zone, cell)))
        };
        self.visits.meet(
            &self.people,
            now,
            zones,
            |area| stirring(area, &wanted) >= STIRRING_CELLS,
            |area, zone| stirring(area, &|cell| attention.watches(zone, cell)) > 0,
        );
    }
}

/// How much a cell must differ, at a sensitivity of `0..=1`.
fn threshold(sensitivity: f32) -> Threshold {
    let between = |least: f32, most: f32| least + (most - least) * sensitivity;
    Threshold { deviations: between(7.0, 2.5), floor: between(12.0, 3.0) }
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
