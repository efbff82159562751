//! Detectors.
use crate::{Detector, ModelError, NetworkFile, Runtime};
/// At how many scales a picture is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// One pass.
    Fast,
    /// What large and small faces need.
    Balanced,
    /// Beyond the picture's own resolution.
    Thorough,
}
/// What to find faces with.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceSetup {
    /// One or several networks; what any finds counts.
    pub networks: Vec<NetworkFile>,
    /// At how many scales.
    pub detail: Detail,
    /// Threshold in `0..=1`.
    pub score: f32,
    /// Threads of the inference engine.
    pub threads: usize,
}
/// A detector of faces.
///
/// # Errors
/// When a network can not be loaded or fails its self-test.
pub fn face_detector(runtime: &Runtime, setup: &FaceSetup) -> Result<Box<dyn Detector>, ModelError> {
    let _ = (runtime, setup);
    todo!()
}
/// A detector of persons.
///
/// # Errors
/// When the network can not be loaded or fails its self-test.
pub fn person_detector(
    runtime: &Runtime,
    network: &NetworkFile,
    threads: usize,
) -> Result<Box<dyn Detector>, ModelError> {
    let _ = (runtime, network, threads);
    todo!()
}
