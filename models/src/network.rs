//! Network files.
use crate::ModelError;
use std::path::PathBuf;

/// A kind of network whose input and output this crate knows how to handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// YuNet: faces, fast.
    YuNet,
    /// CenterFace: faces, finds more, slower.
    CenterFace,
    /// EfficientDet-Lite0: persons.
    EfficientDet,
}

/// Which file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkFile {
    /// The one that is compiled into the program, pinned by its SHA-256.
    Bundled(Family),
    /// The owner's own file; its hash is not pinned.
    Own {
        /// Which family it is of.
        family: Family,
        /// The ONNX file.
        path: PathBuf,
    },
}

impl NetworkFile {
    /// The family.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Bundled(family) | Self::Own { family, .. } => *family,
        }
    }
    /// Whether the bytes are pinned.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self, Self::Bundled(_))
    }
    /// What is loaded.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn card(&self) -> Result<Card, ModelError> {
        todo!()
    }
}

/// What `frostglass check` says about a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// `YuNet` and so on.
    pub name: &'static str,
    /// File name or path.
    pub file: String,
    /// SHA-256 of the bytes that are loaded, lower-case hex.
    pub sha256: String,
    /// Whether that hash is pinned by this program.
    pub pinned: bool,
    /// SPDX licence; `None` for an own file.
    pub licence: Option<String>,
}
