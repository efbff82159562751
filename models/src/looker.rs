//! Looking at pictures: the looks of a plan, by each network, and one list of boxes out of it all.
//!
//! **Invariant.** Either every look of every network was taken and made sense, or there is no answer, and nothing weak
//! either. No sample of a picture outlives the call that showed it, in any memory of ours.

use std::fmt;

use frostglass_vault::{Area, Detection, Kind, MOST_DETECTIONS, Picture, Score, Size};

use crate::decode::Candidate;
use crate::detector::{Detail, Loaded, same};
use crate::fuse::{Fuser, View, views};
use crate::look::{self, Look};
use crate::merge::{Found, TooMany, merge};
use crate::shrink::Shrinker;
use crate::{DetectError, Detector, zoom};

/// Which looks to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Of the whole picture, at as many scales as that takes.
    Faces(Detail),
    /// Of single pictures, as closely as there is time for.
    Stills,
    /// In an input of this size.
    Persons(Size),
}

impl Plan {
    fn looks(self, picture: Size) -> Vec<Look> {
        match self {
            Self::Faces(detail) => look::for_faces(picture, detail),
            Self::Stills => look::for_stills(picture),
            Self::Persons(input) => look::for_persons(picture, input),
        }
    }

    /// What reaches this share of the score is told as weak, by one of so many networks.
    const fn weak(self, networks: usize) -> f32 {
        match self {
            Self::Faces(_) if networks > 1 => WEAK_OF_SEVERAL,
            Self::Faces(Detail::Thorough) => WEAK_IN_MANY_LOOKS,
            _ => WEAK,
        }
    }

    /// What a network sees with less than this share of the score counts as nothing.
    pub(crate) const fn least(self, networks: usize) -> f32 {
        match self {
            Self::Stills => LEAST_FUSED,
            _ => self.weak(networks),
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Faces(_) | Self::Stills => Kind::Face,
            Self::Persons(_) => Kind::Person,
        }
    }
}

/// What is seen with less than this share of the score that is reported counts as nothing; what is between is weak.
const WEAK: f32 = 0.5;
/// The same where many looks have many chances to see what is none, and tracks keep it: of what is no face in a labelled clip of
/// 640×360 (a pan over a photograph), `thorough` painted over 23 % with [`WEAK`] and 17 % with this.
const WEAK_IN_MANY_LOOKS: f32 = 0.65;
/// And where more than one network has: a pan over a photograph was painted over by 18 % with [`WEAK`] and 10 % with this,
/// three others over crowds as before or by less, with as many faces seen.
const WEAK_OF_SEVERAL: f32 = 0.75;
/// Where many looks are fused, even this share of it is evidence.
const LEAST_FUSED: f32 = 0.1;

/// Looks at pictures. Its buffers grow to what the largest picture needs and are used again.
pub(crate) struct Looker {
    networks: Vec<Loaded>,
    plan: Plan,
    /// What is reported reaches this.
    score: f32,
    /// For pictures of this size, these looks.
    planned: (Size, Vec<Look>),
    /// The views that these looks make up, for one network after the other; empty where views are not fused.
    views: Vec<View>,
    fuser: Fuser,
    /// The looks at the places of one call.
    zooms: Vec<Look>,
    shrinker: Shrinker,
    candidates: Vec<Candidate>,
    /// All that is known about the picture that was looked at last.
    found: Vec<Found>,
    weak: Vec<Detection>,
}

impl Looker {
    pub(crate) fn new(networks: Vec<Loaded>, plan: Plan, score: Score) -> Self {
        Self {
            networks,
            plan,
            score: score.value(),
            planned: (Size::new(0, 0), Vec::new()),
            views: Vec::new(),
            fuser: Fuser::default(),
            zooms: Vec::new(),
            shrinker: Shrinker::default(),
            candidates: Vec::new(),
            found: Vec::new(),
            weak: Vec::new(),
        }
    }

    /// Shows one look to the first `networks` of the networks.
    fn look(&mut self, picture: &Picture<'_>, look: &Look, networks: usize) -> Result<(), DetectError> {
        self.shrinker.shrink(picture, look)?;
        let once = self.views.len() / self.networks.len().max(1);
        for (index, loaded) in self.networks.iter_mut().take(networks).enumerate() {
            let Loaded { network, threshold, tensor } = loaded;
            self.shrinker.fill(picture, look, tensor);
            self.candidates.clear();
            network.run(tensor, *threshold, &mut self.candidates)?;
            let start = self.found.len();
            let curve = network.curve();
            self.found.extend(self.candidates.iter().filter_map(|candidate| look.found(candidate, curve)));
            if self.plan.kind() == Kind::Person {
                // Of who is cut off by the edge, two boxes that reach into the black by different lengths are one.
                self.found[start..].iter_mut().for_each(Found::clip);
            }
            merge(&mut self.found, start, same(self.plan.kind()), self.score)
                .map_err(|TooMany| too_many(network.name().to_owned(), self.candidates.len()))?;
            #[expect(clippy::cast_possible_truncation, reason = "a plan has fewer views than fit")]
            let first = (index * once) as u8;
            self.found[start..].iter_mut().for_each(|found| found.view += first);
        }
        Ok(())
    }

    fn look_at_all(&mut self, picture: &Picture<'_>) -> Result<(), DetectError> {
        let size = picture.size();
        if self.planned.0 != size {
            self.planned = (size, self.plan.looks(size));
            if self.plan == Plan::Stills {
                self.views = views(&self.planned.1, self.networks.len());
            }
        }
        for index in 0..self.planned.1.len() {
            let look = self.planned.1[index];
            self.look(picture, &look, self.networks.len())?;
        }
        if self.views.is_empty() {
            return self.merge_all(0);
        }
        let all = self.found.len();
        self.fuser
            .fuse(&mut self.found, &self.views, size, same(self.plan.kind()), self.score)
            .map_err(|TooMany| too_many("all looks together".to_owned(), all))
    }

    fn look_at_places(&mut self, picture: &Picture<'_>, places: &[Area]) -> Result<(), DetectError> {
        zoom::looks(picture.size(), places, &mut self.zooms);
        let start = self.found.len();
        for index in 0..self.zooms.len() {
            let look = self.zooms[index];
            self.look(picture, &look, 1)?;
        }
        self.merge_all(start)?;
        self.merge_all(0)
    }

    fn merge_all(&mut self, start: usize) -> Result<(), DetectError> {
        let all = self.found.len();
        merge(&mut self.found, start, same(self.plan.kind()), self.score)
            .map_err(|TooMany| too_many("all looks together".to_owned(), all))
    }

    /// Forgets the last picture, so that an error leaves nothing of it, and looks at this one.
    fn fresh(
        &mut self,
        picture: &Picture<'_>,
        look: impl FnOnce(&mut Self) -> Result<(), DetectError>,
    ) -> Result<(), DetectError> {
        self.weak.clear();
        let size = picture.size();
        if size.pixels() == 0 {
            self.found.clear();
            let why = "it has no pixels".to_owned();
            return Err(DetectError::Picture { width: size.width, height: size.height, why });
        }
        let looked = look(self);
        self.shrinker.forget();
        self.networks.iter_mut().for_each(|loaded| loaded.tensor.forget());
        if looked.is_err() {
            self.found.clear();
        }
        let (kind, score) = (self.plan.kind(), self.score);
        let least = self.plan.weak(self.networks.len()) * score;
        let weak = self.found.iter().filter(|found| !found.reaches(score) && found.reaches(least));
        self.weak.extend(weak.filter_map(|found| detection(found, kind)));
        looked
    }
}

impl Detector for Looker {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.found.clear();
        self.fresh(picture, |looker| looker.look_at_all(picture))?;
        let (kind, score) = (self.plan.kind(), self.score);
        let strong = self.found.iter().filter(|found| found.reaches(score));
        found.extend(strong.filter_map(|found| detection(found, kind)));
        Ok(())
    }

    fn weak(&self) -> &[Detection] {
        &self.weak
    }

    fn look_closer(
        &mut self,
        picture: &Picture<'_>,
        places: &[Area],
        found: &mut Vec<Detection>,
    ) -> Result<(), DetectError> {
        let (kind, score) = (self.plan.kind(), self.score);
        if kind != Kind::Face || places.is_empty() {
            return Ok(());
        }
        self.fresh(picture, |looker| looker.look_at_places(picture, places))?;
        let known = found.len();
        let strong = self.found.iter().filter(|found| found.reaches(score));
        for seen in strong.filter_map(|found| detection(found, kind)) {
            let mut faces = found[..known].iter().filter(|face| face.kind == kind);
            if !faces.any(|face| Found::from(face).stands_for(&Found::from(&seen), same(kind))) {
                found.push(seen);
            }
        }
        Ok(())
    }
}

/// `None` for what lies wholly in the black around the picture: it shows none of its pixels.
fn detection(&Found { left, top, right, bottom, score, .. }: &Found, kind: Kind) -> Option<Detection> {
    Some(Detection { kind, area: Area::clipped(left, top, right, bottom)?, score: Score::new(score)? })
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
