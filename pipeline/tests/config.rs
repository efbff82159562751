//! The configuration as the owner's contract: examples prove, faults point at their place, nothing is lost quietly.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::path::{Path, PathBuf};

use common::example;
use frostglass::config::{CameraSource, Config, Target, describe, schema};
use proptest::prelude::*;

fn prove(text: &str) -> Result<Config, String> {
    Config::prove(text, "camera.toml", Path::new("/etc/frostglass")).map_err(|fault| fault.rendered())
}

#[test]
fn every_example_proves_and_is_served() {
    for name in ["full.toml", "demo.toml", "doorbell.toml", "shop.toml"] {
        let config = Config::read(&example(name)).unwrap_or_else(|fault| panic!("{}", fault.rendered()));
        assert!(config.not_yet().is_empty(), "{name}: {:?}", config.not_yet());
        let Some(CameraSource::Path(clip)) = &config.camera.source else { panic!("{name}: no clip") };
        assert!(clip.exists(), "{name}: {}", clip.display());
    }
}

#[test]
fn the_reference_states_the_defaults() {
    let (full, empty) = (Config::read(&example("full.toml")).unwrap(), prove("").unwrap());
    let parts = |config: &Config| {
        let mut camera = config.camera.clone();
        camera.source = None;
        let mut emit = config.emit.clone();
        emit.jsonl = None;
        format!(
            "{camera:?} {:?} {:?} {} {:?} {:?} {emit:?} {:?} {}",
            config.faces, config.persons, config.moving, config.hold, config.events, config.record, config.log_level
        )
    };
    assert_eq!(parts(&full), parts(&empty));
    // No key of the contract is missing from it, served or not.
    let text = std::fs::read_to_string(example("full.toml")).unwrap();
    let sections = schema()["properties"].as_object().unwrap().clone();
    for section in sections.keys() {
        assert!(text.contains(&format!("[{section}]")), "{section}");
    }
}

#[test]
fn the_schema_is_made_from_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{} is not what the types say; UPDATE_SCHEMA=1 writes it anew", path.display());
}

#[test]
fn a_fault_is_shown_with_its_place_and_what_was_expected() {
    let cases = [
        ("unknown_key", "[camera]\nsauce = \"a.mp4\"\n"),
        ("unknown_section", "[cameras]\nsource = \"a.mp4\"\n"),
        ("unknown_key_in_a_zone", "[[zone]]\noutline = [[0, 0], [1, 0], [1, 1]]\ncolour = \"red\"\n"),
        ("wrong_type", "[hold]\nframes = \"three\"\n"),
        ("too_large", "[hold]\nframes = 16\n"),
        ("negative", "[camera]\nfps = -1\n"),
        ("huge", "[camera]\nwidth = 9223372036854775807\n"),
        ("no_number", "[faces]\nscore = nan\n"),
        ("infinite", "[faces]\nmargin = inf\n"),
        ("no_such_style", "[faces]\nredact = \"pixelate\"\n"),
        ("no_such_network", "[faces]\nmodel = \"resnet\"\n"),
        ("own_network_of_no_family", "[faces]\nmodel = { family = \"efficientdet\", path = \"a.onnx\" }\n"),
        ("no_quarter_turn", "[camera]\nrotate = 45\n"),
        ("two_corners", "[[zone]]\nname = \"a\"\noutline = [[0.1, 0.1], [0.5, 0.5]]\n"),
        ("corner_outside", "[[zone]]\nname = \"Küche, größer\"\noutline = [[0.1, 0.1], [0.5, 1.5], [0.2, 0.9]]\n"),
        ("flat_outline", "[[zone]]\noutline = [[0.1, 0.1], [0.2, 0.2], [0.5, 0.5]]\n"),
        ("no_outline", "[[zone]]\nname = \"a\"\n"),
        (
            "one_name_twice",
            "[[zone]]\nname = \"a\"\noutline = [[0, 0], [1, 0], [1, 1]]\n[[zone]]\nname = \"a\"\noutline = [[0, 0], [1, 0], [1, 1]]\n",
        ),
        ("standard_output_twice", "[emit]\njsonl = \"-\"\ny4m = \"-\"\n"),
        ("no_address", "[emit]\nhttp = \"localhost\"\n"),
        ("syntax", "[camera\nsource = 1\n"),
        ("one_key_twice", "[camera]\nfps = 1\nfps = 2\n"),
        ("several_at_once", "[camera]\nfps = 0\n[hold]\nframes = 99\n[faces]\nscore = 2.0\n"),
    ];
    for (name, text) in cases {
        let told = prove(text).expect_err(name);
        insta::assert_snapshot!(name, told);
    }
}

#[test]
fn relative_paths_start_at_the_configs_folder() {
    let config =
        prove("[camera]\nsource = \"clips/a.mp4\"\n[emit]\njsonl = \"events.jsonl\"\npictures = \"/srv/out\"\n")
            .unwrap();
    assert_eq!(config.camera.source, Some(CameraSource::Path(PathBuf::from("/etc/frostglass/clips/a.mp4"))));
    assert_eq!(config.emit.jsonl, Some(Target::File(PathBuf::from("/etc/frostglass/events.jsonl"))));
    assert_eq!(config.emit.pictures, Some(PathBuf::from("/srv/out")));
}

#[test]
fn what_check_says_can_be_relied_on() {
    for name in ["demo", "doorbell", "shop"] {
        let config = Config::read(&example(&format!("{name}.toml"))).unwrap();
        let folder = example("").display().to_string();
        let told = describe(&config, &["a network (pinned)".to_owned()]).replace(&folder, "EXAMPLES/");
        insta::assert_snapshot!(format!("describe_{name}"), told);
    }
    let worst = "[camera]\nsource = \"auto\"\n[faces]\nredact = \"mosaic\"\n[persons]\nredact = \"none\"\n[moving]\nredact = true\n[emit]\nhttp = \"127.0.0.1:80\"\n";
    insta::assert_snapshot!("describe_worst", describe(&prove(worst).unwrap(), &[]));
}

proptest! {
    /// Whatever is done to a config: either it is refused, or no zone of it is lost.
    #[test]
    fn no_zone_is_lost_quietly(at in 0usize..4000, length in 0usize..12, put in "[ -~\n]{0,8}") {
        let text = std::fs::read_to_string(example("doorbell.toml")).unwrap();
        let (from, to) = (at.min(text.len()), (at + length).min(text.len()));
        prop_assume!(text.is_char_boundary(from) && text.is_char_boundary(to));
        let changed = format!("{}{put}{}", &text[..from], &text[to..]);
        match Config::prove(&changed, "doorbell.toml", Path::new("/")) {
            Ok(config) => {
                let written: toml::Table = changed.parse().unwrap();
                let zones = written.get("zone").and_then(|zones| zones.as_array()).map_or(0, Vec::len);
                prop_assert_eq!(config.zones.len(), zones);
            }
            Err(fault) => prop_assert!(fault.to_string().starts_with("doorbell.toml:"), "{}", fault),
        }
    }
}
