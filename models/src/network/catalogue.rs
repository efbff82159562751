//! `models.toml`, compiled in and read.

use crate::ModelError;
use crate::network::{Curve, Family};

const TEXT: &str = include_str!("../../models.toml");

/// What `models.toml` says about one network, as far as the program needs it; the rest is for readers.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) family: Family,
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) licence: String,
    pub(crate) curve: Curve,
}

impl Entry {
    /// The bundled network of a family.
    pub(crate) fn of(family: Family) -> Result<Self, ModelError> {
        #[derive(serde::Deserialize)]
        struct Catalogue {
            network: Vec<Entry>,
        }
        let catalogue: Catalogue = toml::from_str(TEXT).map_err(|error| ModelError::Catalogue(error.to_string()))?;
        let missing = || ModelError::Catalogue(format!("has no network of the family {}", family.name()));
        catalogue.network.into_iter().find(|entry| entry.family == family).ok_or_else(missing)
    }
}
