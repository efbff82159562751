//! What can be compared with what: labels with pictures, pictures with pictures, clips with clips.
//!
//! **Invariant:** what does not fit is refused and never bent into shape: a face that is looked for in the wrong place
//! passes for a hidden one. A side may be off by what rounding and a codec's padding explain, and by no more.

use std::path::{Path, PathBuf};

use super::LeakError;
use crate::filter::Plane;
use crate::footage::FootageKind;
use crate::labels::{Place, Record};

/// By so many pixels a side may be off: each of the two sizes was rounded, often to an even number.
const ROUNDED: u64 = 2;
/// By fewer than so many it may be off where a codec filled it up to its blocks.
const BLOCK: u64 = 16;
/// And by at most so much of its length in per cent, for in a small picture a block is a good part of a face.
const PADDED_PER_CENT: u64 = 3;

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
    if is_same_shape(of_original, of_redacted) {
        return Ok(());
    }
    let [original, redacted] = files;
    Err(LeakError::OtherShape { place: place.clone(), original, of_original, redacted, of_redacted })
}

/// Whether the original, scaled to the width or to the height of what was redacted, has about its other side, too.
fn is_same_shape(original: [usize; 2], redacted: [usize; 2]) -> bool {
    let [original, redacted] = [original, redacted].map(|sides| sides.map(|side| side as u64));
    [[0, 1], [1, 0]].into_iter().any(|[same, other]| {
        // Lengths of the other side, in shares of a pixel of which the original's same side counts the whole one.
        let whole = original[same];
        let scaled = original[other] * redacted[same];
        let off = scaled.abs_diff(redacted[other] * whole);
        off <= ROUNDED * whole || (off < BLOCK * whole && 100 * off <= PADDED_PER_CENT * scaled)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        original: [usize; 2],
        redacted: [usize; 2],
        same: bool,
    }

    #[test]
    fn rounding_and_padding_are_the_same_shape_and_a_small_crop_or_stretch_is_another() {
        let cases = [
            Case { original: [640, 360], redacted: [320, 180], same: true },
            // Odd sides, rounded down, up, and to an even number.
            Case { original: [1001, 563], redacted: [500, 281], same: true },
            Case { original: [1001, 563], redacted: [500, 282], same: true },
            Case { original: [101, 57], redacted: [1000, 566], same: true },
            // Filled up to blocks of 8 or 16, before or after it was scaled.
            Case { original: [640, 360], redacted: [320, 184], same: true },
            Case { original: [640, 360], redacted: [640, 368], same: true },
            Case { original: [1920, 1080], redacted: [1920, 1088], same: true },
            Case { original: [1920, 1088], redacted: [1920, 1080], same: true },
            Case { original: [1920, 1088], redacted: [960, 540], same: true },
            Case { original: [4096, 1716], redacted: [4096, 1728], same: true },
            Case { original: [854, 480], redacted: [864, 480], same: true },
            // Cropped by a twentieth, and scaled afterwards.
            Case { original: [640, 360], redacted: [608, 360], same: false },
            Case { original: [640, 360], redacted: [640, 342], same: false },
            Case { original: [640, 360], redacted: [320, 171], same: false },
            Case { original: [1920, 1080], redacted: [1824, 1080], same: false },
            Case { original: [1920, 1080], redacted: [1920, 1026], same: false },
            // Stretched, though by less than a block; and by a whole block, though by less than three per cent.
            Case { original: [160, 120], redacted: [160, 128], same: false },
            Case { original: [1920, 1080], redacted: [1920, 1096], same: false },
            // Turned.
            Case { original: [640, 360], redacted: [360, 640], same: false },
        ];
        for Case { original, redacted, same } in cases {
            assert_eq!(is_same_shape(original, redacted), same, "{original:?} and {redacted:?}");
            let turned = [original, redacted].map(|[width, height]| [height, width]);
            assert_eq!(is_same_shape(turned[0], turned[1]), same, "{turned:?}");
        }
    }
}
