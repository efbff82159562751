//! Measuring.
use crate::{ModelError, NetworkFile, Runtime};
use frostglass_vault::{Picture, Size};
/// Milliseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}
/// A network beside the bare engine call, in milliseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measured {
    /// The engine alone, on a prepared tensor.
    pub bare: Percentiles,
    /// Shrink, run, decode.
    pub ours: Percentiles,
}
/// Measures a network.
///
/// # Errors
/// When it can not be loaded or fails.
pub fn network(
    runtime: &Runtime,
    file: &NetworkFile,
    input: Size,
    frame: &Picture<'_>,
    threads: usize,
    rounds: usize,
) -> Result<Measured, ModelError> {
    let _ = (runtime, file, input, frame, threads, rounds);
    todo!()
}
