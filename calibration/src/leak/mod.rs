//! Leaked and missed faces, and how much else was redacted.
//!
//! A labelled face is **leaked** when less than a threshold (0.9) of its box was materially changed, and **missed** when
//! less than 0.3 was; `changed` defines what that means for a pixel. **Over-redaction** is the share of pixels altered
//! outside of every labelled face (grown by a margin, ignored ones too) and outside of zones.
//!
//! **Invariant:** nothing is dropped in silence. A redacted picture that is absent hides all of its faces and is
//! counted; an original that is absent, and a face that nobody could decide on, are counted; a picture that can not be
//! read, or is not the one that was labelled, ends the measurement.
//!
//! How figures are summed up is `report`'s business.

mod changed;
mod report;
mod table;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use self::changed::{Redacted, altered_pixels, redacted_share};
pub use self::report::{Group, OverRedaction, Report, Tracks};
use crate::bootstrap::Bootstrap;
use crate::filter::Plane;
use crate::labels::{LabelError, Labelled, Place, Record, Target};
use crate::picture::{PictureError, find, read_grey};
use crate::resize::resize_area;

/// Less than this share of the box changed: nobody tried to hide the face.
pub const MISSED: f64 = 0.3;

/// Which boxes of a label count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The faces.
    Faces,
    /// The whole persons.
    Persons,
}

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Which boxes count.
    pub counted: Counted,
    /// A box of which less was changed is leaked; 0 to 1.
    pub threshold: f64,
    /// A box grows by this share of its size on each side before what is redacted beside it counts as too much; ≥ 0.
    pub margin: f64,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Default for Settings {
    fn default() -> Self {
        Self { counted: Counted::Faces, threshold: 0.9, margin: 0.5, bootstrap: Bootstrap::default() }
    }
}

/// Why a measurement can not be made.
#[derive(Debug, thiserror::Error)]
pub enum LeakError {
    /// A folder is not there.
    #[error("{folder}: no such folder; the {what} are looked up in it")]
    NoFolder {
        /// The folder.
        folder: PathBuf,
        /// `originals` or `redacted pictures`.
        what: &'static str,
    },
    /// Not one of the labelled pictures is there: most likely the wrong folder, which would look like a perfect redactor.
    #[error("{folder}: none of the {labelled} labelled pictures is here, such as {example}: is it the right folder?")]
    NonePresent {
        /// The folder.
        folder: PathBuf,
        /// How many were looked for.
        labelled: usize,
        /// The first of them.
        example: String,
    },
    /// A picture is not the one that was labelled.
    #[error("{place}: labelled as {labelled_width}×{labelled_height}, but {file} has {width}×{height} pixels")]
    OtherSize {
        /// The label.
        place: Place,
        /// Its width.
        labelled_width: u32,
        /// Its height.
        labelled_height: u32,
        /// The original.
        file: PathBuf,
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
    },
    /// Labels that do not fit.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A picture that can not be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// All that was measured, picture by picture, in the order of the labels.
#[derive(Debug, Clone)]
pub struct Measured {
    /// How it was measured.
    pub settings: Settings,
    /// One for each label whose original is there.
    pub pictures: Vec<MeasuredPicture>,
    /// Labels whose original is not there.
    pub originals_missing: usize,
}

/// What was measured of one picture.
#[derive(Debug, Clone)]
pub struct MeasuredPicture {
    /// The label's line.
    pub place: Place,
    /// The label's name for the picture.
    pub image: String,
    /// Boxes that count and could be decided.
    pub boxes: Vec<MeasuredBox>,
    /// Boxes that could not be: blank in the original, and unchanged.
    pub undecidable: usize,
    /// What was redacted beside the boxes; `None` when there is no redacted picture.
    pub beside: Option<Beside>,
}

/// What was measured of one labelled box.
#[derive(Debug, Clone)]
pub struct MeasuredBox {
    /// Which box of its label, from 0.
    pub index: usize,
    /// The label.
    pub target: Target,
    /// How much of it was changed.
    pub redacted: Redacted,
}

/// Pixels outside of all boxes and zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside {
    /// Those that were altered.
    pub altered: usize,
    /// All of them.
    pub pixels: usize,
}

/// Measures redacted pictures against labels, several at a time on rayon's threads.
///
/// Files are found as [`find`] says; a redacted picture of another size is brought to the original's. `done` is called
/// after each picture.
///
/// # Errors
/// A folder that is not there or has none of the pictures; labels that do not fit their picture; a picture that can not
/// be read. The first in the order of the labels is reported.
pub fn measure(
    labels: &[Labelled],
    originals: &Path,
    redacted: &Path,
    settings: Settings,
    done: &(dyn Fn() + Sync),
) -> Result<Measured, LeakError> {
    for (folder, what) in [(originals, "originals"), (redacted, "redacted pictures")] {
        if !folder.is_dir() {
            return Err(LeakError::NoFolder { folder: folder.to_owned(), what });
        }
        if labels.iter().all(|label| find(folder, &label.record.image).is_none()) {
            let example = labels.first().map(|label| label.record.image.clone()).unwrap_or_default();
            return Err(LeakError::NonePresent { folder: folder.to_owned(), labelled: labels.len(), example });
        }
    }
    let measured: Vec<Result<Option<MeasuredPicture>, LeakError>> = labels
        .par_iter()
        .map(|label| {
            let measured = measure_one(label, originals, redacted, settings);
            done();
            measured
        })
        .collect();
    let measured: Vec<_> = measured.into_iter().collect::<Result<_, _>>()?;
    let originals_missing = measured.iter().filter(|picture| picture.is_none()).count();
    Ok(Measured { settings, pictures: measured.into_iter().flatten().collect(), originals_missing })
}

/// `None` when there is no original.
fn measure_one(
    Labelled { record, place }: &Labelled,
    originals: &Path,
    redacted: &Path,
    settings: Settings,
) -> Result<Option<MeasuredPicture>, LeakError> {
    let Some(original_file) = find(originals, &record.image) else {
        return Ok(None);
    };
    let original = read_grey(&original_file)?;
    check_size(record, place, &original_file, &original)?;
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
    let Some(redacted_file) = find(redacted, &record.image) else {
        measured.boxes = counted
            .map(|(index, target)| MeasuredBox { index, target: target.clone(), redacted: Redacted::WHOLLY })
            .collect();
        return Ok(Some(measured));
    };
    let mut redacted = read_grey(&redacted_file)?;
    if (redacted.width, redacted.height) != (original.width, original.height) {
        redacted = resize_area(&redacted, original.width, original.height);
    }
    for (index, target) in counted {
        match redacted_share(&original, &redacted, target) {
            Some(redacted) => measured.boxes.push(MeasuredBox { index, target: target.clone(), redacted }),
            None => measured.undecidable += 1,
        }
    }
    let free = free_pixels(record, settings, original.width, original.height);
    let altered =
        altered_pixels(&original, &redacted).into_iter().zip(&free).filter(|&(altered, &free)| altered && free);
    measured.beside = Some(Beside { altered: altered.count(), pixels: free.iter().filter(|&&free| free).count() });
    Ok(Some(measured))
}

fn check_size(record: &Record, place: &Place, file: &Path, original: &Plane) -> Result<(), LeakError> {
    let (width, height) = (original.width, original.height);
    let says = |labelled: Option<u32>, is: usize| labelled.is_none_or(|labelled| labelled as usize == is);
    if !says(record.width, width) || !says(record.height, height) {
        return Err(LeakError::OtherSize {
            place: place.clone(),
            labelled_width: record.width.unwrap_or_default(),
            labelled_height: record.height.unwrap_or_default(),
            file: file.to_owned(),
            width,
            height,
        });
    }
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Ok(record.check_fits(place, side(width), side(height))?)
}

/// Where nothing should have been redacted: outside of the grown boxes and of the zones.
fn free_pixels(record: &Record, settings: Settings, width: usize, height: usize) -> Vec<bool> {
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
