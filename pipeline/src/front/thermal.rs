//! How warm the processor is, when the kernel knows.
//!
//! **Invariant.** It only reads; a sensor that says nonsense is no sensor.

use std::fs;
use std::path::Path;

/// Where the kernel shows its thermal zones.
const ZONES: &str = "/sys/class/thermal";

/// Degrees Celsius of the processor; `None` when the kernel has no sensor.
pub(super) fn temperature() -> Option<f32> {
    of(Path::new(ZONES))
}

/// Of the zones that are the processor's by their name the warmest, else of all.
fn of(folder: &Path) -> Option<f32> {
    let zones = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let path = entry.path();
        let millis: i32 = fs::read_to_string(path.join("temp")).ok()?.trim().parse().ok()?;
        let kind = fs::read_to_string(path.join("type")).unwrap_or_default().to_lowercase();
        let degrees = millis as f32 / 1000.0;
        let is_processor = ["cpu", "soc", "pkg", "core"].iter().any(|word| kind.contains(word));
        (-50.0..=200.0).contains(&degrees).then_some((is_processor, degrees))
    });
    zones.max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))).map(|(_, degrees)| degrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_own_sensor_counts_before_a_warmer_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of(folder.path()), None);
        let zone = |number: u32, kind: &str, temp: &str| {
            let zone = folder.path().join(format!("thermal_zone{number}"));
            fs::create_dir(&zone).unwrap();
            fs::write(zone.join("type"), kind).unwrap();
            fs::write(zone.join("temp"), temp).unwrap();
        };
        zone(0, "acpitz\n", "27800\n");
        assert_eq!(of(folder.path()), Some(27.8));
        zone(1, "battery\n", "61000\n");
        zone(2, "cpu-thermal\n", "48312\n");
        zone(3, "soc-broken\n", "-2147483\n");
        zone(4, "cpu-odd\n", "warm\n");
        assert_eq!(of(folder.path()), Some(48.312));
        assert_eq!(of(&folder.path().join("missing")), None);
    }
}
