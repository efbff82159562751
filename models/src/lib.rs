//! Pixels in, boxes out.

use frostglass_vault::{Detection, Picture};

/// A network, or several, that finds something in a picture. A trait because there are several networks, and fakes
/// in tests.
pub trait Detector: Send {
    /// Appends what is in the picture to `found`; its boxes are checked and in the unit square of `picture`.
    ///
    /// # Errors
    /// When the network fails or answers nonsense (NaN, a box outside all sense): the whole answer is then
    /// worthless, and `found` must not be used.
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError>;
}

/// Why a picture could not be inspected.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct DetectError;
