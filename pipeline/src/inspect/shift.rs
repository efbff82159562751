//! How the camera moved since the frame before, and whether it shows another scene: from the small grey picture.
//!
//! **Invariant.** When in doubt the camera stands still and the scene is the same: a track that is torn costs a mask that is
//! too wide, a scene that is cut where it was not ends masks that should linger. Nothing is allocated after the first frame.
//!
//! Global motion by integral projections (Sauer and Schwartz, 1996): in three by three fields of the picture the sums of
//! rows and of columns are held against those of the frame before. The median of what the fields say is the pan, how it
//! differs from side to side the zoom; it is believed only if the picture, moved so, is more like this one than unmoved.

use frostglass_vault::Picture;

use super::motion::grid::Grid;
use crate::hold::track::Shift;

/// Fields along each axis.
const FIELDS: usize = 3;
/// The farthest step between two frames, in cells: 160 of them are the longer side.
const FARTHEST: usize = 12;
/// A pan is believed when it takes away so much of the difference between two frames.
const BETTER: f32 = 0.85;
/// A zoom below this between two frames is none.
const LEAST_ZOOM: f32 = 0.0015;
const MOST_ZOOM: f32 = 0.05;
/// Two pictures with less in common than this, as a correlation, are two scenes.
const CUT_BELOW: f32 = 0.35;
/// Levels of luma by which a picture must vary to be told from noise.
const LEAST_CONTRAST: f32 = 6.0;

/// Watches how the picture moves.
pub(super) struct Steadying {
    grid: Option<Grid>,
    last: Vec<f32>,
    /// Whether `last` holds a frame.
    knows: bool,
    /// Whether the frame observed last could be read.
    read: bool,
    now_profile: Vec<f32>,
    last_profile: Vec<f32>,
}

/// What one frame told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steady {
    pub(super) shift: Shift,
    pub(super) cut: bool,
}

impl Steadying {
    pub(super) fn new() -> Self {
        Self {
            grid: None,
            last: Vec::new(),
            knows: false,
            read: false,
            now_profile: Vec::new(),
            last_profile: Vec::new(),
        }
    }

    /// The grey picture of the frame observed last; `None` when it could not be read.
    pub(super) fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref().filter(|_| self.read)
    }

    /// Takes in the next frame.
    pub(super) fn observe(&mut self, picture: &Picture<'_>) -> Steady {
        const UNKNOWN: Steady = Steady { shift: Shift::NONE, cut: false };
        let grid = self.grid.get_or_insert_with(|| Grid::new(picture.format()));
        self.read = grid.read(picture);
        if !self.read {
            return UNKNOWN;
        }
        let seen = if self.knows { self.compare() } else { UNKNOWN };
        let Self { grid: Some(grid), last, knows, .. } = self else { return UNKNOWN };
        last.clear();
        last.extend_from_slice(&grid.means);
        *knows = true;
        seen
    }

    fn compare(&mut self) -> Steady {
        let Self { grid: Some(grid), last, now_profile, last_profile, .. } = self else {
            return Steady { shift: Shift::NONE, cut: false };
        };
        let (columns, rows) = (grid.columns, grid.rows);
        let view = View { columns, rows };
        // Where it is too small to be divided, nothing can be told.
        let fields = (columns >= FIELDS * 2 * FARTHEST / 3 && rows >= FIELDS * 4)
            .then(|| [0, 1].map(|axis| view.fields(&grid.means, last, axis, [now_profile, last_profile])));
        let shift = fields.map_or(Shift::NONE, |[across, down]| view.fit(across, down));
        let (still, still_alike) = view.difference(last, &grid.means, Shift::NONE);
        let (moved, moved_alike) = view.difference(last, &grid.means, shift);
        let (shift, alike) = if moved < BETTER * still { (shift, moved_alike) } else { (Shift::NONE, still_alike) };
        let contrasts = [spread(last), spread(&grid.means)];
        let telling = contrasts.iter().any(|&contrast| contrast > LEAST_CONTRAST);
        Steady { shift, cut: telling && alike.max(still_alike) < CUT_BELOW }
    }
}

/// A grid's shape.
#[derive(Clone, Copy)]
struct View {
    columns: usize,
    rows: usize,
}

impl View {
    /// By how many cells each field moved along an axis; `None` where nothing can be told.
    fn fields(
        self,
        now: &[f32],
        last: &[f32],
        axis: usize,
        profiles: [&mut Vec<f32>; 2],
    ) -> [[Option<f32>; FIELDS]; FIELDS] {
        let (along, beside) = if axis == 0 { (self.columns, self.rows) } else { (self.rows, self.columns) };
        let farthest = FARTHEST.min(along / 6);
        let [now_profile, last_profile] = profiles;
        let mut found = [[None; FIELDS]; FIELDS];
        for (band, found) in found.iter_mut().enumerate() {
            let lines = band * beside / FIELDS..(band + 1) * beside / FIELDS;
            for (profile, means) in [(&mut *now_profile, now), (&mut *last_profile, last)] {
                profile.clear();
                profile.resize(along, 0.0);
                if axis == 0 {
                    for row in lines.clone() {
                        let row = &means[row * self.columns..][..self.columns];
                        profile.iter_mut().zip(row).for_each(|(sum, mean)| *sum += mean);
                    }
                } else {
                    for (row, sum) in profile.iter_mut().enumerate() {
                        *sum = means[row * self.columns..][lines.clone()].iter().sum();
                    }
                }
                profile.iter_mut().for_each(|sum| *sum /= lines.len().max(1) as f32);
            }
            for (field, found) in found.iter_mut().enumerate() {
                // So that the step stays in the picture.
                let from = (field * along / FIELDS).max(farthest);
                let to = ((field + 1) * along / FIELDS).min(along - farthest);
                *found = step(now_profile, last_profile, from..to, farthest);
            }
        }
        found
    }

    /// The pan and zoom that most fields agree on.
    fn fit(self, across: [[Option<f32>; FIELDS]; FIELDS], down: [[Option<f32>; FIELDS]; FIELDS]) -> Shift {
        let lengths = [self.columns as f32, self.rows as f32];
        let third = |axis: usize| lengths[axis] * 2.0 / FIELDS as f32;
        let zooms = [(across, 0), (down, 1)].map(|(bands, axis)| {
            bands.map(|[first, _, last]| first.zip(last).map(|(first, last)| (last - first) / third(axis)))
        });
        let zoom = median(zooms.iter().flatten().flatten().copied()).unwrap_or(0.0);
        let zoom = if (LEAST_ZOOM..MOST_ZOOM).contains(&zoom.abs()) { zoom } else { 0.0 };
        let by = [(across, 0), (down, 1)].map(|(bands, axis)| {
            let steps = bands.iter().flat_map(|fields| {
                fields.iter().enumerate().filter_map(|(field, step)| {
                    let middle = (field as f32 + 0.5) / FIELDS as f32 * lengths[axis];
                    step.map(|step| step - zoom * middle)
                })
            });
            median(steps).unwrap_or(0.0) / lengths[axis]
        });
        Shift { scale: 1.0 + zoom, by }
    }

    /// How two frames differ when the one before is moved: the mean difference of luma, their means made equal, and their
    /// correlation. Every second cell of every second row is looked at.
    fn difference(self, last: &[f32], now: &[f32], shift: Shift) -> (f32, f32) {
        let lengths = [self.columns as f32, self.rows as f32];
        let mut sums = [0.0f32; 6];
        let pairs = |tell: &mut dyn FnMut(f32, f32)| {
            for y in (0..self.rows).step_by(2) {
                // Where this cell was before.
                let from_y = ((y as f32 + 0.5) / lengths[1] - shift.by[1]) / shift.scale * lengths[1] - 0.5;
                for x in (0..self.columns).step_by(2) {
                    let from_x = ((x as f32 + 0.5) / lengths[0] - shift.by[0]) / shift.scale * lengths[0] - 0.5;
                    if let Some(before) = self.sample(last, from_x, from_y) {
                        tell(before, now[y * self.columns + x]);
                    }
                }
            }
        };
        pairs(&mut |before, now| {
            sums[0] += 1.0;
            sums[1] += before;
            sums[2] += now;
            sums[3] += before * before;
            sums[4] += now * now;
            sums[5] += before * now;
        });
        let [count, before, after, before2, after2, both] = sums;
        if count < 1.0 {
            return (f32::MAX, 1.0);
        }
        let (before, after) = (before / count, after / count);
        let variances =
            [before2 / count - before * before, after2 / count - after * after].map(|variance| variance.max(1e-3));
        let covariance = both / count - before * after;
        let mut apart = 0.0;
        pairs(&mut |one, two| apart += ((two - after) - (one - before)).abs());
        (apart / count, covariance / (variances[0] * variances[1]).sqrt())
    }

    fn sample(self, means: &[f32], x: f32, y: f32) -> Option<f32> {
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and at most a column or row"
        )]
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.columns || row + 1 >= self.rows {
            return None;
        }
        let (right, below) = (x - column as f32, y - row as f32);
        let at = |dx: usize, dy: usize| means[(row + dy) * self.columns + column + dx];
        let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * right;
        let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * right;
        Some(upper + (lower - upper) * below)
    }
}

/// The step, in cells and parts of them, after which a stretch of the profile before is most like the one now.
fn step(now: &[f32], last: &[f32], stretch: std::ops::Range<usize>, farthest: usize) -> Option<f32> {
    if stretch.len() < 6 || farthest == 0 {
        return None;
    }
    let window = &now[stretch.clone()];
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let (level, length) = (mean(window), window.len() as f32);
    let texture = window.iter().map(|value| (value - level).abs()).sum::<f32>() / length;
    // A flat wall tells nothing.
    if texture < 1.5 {
        return None;
    }
    let mut costs = [f32::MAX; 2 * FARTHEST + 1];
    for (index, cost) in costs.iter_mut().enumerate().take(2 * farthest + 1) {
        // What is at `x` now was at `x - step` before.
        let start = stretch.start + farthest - index;
        let before = &last[start..start + window.len()];
        let off = mean(before) - level;
        *cost = window.iter().zip(before).map(|(now, before)| (now - before + off).abs()).sum::<f32>() / length;
    }
    let costs = &costs[..2 * farthest + 1];
    let best = (0..costs.len()).min_by(|&one, &two| costs[one].total_cmp(&costs[two]))?;
    let others = costs.iter().sum::<f32>() / costs.len() as f32;
    // At the end of the range the true minimum is beyond; and a minimum that is hardly one is none.
    if best == 0 || best + 1 == costs.len() || costs[best] > 0.6 * others {
        return None;
    }
    // The lowest point of the parabola through three costs.
    let (left, middle, right) = (costs[best - 1], costs[best], costs[best + 1]);
    let bend = left - 2.0 * middle + right;
    let part = if bend > 1e-6 { ((left - right) / (2.0 * bend)).clamp(-0.5, 0.5) } else { 0.0 };
    Some(best as f32 - farthest as f32 + part)
}

/// The median of at most nine numbers; `None` of fewer than three, which are no majority of anything.
fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut sorted = [0.0f32; FIELDS * FIELDS];
    let mut count = 0;
    for value in values.take(sorted.len()) {
        sorted[count] = value;
        count += 1;
    }
    let sorted = &mut sorted[..count];
    sorted.sort_unstable_by(f32::total_cmp);
    (count >= 3).then(|| (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0)
}

/// Standard deviation of the luma.
fn spread(means: &[f32]) -> f32 {
    let count = means.len().max(1) as f32;
    let mean = means.iter().sum::<f32>() / count;
    (means.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Format, Matrix, Plane, Range, Size};

    use super::*;

    const SIZE: Size = Size::new(640, 360);

    /// A textured plane seen by a camera that looks at `(x, y)`, in pixels, at this zoom.
    fn scene(seed: f32, x: f32, y: f32, zoom: f32) -> Vec<u8> {
        let texture = |u: f32, v: f32| {
            let waves = (u * 0.031 + seed).sin()
                + (v * 0.043 - seed).cos()
                + ((u + v) * 0.017 + 2.0 * seed).sin()
                + (u * 0.11).sin() * (v * 0.09).sin();
            (128.0 + 28.0 * waves) as u8
        };
        let at = |px: u32, py: u32| {
            let (cx, cy) = (px as f32 - 320.0, py as f32 - 180.0);
            texture(x + cx / zoom, y + cy / zoom)
        };
        (0..SIZE.height).flat_map(|py| (0..SIZE.width).map(move |px| (px, py))).map(|(px, py)| at(px, py)).collect()
    }

    fn observe(steadying: &mut Steadying, luma: &[u8]) -> Steady {
        let chroma = vec![128; 320 * 180];
        let planes =
            [(luma, 640), (&chroma[..], 320), (&chroma[..], 320)].map(|(bytes, stride)| Plane { bytes, stride });
        steadying.observe(&Picture::new(Format::video(SIZE, Matrix::Bt601, Range::Full), planes).unwrap())
    }

    #[test]
    fn a_pan_and_a_zoom_are_measured() {
        for (dx, dy, zoom) in
            [(0.0, 0.0, 1.0), (10.0, -6.0, 1.0), (-25.0, 12.0, 1.0), (5.0, 3.0, 1.02), (2.0, 0.0, 1.0)]
        {
            let mut steadying = Steadying::new();
            observe(&mut steadying, &scene(1.0, 500.0, 300.0, 1.0));
            let Steady { shift, cut } = observe(&mut steadying, &scene(1.0, 500.0 + dx, 300.0 + dy, zoom));
            assert!(!cut);
            // What was in the middle is at the middle minus the pan, times the zoom.
            let [x, y] = [0, 1].map(|axis| shift.scale * 0.5 + shift.by[axis]);
            let wanted = [0.5 - dx * zoom / 640.0, 0.5 - dy * zoom / 360.0];
            assert!(
                (x - wanted[0]).abs() < 2.0 / 640.0 && (y - wanted[1]).abs() < 2.0 / 360.0,
                "{dx},{dy},{zoom}: {shift:?}"
            );
            assert!((shift.scale - zoom).abs() < 0.005, "{zoom}: {shift:?}");
        }
    }

    #[test]
    fn another_scene_is_a_cut_and_other_light_is_not() {
        let mut steadying = Steadying::new();
        let bright = scene(1.0, 500.0, 300.0, 1.0);
        observe(&mut steadying, &bright);
        let dark: Vec<u8> = bright.iter().map(|luma| luma / 3).collect();
        assert!(!observe(&mut steadying, &dark).cut);
        assert!(observe(&mut steadying, &scene(2.5, 4000.0, 9000.0, 1.6)).cut);
    }

    #[test]
    fn a_wall_without_texture_tells_nothing() {
        let mut steadying = Steadying::new();
        let noise: Vec<u8> = (0..640 * 360u32).map(|at| 100 + (at.wrapping_mul(2_654_435_761) >> 30) as u8).collect();
        observe(&mut steadying, &vec![100; 640 * 360]);
        assert_eq!(observe(&mut steadying, &noise), Steady { shift: Shift::NONE, cut: false });
    }
}
