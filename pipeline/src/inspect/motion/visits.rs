//! Visits: regions of many frames that are one event.
//!
//! **Invariant.** A visit that was announced by a start is closed by exactly one end, and updates stand between them.
//! No more than [`MOST_OPEN`] are open at once: what would be more is one event of the whole picture. What is known of one
//! visit, and what is told of it, is `visit`'s.

use std::time::Duration;

use frostglass_vault::Area;

use super::attention::Attention;
use super::people::People;
use super::visit::{Moment, SPLIT_AFTER, Sighting, Visit, gap, overlaps, union};
use crate::event::{Event, Phase};

/// Visits that are open at once.
pub(super) const MOST_OPEN: usize = 8;
/// Seconds after which what was not announced is forgotten.
const FORGOTTEN_AFTER: f32 = 0.7;
/// Seconds between updates.
const UPDATE_EVERY: f32 = 1.0;
/// Seconds for which a visit must not have moved while something parts from it, to be only what was left behind.
const LEFT_BEHIND_AFTER: f64 = 0.3;
/// Parts of one visit are no further apart than this share of the picture.
const PARTS_WITHIN: f32 = 0.15;

/// All visits that are going on.
pub(super) struct Visits {
    cooldown: f64,
    open: Vec<Visit>,
    opened: u64,
    /// For each sighting the visit it was given to.
    taken: Vec<bool>,
}

impl Visits {
    pub(super) fn new(cooldown: Duration) -> Self {
        // Without a pause between two events a flicker would be a flood of them.
        let cooldown = cooldown.as_secs_f64().max(0.5);
        Self { cooldown, open: Vec::with_capacity(2 * MOST_OPEN), opened: 0, taken: Vec::new() }
    }

    /// Takes in what moves in a frame; `within` says whether an area touches a watched zone.
    pub(super) fn observe(
        &mut self,
        sightings: &[Sighting],
        now: Moment,
        attention: &Attention,
        within: impl Fn(Area, usize) -> bool,
    ) {
        self.taken.clear();
        self.taken.resize(sightings.len(), false);
        let wide = sightings.iter().find(|sighting| sighting.wide).copied();
        if let Some(wide) = wide {
            self.merge_all(wide, now, attention.zones());
            self.taken.fill(true);
        } else if let Some(visit) = self.open.iter_mut().find(|visit| visit.wide) {
            for sighting in sightings {
                visit.see(sighting, now, true);
            }
            self.taken.fill(true);
        } else {
            self.continue_visits(sightings, now);
        }
        for (at, sighting) in sightings.iter().enumerate() {
            if !self.taken[at] && sighting.begins && sighting.stirs && self.open.len() < 2 * MOST_OPEN {
                let visit = Visit::new(sighting, now, attention.zones());
                let beside = |other: &&Visit| other.id.is_some() && gap(other.area, visit.area) <= PARTS_WITHIN + 0.05;
                let parted_from = self.open.iter().find(beside).map(|other| other.number);
                self.open(Visit { parted_from, ..visit });
            }
        }
        for visit in self.open.iter_mut().filter(|visit| visit.moved == now.time) {
            for (zone, there) in visit.zones.iter_mut().enumerate() {
                *there |= within(visit.area, zone);
            }
        }
    }

    /// Lets whom the person network found name visits, keep them open, and begin some; `wanted` says whether an area lies
    /// where events are, `within` whether it touches a watched zone.
    pub(super) fn meet(
        &mut self,
        people: &People,
        now: Moment,
        zones: usize,
        wanted: impl Fn(Area) -> bool,
        within: impl Fn(Area, usize) -> bool,
    ) {
        for visit in &mut self.open {
            let area = visit.area;
            visit.meet(people.found(now.time).filter(|person| overlaps(person.area, area)), now);
        }
        for person in people.found(now.time) {
            let mut here = self.open.iter().filter(|visit| visit.wide || overlaps(person.area, visit.area));
            if here.next().is_some() || !person.is_about(now.time) || !wanted(person.area) {
                continue;
            }
            if self.open.len() < 2 * MOST_OPEN {
                let sighting =
                    Sighting { area: person.area, begins: true, stirs: true, score: person.score, wide: false };
                let mut visit = Visit::new(&sighting, now, zones);
                visit.meet(std::iter::once(person), now);
                for (zone, there) in visit.zones.iter_mut().enumerate() {
                    *there = within(person.area, zone);
                }
                self.open(visit);
            }
        }
        self.join_parts(people, now);
    }

    fn open(&mut self, visit: Visit) {
        self.opened += 1;
        self.open.push(Visit { number: self.opened, ..visit });
    }

    /// When somebody walks out of the place where they were learnt, that place differs too, and moved when they left it. If
    /// the visit stayed there, it goes with what moves on.
    fn follow_what_parted(&mut self, now: Moment) {
        for at in (0..self.open.len()).rev() {
            let parted = &self.open[at];
            if parted.id.is_some() || !parted.is_confirmed() {
                continue;
            }
            let left_behind = |visit: &Visit| {
                Some(visit.number) == parted.parted_from
                    && now.time - visit.stirred > LEFT_BEHIND_AFTER
                    && visit.stirred > parted.begun - SPLIT_AFTER
            };
            if let Some(place) = self.open.iter().position(left_behind) {
                let parted = self.open.remove(at);
                let visit = &mut self.open[place - usize::from(at < place)];
                visit.area = parted.area;
                (visit.moved, visit.stirred, visit.alive) = (parted.moved, parted.stirred, parted.alive);
                visit.score = visit.score.max(parted.score);
                visit.person = visit.person.into_iter().chain(parted.person).max_by(f32::total_cmp);
                visit.missed = None;
                visit.zones.iter_mut().zip(parted.zones).for_each(|(zone, there)| *zone |= there);
            }
        }
    }

    /// Lets what is not announced yet go when it is a part of somebody who is.
    fn join_parts(&mut self, people: &People, now: Moment) {
        for person in people.found(now.time) {
            let Some(whole) = self.open.iter().position(|visit| {
                visit.id.is_some() && !visit.wide && visit.person.is_some() && overlaps(person.area, visit.area)
            }) else {
                continue;
            };
            let mut at = 0;
            let mut whole = whole;
            while at < self.open.len() {
                let part = &self.open[at];
                if at != whole && part.id.is_none() && overlaps(person.area, part.area) {
                    let (area, there) = (part.area, part.moved == now.time);
                    let zones = std::mem::take(&mut self.open[at].zones);
                    let visit = &mut self.open[whole];
                    visit.zones.iter_mut().zip(zones).for_each(|(zone, part)| *zone |= part);
                    if there {
                        visit.area = union(visit.area, area);
                    }
                    self.open.remove(at);
                    whole -= usize::from(at < whole);
                } else {
                    at += 1;
                }
            }
        }
    }

    /// Keeps what is open, for a frame in which nobody could see anything move.
    pub(super) fn hold(&mut self, now: Moment) {
        self.open.retain(|visit| visit.id.is_some());
        for visit in &mut self.open {
            visit.alive = now.time;
        }
    }

    /// Areas of the visits that are persons.
    pub(super) fn persons(&self) -> impl Iterator<Item = Area> + '_ {
        self.open.iter().filter(|visit| visit.person.is_some()).map(|visit| visit.area)
    }

    /// Writes down what has to be told.
    pub(super) fn tell(&mut self, now: Moment, attention: &Attention, out: &mut Vec<Event>) {
        let cooldown = self.cooldown;
        self.open.retain_mut(|visit| {
            let silent = now.time - visit.alive;
            let over = if visit.id.is_some() { silent > cooldown } else { silent > f64::from(FORGOTTEN_AFTER) };
            if over {
                visit.tell(Phase::End, now, attention, out);
            }
            !over
        });
        self.follow_what_parted(now);
        let mut announced = self.open.iter().filter(|visit| visit.id.is_some()).count();
        for visit in &mut self.open {
            if visit.id.is_none() && visit.is_confirmed() && announced < MOST_OPEN {
                visit.announce(now);
                announced += 1;
                visit.tell(Phase::Start, now, attention, out);
            } else if visit.id.is_some()
                && visit.alive == now.time
                && now.time - visit.updated >= f64::from(UPDATE_EVERY)
            {
                visit.tell(Phase::Update, now, attention, out);
            }
        }
    }

    /// Ends whatever is open.
    pub(super) fn end_all(&mut self, now: Moment, attention: &Attention, out: &mut Vec<Event>) {
        for mut visit in self.open.drain(..) {
            visit.tell(Phase::End, now, attention, out);
        }
    }

    /// Gives each visit its nearest sighting, then the parts that are left to visits beside them.
    fn continue_visits(&mut self, sightings: &[Sighting], now: Moment) {
        loop {
            let mut best: Option<(f32, usize, usize)> = None;
            for (at, visit) in self.open.iter().enumerate().filter(|(_, visit)| visit.moved != now.time) {
                // It may have gone on while nobody looked.
                let reach = 0.05 + (0.3 * (now.time - visit.moved.max(visit.alive))).clamp(0.0, 0.25) as f32;
                for (seen, sighting) in sightings.iter().enumerate().filter(|(seen, _)| !self.taken[*seen]) {
                    let gap = gap(visit.area, sighting.area);
                    // What lies nearer to somebody else is a part of theirs.
                    let nearer = |other: &Visit| other.moved == now.time && self::gap(other.area, sighting.area) < gap;
                    if self.open.iter().any(nearer) {
                        continue;
                    }
                    let closeness = visit.area.iou(sighting.area) - gap + f32::from(u8::from(visit.id.is_some()))
                        // It goes with what moves, not with the hole that this left behind.
                        + 2.0 * f32::from(u8::from(sighting.stirs));
                    if gap <= reach && best.is_none_or(|(most, ..)| closeness > most) {
                        best = Some((closeness, at, seen));
                    }
                }
            }
            let Some((_, at, seen)) = best else { break };
            self.open[at].see(&sightings[seen], now, false);
            self.taken[seen] = true;
        }
        for (sighting, taken) in sightings.iter().zip(&mut self.taken).filter(|(_, taken)| !**taken) {
            let mut seen_now = self.open.iter_mut().filter(|visit| visit.moved == now.time);
            if let Some(visit) = seen_now.find(|visit| gap(visit.area, sighting.area) <= PARTS_WITHIN) {
                visit.see(sighting, now, true);
                *taken = true;
            }
        }
    }

    /// Makes one visit of everything; the oldest that was announced lives on, the others are let go to end.
    fn merge_all(&mut self, wide: Sighting, now: Moment, zones: usize) {
        let announced = self.open.iter().filter(|visit| visit.id.is_some());
        let person = announced.filter_map(|visit| visit.person).max_by(f32::total_cmp);
        let oldest = self.open.iter().position(|visit| visit.id.is_some());
        let visit = match oldest.or(if self.open.is_empty() { None } else { Some(0) }) {
            Some(at) => &mut self.open[at],
            None => {
                self.open(Visit::new(&wide, now, zones));
                return;
            }
        };
        visit.see(&wide, now, visit.wide);
        visit.wide = true;
        // Whoever is in the scene is in the event of the whole of it.
        visit.person = visit.person.into_iter().chain(person).max_by(f32::total_cmp);
    }
}
