//! Who is in the frames: tracks become people, their first faces the gallery, their later ones what is attacked.
//!
//! **Invariant.** No frame's face is in the gallery and attacked, and everybody in the gallery is attacked: chance is one
//! in the number of people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ReidentifyError;
use super::crop::Face;
use super::frames::{Frame, cell};
use crate::bootstrap::SplitMix64;
use crate::labels::{Labelled, Target, Track};

/// One face of one person in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sighting {
    /// Which frame, of those that are used.
    pub(super) frame: usize,
    /// Where in it.
    pub(super) face: Face,
}

/// What is known of one person.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    /// The faces that the attacker has.
    pub(super) gallery: Vec<Sighting>,
    /// Those that are redacted and attacked.
    pub(super) probes: Vec<Sighting>,
}

/// All people, and what was left out.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    /// In the order of their tracks' names.
    pub(super) people: Vec<Person>,
    /// Faces which belong to no track, are too small, cut off, or marked `ignore`: redacted, but not attacked.
    pub(super) left_out: usize,
    /// Tracks that are seen in one of the used frames only.
    pub(super) too_short: usize,
}

/// Which faces are used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// At most so many frames are used, spread evenly; at least 2.
    pub frames: usize,
    /// This share of each track, its first faces, is the gallery.
    pub gallery: f64,
    /// Faces that are lower than so many pixels are left out.
    pub smallest: f64,
}

/// The places of the labels that are used, in order: those with faces, spread evenly.
pub(super) fn used(labels: &[Labelled], choice: Choice) -> Vec<usize> {
    let with_faces: Vec<usize> = (0..labels.len()).filter(|&index| !labels[index].record.faces.is_empty()).collect();
    let count = with_faces.len().min(choice.frames.max(2));
    (0..count).map(|index| with_faces[index * with_faces.len() / count]).collect()
}

impl Cast {
    /// Sorts the faces of the used labels by track.
    ///
    /// # Errors
    /// No faces, none with a track, fewer than two people who are seen twice.
    pub(super) fn of(labels: &[Labelled], used: &[usize], choice: Choice) -> Result<Self, ReidentifyError> {
        let mut tracks: BTreeMap<(Arc<Path>, PathBuf, Track), Vec<Sighting>> = BTreeMap::new();
        let (mut faces, mut tracked, mut left_out) = (0, 0, 0);
        for (frame, &index) in used.iter().enumerate() {
            let Labelled { record, place } = &labels[index];
            let folder = Path::new(&record.image).parent().unwrap_or(Path::new("")).to_owned();
            for target in &record.faces {
                faces += 1;
                tracked += usize::from(target.track.is_some());
                let whole = !is_cut_off(target, record.width, record.height);
                let usable = !target.ignore && whole && target.h.max(target.w) >= choice.smallest.max(1.0);
                match (&target.track, usable) {
                    (Some(track), true) => {
                        let key = (Arc::clone(&place.file), folder.clone(), track.clone());
                        tracks.entry(key).or_default().push(Sighting { frame, face: face(target) });
                    }
                    _ => left_out += 1,
                }
            }
        }
        if faces == 0 {
            return Err(ReidentifyError::NoFaces);
        }
        if tracked == 0 {
            return Err(ReidentifyError::NoTracks { faces });
        }
        let all = tracks.len();
        let people: Vec<Person> = tracks.into_values().filter_map(|seen| split(seen, choice.gallery)).collect();
        if people.len() < 2 {
            return Err(ReidentifyError::TooFewPeople { people: people.len(), tracks: all, left_out });
        }
        Ok(Self { too_short: all - people.len(), people, left_out })
    }

    /// Chance of naming the right person blindly.
    pub(super) fn chance(&self) -> f64 {
        1.0 / self.people.len() as f64
    }

    /// Whose face everybody gets in exchange; nobody keeps their own. One ring in random order.
    pub(super) fn ring(&self, seed: u64) -> Vec<usize> {
        let mut random = SplitMix64(seed);
        let mut order: Vec<usize> = (0..self.people.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let mut donors = vec![0; order.len()];
        for (at, &person) in order.iter().enumerate() {
            donors[person] = order[(at + 1) % order.len()];
        }
        donors
    }

    /// Frame `index` with the faces of those who are attacked in it exchanged for other people's, each taken from that
    /// person's nearest attacked frame. What is exchanged is the window of the crops, see `crop`.
    pub(super) fn exchanged(&self, frames: &[Frame], index: usize, donors: &[usize]) -> Frame {
        let mut frame = frames[index].clone();
        for (person, &donor) in self.people.iter().zip(donors) {
            let to = person.probes.iter().find(|sighting| sighting.frame == index);
            let from = self.people[donor].probes.iter().min_by_key(|sighting| sighting.frame.abs_diff(index));
            if let (Some(to), Some(from)) = (to, from) {
                paste(&mut frame, to.face, &frames[from.frame], from.face);
            }
        }
        frame
    }
}

/// All labelled faces of a frame: everybody's is redacted, whether attacked or not.
pub(super) fn faces(label: &Labelled) -> Vec<Face> {
    label.record.faces.iter().map(face).collect()
}

fn face(&Target { x, y, w, h, .. }: &Target) -> Face {
    Face { left: x as f32, top: y as f32, width: w as f32, height: h as f32 }
}

/// Whether it touches the edge of its picture: labels end there, whatever part of the face lies beyond, so that neither
/// its middle nor its size is the face's.
fn is_cut_off(target: &Target, width: Option<u32>, height: Option<u32>) -> bool {
    let touches = |low: f64, length: f64, size: Option<u32>| {
        low <= 0.0 || size.is_some_and(|size| low + length >= f64::from(size))
    };
    touches(target.x, target.w, width) || touches(target.y, target.h, height)
}

/// The first faces are the gallery. `None` where there is nothing left to attack.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn split(seen: Vec<Sighting>, gallery: f64) -> Option<Person> {
    if seen.len() < 2 {
        return None;
    }
    let first = ((seen.len() as f64 * gallery).round() as usize).clamp(1, seen.len() - 1);
    let (gallery, probes) = seen.split_at(first);
    Some(Person { gallery: gallery.to_vec(), probes: probes.to_vec() })
}

/// Puts one face in the place of another, as large as that one is.
fn paste(frame: &mut Frame, to: Face, donor: &Frame, from: Face) {
    let zoom = from.size() / to.size();
    let middle = |face: Face| (face.left + face.width / 2.0, face.top + face.height / 2.0);
    let ((x, y), (from_x, from_y)) = (middle(to), middle(from));
    let (across, down) = (to.size() * super::crop::ASPECT / 2.0, to.size() / 2.0);
    for plane in 0..3 {
        let size = frame.format.plane_size(plane);
        let (cell, theirs) = (cell(frame.format, plane) as f32, cell(donor.format, plane) as f32);
        for row in whole(y - down, y + down, cell, size.height) {
            for column in whole(x - across, x + across, cell, size.width) {
                let (dx, dy) = ((column as f32 + 0.5) * cell - x, (row as f32 + 0.5) * cell - y);
                if (dx / across).powi(2) + (dy / down).powi(2) > 1.0 {
                    continue;
                }
                let level = donor.sample(plane, (from_x + dx * zoom) / theirs, (from_y + dy * zoom) / theirs);
                frame.set(plane, column, row, level);
            }
        }
    }
}

/// The samples of a plane between two places, in pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn whole(low: f32, high: f32, cell: f32, length: u32) -> std::ops::Range<usize> {
    let clamped = |at: f32| (at / cell).clamp(0.0, length as f32);
    clamped(low).floor() as usize..clamped(high).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Place;
    use frostglass_vault::{Format, Size};

    fn labels(lines: &[&str]) -> Vec<Labelled> {
        let file: Arc<Path> = Path::new("gt.jsonl").into();
        let label = |(line, text): (usize, &&str)| Labelled {
            record: serde_json::from_str(text).unwrap(),
            place: Place { file: Arc::clone(&file), line: line + 1 },
        };
        lines.iter().enumerate().map(label).collect()
    }

    const CHOICE: Choice = Choice { frames: 60, gallery: 0.25, smallest: 8.0 };

    fn frame_of(tracks: &[i64]) -> String {
        let faces: Vec<String> =
            tracks.iter().map(|t| format!(r#"{{"x":{},"y":4,"w":8,"h":10,"track":{t}}}"#, 10 * t)).collect();
        format!(r#"{{"image":"f.png","width":64,"height":32,"faces":[{}]}}"#, faces.join(","))
    }

    #[test]
    fn nobody_is_in_the_gallery_and_attacked_in_one_frame() {
        let lines: Vec<String> = (0..8).map(|_| frame_of(&[1, 2, 3])).collect();
        let labels = labels(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let used = used(&labels, CHOICE);
        let cast = Cast::of(&labels, &used, CHOICE).unwrap();
        assert_eq!(cast.people.len(), 3);
        for person in &cast.people {
            assert_eq!((person.gallery.len(), person.probes.len()), (2, 6));
            assert!(person.gallery.iter().all(|g| person.probes.iter().all(|p| g.frame < p.frame)));
        }
    }

    #[test]
    fn what_can_not_be_attacked_is_counted() {
        let lines = [
            frame_of(&[1, 2, 3]),
            frame_of(&[1, 2]),
            r#"{"image":"f.png","width":64,"height":32,"faces":[
                {"x":0,"y":0,"w":9,"h":9},{"x":0,"y":0,"w":4,"h":4,"track":1},{"x":60,"y":0,"w":9,"h":9,"track":2},
                {"x":0,"y":0,"w":9,"h":9,"track":2,"ignore":true}]}"#
                .to_owned(),
        ];
        let labels = labels(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let cast = Cast::of(&labels, &[0, 1, 2], CHOICE).unwrap();
        assert_eq!((cast.people.len(), cast.too_short, cast.left_out), (2, 1, 4));
    }

    #[test]
    fn frames_are_spread_evenly_and_empty_ones_passed_over() {
        let lines: Vec<String> = (0..20).map(|i| frame_of(if i % 2 == 0 { &[1] } else { &[] })).collect();
        let labels = labels(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(used(&labels, Choice { frames: 5, ..CHOICE }), [0, 4, 8, 12, 16]);
        assert_eq!(used(&labels, CHOICE).len(), 10);
    }

    #[test]
    fn nobody_keeps_their_face() {
        let lines: Vec<String> = (0..3).map(|_| frame_of(&[1, 2, 3, 4, 5])).collect();
        let labels = labels(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let cast = Cast::of(&labels, &[0, 1, 2], CHOICE).unwrap();
        for seed in 0..50 {
            let donors = cast.ring(seed);
            let mut sorted = donors.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            assert!(donors.iter().enumerate().all(|(person, &donor)| person != donor));
        }
    }

    #[test]
    fn an_exchanged_face_is_the_others_and_all_else_stays() {
        let lines: Vec<String> = (0..2).map(|_| frame_of(&[1, 3])).collect();
        let labels = labels(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let cast = Cast::of(&labels, &[0, 1], CHOICE).unwrap();
        let level = |at: usize| if at % 64 < 24 { 50 } else { 200 };
        let plane: Vec<u8> = (0..64 * 32).map(level).collect();
        let frame = Frame { format: Format::still(Size::new(64, 32)), planes: [plane.clone(), plane.clone(), plane] };
        let frames = [frame.clone(), frame.clone()];
        let exchanged = cast.exchanged(&frames, 1, &[1, 0]);
        assert_eq!(exchanged.planes[0][9 * 64 + 14], 200);
        assert_eq!(exchanged.planes[0][9 * 64 + 34], 50);
        assert_eq!(exchanged.planes[2][20 * 64 + 14], 50);
        assert_eq!(exchanged.planes[2][9 * 64 + 22], 50);
    }
}
