//! What a config hides, in words, and what a new one uncovers.

use frostglass_vault::PersonRule;

use super::redact::plural;
use crate::config::{Config, NamedZone, ZoneRule};
use crate::metrics::Metrics;

/// What is hidden from now on, in the words of the config.
pub(crate) fn hides(config: &Config) -> Vec<String> {
    let persons = match config.persons.rule {
        PersonRule::Head => Some("heads of persons".to_owned()),
        PersonRule::Body => Some("persons".to_owned()),
        PersonRule::None => None,
    };
    let zones = config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide);
    let zones = zones.map(|zone| format!("zone \"{}\"", zone.name));
    let moving = config.moving.then(|| "everything that moves".to_owned());
    std::iter::once("faces".to_owned()).chain(persons).chain(moving).chain(zones).collect()
}

pub(crate) fn summary(metrics: &Metrics) -> String {
    let Metrics { capture, inspect, emit } = metrics;
    let millis = |share| emit.latency.quantile(share).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    format!(
        "{} in, {} wholly masked, {} out ({} replaced by newer ones), {}, {}, path p50 {:.1} ms, p95 {:.1} ms",
        plural(capture.captured.get(), "frame"),
        emit.masked.get(),
        emit.out.get() - emit.replaced.get(),
        emit.replaced.get(),
        plural(inspect.faces.get(), "face box"),
        plural(inspect.events.get(), "event"),
        millis(0.5),
        millis(0.95),
    )
}

/// What the config `before` hid and `now` does not, or does later or less surely; each in a few words.
pub(crate) fn uncovered(before: &Config, now: &Config) -> Vec<String> {
    let mut list = Vec::new();
    let mut when = |is: bool, what: String| {
        if is {
            list.push(what);
        }
    };
    let hidden = |config: &Config| -> Vec<NamedZone> {
        config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide).cloned().collect()
    };
    let still = hidden(now);
    for zone in hidden(before) {
        let kept = still.iter().any(|other| other.outline == zone.outline);
        when(!kept, format!("zone \"{}\" is no longer hidden where it was", zone.name));
    }
    let strength = |config: &Config| match config.persons.rule {
        PersonRule::None => 0,
        PersonRule::Head => 1,
        PersonRule::Body => 2,
    };
    when(strength(now) < strength(before), "less of persons is hidden".to_owned());
    when(before.moving && !now.moving, "what moves is no longer masked".to_owned());
    when(now.hold.linger < before.hold.linger, "who is lost stays masked for a shorter time".to_owned());
    when(now.hold.frames < before.hold.frames, "who appears is masked in fewer frames before".to_owned());
    when(now.faces.margin < before.faces.margin, "faces are hidden with a smaller margin".to_owned());
    when(now.faces.score > before.faces.score, "a face network has to be surer of a face".to_owned());
    when(now.faces.model != before.faces.model, "another face network looks for faces".to_owned());
    when(now.faces.detail != before.faces.detail, "faces are looked for with another detail".to_owned());
    when(now.persons.every > before.persons.every, "persons are looked for less often".to_owned());
    when(
        now.camera.rotate != before.camera.rotate,
        "the picture is turned otherwise, and zones lie elsewhere".to_owned(),
    );
    when(
        format!("{:?}", now.camera.source) != format!("{:?}", before.camera.source),
        "the frames come from elsewhere".to_owned(),
    );
    when(before.record.is_some() && now.record.is_none(), "no record of what is hidden is kept any more".to_owned());
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::prove(text, "test", std::path::Path::new(".")).unwrap()
    }

    #[test]
    fn a_change_that_uncovers_something_is_named_and_one_that_hides_more_is_not() {
        let zone = "[[zone]]\nname = \"window\"\noutline = [[0,0],[1,0],[1,1]]\n";
        let (with, without) = (config(zone), config(""));
        assert_eq!(uncovered(&with, &without), ["zone \"window\" is no longer hidden where it was"]);
        assert!(uncovered(&without, &with).is_empty());
        let recorded = config("record.policy = 'policy.jsonl'");
        assert_eq!(uncovered(&recorded, &without), ["no record of what is hidden is kept any more"]);
        assert!(uncovered(&without, &recorded).is_empty());
        let renamed = config(&zone.replace("window", "glass"));
        assert!(uncovered(&with, &renamed).is_empty());
        let ignored = config(&format!("{zone}rule = \"ignore\"\n"));
        assert_eq!(uncovered(&with, &ignored).len(), 1);
        let smaller = config("[faces]\nmargin = 0.1\nscore = 0.9\n[persons]\nredact = \"none\"\n");
        assert_eq!(uncovered(&without, &smaller).len(), 3);
        assert!(uncovered(&smaller, &without).is_empty());
    }
}
