//! The worst leaks, kept while pictures are measured, so that a person can look at them.
//!
//! **Invariant:** of each track the worst frame is kept, of the tracks the worst few; what they are does not depend on
//! the order in which threads come by. Only crops of a fixed size are held, whatever the size and number of pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::{Rgb, RgbImage, imageops};

use super::{MeasuredBox, MeasuredPicture, Redacted};
use crate::labels::{Place, Target, Track};

/// Side of a crop, in pixels of the contact sheet.
pub(super) const SIDE: u32 = 144;
/// A crop shows so much more than the longer side of its face.
const CONTEXT: f64 = 2.2;
/// Pixels of the picture that a crop shows at least along a side.
const LEAST: f64 = 24.0;
/// What is shown beyond the edge of the picture.
const BEYOND: Rgb<u8> = Rgb([52, 56, 66]);

/// Collects the worst leaks from several threads.
#[derive(Debug)]
pub struct WorstLeaks {
    most: usize,
    kept: Mutex<BTreeMap<Unit, Exhibit>>,
}

/// A leak to look at: the face in the original and what is left of it.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// The label's line.
    pub place: Place,
    /// The label's name for the picture.
    pub image: String,
    /// Which label, from 0.
    pub order: usize,
    /// Which box of it, from 0.
    pub index: usize,
    /// The box.
    pub target: Target,
    /// How much of it was changed.
    pub redacted: Redacted,
    /// Around the face, from the original and from the redacted picture, both of one fixed size.
    pub crops: [RgbImage; 2],
    /// Left, top, right and bottom of the box in the crops, in pixels.
    pub at: [f64; 4],
}

/// What is shown once: a track, or a face of a picture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Track(Arc<Path>, PathBuf, Track),
    Face(usize, usize),
}

impl WorstLeaks {
    /// Keeps so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(BTreeMap::new()) }
    }

    /// What was kept, the worst first.
    #[must_use]
    pub fn into_exhibits(self) -> Vec<Exhibit> {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut exhibits: Vec<Exhibit> = kept.into_values().collect();
        exhibits.sort_by(|a, b| b.rank().partial_cmp(&a.rank()).unwrap_or(std::cmp::Ordering::Equal));
        exhibits
    }

    /// Looks at a leaked face of the picture that is label `order`.
    pub(super) fn offer(
        &self,
        picture: &MeasuredPicture,
        order: usize,
        leaked: &MeasuredBox,
        [original, redacted]: [&RgbImage; 2],
    ) {
        let unit = match &leaked.target.track {
            Some(track) => {
                let folder = Path::new(&picture.image).parent().unwrap_or(Path::new("")).to_owned();
                Unit::Track(Arc::clone(&picture.place.file), folder, track.clone())
            }
            None => Unit::Face(order, leaked.index),
        };
        let rank = rank(leaked.redacted, &leaked.target, order, leaked.index);
        if !self.wants(&unit, rank) {
            return;
        }
        let (region, at) = region(&leaked.target);
        let scale = [
            f64::from(redacted.width()) / f64::from(original.width()),
            f64::from(redacted.height()) / f64::from(original.height()),
        ];
        let scaled = [region[0] * scale[0], region[1] * scale[1], region[2] * scale[0], region[3] * scale[1]];
        let exhibit = Exhibit {
            place: picture.place.clone(),
            image: picture.image.clone(),
            order,
            index: leaked.index,
            target: leaked.target.clone(),
            redacted: leaked.redacted,
            crops: [crop(original, region), crop(redacted, scaled)],
            at,
        };
        // Cut without the lock, so that it has to be asked again.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&unit).is_none_or(|there| there.rank() < rank) {
            kept.insert(unit, exhibit);
        }
        if kept.len() > self.most {
            let least =
                kept.iter().min_by(|a, b| a.1.rank().partial_cmp(&b.1.rank()).unwrap_or(std::cmp::Ordering::Equal));
            if let Some(least) = least.map(|(unit, _)| unit.clone()) {
                kept.remove(&least);
            }
        }
    }

    fn wants(&self, unit: &Unit, rank: Rank) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(unit) {
            Some(there) => there.rank() < rank,
            None => kept.len() < self.most || kept.values().any(|there| there.rank() < rank),
        }
    }
}

/// What is worse is greater: so much of a face's height is left to see, in pixels; then the earlier one.
type Rank = (f64, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>);

fn rank(redacted: Redacted, target: &Target, order: usize, index: usize) -> Rank {
    ((1.0 - redacted.of_box) * target.h, std::cmp::Reverse(order), std::cmp::Reverse(index))
}

impl Exhibit {
    fn rank(&self) -> Rank {
        rank(self.redacted, &self.target, self.order, self.index)
    }
}

/// The square around a face that is shown (left, top, right, bottom), and where the face lies in the crop.
fn region(target: &Target) -> ([f64; 4], [f64; 4]) {
    let side = (CONTEXT * target.w.max(target.h)).max(LEAST);
    let (x, y) = (target.x + target.w / 2.0 - side / 2.0, target.y + target.h / 2.0 - side / 2.0);
    let shown = |at: f64, from: f64| (at - from) * f64::from(SIDE) / side;
    let at = [shown(target.x, x), shown(target.y, y), shown(target.x + target.w, x), shown(target.y + target.h, y)];
    ([x, y, x + side, y + side], at)
}

/// A region of a picture at the size of a crop; what lies beyond the picture is plain.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture before")]
fn crop(picture: &RgbImage, [left, top, right, bottom]: [f64; 4]) -> RgbImage {
    let mut out = RgbImage::from_pixel(SIDE, SIDE, BEYOND);
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let (from_x, from_y) = (left.clamp(0.0, width - 1.0).floor(), top.clamp(0.0, height - 1.0).floor());
    let (to_x, to_y) = (right.ceil().clamp(from_x + 1.0, width), bottom.ceil().clamp(from_y + 1.0, height));
    let piece =
        imageops::crop_imm(picture, from_x as u32, from_y as u32, (to_x - from_x) as u32, (to_y - from_y) as u32)
            .to_image();
    let [zoom_x, zoom_y] = [f64::from(SIDE) / (right - left), f64::from(SIDE) / (bottom - top)];
    let (wide, high) = (((to_x - from_x) * zoom_x).round().max(1.0), ((to_y - from_y) * zoom_y).round().max(1.0));
    let piece = imageops::resize(&piece, wide as u32, high as u32, imageops::FilterType::Triangle);
    let place = |from: f64, start: f64, zoom: f64| ((from - start) * zoom).round() as i64;
    imageops::replace(&mut out, &piece, place(from_x, left, zoom_x), place(from_y, top, zoom_y));
    out
}
