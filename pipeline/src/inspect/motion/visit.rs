//! One visit: what is known of it, when it is announced, and what is told of it.
//!
//! **Invariant.** A visit of a person stays one, and a zone that it was in stays among its zones. Which regions belong to which
//! visit is decided in `visits`.

use frostglass_vault::Area;
use jiff::Timestamp;

use super::attention::Attention;
use super::people::Person;
use crate::event::{Event, Motion, Phase, What, written};

/// Seconds and frames for which something must move before it is announced.
const CONFIRMED_AFTER: f32 = 0.25;
const CONFIRMED_FRAMES: u32 = 3;
/// Seconds for which something that stands where nothing stood, without moving, keeps its visit open.
const STILL_ALONE: f64 = 20.0;
/// Seconds after which a visit of a person whom the network does not find any more is not kept open by what stands still
/// there: it is what they left, or what they stood before.
const MISSED_AFTER: f64 = 2.0;
/// Seconds for which what parts from a visit must move to be another one.
pub(super) const SPLIT_AFTER: f64 = 1.2;

/// A region of one frame, as visits need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) area: Area,
    /// Large enough to begin a visit; smaller ones only continue one.
    pub(super) begins: bool,
    /// Something in it moves just now: it does not only differ from the background.
    pub(super) stirs: bool,
    /// How clearly it moves, in `0..=1`.
    pub(super) score: f32,
    /// It stands for more than could be told apart.
    pub(super) wide: bool,
}

/// When a frame was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) frame: u64,
    /// Sequence time in seconds.
    pub(super) time: f64,
    pub(super) wall: Timestamp,
}

/// A region of many frames that is, or may become, one event.
pub(super) struct Visit {
    /// `None` until it is announced.
    pub(super) id: Option<String>,
    pub(super) area: Area,
    pub(super) begun: f64,
    /// Last seen to differ, and last seen to move.
    pub(super) moved: f64,
    pub(super) stirred: f64,
    /// Last moved, or found as a person.
    pub(super) alive: f64,
    pub(super) updated: f64,
    /// Frames in which it moved.
    pub(super) frames: u32,
    /// A person who moves was found here.
    pub(super) certain: bool,
    /// Tells visits apart as long as they are open, and which one this parted from.
    pub(super) number: u64,
    pub(super) parted_from: Option<u64>,
    pub(super) score: f32,
    /// Best score of the person network; `None` while it has found nobody here.
    pub(super) person: Option<f32>,
    /// Since when the network has looked and found nobody here.
    pub(super) missed: Option<f64>,
    /// For each watched zone, whether it was there.
    pub(super) zones: Vec<bool>,
    pub(super) wide: bool,
}

impl Visit {
    pub(super) fn new(sighting: &Sighting, now: Moment, zones: usize) -> Self {
        Self {
            id: None,
            area: sighting.area,
            begun: now.time,
            moved: now.time,
            stirred: now.time,
            alive: now.time,
            updated: now.time,
            frames: 1,
            certain: false,
            number: 0,
            parted_from: None,
            score: sighting.score,
            person: None,
            missed: None,
            zones: vec![false; zones],
            wide: sighting.wide,
        }
    }

    pub(super) fn see(&mut self, sighting: &Sighting, now: Moment, part: bool) {
        self.area = if part && self.moved == now.time { union(self.area, sighting.area) } else { sighting.area };
        if sighting.stirs {
            self.frames = self.frames.saturating_add(u32::from(self.stirred != now.time));
            self.stirred = now.time;
        }
        self.score = self.score.max(sighting.score);
        self.moved = now.time;
        let missed = self.missed.is_some_and(|since| now.time - since > MISSED_AFTER);
        if sighting.stirs || (now.time - self.stirred < STILL_ALONE && !missed) {
            self.alive = now.time;
        }
    }

    /// Takes in a look of the person network that found these persons here.
    pub(super) fn meet<'a>(&mut self, here: impl Iterator<Item = &'a Person>, now: Moment) {
        let mut best: Option<&Person> = None;
        for person in here {
            self.certain |= person.is_about(now.time);
            if person.keeps_open(now.time) || now.time - self.stirred < STILL_ALONE {
                self.alive = now.time;
            }
            if best.is_none_or(|best| best.score < person.score) {
                best = Some(person);
            }
        }
        match best {
            // An event of the whole picture is of more than persons; who was in it before it became one still is.
            Some(_) if self.wide => {}
            Some(person) => {
                self.person = Some(self.person.map_or(person.score, |before| before.max(person.score)));
                self.missed = None;
                if self.moved != now.time {
                    self.area = person.area;
                }
            }
            None => self.missed = self.missed.or(self.person.map(|_| now.time)),
        }
    }

    pub(super) fn is_confirmed(&self) -> bool {
        let seconds = (self.stirred - self.begun) as f32;
        if self.parted_from.is_some() {
            return f64::from(seconds) >= SPLIT_AFTER;
        }
        self.certain
            || (self.frames >= CONFIRMED_FRAMES && seconds >= CONFIRMED_AFTER)
            || (self.frames >= 2 && seconds >= 2.0 * CONFIRMED_AFTER)
    }

    pub(super) fn announce(&mut self, now: Moment) {
        let moment = u64::try_from(now.wall.as_millisecond()).unwrap_or(0);
        self.id = Some(ulid::Ulid::from_parts(moment, ulid::Ulid::new().random()).to_string());
    }

    pub(super) fn tell(&mut self, phase: Phase, now: Moment, attention: &Attention, out: &mut Vec<Event>) {
        let Some(id) = self.id.clone() else { return };
        self.updated = now.time;
        let (what, score) = self.person.map_or((What::Motion, self.score), |score| (What::Person, score));
        let there = self.zones.iter().enumerate().filter(|(_, there)| **there);
        let area = [self.area.left(), self.area.top(), self.area.right(), self.area.bottom()];
        out.push(Event::Motion(Motion {
            phase,
            id,
            time: written(now.wall),
            frame: now.frame,
            zones: there.map(|(zone, _)| attention.name(zone).to_owned()).collect(),
            what,
            score: rounded(score, 1000.0),
            area: area.map(|edge| rounded(edge, 10_000.0)),
        }));
    }
}

fn rounded(value: f32, parts: f32) -> f32 {
    (value * parts).round() / parts
}

/// The larger of the distances across and down, 0 when they touch.
pub(super) fn gap(one: Area, other: Area) -> f32 {
    let across = (one.left() - other.right()).max(other.left() - one.right());
    let down = (one.top() - other.bottom()).max(other.top() - one.bottom());
    across.max(down).max(0.0)
}

pub(super) fn union(one: Area, other: Area) -> Area {
    let (left, top) = (one.left().min(other.left()), one.top().min(other.top()));
    let (right, bottom) = (one.right().max(other.right()), one.bottom().max(other.bottom()));
    Area::new(left, top, right, bottom).unwrap_or(Area::EVERYTHING)
}

/// Whether at least a third of the smaller one lies in the other.
pub(super) fn overlaps(one: Area, other: Area) -> bool {
    let width = one.right().min(other.right()) - one.left().max(other.left());
    let height = one.bottom().min(other.bottom()) - one.top().max(other.top());
    let smaller = (one.width() * one.height()).min(other.width() * other.height());
    width > 0.0 && height > 0.0 && width * height * 3.0 >= smaller
}
