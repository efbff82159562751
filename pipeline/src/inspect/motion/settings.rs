//! What the owner wants to be told: how sensitive, where, and how seldom.

use std::time::Duration;

use frostglass_vault::Outline;

use crate::config::{self, Config, ZoneRule};

/// What raises events.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// Whether motion raises events at all; [`Watch::moving`](super::Watch::moving) is kept either way.
    pub motion: bool,
    /// `0..=1`: from large and clear only to small and faint too; 0.5 by default. NaN counts as 0.5.
    pub sensitivity: f32,
    /// How long nothing must move for an event to be over; at least half a second.
    pub cooldown: Duration,
    /// Where events are wanted, and where not.
    pub zones: Vec<WatchZone>,
}

impl WatchSettings {
    /// What a config asks for.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let zones = config.zones.iter().map(|zone| WatchZone {
            name: zone.name.clone(),
            outline: zone.outline.clone(),
            rule: match zone.rule {
                ZoneRule::Hide => WatchRule::Hide,
                ZoneRule::Watch => WatchRule::Watch,
                ZoneRule::Ignore => WatchRule::Ignore,
            },
        });
        let config::Events { motion, sensitivity, cooldown } = config.events;
        Self { motion, sensitivity, cooldown, zones: zones.collect() }
    }
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { motion: true, sensitivity: 0.5, cooldown: Duration::from_secs(5), zones: Vec::new() }
    }
}

/// A part of the picture with a rule about events.
#[derive(Clone, Debug)]
pub struct WatchZone {
    /// Its name, as events tell it.
    pub name: String,
    /// What the rule is.
    pub rule: WatchRule,
    /// Its border.
    pub outline: Outline,
}

/// What a zone means for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchRule {
    /// If there are zones to watch, only motion that touches one raises events.
    Watch,
    /// Motion in it raises no event.
    Ignore,
    /// It is painted over before anybody looks, so that nothing can move in it.
    Hide,
}
