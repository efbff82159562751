//! The laws of the config: what is proved hides the same however it is written, and every fault is told with its place.

use std::path::Path;

use crate::config::{Config, ConfigError, describe};
use crate::event::{LONGEST_NAME, MOST_ZONES};

pub(super) const WORDS: &[&[u8]] = &[
    b"[[zone]]\n",
    b"[camera]\n",
    b"[faces]\n",
    b"[hold]\n",
    b"[emit]\n",
    b"outline = ",
    b"rule = \"hide\"\n",
    b"rule = \"watch\"\n",
    b"[[0, 0], [1, 0], [1, 1]]\n",
    b"name = \"\"\n",
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"'''",
    b"\"\"\"",
    b"\\u0000",
    b"1979-05-27T07:32:00Z",
    b"0x7fffffffffffffff",
    b"9223372036854775808",
    b"redact = ",
    b"score = ",
];

pub(super) fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match prove(text) {
        Ok(config) => {
            is_in_range(&config);
            assert!(describe(&config, &[]).contains("wholly masked"));
            // Comments, order, inline tables, ways to write a number: none of them changes what is hidden.
            let table: toml::Table = text.parse().expect("what was proved is TOML");
            let resolved = toml::to_string(&table).expect("what was read can be written");
            let again = prove(&resolved).unwrap_or_else(|error| panic!("{}\n{resolved}", error.rendered()));
            assert_eq!(again, config, "it hides something else when it is written anew");
        }
        Err(error) => {
            assert!(error.to_string().starts_with("camera.toml"), "{error}");
            assert!(error.rendered().contains("camera.toml"), "{}", error.rendered());
        }
    }
}

fn prove(text: &str) -> Result<Config, ConfigError> {
    Config::prove(text, "camera.toml", Path::new("/etc/frostglass"))
}

fn is_in_range(config: &Config) {
    let Config { camera, faces, persons, hold, zones, events, emit, .. } = config;
    assert!((16..=16_384).contains(&camera.width) && (16..=16_384).contains(&camera.height));
    assert!((1..=240).contains(&camera.fps) && [0, 90, 180, 270].contains(&camera.rotate));
    assert!((0.0..=1.0).contains(&faces.score) && (0.0..=4.0).contains(&faces.margin));
    assert!((1..=1000).contains(&persons.every) && hold.frames <= 15 && hold.linger <= 10_000);
    assert!((1..=60_000).contains(&hold.deadline.as_millis()) && (0.0..=1.0).contains(&events.sensitivity));
    assert!(events.cooldown.as_secs() <= 86_400 && emit.pictures_every >= 1);
    assert!(zones.len() <= MOST_ZONES);
    for (place, zone) in zones.iter().enumerate() {
        let line = !zone.name.trim().is_empty() && !zone.name.chars().any(char::is_control);
        assert!(line && zone.name.len() <= LONGEST_NAME, "{:?}", zone.name);
        assert!(zones[..place].iter().all(|other| other.name != zone.name), "two are called {:?}", zone.name);
    }
}
