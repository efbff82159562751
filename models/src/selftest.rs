//! The self-test: before a network is trusted, it must find what is in a small built-in picture.
//!
//! A runtime that computes wrongly, a network that was exchanged, or colours in the wrong order show here and not in a
//! street full of people. Boxes are compared, not counted. The picture is a part of the photograph of the fifth Solvay
//! conference (B. Couprie, 1927, public domain), 256×256 greys in steps of 8, deflated.

use frostglass_vault::{Area, Format, Kind, Picture, Plane, Size};

use crate::ModelError;
use crate::detector::{same, tensor_for};
use crate::look::Look;
use crate::merge::{Found, merge};
use crate::network::session::{Network, fixed_input};
use crate::shrink::Shrinker;

const PICTURE: &[u8] = include_bytes!("selftest.grey.deflate");
const SIDE: u32 = 256;

/// Faces that are wholly in the picture, from labels made by hand: left, top, right, bottom in the unit square.
const FACES: &[[f32; 4]] = &[
    [0.034, 0.450, 0.133, 0.586],
    [0.227, 0.164, 0.315, 0.283],
    [0.271, 0.303, 0.362, 0.416],
    [0.471, 0.418, 0.572, 0.552],
    [0.478, 0.107, 0.564, 0.218],
    [0.561, 0.311, 0.651, 0.429],
    [0.754, 0.119, 0.842, 0.234],
    [0.776, 0.429, 0.876, 0.558],
    [0.878, 0.331, 0.966, 0.455],
];

/// Persons that are clear in it: the three in the front row, two behind them; checked by eye.
const PERSONS: &[[f32; 4]] = &[
    [0.315, 0.386, 0.747, 0.996],
    [0.689, 0.403, 0.997, 0.996],
    [0.000, 0.406, 0.260, 0.964],
    [0.392, 0.082, 0.692, 0.494],
    [0.678, 0.088, 0.960, 0.518],
];

/// A found box is the right one from this intersection over union on.
const RIGHT: f32 = 0.5;

/// Shows the picture to a network at its recommended threshold.
pub(crate) fn run(network: &mut Network) -> Result<(), ModelError> {
    let size = Size::new(SIDE, SIDE);
    let grey = miniz_oxide::inflate::decompress_to_vec_with_limit(PICTURE, size.pixels()).unwrap_or_default();
    let plane = Plane { bytes: &grey, stride: SIDE as usize };
    let expected = match network.family().kind() {
        Kind::Face => FACES,
        Kind::Person => PERSONS,
    };
    let name = network.name().to_owned();
    let failed = |found| ModelError::SelfTest { network: name.clone(), expected: expected.len(), found };
    // A picture that did not unpack is one in which nothing can be found.
    let picture = Picture::new(Format::still(size), [plane; 3]).ok_or_else(|| failed(0))?;
    let found = look_at(network, &picture)?;
    match hits(expected, &found) {
        all if all == expected.len() => Ok(()),
        some => Err(failed(some)),
    }
}

/// How many of the expected boxes were found where they are.
fn hits(expected: &[[f32; 4]], found: &[Found]) -> usize {
    let area = |found: &Found| Area::clipped(found.left, found.top, found.right, found.bottom);
    let is_found = |&&[left, top, right, bottom]: &&[f32; 4]| {
        let expected = Area::new(left, top, right, bottom);
        expected.is_some_and(|expected| found.iter().filter_map(area).any(|area| area.iou(expected) >= RIGHT))
    };
    expected.iter().filter(is_found).count()
}

fn look_at(network: &mut Network, picture: &Picture<'_>) -> Result<Vec<Found>, ModelError> {
    let look = Look::into_input(picture.size(), fixed_input(network.family()).unwrap_or(picture.size()));
    let (mut shrinker, mut tensor) = (Shrinker::default(), tensor_for(network.family()));
    shrinker.shrink(picture, &look)?;
    shrinker.fill(picture, &look, &mut tensor);
    let mut candidates = Vec::new();
    network.run(&tensor, network.curve().raw(0.5), &mut candidates)?;
    let mut found = candidates.iter().filter_map(|candidate| look.found(candidate, network.curve())).collect();
    // More boxes than a frame may have are no answer either.
    if merge(&mut found, 0, same(network.family().kind()), 0.5).is_err() {
        found.clear();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, NetworkFile, Runtime};

    #[test]
    fn each_bundled_network_passes() {
        let runtime = Runtime::load().unwrap_or_else(|error| panic!("{error}"));
        for family in [Family::YuNet, Family::CenterFace, Family::EfficientDet] {
            let mut network = Network::load(&runtime, &NetworkFile::Bundled(family), 1).unwrap();
            run(&mut network).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn boxes_in_the_wrong_place_do_not_pass_however_many_they_are() {
        let shifted = |edges: &[f32; 4]| {
            let [left, top, right, bottom] = edges.map(|edge| edge + 0.06);
            Found { left, top, right, bottom, score: 0.9, cut: false, view: 0 }
        };
        let right: Vec<Found> = FACES.iter().map(|edges| Found { score: 0.9, ..exactly(edges) }).collect();
        assert_eq!(hits(FACES, &right), FACES.len());
        let wrong: Vec<Found> = FACES.iter().map(shifted).collect();
        assert_eq!(hits(FACES, &wrong), 0);
        assert_eq!(hits(FACES, &right[1..]), FACES.len() - 1);
    }

    fn exactly(&[left, top, right, bottom]: &[f32; 4]) -> Found {
        Found { left, top, right, bottom, score: 0.5, cut: false, view: 0 }
    }
}
