//! The owner's contract: what a config may say, what it means, and how its faults are told.

#![expect(clippy::tests_outside_test_module, reason = "an integration test")]

use std::path::{Path, PathBuf};

use frostglass::config::{CameraSource, Config, ConfigError, Target, ZoneRule, describe};
use proptest::prelude::*;

const FULL: &str = include_str!("../../examples/full.toml");

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn prove(text: &str) -> Result<Config, ConfigError> {
    Config::prove(text, "camera.toml", Path::new("/etc/frostglass"))
}

#[test]
fn every_example_is_proved() {
    let mut files: Vec<_> = std::fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("Cargo.toml"));
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let config = Config::read(&path).unwrap_or_else(|error| panic!("{}", error.rendered()));
        let hidden = config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide).count();
        assert!(hidden >= 1, "{} shows how to hide a part of the picture", path.display());
    }
}

/// Comments that hold a key are read as keys, so that a key in the reference can not be misspelt or out of range.
#[test]
fn the_reference_has_every_key_of_the_schema() {
    let all = FULL.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line));
    let all = all.collect::<Vec<_>>().join("\n").replace("y4m = \"-\"", "y4m = \"video.y4m\"");
    prove(&all).unwrap_or_else(|error| panic!("{}", error.rendered()));

    let written: toml::Table = all.parse().unwrap();
    let schema = frostglass::config::schema();
    let sections = schema["properties"].as_object().unwrap();
    for (section, about) in sections {
        let (about, table) = match section.as_str() {
            "zone" => (&about["items"], &written["zone"][0]),
            _ => (about, &written[section]),
        };
        let name = about["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let keys = schema["$defs"][name]["properties"].as_object().unwrap();
        for key in keys.keys() {
            assert!(table.get(key).is_some(), "[{section}] {key} is not in full.toml");
        }
    }
}

fn is_key(line: &str) -> bool {
    let key = line.split_once(" = ").map_or("", |(key, _)| key);
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn what_the_reference_calls_defaults_are_the_defaults() {
    let mut full: toml::Table = FULL.parse().unwrap();
    // These three have no default.
    full["camera"].as_table_mut().unwrap().remove("source").unwrap();
    full["emit"].as_table_mut().unwrap().remove("jsonl").unwrap();
    full.remove("zone").unwrap();
    let written = prove(&toml::to_string(&full).unwrap()).unwrap();
    assert_eq!(format!("{written:?}"), format!("{:?}", prove("").unwrap()));

    let commented = "[emit]\npictures_every = 30\npictures_max_mib = 1000\n";
    assert!(FULL.contains("# pictures_every = 30 ") && FULL.contains("# pictures_max_mib = 1000 "));
    assert_eq!(format!("{:?}", prove(commented).unwrap()), format!("{:?}", prove("").unwrap()));
}

#[test]
fn relative_paths_start_at_the_files_folder() {
    let text = "camera.source = 'clip.mp4'\nemit = { y4m = 'a/b.y4m', pictures = '/srv/p', jsonl = '-' }\n\
                faces.model = { family = 'yunet', path = 'own.onnx' }\nrecord.policy = 'p.jsonl'\n";
    let config = prove(text).unwrap();
    assert_eq!(config.camera.source, Some(CameraSource::Path("/etc/frostglass/clip.mp4".into())));
    assert_eq!(config.emit.y4m, Some(Target::File("/etc/frostglass/a/b.y4m".into())));
    assert_eq!(config.emit.pictures.as_deref(), Some(Path::new("/srv/p")));
    assert_eq!(config.emit.jsonl, Some(Target::Stdout));
    assert_eq!(config.record.as_deref(), Some(Path::new("/etc/frostglass/p.jsonl")));
    assert!(format!("{:?}", config.faces.model).contains("/etc/frostglass/own.onnx"));
}

#[test]
fn a_wish_that_is_not_served_is_named() {
    let config = prove("faces.redact = 'mosaic'").unwrap();
    let missing = config.not_yet();
    assert!(missing.len() == 1 && missing[0].key.starts_with("[faces] redact"), "{missing:?}");
    assert!(describe(&config, &[]).contains("NOT SERVED"));
    for text in [
        "record.policy = '/var/lib/p.jsonl'",
        "camera.source = 'clip.mp4'",
        "camera.source = 'auto'",
        "emit.loopback = '/dev/video10'",
    ] {
        assert_eq!(prove(text).unwrap().not_yet(), []);
    }
    assert_eq!(Config::read(&examples().join("demo.toml")).unwrap().not_yet(), []);
}

#[test]
fn each_fault_is_shown_with_its_place_and_what_was_expected() {
    let zone = |body: &str| format!("[[zone]]\nname = \"bed\"\noutline = {body}\n");
    let square = "[[0, 0], [1, 0], [1, 1]]";
    let mut told = String::new();
    let mut case = |name: &str, text: &str| {
        let error = prove(text).expect_err(name);
        let place = error.to_string();
        assert!(place.starts_with("camera.toml:"), "{name}: {place}");
        told += &format!("### {name}\n{place}\n{}\n", error.rendered());
    };
    case("unknown key", "[camera]\nwidht = 1280\n");
    case("unknown section", "[face]\nscore = 0.5\n");
    case("unknown key far from any", "[log]\ncolour = true\n");
    case("unknown key in a zone", &format!("# Zürich\n[[zone]]\nstile = \"blur\"\noutline = {square}\n"));
    case("unknown value", "[faces]\nredact = \"blurr\"\n");
    case("unknown model", "[faces]\nmodel = \"yolo\"\n");
    case("unknown family", "[faces]\nmodel = { family = \"efficientdet\", path = \"a.onnx\" }\n");
    case("own model without a path", "[faces]\nmodel = { family = \"yunet\" }\n");
    case("wrong type", "[camera]\nfps = \"15\"\n");
    case("fraction of a frame", "[hold]\nframes = 2.5\n");
    case("syntax", "[camera]\nfps = \n");
    case("duplicate", "[camera]\nfps = 15\nfps = 30\n");
    case("several at once", "[camera]\nfps = 0\nwidth = -1\nrotate = 45\n[hold]\nframes = 16\ndeadline_ms = 0\n");
    case("upper ends", "[camera]\nfps = 241\nheight = 16385\n[hold]\nlinger = 10001\n[persons]\nevery = 1001\n");
    case("not a number", "[faces]\nscore = nan\nmargin = inf\n[events]\nsensitivity = -inf\ncooldown_s = 86401\n");
    case("zone without an outline", "[[zone]]\nname = \"bed\"\n");
    case("one zone where a list belongs", &format!("[zone]\noutline = {square}\n"));
    case("two corners", &zone("[[0, 0], [1, 1]]"));
    case("a corner outside", &zone("[[0.1, 0.2], [1.01, 0.2], [0.5, 0.9]]"));
    case("a corner that is no number", &zone("[[0.1, 0.2], [nan, 0.2], [0.5, 0.9]]"));
    case("a lost bracket", &zone("[[0.1, 0.2, 0.5, 0.2], [0.5, 0.9], [0.1, 0.9], [0.0, 0.5]]"));
    case("a corner of three numbers", &zone("[[0.1, 0.2, 0.3], [0.5, 0.2], [0.5, 0.9]]"));
    case("flat outline", &zone("[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]"));
    case("two zones of one name", &(zone(square) + &zone(square)));
    case("zone without letters", &format!("[[zone]]\nname = \" \"\noutline = {square}\n"));
    case("zone of two lines", &format!("[[zone]]\nname = \"a\\nb\"\noutline = {square}\n"));
    case("zone of many letters", &format!("[[zone]]\nname = \"{}\"\noutline = {square}\n", "long ".repeat(41)));
    case("standard output twice", "[emit]\njsonl = \"-\"\ny4m = \"-\"\n");
    case("no address", "[emit]\nhttp = \"8080\"\n");
    case("empty paths", "camera.source = \"\"\n[emit]\npictures = \"\"\ny4m = \"\"\n");
    case("NUL in a path", "[record]\npolicy = \"a\\u0000b\"\n");
    case("record named as its key", "[record]\npolicy = \"policy.key\"\n");
    case("log level", "[log]\nlevel = \"loud\"\n");
    insta::assert_snapshot!("faults", told);
}

/// What is proved can be handed to the processes, and its events are believed.
#[test]
fn a_config_that_is_too_long_or_has_too_many_zones_is_a_fault() {
    let zones = |count: usize, name: &str| -> String {
        let zone = |number| format!("[[zone]]\nname='{name}{number}'\noutline=[[0,0],[1,0],[1,1]]\n");
        (0..count).map(zone).collect()
    };
    assert_eq!(prove(&zones(990, "")).unwrap().zones.len(), 990);
    let error = prove(&zones(992, "")).unwrap_err();
    assert!(error.to_string().contains("too many zones") && !error.to_string().contains(';'), "{error}");
    let long = zones(450, &"x".repeat(190));
    let error = prove(&long).unwrap_err();
    assert!(error.rendered().contains("too long") && error.rendered().contains("camera.toml"), "{error}");
    let quotes = format!("#{}\n", "\"".repeat(60_000));
    assert!(prove(&quotes).unwrap_err().to_string().contains("too long"), "what is longer on its way than in the file");
}

#[test]
fn the_ends_of_every_range_are_in_it() {
    let low = "camera = { width = 16, height = 16, fps = 1 }\nfaces = { score = 0, margin = 0.0 }\npersons.every = 1\n\
               hold = { frames = 0, linger = 0, deadline_ms = 1 }\nevents = { sensitivity = 0, cooldown_s = 0 }\n";
    let high = "camera = { width = 16384, height = 16384, fps = 240, rotate = 270 }\nfaces = { score = 1, margin = 4 }\n\
                persons.every = 1000\nhold = { frames = 15, linger = 10000, deadline_ms = 60000 }\n\
                events = { sensitivity = 1, cooldown_s = 86400 }\n";
    for text in [low, high] {
        prove(text).unwrap_or_else(|error| panic!("{}", error.rendered()));
    }
}

#[test]
fn a_zone_without_a_name_is_called_by_its_number() {
    let outline = "outline = [[0, 0], [1, 0], [1, 1]]";
    let config = prove(&format!("[[zone]]\n{outline}\n[[zone]]\n{outline}\n")).unwrap();
    let names: Vec<_> = config.zones.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(names, ["zone 1", "zone 2"]);
    assert!(config.zones.iter().all(|zone| zone.rule == ZoneRule::Hide), "what no rule is named for is hidden");
}

#[test]
fn a_config_that_can_not_be_read_is_a_fault_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.toml");
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"# caf\xe9\n").unwrap();
    for path in [absent.as_path(), latin.as_path(), folder.path()] {
        let error = Config::read(path).unwrap_err();
        assert!(error.rendered().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn check_says_in_plain_words_what_a_config_does() {
    for name in ["demo", "doorbell", "shop"] {
        // Read as if from a fixed folder: a clone may lie anywhere.
        let text = std::fs::read_to_string(examples().join(name).with_extension("toml")).unwrap();
        insta::assert_snapshot!(
            format!("describe_{name}"),
            describe(&prove(&text).unwrap(), &["YuNet (pinned)".into()])
        );
    }
    insta::assert_snapshot!("describe_defaults", describe(&prove("").unwrap(), &[]));
    let record = "signed record /etc/frostglass/policy.jsonl; its key lies beside it";
    let recorded = describe(&prove("record.policy = 'policy.jsonl'").unwrap(), &[]);
    assert!(recorded.contains(record) && !describe(&prove("").unwrap(), &[]).contains("record"), "{recorded}");
}

/// Three hidden zones, with every key a zone can have.
const ZONES: &str = "[[zone]]\nname = \"bed\"\nrule = \"hide\"\noutline = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]\n\
    style = \"blur\"\n[[zone]]\noutline = [[0, 0], [1, 0], [1, 1], [0, 1]]\n[[zone]]\nname = \"desk\"\n\
    rule = \"hide\"\noutline = [[0.6, 0.6], [0.9, 0.6], [0.9, 0.9]]\n[hold]\nframes = 3\n";

/// Every slip of one character: the file is refused, or hides as many zones as before.
#[test]
fn no_slip_of_the_finger_uncovers_a_zone() {
    let hidden = |config: &Config| config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide).count();
    assert_eq!(hidden(&prove(ZONES).unwrap()), 3);
    let mut refused = 0;
    for at in 0..=ZONES.len() {
        let (before, after) = ZONES.split_at(at);
        let slips = ["", "#", "\"", "'", "[", "]", "\n", "=", ",", ".", "-", "9", "e", "\0", "ü"];
        for slip in slips {
            for after in [after, after.get(1..).unwrap_or("")] {
                match prove(&format!("{before}{slip}{after}")) {
                    Ok(config) => assert_eq!(hidden(&config), 3, "{before}{slip}{after}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > ZONES.len(), "{refused} slips refused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_file_holds_it_is_proved_or_told(
        cuts in prop::collection::vec((0usize..4096, 0usize..40, "[\\[\\]{}\"'#=.,\\-\\n\\\\a-z0-9é\u{0}]{0,12}"), 1..6),
    ) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, length, instead) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, instead.chars());
        }
        told(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn any_text_is_proved_or_told(text in "\\PC{0,200}|[\\[\\]={}\\n\"'0-9a-z.,#\\- \u{0}\r\t]{0,200}") {
        told(&text)?;
    }
}

/// A fault has a place and a rendering; a proved config can be described.
fn told(text: &str) -> Result<(), TestCaseError> {
    match prove(text) {
        Ok(config) => prop_assert!(describe(&config, &[]).contains("wholly masked")),
        Err(error) => {
            prop_assert!(error.to_string().starts_with("camera.toml"));
            prop_assert!(error.rendered().contains("camera.toml"), "{}", error.rendered());
        }
    }
    Ok(())
}

/// `UPDATE_SCHEMA=1 cargo test -p frostglass --test config` writes it anew.
#[test]
fn the_schema_file_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
    let made = serde_json::to_string_pretty(&frostglass::config::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept, made, "run UPDATE_SCHEMA=1 cargo test -p frostglass --test config");
}
