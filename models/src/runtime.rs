//! ONNX Runtime.
use std::path::Path;
/// The loaded ONNX Runtime.
#[derive(Debug, Clone)]
pub struct Runtime {}
impl Runtime {
    /// Loads.
    ///
    /// # Errors
    /// When it is missing.
    pub fn load() -> Result<Self, RuntimeError> {
        todo!()
    }
    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        todo!()
    }
    /// Pinned.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        todo!()
    }
    /// SHA-256, lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        todo!()
    }
}
/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Nowhere.
    #[error("{0}")]
    Missing(String),
}
