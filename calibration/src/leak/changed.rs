//! Which pixels of a face were materially changed, and which pixels of the rest.
//!
//! Inside a face box of height h a pixel counts as changed when
//!
//! * the low-pass difference of original and redacted (Gaussian h/16) is above 10 grey levels, or
//! * the structure at face scale (band-pass between Gaussians h/40 and h/12) no longer agrees: the contrast-structure
//!   term of SSIM (Wang et al., 2004), 2·cov / (var + var) in a Gaussian window of h/8, is below 0.65. It is about 1 for
//!   an untouched or re-compressed face, and falls when detail is attenuated, shuffled or replaced.
//!
//! Pixels without such detail (flat skin) say nothing: they copy the nearest pixel that does. All means are taken over
//! pixels of the box alone, so that untouched surroundings do not vote.
//!
//! **Invariant:** the numbers here are the measure. Every figure of leak ever published stands on them: a change of one
//! makes old and new figures incomparable.

use crate::filter::{Plane, Span, Window, blur, coverage};
use crate::labels::Target;
use crate::nearest::nearest_members;

/// Grey levels of low-pass difference inside a face.
const LOW_DIFFERENCE: f32 = 10.0;
/// Agreement of structure below which a face's pixel counts as changed.
const AGREEMENT: f32 = 0.65;
/// Grey levels of band-pass detail below which a pixel can say nothing.
const DETAIL_FLOOR: f32 = 2.5;
/// The same, as a share of the upper quartile of the box.
const DETAIL_SHARE: f32 = 0.35;

/// The share of a labelled box that was changed, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Redacted {
    /// Of the whole box.
    pub of_box: f64,
    /// Of the ellipse inscribed in it: detectors that mask an ellipse lose the corners.
    pub of_ellipse: f64,
}

impl Redacted {
    /// A picture that never left.
    pub const WHOLLY: Self = Self { of_box: 1.0, of_ellipse: 1.0 };
}

/// A labelled box on whole pixels, and the piece of the picture around it.
#[derive(Debug, Clone, Copy)]
struct Cut {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    window: Window,
}

impl Cut {
    /// None when nothing of the box lies in the picture.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture before")]
    fn new(target: &Target, width: usize, height: usize) -> Option<Self> {
        let margin = (0.5 * face_height(target)).max(8.0) as usize;
        let axis = |from: f64, length: f64, whole: usize| {
            // Python's `round`: halves go to the even neighbour. A box has two pixels at least.
            let (start, end) = (from.round_ties_even(), (from + length).round_ties_even());
            let (start, end) = (start.max(0.0), end.max(start + 2.0).min(whole as f64));
            (end > start).then_some((start as usize, end as usize))
        };
        let (left, right) = axis(target.x, target.w, width)?;
        let (top, bottom) = axis(target.y, target.h, height)?;
        let span =
            |start: usize, end: usize, whole: usize| Span { before: margin.min(start), after: margin.min(whole - end) };
        let window = Window { across: span(left, right, width), down: span(top, bottom, height) };
        Some(Self { left, top, width: right - left, height: bottom - top, window })
    }
}

/// Filters are scaled by this, in pixels.
fn face_height(target: &Target) -> f64 {
    target.h.max(4.0)
}

/// A labelled box on whole pixels: left, top, right, bottom (not included). `None` when nothing of it lies in the picture.
pub(crate) fn pixels_of_box(target: &Target, width: usize, height: usize) -> Option<[usize; 4]> {
    let Cut { left, top, width, height, .. } = Cut::new(target, width, height)?;
    Some([left, top, left + width, top + height])
}

/// How much of a labelled box was changed; `None` when that can not be decided: nothing of it lies in the picture, or
/// it is blank and unchanged.
///
/// `original` and `redacted` are grey levels of one size.
pub fn redacted_share(original: &Plane, redacted: &Plane, target: &Target) -> Option<Redacted> {
    let cut = Cut::new(target, original.width, original.height)?;
    let changed = changed_pixels(original, redacted, cut, face_height(target))?;

    let (a, b) = (cut.width as f64 / 2.0, cut.height as f64 / 2.0);
    let in_ellipse = |pixel: usize| {
        let (x, y) = ((pixel % cut.width) as f64 + 0.5 - a, (pixel / cut.width) as f64 + 0.5 - b);
        (x / a).powi(2) + (y / b).powi(2) <= 1.0
    };
    let of_box = share(changed.iter().copied());
    let ellipse = changed.iter().enumerate().filter(|&(pixel, _)| in_ellipse(pixel)).map(|(_, &changed)| changed);
    let of_ellipse = if ellipse.clone().next().is_some() { share(ellipse) } else { of_box };
    Some(Redacted { of_box, of_ellipse })
}

fn share(changed: impl Iterator<Item = bool>) -> f64 {
    let (count, all) = changed.fold((0_u32, 0_u32), |(count, all), changed| (count + u32::from(changed), all + 1));
    f64::from(count) / f64::from(all)
}

/// For each pixel of the box whether it was changed.
fn changed_pixels(original: &Plane, redacted: &Plane, cut: Cut, h: f64) -> Option<Vec<bool>> {
    let boxed = |plane: &Plane| plane.crop(cut.left, cut.top, cut.width, cut.height);
    let (original, redacted) = (boxed(original), boxed(redacted));
    let mean = MeanOverBox { cut };

    let low_pass = mean.at((h / 16.0).max(1.0));
    let fine = mean.at((h / 40.0).max(0.6));
    let coarse = mean.at((h / 12.0).max(1.8));
    let around = mean.at((h / 8.0).max(2.0));

    let difference = low_pass(&original.zip_with(&redacted, |o, r| o - r));
    let band = |plane: &Plane| fine(plane).zip_with(&coarse(plane), |fine, coarse| fine - coarse);
    let (band_o, band_r) = (band(&original), band(&redacted));
    let var_o = around(&band_o.zip_with(&band_o, |a, b| a * b));
    let var_r = around(&band_r.zip_with(&band_r, |a, b| a * b));
    let cov = around(&band_o.zip_with(&band_r, |a, b| a * b));

    let detail: Vec<f32> = var_o.values.iter().map(|v| v.sqrt()).collect();
    let enough = DETAIL_FLOOR.max(DETAIL_SHARE * upper_quartile(&detail));

    let mut decided = Vec::with_capacity(detail.len());
    let mut changed = Vec::with_capacity(detail.len());
    for (i, &detail) in detail.iter().enumerate() {
        let differs = difference.values[i].abs() > LOW_DIFFERENCE;
        // The redaction itself may have put detail where there was none.
        let new_detail = var_r.values[i].sqrt() > (2.0 * DETAIL_FLOOR).max(2.0 * detail);
        decided.push(detail > enough || new_detail || differs);
        changed.push(differs || agreement(var_o.values[i], var_r.values[i], cov.values[i]) < AGREEMENT);
    }
    copy_from_decided(&decided, &mut changed, cut)?;
    Some(changed)
}

/// The contrast-structure term of SSIM.
fn agreement(var_o: f32, var_r: f32, cov: f32) -> f32 {
    2.0 * cov / (var_o + var_r + 1e-6)
}

/// Gives each undecided pixel what the nearest decided one has; `None` when none is decided.
fn copy_from_decided(decided: &[bool], changed: &mut [bool], cut: Cut) -> Option<()> {
    let Window { across, down } = cut.window;
    // Paths may lead around the box, so the distances are taken over the whole piece.
    let width = across.before + cut.width + across.after;
    let height = down.before + cut.height + down.after;
    let in_piece = |pixel: usize| (pixel / cut.width + down.before) * width + pixel % cut.width + across.before;
    let mut members = vec![false; width * height];
    let mut verdicts = vec![false; width * height];
    for (pixel, &decided) in decided.iter().enumerate() {
        members[in_piece(pixel)] = decided;
        verdicts[in_piece(pixel)] = changed[pixel];
    }
    let nearest = nearest_members(&members, width)?;
    for (pixel, changed) in changed.iter_mut().enumerate() {
        *changed = verdicts[nearest[in_piece(pixel)]];
    }
    Some(())
}

/// Gaussian means over the pixels of the box alone.
#[derive(Clone, Copy)]
struct MeanOverBox {
    cut: Cut,
}

impl MeanOverBox {
    fn at(self, sigma: f64) -> impl Fn(&Plane) -> Plane {
        let window = self.cut.window;
        let weight = coverage(self.cut.width, self.cut.height, window, sigma);
        move |plane| blur(plane, window, sigma).zip_with(&weight, |sum, weight| sum / weight.max(1e-3))
    }
}

/// The 75th percentile, interpolated between neighbours as NumPy does.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lies in 0..len")]
fn upper_quartile(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let position = (values.len() - 1) as f64 * 0.75;
    let (index, share) = (position as usize, position.fract() as f32);
    let (_, &mut lower, above) = values.select_nth_unstable_by(index, f32::total_cmp);
    let upper = above.iter().copied().min_by(f32::total_cmp).unwrap_or(lower);
    let step = upper - lower;
    if share < 0.5 { lower + step * share } else { upper - step * (1.0 - share) }
}

/// For each pixel of a picture whether it was altered, whatever the scale: 12 grey levels of low-pass difference, or
/// detail (5 grey levels or more, in either) that agrees by less than 0.35. Tolerates re-compression.
pub fn altered_pixels(original: &Plane, redacted: &Plane) -> Vec<bool> {
    let blurred = |plane: &Plane, sigma: f64| blur(plane, Window::default(), sigma);
    let difference = blurred(&original.zip_with(redacted, |o, r| o - r), 1.5);
    let band = |plane: &Plane| blurred(plane, 1.2).zip_with(&blurred(plane, 6.0), |fine, coarse| fine - coarse);
    let (band_o, band_r) = (band(original), band(redacted));
    let around = |a: &Plane, b: &Plane| blurred(&a.zip_with(b, |a, b| a * b), 4.0);
    let (var_o, var_r, cov) = (around(&band_o, &band_o), around(&band_r, &band_r), around(&band_o, &band_r));
    (0..difference.values.len())
        .map(|i| {
            let (var_o, var_r, cov) = (var_o.values[i], var_r.values[i], cov.values[i]);
            difference.values[i].abs() > 12.0 || (agreement(var_o, var_r, cov) < 0.35 && var_o.max(var_r) > 25.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(x: f64, y: f64, w: f64, h: f64) -> Target {
        Target { x, y, w, h, ignore: false, track: None, attrs: std::collections::BTreeMap::new() }
    }

    /// Stripes and dots: detail at every scale.
    fn scene(width: usize, height: usize) -> Plane {
        let level =
            |x: usize, y: usize| 128.0 + 60.0 * ((x as f32) * 0.4).sin() + ((x * 31 + y * 17) % 23) as f32 * 2.0;
        Plane { width, height, values: (0..width * height).map(|i| level(i % width, i / width)).collect() }
    }

    #[test]
    fn what_is_unchanged_is_not_redacted_and_a_fill_is() {
        let original = scene(120, 90);
        let mut filled = original.clone();
        for (i, value) in filled.values.iter_mut().enumerate() {
            if (30..80).contains(&(i % 120)) && (20..70).contains(&(i / 120)) {
                *value = 0.0;
            }
        }
        let face = target(35.0, 25.0, 40.0, 40.0);
        assert_eq!(redacted_share(&original, &original, &face), Some(Redacted { of_box: 0.0, of_ellipse: 0.0 }));
        assert_eq!(redacted_share(&original, &filled, &face), Some(Redacted::WHOLLY));
        assert_eq!(altered_pixels(&original, &original), vec![false; 120 * 90]);
    }

    #[test]
    fn a_blank_unchanged_face_can_not_be_decided() {
        let blank = Plane { width: 50, height: 50, values: vec![90.0; 2500] };
        assert_eq!(redacted_share(&blank, &blank, &target(10.0, 10.0, 20.0, 20.0)), None);
        assert_eq!(redacted_share(&blank, &scene(50, 50), &target(60.0, 10.0, 20.0, 20.0)), None, "outside");
    }

    #[test]
    fn boxes_are_rounded_like_python_does_and_have_two_pixels() {
        struct Case {
            target: Target,
            left: usize,
            width: usize,
        }
        let cases = [
            Case { target: target(2.5, 0.0, 4.0, 9.0), left: 2, width: 4 },
            Case { target: target(3.5, 0.0, 4.0, 9.0), left: 4, width: 4 },
            Case { target: target(5.0, 0.0, 0.2, 9.0), left: 5, width: 2 },
            Case { target: target(-3.0, 0.0, 8.0, 9.0), left: 0, width: 5 },
            Case { target: target(18.0, 0.0, 8.0, 9.0), left: 18, width: 2 },
        ];
        for Case { target, left, width } in cases {
            let cut = Cut::new(&target, 20, 20).unwrap();
            assert_eq!((cut.left, cut.width), (left, width), "{target:?}");
        }
    }

    #[test]
    fn the_upper_quartile_is_numpys() {
        for (values, quartile) in [(&[1.0][..], 1.0), (&[4.0, 1.0], 3.25), (&[1.0, 2.0, 3.0, 4.0], 3.25)] {
            assert_eq!(upper_quartile(values), quartile, "{values:?}");
        }
    }
}
