//! Which files the networks are that a config names.
//!
//! **Invariant.** Whoever measures with a config loads the networks that the program loads with it.

use frostglass_models::NetworkFile;

use super::{FaceModel, Family, PersonModel};

impl FaceModel {
    /// The files of the face networks; `closely` for a still that is looked at thoroughly.
    #[must_use]
    pub fn files(&self, closely: bool) -> Vec<NetworkFile> {
        use frostglass_models::Family::{CenterFace, YuNet};
        match self {
            // A still has the time for the network that finds more; whoever wants it fast says so.
            Self::Fitting if closely => vec![NetworkFile::Bundled(CenterFace)],
            Self::Fitting | Self::YuNet => vec![NetworkFile::Bundled(YuNet)],
            Self::CenterFace => vec![NetworkFile::Bundled(CenterFace)],
            Self::Both => vec![NetworkFile::Bundled(YuNet), NetworkFile::Bundled(CenterFace)],
            Self::Own { family, path } => vec![NetworkFile::Own { family: (*family).into(), path: path.clone() }],
        }
    }
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
