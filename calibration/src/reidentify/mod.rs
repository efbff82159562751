//! The attack: how often redacted faces are matched to the right person, against chance.
//!
//! The first faces of each labelled track are the attacker's gallery, the later ones are redacted in each style and
//! matched: one by one, averaged over the track, and as the union of all pixels near the face that were uncovered in any
//! frame. Two attackers try, see `matching`; the attacked faces unredacted are the control without which a failure to
//! match would mean nothing.
//!
//! What is behind `blur` and `solid` has no influence on them, but what is around does, and a mask in its old place may
//! be known again by its surroundings. So everything is measured twice: with the faces where they were, which is what
//! a viewer has, and with faces **exchanged** among the people, so that a match is one of the face and not of the place.
//!
//! **Invariant.** The attacker has the labels: where a face is, and which faces are one track. A figure is what is left
//! in the pixels, and never less because a face was hard to find.
//!
//! `frames` reads, `cast` sorts and exchanges, `masks` redacts, `crop` cuts, `network` and `matching` attack, `stats` and
//! `report` sum up.

mod attack;
mod cast;
mod command;
mod crop;
mod frames;
mod masks;
mod matching;
mod network;
mod report;
mod stats;

use std::path::PathBuf;

use frostglass::capture::CaptureError;

pub use self::attack::attack;
pub use self::cast::Choice;
pub use self::command::{Args, command};
pub use self::network::{Embedder, Input, NetworkError};
pub use self::report::{Against, Faces, Probes, Report, Row, Uncovered};
pub use self::stats::Rate;
use crate::labels::{LabelError, Place};

/// How to attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Which faces are used, and as what.
    pub choice: Choice,
    /// Growth of each box, as the configuration's `faces.margin`; 0 to 4.
    pub margin: f32,
    /// Each edge of a box is off by up to this share of its size, as a network's are.
    pub jitter: f32,
    /// Side of the square that the attackers look at, in sizes of the face.
    pub zoom: f32,
    /// Where the generator starts.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let choice = Choice { frames: 60, gallery: 0.25, smallest: 12.0 };
        Self { choice, margin: 0.5, jitter: 0.1, zoom: 1.0, seed: 1927 }
    }
}

/// Why no attack can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReidentifyError {
    /// Labels that can not be used.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// Not one face.
    #[error("the labels have no faces: there is nothing to attack")]
    NoFaces,
    /// Faces, but nobody knows whose.
    #[error("none of the {faces} labelled faces has a \"track\", which says which faces are one person's")]
    NoTracks {
        /// How many there are.
        faces: usize,
    },
    /// Chance would be 1.
    #[error(
        "{people} of {tracks} tracks can be attacked ({left_out} faces are too small, cut off, ignored or of no track): \
         among fewer than two people, each seen in two used frames, everybody is matched by chance"
    )]
    TooFewPeople {
        /// Tracks seen at least twice.
        people: usize,
        /// All tracks with a face that can be used.
        tracks: usize,
        /// Faces that can not.
        left_out: usize,
    },
    /// Nobody can be seen again.
    #[error(
        "{picture}: one picture: who is known from one frame is attacked in another; give a clip, or a folder of pictures"
    )]
    OnePicture {
        /// What was given.
        picture: PathBuf,
    },
    /// A labelled picture is not there.
    #[error("{place}: {folder} has no picture {image}")]
    NoPicture {
        /// The label.
        place: Place,
        /// Its name for the picture.
        image: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The labels are of another clip.
    #[error("{clip}: {frames} frames, but {labels} lines of labels; line n of the labels is frame n of a clip")]
    OtherLength {
        /// The clip.
        clip: PathBuf,
        /// Its frames.
        frames: usize,
        /// Lines of labels.
        labels: usize,
    },
    /// The labels are of another picture.
    #[error("{place}: labelled as {}×{}, but the picture has {}×{} pixels", labelled[0], labelled[1], found[0], found[1])]
    OtherSize {
        /// The label.
        place: Place,
        /// Width and height that it states.
        labelled: [u32; 2],
        /// Width and height of the picture.
        found: [u32; 2],
    },
    /// A picture or clip that can not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The network can not be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
