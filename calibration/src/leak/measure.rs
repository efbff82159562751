//! The measurement itself: picture by picture, a few at a time.
//!
//! **Invariant:** pictures are in memory for as long as they are measured; what stays is a few numbers a face. What is
//! not there, or can not be decided, is counted and not left out.

use std::path::Path;

use rayon::prelude::*;

use super::changed::{Redacted, altered_pixels, redacted_share};
use super::fit::{check_kinds, check_shape, check_size};
use super::worst::WorstLeaks;
use super::{Beside, Counted, LeakError, Measured, MeasuredBox, MeasuredPicture, Settings};
use crate::footage::{Footage, Shot};
use crate::labels::{Labelled, Record, Target};
use crate::picture::grey;
use crate::resize::resize_area;

/// Measures redacted pictures or frames against labels, several at a time on rayon's threads.
///
/// Either side is a folder, in which files are found as [`find`](crate::picture::find) says, or a clip, whose frames are
/// taken in the order of the labels; a few frames are in memory at a time. What is redacted and of another size, but of
/// the same shape, is brought to the original's. It is the same shape if, from the original scaled to the same width or to
/// the same height, the other side is off by at most 2 pixels, or by fewer than 16 and at most 3 %. Frames that a redacted
/// clip lacks at its end never left: nothing of them leaked, and they are counted. The worst leaks are shown to `worst`.
/// `done` is called after each picture.
///
/// # Errors
/// A side that is not there or has none of the pictures; a clip beside a single picture; labels that do not fit; a clip
/// with more frames than labels, or an original with less; a picture that can not be read, or has not the shape of its
/// original. The first in the order of the labels is reported.
pub fn measure(
    labels: &[Labelled],
    originals: &Path,
    redacted: &Path,
    settings: Settings,
    worst: Option<&WorstLeaks>,
    done: &(dyn Fn() + Sync),
) -> Result<Measured, LeakError> {
    let mut sides =
        [Footage::open(originals, labels, "originals")?, Footage::open(redacted, labels, "redacted pictures")?];
    check_kinds([originals, redacted], [sides[0].kind(), sides[1].kind()])?;
    let mut measured = Measured { settings, pictures: Vec::new(), originals_missing: 0, ended_early: 0 };
    let mut order = 0;
    for some in labels.chunks(PAIRS_PER_THREAD * rayon::current_num_threads().max(1)) {
        let mut pairs = Vec::with_capacity(some.len());
        for label in some {
            let [original, redacted] = &mut sides;
            pairs.push(Pair {
                label,
                order,
                original: original.next_shot(label)?,
                redacted: redacted.next_shot(label)?,
            });
            order += 1;
        }
        let found: Vec<Result<Option<MeasuredPicture>, LeakError>> = pairs
            .into_par_iter()
            .map(|pair| {
                let measured = pair.measure([originals, redacted], settings, worst);
                done();
                measured
            })
            .collect();
        for picture in found {
            match picture? {
                Some(picture) => measured.pictures.push(picture),
                None => measured.originals_missing += 1,
            }
        }
    }
    let [original, redacted] = &mut sides;
    original.check_end(labels.len(), true)?;
    redacted.check_end(labels.len(), false)?;
    measured.ended_early = redacted.frames_given().map_or(0, |given| labels.len() - given.min(labels.len()));
    Ok(measured)
}

/// So many pairs of frames are in memory for each thread.
const PAIRS_PER_THREAD: usize = 2;

/// A label with what it is about.
struct Pair<'a> {
    label: &'a Labelled,
    /// Which label, from 0.
    order: usize,
    original: Shot,
    redacted: Shot,
}

impl Pair<'_> {
    /// `None` when there is no original.
    fn measure(
        self,
        sides: [&Path; 2],
        settings: Settings,
        worst: Option<&WorstLeaks>,
    ) -> Result<Option<MeasuredPicture>, LeakError> {
        let Self { label: Labelled { record, place }, order, original, redacted } = self;
        // A frame has no file of its own.
        let file = |shot: &Shot, side: &Path| if let Shot::File(file) = shot { file.clone() } else { side.to_owned() };
        let files = [file(&original, sides[0]), file(&redacted, sides[1])];
        let Some(original_picture) = original.read()? else {
            return Ok(None);
        };
        let original = grey(&original_picture);
        check_size(record, place, &files[0], [original.width, original.height])?;
        let counted = match settings.counted {
            Counted::Faces => &record.faces,
            Counted::Persons => &record.persons,
        };
        let counted = counted.iter().enumerate().filter(|(_, target)| !target.ignore);
        let mut measured = MeasuredPicture {
            place: place.clone(),
            image: record.image.clone(),
            boxes: Vec::new(),
            undecidable: 0,
            beside: None,
        };
        let Some(redacted_picture) = redacted.read()? else {
            measured.boxes = counted
                .map(|(index, target)| MeasuredBox { index, target: target.clone(), redacted: Redacted::WHOLLY })
                .collect();
            return Ok(Some(measured));
        };
        let mut redacted = grey(&redacted_picture);
        if (redacted.width, redacted.height) != (original.width, original.height) {
            check_shape(place, files, [&original, &redacted])?;
            redacted = resize_area(&redacted, original.width, original.height);
        }
        for (index, target) in counted {
            match redacted_share(&original, &redacted, target) {
                Some(redacted) => measured.boxes.push(MeasuredBox { index, target: target.clone(), redacted }),
                None => measured.undecidable += 1,
            }
        }
        if let Some(worst) = worst {
            for leaked in measured.boxes.iter().filter(|found| found.redacted.of_box < settings.threshold) {
                worst.offer(&measured, order, leaked, [&original_picture, &redacted_picture]);
            }
        }
        let free = free_pixels(record, settings, original.width, original.height);
        let altered =
            altered_pixels(&original, &redacted).into_iter().zip(&free).filter(|&(altered, &free)| altered && free);
        measured.beside = Some(Beside { altered: altered.count(), pixels: free.iter().filter(|&&free| free).count() });
        Ok(Some(measured))
    }
}

/// Where nothing should have been redacted: outside of the grown boxes and of the zones.
pub(crate) fn free_pixels(record: &Record, settings: Settings, width: usize, height: usize) -> Vec<bool> {
    let mut free = vec![true; width * height];
    let mut take = |left: f64, top: f64, right: f64, bottom: f64| {
        let (left, right) = (clamped(left, width), clamped(right, width));
        for row in free.chunks_exact_mut(width).take(clamped(bottom, height)).skip(clamped(top, height)) {
            row[left..right.max(left)].fill(false);
        }
    };
    let persons = record.persons.iter().filter(|_| settings.counted == Counted::Persons);
    for Target { x, y, w, h, .. } in record.faces.iter().chain(persons) {
        let (across, down) = (settings.margin * w, settings.margin * h);
        take(x - across, y - down, (x + w + across).trunc() + 1.0, (y + h + down).trunc() + 1.0);
    }
    for Target { x, y, w, h, .. } in &record.zones {
        take(*x, *y, x + w, y + h);
    }
    free
}

/// A whole position in `0..=length`, towards zero as Python's `int`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn clamped(position: f64, length: usize) -> usize {
    position.clamp(0.0, length as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_and_zones_are_not_too_much_redaction() {
        let record: Record = serde_json::from_str(
            r#"{"image":"a","faces":[{"x":4,"y":4,"w":2,"h":2,"ignore":true}],"persons":[{"x":0,"y":0,"w":10,"h":1}],
                "zones":[{"x":-5,"y":8.9,"w":6.5,"h":99}]}"#,
        )
        .unwrap();
        let rows = |counted| {
            let settings = Settings { counted, margin: 0.5, ..Settings::default() };
            let free = free_pixels(&record, settings, 10, 10);
            free.chunks(10).map(|row| row.iter().map(|&f| if f { '.' } else { '#' }).collect()).collect::<Vec<String>>()
        };
        let faces = rows(Counted::Faces);
        assert_eq!(faces[2], "..........");
        assert_eq!(faces[3], "...#####..");
        assert_eq!(faces[7], "...#####..");
        assert_eq!(faces[8], "#.........");
        let persons = rows(Counted::Persons);
        assert_eq!(persons[0], "##########");
        assert_eq!(persons[1], "##########");
    }
}
