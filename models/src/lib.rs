//! Pixels in, boxes out: the networks of Frostglass, how pictures are shrunk for them and how their output is read.
//!
//! **Invariant.** What leaves here was checked: every box is inside the unit square and every score in `0..=1`. One
//! number that makes no sense, and there is no answer at all for that picture, never a shorter list.
//!
//! This crate knows no camera, no sink and no network connection. It opens two kinds of file: the pinned ONNX
//! Runtime library and a network that the owner named. What a box means for the picture is the vault's business.

mod decode;
mod detector;
mod error;
mod fuse;
mod look;
mod looker;
mod merge;
mod network;
mod runtime;
mod selftest;
mod shrink;
mod turn;
mod zoom;

#[doc(hidden)] // for the program `fetch-runtime`, which lies beside this library
#[path = "../build/provision.rs"]
pub mod provision;

pub mod measure;

pub use detector::{Detail, FaceSetup, face_detector, person_detector};
pub use error::{DetectError, ModelError};
pub use network::{Card, Family, NetworkFile};
pub use runtime::{Runtime, RuntimeError, silence_engine};

use frostglass_vault::{Area, Detection, Picture};

/// Something that finds things in a picture. A trait because there are several networks, and fakes in tests.
pub trait Detector: Send {
    /// Appends what is in the picture to `found`; its boxes are checked and in the unit square of `picture`.
    ///
    /// # Errors
    /// When the network fails or answers nonsense (NaN, a box outside all sense): the whole answer is then
    /// worthless, and `found` must not be used.
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError>;

    /// What the last [`detect`](Self::detect), and each [`look_closer`](Self::look_closer) since, saw with less than
    /// the score that is reported, and that is no duplicate of something reported: too little to hide something for,
    /// enough to keep a track alive (Zhang et al., "ByteTrack", 2022). Boxes and scores are checked as those of
    /// `detect` are. Empty after an error, and for a detector that has no such threshold.
    fn weak(&self) -> &[Detection] {
        &[]
    }

    /// Looks again, at the native resolution or larger, at places in which something is presumed: the upper part of a
    /// person, the surroundings of a track that was lost. Appends what `found` does not hold yet; what is below the
    /// reported score goes to [`weak`](Self::weak). `found` is what [`detect`](Self::detect) gave for this picture, and
    /// may hold more. Work is bounded, whatever the number of places: those that stand last may go without a look.
    ///
    /// # Errors
    /// As for [`detect`](Self::detect).
    fn look_closer(
        &mut self,
        _picture: &Picture<'_>,
        _places: &[Area],
        _found: &mut Vec<Detection>,
    ) -> Result<(), DetectError> {
        Ok(())
    }
}
