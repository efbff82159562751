//! The events of a replay as a table: one line each, by sensitivity.

use std::fmt;

use frostglass::event::What;

use super::{Raised, Replay};

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let persons = if self.persons { "" } else { "; persons not looked for" };
        writeln!(f, "{}: {} frames, {} s{persons}", self.clip, self.frames, tenths(self.seconds))?;
        writeln!(f, "{:<12} {:>8} {:>8}  {:<7} {:<28} zones", "sensitivity", "start s", "end s", "what", "where")?;
        for curve in &self.curves {
            if curve.events.is_empty() {
                writeln!(f, "{:<12} {:>8} {:>8}  no event", curve.sensitivity, "-", "-")?;
            }
            for Raised { start, end, open, what, area, zones, .. } in &curve.events {
                let what = match what {
                    What::Motion => "motion",
                    What::Person => "person",
                };
                let [left, top, right, bottom] = area.map(|edge| (100.0 * edge).round());
                let place = format!("x {left}-{right} %, y {top}-{bottom} %");
                let end = format!("{}{}", if *open { ">" } else { "" }, tenths(*end));
                let line = format!(
                    "{:<12} {:>8} {end:>8}  {what:<7} {place:<28} {}",
                    curve.sensitivity,
                    tenths(*start),
                    zones.join(", ")
                );
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

fn tenths(seconds: f32) -> String {
    format!("{seconds:.1}")
}
