//! Detectors as they are ordered: which networks, how closely, from which score on.
//!
//! **Invariant.** A detector exists only when each of its networks found what is in the built-in picture. How it looks
//! at pictures is [`crate::looker`]'s business.

use frostglass_vault::{Kind, Score, Size};

use crate::looker::{Looker, Plan};
use crate::merge::Same;
use crate::network::session::{Network, fixed_input};
use crate::network::{Family, NetworkFile};
use crate::shrink::{Order, Tensor};
use crate::{Detector, ModelError, Runtime, selftest};

/// At how many scales a picture is looked at. Faces below about ten pixels of a network's input are missed, and so are
/// those that fill it; what a look costs grows with its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// One look, 640 pixels long (a smaller picture at its own size, a tiny one doubled).
    Fast,
    /// Also one of 320, for faces that fill the picture, and one of twice the picture's size, at most 1280, for small
    /// ones.
    Balanced,
    /// Also the picture's own resolution, twice that for pictures up to 4.2 megapixels and three times for those up to
    /// 1.05, in overlapping tiles. A picture above some 25 megapixels is looked at somewhat below its own resolution,
    /// so that time is bounded.
    Thorough,
}

/// With what, and how closely, to look for faces.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceSetup {
    /// One face network or several; what any of them finds counts.
    pub networks: Vec<NetworkFile>,
    /// At how many scales.
    pub detail: Detail,
    /// What a detection must reach, in `0..=1`; 0.5 is each network's recommended point. Of stills at `thorough`, it is what
    /// the joined looks must reach, on a scale of which 0.5 hides half a per cent of a crowd's picture too much.
    pub score: f32,
    /// Threads of the inference engine, for each network; 0 counts as 1.
    pub threads: usize,
    /// Whether it is for single pictures, for which there is time: `thorough` then takes mirrored and turned copies and
    /// more enlarged ones too, and fuses what they say.
    pub stills: bool,
}

/// Loads and tests face networks.
///
/// # Errors
/// When a network can not be read, was altered, is not of its family, finds something else than faces, or does not
/// find the faces of the built-in picture; or when the score is not in `0..=1`.
pub fn face_detector(runtime: &Runtime, setup: &FaceSetup) -> Result<Box<dyn Detector>, ModelError> {
    if setup.networks.is_empty() {
        return Err(ModelError::NoNetwork);
    }
    let score = Score::new(setup.score).ok_or(ModelError::Score(setup.score))?;
    let (plan, score) = match setup.detail {
        Detail::Thorough if setup.stills => (Plan::Stills, Score::new(setup.score * STILLS).unwrap_or(score)),
        detail => (Plan::Faces(detail), score),
    };
    let least = plan.least(setup.networks.len()) * score.value();
    let load = |file| Loaded::new(runtime, file, Kind::Face, least, setup.threads);
    let networks = setup.networks.iter().map(load).collect::<Result<_, _>>()?;
    Ok(Box::new(Looker::new(networks, plan, score)))
}

/// What joined looks must reach, of what the user asks for; measured with `frostglass-calibrate leak` on crowds.
const STILLS: f32 = 0.88;

/// Loads and tests a person network. It looks once, and at a very wide or high picture in two halves as well; its
/// threshold is the recommended one.
///
/// # Errors
/// As for [`face_detector`].
pub fn person_detector(
    runtime: &Runtime,
    network: &NetworkFile,
    threads: usize,
) -> Result<Box<dyn Detector>, ModelError> {
    let recommended = Score::new(0.5).ok_or(ModelError::Score(0.5))?;
    let family = network.family();
    let plan = Plan::Persons(fixed_input(family).unwrap_or(Size::new(320, 320)));
    let network = Loaded::new(runtime, network, Kind::Person, plan.least(1) * recommended.value(), threads)?;
    Ok(Box::new(Looker::new(vec![network], plan, recommended)))
}

/// A network with the tensor it reads, and what it must answer for a box to count at all, on its own scale.
pub(crate) struct Loaded {
    pub(crate) network: Network,
    pub(crate) threshold: f32,
    pub(crate) tensor: Tensor,
}

impl Loaded {
    /// Loads and tests a network, of which everything from the user's score `least` on counts.
    fn new(runtime: &Runtime, file: &NetworkFile, kind: Kind, least: f32, threads: usize) -> Result<Self, ModelError> {
        if file.family().kind() != kind {
            let wanted = if kind == Kind::Face { "faces" } else { "persons" };
            return Err(ModelError::Kind { network: file.family().name().to_owned(), wanted });
        }
        let mut network = Network::load(runtime, file, threads)?;
        selftest::run(&mut network)?;
        let threshold = network.curve().raw(least);
        Ok(Self { tensor: tensor_for(network.family()), network, threshold })
    }
}

/// An empty tensor of the kind that a family reads.
pub(crate) fn tensor_for(family: Family) -> Tensor {
    match family {
        Family::YuNet => Tensor::floats(Order::Bgr),
        Family::CenterFace => Tensor::floats(Order::Rgb),
        Family::EfficientDet => Tensor::bytes(),
    }
}

/// When two boxes of a kind mean the same thing.
pub(crate) const fn same(kind: Kind) -> Same {
    match kind {
        Kind::Face => Same { overlap: 0.3, parts: true },
        Kind::Person => Same { overlap: 0.5, parts: false },
    }
}
