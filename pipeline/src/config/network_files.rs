//! Which files the networks are that a config names.
//!
//! **Invariant.** Whoever measures with a config loads the networks that the program loads with it.

use frostglass_models::NetworkFile;

use super::{FaceModel, Family, PersonModel};

impl FaceModel {
    /// The files of the face networks.
    #[must_use]
    pub fn files(&self, leisure: Leisure) -> Vec<NetworkFile> {
        use frostglass_models::Family::{CenterFace, YuNet};
        match (self, leisure) {
            (Self::Fitting, Leisure::Little) | (Self::YuNet, _) => vec![NetworkFile::Bundled(YuNet)],
            (Self::Fitting, Leisure::Still) | (Self::CenterFace, _) => vec![NetworkFile::Bundled(CenterFace)],
            // Of a clip, what one network misses at the picture's edge or behind a head the other one often sees, and one
            // sighting is enough for a track.
            (Self::Fitting, Leisure::Clip) | (Self::Both, _) => {
                vec![NetworkFile::Bundled(YuNet), NetworkFile::Bundled(CenterFace)]
            }
            (Self::Own { family, path }, _) => {
                vec![NetworkFile::Own { family: (*family).into(), path: path.clone() }]
            }
        }
    }
}

/// How much time there is, where the config leaves the choice of networks open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leisure {
    /// Of a camera, and wherever `fast` is wished.
    Little,
    /// Of a clip that is a file, from `balanced` on: half a second for a frame is bearable.
    Clip,
    /// Of a single picture that is looked at thoroughly.
    Still,
}

impl PersonModel {
    /// The file of the person network.
    #[must_use]
    pub fn file(&self) -> NetworkFile {
        match self {
            Self::EfficientDet => NetworkFile::Bundled(frostglass_models::Family::EfficientDet),
            Self::Own { family, path } => NetworkFile::Own { family: (*family).into(), path: path.clone() },
        }
    }
}

impl From<Family> for frostglass_models::Family {
    fn from(family: Family) -> Self {
        match family {
            Family::YuNet => Self::YuNet,
            Family::CenterFace => Self::CenterFace,
            Family::EfficientDet => Self::EfficientDet,
        }
    }
}
