//! Fusing: what several looks say about one place becomes one box and one score.
//!
//! Scores of different views are joined as evidence: with `e = −ln(1 − score)` for each view, a noisy-or would be
//! `1 − exp(−Σe)`. Views are not independent, and a sum grows with their number alone: it is divided by a power of the
//! number of views that could have seen a face of this size. So a low score is enough where views agree, and a high one is
//! needed where one alone saw something that others should have seen.
//!
//! **Invariant.** A box goes only when one that stays covers what it stood for; with one view, fusing is
//! [`merge`](crate::merge::merge).

use frostglass_vault::{MOST_DETECTIONS, Size};

use crate::look::Look;
use crate::merge::{Found, MOST_WEAK, Same, TooMany};
use crate::turn::Turn;

/// More views than a plan has, two networks included.
pub(crate) const MOST_VIEWS: usize = 64;
/// By this power of the number of views their joint evidence is divided: 0 would be a noisy-or, 1 a mean. Chosen so that
/// the same score is the recommended one whatever the number of views.
const AGREEMENT: f32 = 0.45;
/// A view says something about faces from this side on, in pixels of its input, and all that it can from the second.
const SEES: [f32; 2] = [10.0, 18.0];
/// The same for a view beside which there are larger ones: these know small faces better.
const SEES_WHEN_SMALL: [f32; 2] = [32.0, 64.0];
/// And up to these.
const SEES_UP_TO: [f32; 2] = [300.0, 400.0];
/// What a turned copy says counts by this: it is asked only about what no upright one saw, and shows much that is no face.
const TURNED: f32 = 0.5;

/// One view of a picture: a scale, perhaps mirrored, shown to one network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    scale: f32,
    sees: [f32; 2],
    turned: bool,
}

/// The views of these looks, in the order of their numbers, once for each of the networks.
pub(crate) fn views(looks: &[Look], networks: usize) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    for look in looks.iter().filter(|look| look.view() as usize <= looks.len()) {
        if usize::from(look.view()) == views.len() {
            let turned = ![Turn::NONE, Turn::MIRRORED].contains(&look.turn());
            views.push(View { scale: look.scale(), sees: SEES, turned });
        }
    }
    let upright: Vec<f32> = views.iter().filter(|view| !view.turned).map(|view| view.scale).collect();
    for view in &mut views {
        let larger = upright.iter().filter(|&&scale| scale > 1.4 * view.scale).count();
        view.sees = if larger >= 2 { SEES_WHEN_SMALL } else { SEES };
    }
    let once = views.len();
    views.into_iter().cycle().take(once * networks).collect()
}

impl View {
    /// How much this view can say about a face of this side, in pixels of the picture: 0 to 1.
    fn sees(&self, side: f32) -> f32 {
        let (shown, [low, high], [full, most]) = (side * self.scale, self.sees, SEES_UP_TO);
        ((shown - low) / (high - low)).min((most - shown) / (most - full)).clamp(0.0, 1.0)
    }
}

/// Boxes that mean the same thing.
#[derive(Clone, Copy)]
struct Group {
    /// The surest of them, which stands for all of them.
    best: Found,
    /// The strongest evidence of each view.
    evidence: [f32; MOST_VIEWS],
    /// Mean of the edges, weighted by the squares of the scores.
    edges: [f32; 4],
    weight: f32,
}

/// Joins boxes of all views. Its buffers are used again.
#[derive(Default)]
pub(crate) struct Fuser {
    groups: Vec<Group>,
    /// The group of each box, in the order in which they are sorted.
    group_of: Vec<usize>,
}

impl Fuser {
    /// Leaves one box for each group, with its joint score.
    pub(crate) fn fuse(
        &mut self,
        found: &mut Vec<Found>,
        views: &[View],
        picture: Size,
        same: Same,
        score: f32,
    ) -> Result<(), TooMany> {
        let turned = |found: &Found| views.get(usize::from(found.view)).is_some_and(|view| view.turned);
        found.sort_unstable_by(|a, b| {
            let order = turned(a).cmp(&turned(b)).then(a.cut.cmp(&b.cut));
            order.then(b.score.total_cmp(&a.score)).then(a.view.cmp(&b.view)).then(a.left.total_cmp(&b.left))
        });
        let upright = found.partition_point(|found| !turned(found));
        self.group(&found[..upright], same, score)?;
        for group in &mut self.groups {
            group.settle_score(views, picture);
        }
        self.settle_boxes(&found[..upright], score);
        self.add_turned(&found[upright..], same, score)?;
        found.clear();
        found.extend(self.groups.iter().map(|group| group.best));
        Ok(())
    }

    fn group(&mut self, found: &[Found], same: Same, score: f32) -> Result<(), TooMany> {
        self.groups.clear();
        self.group_of.clear();
        let mut weak = 0;
        for candidate in found {
            weak += usize::from(!candidate.reaches(score));
            if !candidate.reaches(score) && weak > MOST_WEAK {
                self.group_of.push(usize::MAX);
                continue;
            }
            // Evidence is given to the first that overlaps; but only one that hides it can stand for it.
            let near = self.groups.iter().position(|group| group.best.overlap(candidate) >= same.overlap);
            if let Some(near) = near {
                self.groups[near].take(candidate);
            }
            let stands = near.filter(|&near| self.groups[near].best.stands_for(candidate, same));
            let stands = stands.or_else(|| self.groups.iter().position(|group| group.best.stands_for(candidate, same)));
            if let Some(stands) = stands {
                if near != Some(stands) {
                    self.groups[stands].take(candidate);
                }
                self.group_of.push(stands);
                continue;
            }
            let full = self.groups.len() == MOST_DETECTIONS;
            if full && candidate.reaches(score) {
                return Err(TooMany);
            }
            if full {
                self.group_of.push(usize::MAX);
                continue;
            }
            self.group_of.push(self.groups.len());
            self.groups.push(Group::of(candidate));
        }
        Ok(())
    }

    /// The mean of several boxes is nearer to the face than each of them; but it may not uncover one that is sure.
    fn settle_boxes(&mut self, found: &[Found], score: f32) {
        for (candidate, &group) in found.iter().zip(&self.group_of) {
            let Some(group) = self.groups.get_mut(group) else { continue };
            let mean = group.mean();
            if candidate.reaches(score) && !mean.hides(candidate) {
                group.weight = 0.0;
            }
        }
        for group in self.groups.iter_mut().filter(|group| group.weight > 0.0) {
            group.best = group.mean();
        }
    }

    /// What only turned copies saw.
    fn add_turned(&mut self, found: &[Found], same: Same, score: f32) -> Result<(), TooMany> {
        for candidate in found {
            let fused = 1.0 - (-TURNED * evidence(candidate.score)).exp();
            let hidden = |group: &Group| {
                group.best.stands_for(candidate, same)
                    || (group.best.score >= score && group.best.overlap(candidate) >= same.overlap)
            };
            if self.groups.iter().any(hidden) {
                continue;
            }
            if self.groups.len() == MOST_DETECTIONS {
                if fused >= score {
                    return Err(TooMany);
                }
                continue;
            }
            self.groups.push(Group::of(&Found { score: fused, ..*candidate }));
        }
        Ok(())
    }
}

impl Group {
    fn of(best: &Found) -> Self {
        let mut group = Self { best: *best, evidence: [0.0; MOST_VIEWS], edges: [0.0; 4], weight: 0.0 };
        group.take(best);
        group
    }

    fn take(&mut self, found: &Found) {
        let strongest = &mut self.evidence[usize::from(found.view) % MOST_VIEWS];
        *strongest = strongest.max(evidence(found.score));
        // Half a face would draw the mean to its side.
        if found.cut == self.best.cut {
            let weight = found.score * found.score;
            for (sum, edge) in self.edges.iter_mut().zip([found.left, found.top, found.right, found.bottom]) {
                *sum += weight * edge;
            }
            self.weight += weight;
        }
    }

    fn mean(&self) -> Found {
        if self.weight <= 0.0 {
            return self.best;
        }
        let [left, top, right, bottom] = self.edges.map(|sum| sum / self.weight);
        Found { left, top, right, bottom, ..self.best }
    }

    fn settle_score(&mut self, views: &[View], picture: Size) {
        #[expect(clippy::cast_precision_loss, reason = "a picture's pixels need no more than f32")]
        let side = (self.best.area() * picture.pixels() as f32).max(0.0).sqrt();
        let (mut joint, mut could) = (0.0, 0.0);
        for (view, evidence) in views.iter().zip(self.evidence).filter(|(view, _)| !view.turned) {
            let sees = view.sees(side);
            joint += sees * evidence;
            could += sees;
        }
        // Where no view is good at this size, the one that saw it is asked.
        let alone = self.evidence.iter().copied().fold(0.0, f32::max);
        let joint = if could < 1.0 { joint + (1.0 - could) * alone } else { joint / could.powf(AGREEMENT) };
        self.best.score = (1.0 - (-joint).exp()).clamp(0.0, 1.0);
    }
}

/// What a score says, so that it can be added up.
fn evidence(score: f32) -> f32 {
    // One sure view must not outweigh all others for ever.
    -(1.0 - score.clamp(0.0, 0.995)).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::look;
    use crate::merge::merge;

    const FACES: Same = Same { overlap: 0.3, parts: true };
    const PICTURE: Size = Size::new(1000, 1000);

    fn view(scale: f32) -> View {
        View { scale, sees: SEES, turned: false }
    }

    /// A box of `side` pixels of [`PICTURE`].
    fn found(left: f32, side: f32, score: f32, view: u8) -> Found {
        let (left, side) = (left / 1000.0, side / 1000.0);
        Found { left, top: 0.5, right: left + side, bottom: 0.5 + side, score, cut: false, view }
    }

    fn fused(boxes: &[Found], views: &[View]) -> Vec<Found> {
        let mut all = boxes.to_vec();
        Fuser::default().fuse(&mut all, views, PICTURE, FACES, 0.5).unwrap();
        all
    }

    #[test]
    fn agreement_raises_and_a_single_voice_among_many_falls() {
        let views = [view(1.0), view(2.0), view(3.0), view(4.0)];
        let seen = |scores: [f32; 4]| {
            let boxes: Vec<Found> = (0u8..).zip(scores).map(|(view, score)| found(100.0, 40.0, score, view)).collect();
            let all = fused(&boxes, &views);
            assert_eq!(all.len(), 1);
            all[0].score
        };
        assert!(seen([0.35, 0.35, 0.35, 0.35]) > 0.5);
        assert!(seen([0.6, 0.0, 0.0, 0.0]) < 0.5);
        assert!(seen([0.9, 0.0, 0.0, 0.0]) > 0.5);
    }

    #[test]
    fn what_only_one_view_can_see_needs_no_agreement() {
        let views = [view(0.5), view(1.0), view(4.0)];
        let small = fused(&[found(100.0, 8.0, 0.6, 2)], &views);
        assert!((small[0].score - 0.6).abs() < 1e-3, "{small:?}");
        let common = fused(&[found(100.0, 40.0, 0.6, 2)], &views);
        assert!(common[0].score < 0.5, "{common:?}");
    }

    #[test]
    fn what_a_turned_copy_saw_is_asked_for_only_where_no_upright_one_did() {
        let views = [view(1.0), View { turned: true, ..view(1.0) }];
        let upright = fused(&[found(100.0, 40.0, 0.9, 0), found(94.0, 52.0, 0.95, 1)], &views);
        assert_eq!(upright.len(), 1, "{upright:?}");
        let [both_weak] = fused(&[found(100.0, 40.0, 0.9, 1)], &views)[..] else { panic!("one box") };
        assert!(both_weak.score > 0.5 && both_weak.score < 0.9);
        assert!(fused(&[found(100.0, 40.0, 0.6, 1)], &views)[0].score < 0.5);
    }

    #[test]
    fn several_boxes_of_a_face_become_their_mean_unless_that_uncovers_a_sure_one() {
        let views = [view(1.0), view(2.0)];
        let near = fused(&[found(100.0, 40.0, 0.9, 0), found(104.0, 40.0, 0.9, 1)], &views);
        assert!((near[0].left - 0.102).abs() < 1e-4, "{near:?}");
        let apart = fused(&[found(100.0, 40.0, 0.9, 0), found(120.0, 40.0, 0.9, 1)], &views);
        assert!(apart.iter().any(|group| group.hides(&found(100.0, 40.0, 0.9, 0))), "{apart:?}");
        assert!(apart.iter().any(|group| group.hides(&found(120.0, 40.0, 0.9, 1))), "{apart:?}");
    }

    #[test]
    fn more_sure_boxes_than_a_frame_may_have_are_an_error_and_weak_ones_are_not() {
        let apart = |score| -> Vec<Found> {
            (0..=MOST_DETECTIONS).map(|at| Found { score, ..found(at as f32 * 3.0, 2.0, score, 0) }).collect()
        };
        let mut fuser = Fuser::default();
        assert_eq!(fuser.fuse(&mut apart(0.9), &[view(1.0)], PICTURE, FACES, 0.5), Err(TooMany));
        let mut weak = apart(0.2);
        assert_eq!(fuser.fuse(&mut weak, &[view(1.0)], PICTURE, FACES, 0.5), Ok(()));
        assert_eq!(weak.len(), MOST_DETECTIONS);
    }

    #[test]
    fn tiles_of_one_scale_are_one_view_and_no_plan_has_too_many() {
        for (width, height) in [(416, 416), (640, 480), (1920, 1080), (8000, 6000), (1, 9000)] {
            let looks = look::for_stills(Size::new(width, height));
            let all = views(&looks, 2);
            let last = looks.iter().map(look::Look::view).max().unwrap_or(0);
            assert_eq!(all.len(), 2 * (usize::from(last) + 1), "{width}x{height}");
            assert!(all.len() <= MOST_VIEWS, "{}", all.len());
        }
    }

    proptest! {
        /// With one view nothing is lost or gained in score: what was reported before stays covered.
        #[test]
        fn one_view_reports_what_merging_reports(
            boxes in prop::collection::vec((0.0f32..900.0, 20.0f32..200.0, 0.05f32..0.99, prop::bool::ANY), 1..40),
        ) {
            let before: Vec<Found> = boxes
                .iter()
                .map(|&(left, side, score, cut)| Found { cut, ..found(left, side, score, 0) })
                .collect();
            let mut merged = before.clone();
            merge(&mut merged, 0, FACES, 0.5).unwrap();
            let all = fused(&before, &[view(1.0)]);
            for strong in merged.iter().filter(|found| found.score >= 0.5) {
                prop_assert!(
                    all.iter().any(|group| group.score >= 0.499 && group.overlap(strong) > 0.0),
                    "{strong:?} in {all:?}"
                );
            }
            for strong in before.iter().filter(|found| found.score >= 0.5) {
                let hidden = |group: &Found| group.hides(strong) || group.stands_for(strong, FACES);
                prop_assert!(all.iter().any(hidden), "{strong:?} in {all:?}");
            }
            prop_assert!(all.iter().all(|group| (0.0..=1.0).contains(&group.score)));
        }

        /// Whatever the views say, each sure box is under the mask of one that stays.
        #[test]
        fn a_box_goes_only_when_one_that_stays_covers_it(
            boxes in prop::collection::vec((0.0f32..900.0, 10.0f32..200.0, 0.05f32..0.99, 0u8..5), 1..60),
        ) {
            let views =
                [view(0.5), view(1.0), view(2.0), view(3.0), View { turned: true, ..view(1.0) }];
            let before: Vec<Found> =
                boxes.iter().map(|&(left, side, score, view)| found(left, side, score, view)).collect();
            let all = fused(&before, &views);
            for gone in before.iter().filter(|found| found.score >= 0.5 && found.view < 4) {
                let hidden = |group: &Found| group.hides(gone) || group.stands_for(gone, FACES);
                prop_assert!(all.iter().any(hidden), "{gone:?} in {all:?}");
            }
        }
    }
}
