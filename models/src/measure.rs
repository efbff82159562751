//! How long a network takes, beside the bare engine on the same input in the same run.

use std::time::{Duration, Instant};

use frostglass_vault::{Picture, Size};

use crate::detector::Detail;
use crate::detector::{same, tensor_for};
use crate::look::{self, Look};
use crate::merge::merge;
use crate::network::session::{Network, fixed_input};
use crate::shrink::Shrinker;
use crate::{DetectError, Family, ModelError, NetworkFile, Runtime};

/// A network's times in milliseconds, taken by turns.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measured {
    /// The engine alone, on a tensor that was ready.
    pub bare: Percentiles,
    /// Everything: shrinking the picture, converting, the engine, decoding, suppression.
    pub ours: Percentiles,
}

/// Of many times, those that half, 95 and 99 of a hundred do not exceed; in milliseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 95 of a hundred are faster.
    pub p95: f64,
    /// 99 of a hundred are faster.
    pub p99: f64,
}

/// Shows `frame` to a network `rounds` times (at least once) in an input of size `input`, both ways by turns.
///
/// # Errors
/// When the network can not be loaded or fails, or does not take inputs of this size.
pub fn network(
    runtime: &Runtime,
    file: &NetworkFile,
    input: Size,
    frame: &Picture<'_>,
    threads: usize,
    rounds: usize,
) -> Result<Measured, ModelError> {
    let mut pair = Pair::new(runtime, file, input, frame, threads)?;
    for _ in 0..3 {
        pair.bare()?;
        pair.ours(frame)?;
    }
    let rounds = rounds.max(1);
    let (mut bare, mut ours) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        bare.push(timed(|| pair.bare())?);
        ours.push(timed(|| pair.ours(frame).map(drop))?);
    }
    Ok(Measured { bare: Percentiles::of(bare), ours: Percentiles::of(ours) })
}

/// The inputs that the face network is shown of a moving picture of this size, in order.
#[must_use]
pub fn face_looks(picture: Size, detail: Detail) -> Vec<Size> {
    crate::look::for_faces(picture, detail).iter().map(crate::look::Look::input).collect()
}

/// The input in which one `fast` look at a picture of this size is shown to a network of this family.
#[must_use]
pub fn live_input(family: Family, picture: Size) -> Size {
    fixed_input(family).unwrap_or_else(|| look::for_faces(picture, Detail::Fast)[0].input())
}

/// Shrinking and converting alone, as one `fast` look does it before the engine runs.
pub struct Shrinking {
    look: Look,
    shrinker: Shrinker,
    tensor: crate::shrink::Tensor,
}

impl Shrinking {
    /// For pictures of this size.
    #[must_use]
    pub fn new(family: Family, picture: Size) -> Self {
        let look = Look::into_input(picture, live_input(family, picture));
        Self { look, shrinker: Shrinker::default(), tensor: tensor_for(family) }
    }

    /// Shrinks a picture, converts its colours and fills the tensor.
    ///
    /// # Errors
    /// When the picture has no pixels.
    pub fn shrink(&mut self, picture: &Picture<'_>) -> Result<(), DetectError> {
        self.shrinker.shrink(picture, &self.look)?;
        self.shrinker.fill(picture, &self.look, &mut self.tensor);
        Ok(())
    }
}

impl std::fmt::Debug for Shrinking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shrinking").field("look", &self.look).finish_non_exhaustive()
    }
}

/// One network, ready to be run both ways, for a measuring loop of your own.
pub struct Pair {
    network: Network,
    look: Look,
    shrinker: Shrinker,
    /// Filled once, for the bare engine.
    ready: crate::shrink::Tensor,
    tensor: crate::shrink::Tensor,
    threshold: f32,
    candidates: Vec<crate::decode::Candidate>,
    found: Vec<crate::merge::Found>,
}

impl Pair {
    /// Loads the network and prepares a tensor of `frame`; later frames have the same size.
    ///
    /// # Errors
    /// As for [`network`].
    pub fn new(
        runtime: &Runtime,
        file: &NetworkFile,
        input: Size,
        frame: &Picture<'_>,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let family = file.family();
        let on_grid = input.pixels() > 0 && input.width.is_multiple_of(32) && input.height.is_multiple_of(32);
        if !on_grid || fixed_input(family).is_some_and(|fixed| fixed != input) {
            return Err(ModelError::Input { network: family.name(), input, fixed: fixed_input(family) });
        }
        if frame.size().pixels() == 0 {
            let why = "it has no pixels".to_owned();
            return Err(DetectError::Picture { width: frame.size().width, height: frame.size().height, why }.into());
        }
        let network = Network::load(runtime, file, threads)?;
        let threshold = network.curve().raw(0.5);
        let look = Look::into_input(frame.size(), input);
        let mut shrinker = Shrinker::default();
        let (mut ready, tensor) = (tensor_for(family), tensor_for(family));
        shrinker.shrink(frame, &look)?;
        shrinker.fill(frame, &look, &mut ready);
        let (candidates, found) = (Vec::new(), Vec::new());
        Ok(Self { network, look, shrinker, ready, tensor, threshold, candidates, found })
    }

    /// The engine alone.
    ///
    /// # Errors
    /// When it fails.
    pub fn bare(&mut self) -> Result<(), DetectError> {
        self.network.run_bare(&self.ready)
    }

    /// Everything from the planes of the frame to boxes, of which it says how many there are.
    ///
    /// # Errors
    /// When the network fails or answers nonsense.
    pub fn ours(&mut self, frame: &Picture<'_>) -> Result<usize, DetectError> {
        let Self { network, look, shrinker, tensor, threshold, candidates, found, .. } = self;
        shrinker.shrink(frame, look)?;
        shrinker.fill(frame, look, tensor);
        candidates.clear();
        network.run(tensor, *threshold, candidates)?;
        found.clear();
        found.extend(candidates.iter().filter_map(|candidate| look.found(candidate, network.curve())));
        let too_many = |found| DetectError::TooMany {
            network: network.name().to_owned(),
            found,
            most: frostglass_vault::MOST_DETECTIONS,
        };
        merge(found, 0, same(network.family().kind()), 0.5).map_err(|_| too_many(candidates.len()))?;
        Ok(found.len())
    }
}

impl std::fmt::Debug for Pair {
    /// Shows what is loaded, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("network", self.network.card()).field("look", &self.look).finish_non_exhaustive()
    }
}

fn timed(work: impl FnOnce() -> Result<(), DetectError>) -> Result<Duration, DetectError> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).clamp(1, times.len());
            times[rank - 1].as_secs_f64() * 1e3
        };
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let Percentiles { p50, p95, p99 } = Percentiles::of(times);
        assert_eq!([p50, p95, p99].map(f64::round), [100.0, 190.0, 198.0]);
        assert_eq!(Percentiles::of(vec![Duration::from_millis(7)]).p99, 7.0);
    }
}
