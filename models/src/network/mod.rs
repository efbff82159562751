//! Networks: which there are, where their bytes come from, and what is known about them.
//!
//! **Invariant.** The bytes of a bundled network are those that `models.toml` pins, or it is not loaded.
//! How a network is fed and read is [`session`]'s business.

mod catalogue;
mod curve;
pub(crate) mod session;

use std::borrow::Cow;
use std::path::PathBuf;

use frostglass_vault::Kind;

use crate::ModelError;
use crate::provision::sha256;
use catalogue::Entry;
pub(crate) use curve::Curve;

/// A kind of network whose input and output this crate knows how to handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// YuNet: faces, fast.
    YuNet,
    /// CenterFace: faces, finds more, slower.
    CenterFace,
    /// EfficientDet-Lite: persons.
    EfficientDet,
}

impl Family {
    /// As its authors write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::YuNet => "YuNet",
            Self::CenterFace => "CenterFace",
            Self::EfficientDet => "EfficientDet",
        }
    }

    /// What its networks find.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::YuNet | Self::CenterFace => Kind::Face,
            Self::EfficientDet => Kind::Person,
        }
    }

    const fn bundled(self) -> &'static [u8] {
        match self {
            Self::YuNet => include_bytes!("../../onnx/face_yunet_2023mar_dynamic_mit.onnx"),
            Self::CenterFace => include_bytes!("../../onnx/face_centerface_dynamic_mit.onnx"),
            Self::EfficientDet => include_bytes!("../../onnx/person_efficientdet_lite0_fp32_apache2.onnx"),
        }
    }
}

/// Which file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkFile {
    /// The one that is compiled into the program, pinned by its SHA-256.
    Bundled(Family),
    /// The owner's own file of a known family. Its hash is not pinned, and the owner is told so.
    Own {
        /// Which family it is of.
        family: Family,
        /// The ONNX file.
        path: PathBuf,
    },
}

impl NetworkFile {
    /// The family whose input and output it must have.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Bundled(family) | Self::Own { family, .. } => *family,
        }
    }

    /// Whether `models.toml` pins the bytes.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self, Self::Bundled(_))
    }

    /// What `frostglass check` says about it.
    ///
    /// # Errors
    /// When an own file can not be read, or a bundled one was altered.
    pub fn card(&self) -> Result<Card, ModelError> {
        self.prove().map(|proved| proved.card)
    }

    /// SHA-256 of the bytes that would be loaded, in lower-case hexadecimal.
    ///
    /// # Errors
    /// As for [`NetworkFile::card`].
    pub fn sha256(&self) -> Result<String, ModelError> {
        self.card().map(|card| card.sha256)
    }

    /// Reads the bytes once, and checks these very bytes.
    pub(crate) fn prove(&self) -> Result<Proved, ModelError> {
        let family = self.family();
        let entry = Entry::of(family)?;
        match self {
            Self::Bundled(_) => check(entry, family.bundled()),
            Self::Own { path, .. } => {
                let bytes = std::fs::read(path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
                let (file, sha256) = (path.display().to_string(), sha256(&bytes));
                let card = Card { family, file, sha256, pinned: false, licence: None };
                Ok(Proved { card, bytes: Cow::Owned(bytes), curve: entry.curve })
            }
        }
    }
}

/// A bundled network's bytes against its pin.
fn check(entry: Entry, bytes: &'static [u8]) -> Result<Proved, ModelError> {
    let found = sha256(bytes);
    if found != entry.sha256 {
        return Err(ModelError::Altered { file: entry.file, found, pinned: entry.sha256 });
    }
    let card =
        Card { family: entry.family, file: entry.file, sha256: found, pinned: true, licence: Some(entry.licence) };
    Ok(Proved { card, bytes: Cow::Borrowed(bytes), curve: entry.curve })
}

/// What is known about a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// How its input and output are read.
    pub family: Family,
    /// File name of a bundled network, path of an own one.
    pub file: String,
    /// SHA-256 of the bytes that are loaded, in lower-case hexadecimal.
    pub sha256: String,
    /// Whether `models.toml` pins that hash.
    pub pinned: bool,
    /// SPDX licence; `None` for an own file, of which nothing is known.
    pub licence: Option<String>,
}

/// Bytes whose origin is settled, with what is known about them.
pub(crate) struct Proved {
    pub(crate) card: Card,
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) curve: Curve,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Family; 3] = [Family::YuNet, Family::CenterFace, Family::EfficientDet];

    #[test]
    fn each_bundled_network_is_the_pinned_one() {
        for family in ALL {
            let card = NetworkFile::Bundled(family).card().unwrap();
            assert!(card.pinned && card.licence.is_some());
        }
    }

    #[test]
    fn a_bundled_network_with_one_byte_changed_is_refused() {
        for family in ALL {
            let mut bytes = family.bundled().to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            let fault = check(Entry::of(family).unwrap(), bytes.leak());
            assert!(matches!(fault, Err(ModelError::Altered { .. })), "{}", family.name());
        }
    }

    #[test]
    fn an_own_network_is_told_as_unpinned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.onnx");
        let own = NetworkFile::Own { family: Family::YuNet, path: path.clone() };
        assert!(own.card().unwrap_err().to_string().contains("own.onnx"));
        std::fs::write(&path, Family::YuNet.bundled()).unwrap();
        assert!(!own.is_pinned() && !own.card().unwrap().pinned);
        assert_eq!(own.sha256().unwrap(), NetworkFile::Bundled(Family::YuNet).sha256().unwrap());
    }
}
