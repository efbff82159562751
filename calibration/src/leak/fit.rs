//! What can be compared with what: labels with pictures, pictures with pictures, clips with clips.
//!
//! **Invariant:** what does not fit is refused and never bent into shape: a face that is looked for in the wrong place passes
//! for a hidden one.

use std::path::{Path, PathBuf};

use super::LeakError;
use crate::filter::Plane;
use crate::footage::FootageKind;
use crate::labels::{Place, Record};

/// Widths for a height may differ by this factor: sizes are rounded, to multiples of 16 by some encoders.
const SAME_SHAPE: f64 = 1.1;

/// Refuses a clip beside a single picture; `kinds` are those of the originals and of what was redacted.
pub(super) fn check_kinds(sides: [&Path; 2], kinds: [FootageKind; 2]) -> Result<(), LeakError> {
    let (clip, picture) = match kinds {
        [FootageKind::Clip, FootageKind::Picture] => (sides[0], sides[1]),
        [FootageKind::Picture, FootageKind::Clip] => (sides[1], sides[0]),
        _ => return Ok(()),
    };
    Err(LeakError::ClipAndPicture { clip: clip.to_owned(), picture: picture.to_owned() })
}

/// Refuses what was redacted and has another shape than its original; another size of the same shape may be.
pub(super) fn check_shape(place: &Place, files: [PathBuf; 2], pictures: [&Plane; 2]) -> Result<(), LeakError> {
    let [of_original, of_redacted] = pictures.map(|picture| [picture.width, picture.height]);
    let aspect = |[width, height]: [usize; 2]| width as f64 / height as f64;
    let stretch = aspect(of_original) / aspect(of_redacted);
    if (1.0 / SAME_SHAPE..=SAME_SHAPE).contains(&stretch) {
        return Ok(());
    }
    let [original, redacted] = files;
    Err(LeakError::OtherShape { place: place.clone(), original, of_original, redacted, of_redacted })
}

/// Refuses labels that were made for a picture of another size.
pub(crate) fn check_size(
    record: &Record,
    place: &Place,
    file: &Path,
    [width, height]: [usize; 2],
) -> Result<(), LeakError> {
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
