//! Detectors: networks, the looks they take at a picture, and one list of boxes out of it all.
//!
//! **Invariant.** Either every look of every network was taken and made sense, or there is no answer.

use std::fmt;

use frostglass_vault::{Area, Detection, Kind, MOST_DETECTIONS, Picture, Score, Size};

use crate::decode::Candidate;
use crate::look::{self, Look};
use crate::merge::{Found, Same, TooMany, merge};
use crate::network::session::{Network, fixed_input};
use crate::network::{Family, NetworkFile};
use crate::shrink::{Order, Shrinker, Tensor};
use crate::{DetectError, Detector, ModelError, Runtime, selftest};

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
    /// What a detection must reach, in `0..=1`; 0.5 is each network's recommended point.
    pub score: f32,
    /// Threads of the inference engine, for each network; 0 counts as 1.
    pub threads: usize,
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
    let load = |file| Loaded::new(runtime, file, Kind::Face, score, setup.threads);
    let networks = setup.networks.iter().map(load).collect::<Result<_, _>>()?;
    Ok(Box::new(Looker::new(networks, Plan::Faces(setup.detail))))
}

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
    let network = Loaded::new(runtime, network, Kind::Person, recommended, threads)?;
    let input = fixed_input(network.network.family()).unwrap_or(Size::new(320, 320));
    Ok(Box::new(Looker::new(vec![network], Plan::Persons(input))))
}

/// A network with its threshold and the tensor it reads.
struct Loaded {
    network: Network,
    threshold: f32,
    tensor: Tensor,
}

impl Loaded {
    fn new(
        runtime: &Runtime,
        file: &NetworkFile,
        kind: Kind,
        score: Score,
        threads: usize,
    ) -> Result<Self, ModelError> {
        if file.family().kind() != kind {
            let wanted = if kind == Kind::Face { "faces" } else { "persons" };
            return Err(ModelError::Kind { network: file.family().name().to_owned(), wanted });
        }
        let mut network = Network::load(runtime, file, threads)?;
        selftest::run(&mut network)?;
        let threshold = network.curve().raw(score.value());
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

/// Which looks to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Faces(Detail),
    Persons(Size),
}

impl Plan {
    fn looks(self, picture: Size) -> Vec<Look> {
        match self {
            Self::Faces(detail) => look::for_faces(picture, detail),
            Self::Persons(input) => look::for_persons(picture, input),
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Faces(_) => Kind::Face,
            Self::Persons(_) => Kind::Person,
        }
    }
}

/// Looks at pictures. Its buffers grow to what the largest picture needs and are used again.
struct Looker {
    networks: Vec<Loaded>,
    plan: Plan,
    /// For pictures of this size, these looks.
    planned: (Size, Vec<Look>),
    shrinker: Shrinker,
    candidates: Vec<Candidate>,
    found: Vec<Found>,
}

impl Looker {
    fn new(networks: Vec<Loaded>, plan: Plan) -> Self {
        let planned = (Size::new(0, 0), Vec::new());
        let shrinker = Shrinker::default();
        Self { networks, plan, planned, shrinker, candidates: Vec::new(), found: Vec::new() }
    }

    fn look(&mut self, picture: &Picture<'_>, look: &Look) -> Result<(), DetectError> {
        self.shrinker.shrink(picture, look)?;
        for Loaded { network, threshold, tensor } in &mut self.networks {
            self.shrinker.fill(picture, look, tensor);
            self.candidates.clear();
            network.run(tensor, *threshold, &mut self.candidates)?;
            let start = self.found.len();
            let curve = network.curve();
            self.found.extend(self.candidates.iter().filter_map(|candidate| look.found(candidate, curve)));
            merge(&mut self.found, start, same(self.plan.kind()))
                .map_err(|TooMany| too_many(network.name().to_owned(), self.candidates.len()))?;
        }
        Ok(())
    }
}

impl Detector for Looker {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        let size = picture.size();
        if size.pixels() == 0 {
            let why = "it has no pixels".to_owned();
            return Err(DetectError::Picture { width: size.width, height: size.height, why });
        }
        if self.planned.0 != size {
            self.planned = (size, self.plan.looks(size));
        }
        self.found.clear();
        for index in 0..self.planned.1.len() {
            let look = self.planned.1[index];
            self.look(picture, &look)?;
        }
        let kind = self.plan.kind();
        let all = self.found.len();
        merge(&mut self.found, 0, same(kind)).map_err(|TooMany| too_many("all looks together".to_owned(), all))?;
        // What lies wholly in the black around the picture shows none of its pixels.
        found.extend(self.found.iter().filter_map(|&Found { left, top, right, bottom, score, .. }| {
            Some(Detection { kind, area: Area::clipped(left, top, right, bottom)?, score: Score::new(score)? })
        }));
        Ok(())
    }
}

fn too_many(network: String, found: usize) -> DetectError {
    DetectError::TooMany { network, found, most: MOST_DETECTIONS }
}

impl fmt::Debug for Looker {
    /// Shows what is loaded, never a pixel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<_> = self.networks.iter().map(|loaded| loaded.network.card()).collect();
        f.debug_struct("Looker").field("networks", &networks).field("plan", &self.plan).finish_non_exhaustive()
    }
}
