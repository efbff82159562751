//! Who the person network finds, from one look to the next.
//!
//! **Invariant.** A person counts as moving only when picture cells say so: a poster that the network finds in each frame,
//! or only in some, never moves. No more than [`MOST`] are remembered, and nothing but where they were.

use frostglass_vault::{Area, Detection, Kind};

/// Persons that are remembered at once; what is more replaces whoever was seen longest ago.
const MOST: usize = 32;
/// Seconds after which somebody who is not found any more is forgotten: a network may overlook a poster for a while.
const FORGOTTEN_AFTER: f64 = 60.0;
/// Looks in which somebody must have moved to be worth an event of their own.
const STIRRED_LOOKS: u32 = 2;
/// Somebody who stands still for so long, in seconds, when first found is furniture until they move ...
const STILL_AT_FIRST: f64 = 10.0;
/// ... and the network alone keeps an event of theirs open for so long after they did, instead of [`PERSON_ALONE`].
const FURNITURE_ALONE: f64 = 60.0;
/// Seconds for which the person network alone keeps an event open.
const PERSON_ALONE: f64 = 600.0;

/// Somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) area: Area,
    pub(super) score: f32,
    /// When they were found first and last, and when they moved first and last, in seconds.
    first: f64,
    last: f64,
    stirred: Option<(f64, f64)>,
    stirred_looks: u32,
}

impl Person {
    /// Whether they move, and did so before: not just something that the network took for somebody once.
    pub(super) fn is_about(&self, now: f64) -> bool {
        self.stirred_looks >= STIRRED_LOOKS && self.stirred.is_some_and(|(_, last)| last == now)
    }

    /// Whether that they are found is reason enough to keep an event open.
    pub(super) fn keeps_open(&self, now: f64) -> bool {
        self.stirred.is_some_and(|(first, last)| {
            let patience = if first - self.first > STILL_AT_FIRST { FURNITURE_ALONE } else { PERSON_ALONE };
            now - last < patience
        })
    }
}

/// Everybody.
pub(super) struct People {
    seen: Vec<Person>,
}

impl People {
    pub(super) fn new() -> Self {
        Self { seen: Vec::with_capacity(MOST) }
    }

    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// Takes in what the person network found; `stirs` says whether something in an area moves.
    pub(super) fn meet(&mut self, found: &[Detection], now: f64, stirs: impl Fn(Area) -> bool) {
        self.seen.retain(|person| (0.0..FORGOTTEN_AFTER).contains(&(now - person.last)));
        for Detection { area, score, .. } in found.iter().filter(|found| found.kind == Kind::Person) {
            let known = self.seen.iter_mut().filter(|person| person.last < now);
            let nearest = known.map(|person| (person.area.iou(*area), person));
            let nearest = nearest.max_by(|(one, _), (other, _)| one.total_cmp(other)).filter(|(iou, _)| *iou > 0.2);
            let stirring = stirs(*area);
            if let Some((_, person)) = nearest {
                (person.area, person.score, person.last) = (*area, score.value(), now);
                if stirring {
                    person.stirred = Some((person.stirred.map_or(now, |(first, _)| first), now));
                    person.stirred_looks = person.stirred_looks.saturating_add(1);
                }
                continue;
            }
            if self.seen.len() == MOST {
                let oldest =
                    self.seen.iter().enumerate().min_by(|(_, one), (_, other)| one.last.total_cmp(&other.last));
                if let Some((oldest, _)) = oldest {
                    self.seen.swap_remove(oldest);
                }
            }
            let (stirred, stirred_looks) = if stirring { (Some((now, now)), 1) } else { (None, 0) };
            self.seen.push(Person { area: *area, score: score.value(), first: now, last: now, stirred, stirred_looks });
        }
    }

    /// Those who were found in the look at `now`.
    pub(super) fn found(&self, now: f64) -> impl Iterator<Item = &Person> + '_ {
        self.seen.iter().filter(move |person| person.last == now)
    }
}
