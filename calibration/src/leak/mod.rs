//! Leaked and missed faces, and how much else was redacted.
//!
//! A labelled face is **leaked** when less than a threshold (0.9) of its box was materially changed, and **missed** when
//! less than 0.3 was; `changed` defines what that means for a pixel. **Over-redaction** is the share of pixels altered
//! outside of every labelled face (grown by a margin, ignored ones too) and outside of zones.
//!
//! **Invariant:** nothing is dropped in silence. A redacted picture that is absent hides all of its faces and is
//! counted, and so is a frame that a redacted clip lacks at its end; an original that is absent, and a face that nobody
//! could decide on, are counted. What ends the measurement: a picture that can not be read, is not the one that was labelled
//! or has another shape than its original; a clip that has frames without labels, or stands beside a single picture; an
//! original that has less frames than labels.
//!
//! What can be compared at all is `fit`'s business, how figures are summed up `report`'s and `tracks`', how the worst leaks
//! are shown `worst`'s and `sheet`'s.

mod changed;
mod fit;
mod font;
mod measure;
mod report;
mod sheet;
mod table;
mod tracks;
mod worst;

use std::path::PathBuf;

pub(crate) use self::changed::pixels_of_box;
pub use self::changed::{Redacted, altered_pixels, redacted_share};
pub(crate) use self::fit::check_size;
pub(crate) use self::measure::free_pixels;
pub use self::measure::measure;
pub use self::report::{Group, OverRedaction, Report};
pub use self::sheet::contact_sheet;
pub use self::tracks::{TrackGroup, Tracks};
pub use self::worst::{Exhibit, WorstLeaks};
use crate::bootstrap::Bootstrap;
use crate::footage::FootageError;
use crate::labels::{LabelError, Place, Target};
use crate::picture::PictureError;

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
    /// Scaled to the original's size, the redacted picture would be stretched by more than rounding and padding explain, and
    /// its faces would lie elsewhere.
    #[error(
        "{place}: {original} has {}×{} pixels, but {redacted} has {}×{}: another shape, so that faces are not where they \
         were labelled; what is redacted may be scaled, but not cropped, turned or stretched",
        .of_original[0], .of_original[1], .of_redacted[0], .of_redacted[1]
    )]
    OtherShape {
        /// The label.
        place: Place,
        /// The original.
        original: PathBuf,
        /// Its width and height in pixels.
        of_original: [usize; 2],
        /// What was redacted.
        redacted: PathBuf,
        /// Its width and height in pixels.
        of_redacted: [usize; 2],
    },
    /// All frames but the first would have nothing to be compared with.
    #[error(
        "{clip} is a clip and {picture} a single picture: give the clip that was made of the other, or a folder with a \
         picture for each frame"
    )]
    ClipAndPicture {
        /// The side that is a clip.
        clip: PathBuf,
        /// The side that is a picture.
        picture: PathBuf,
    },
    /// Labels that do not fit.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// Pictures or frames that can not be had.
    #[error(transparent)]
    Footage(#[from] FootageError),
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
    /// Labelled frames that come after the end of the redacted clip. Each is among the pictures, as one that never left.
    pub ended_early: usize,
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
