//! What is hidden in a zone has no influence on what leaves, from source bytes through the real networks.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;

use common::{Clip, folder, frostglass, pan};

const ZONE: &str = "\
[[zone]]
name = \"interior\"
rule = \"hide\"
style = \"STYLE\"
outline = [[0.31, 0.2], [0.69, 0.23], [0.66, 0.81], [0.3, 0.77]]
";

/// The bundled clip decoded, its first frames only.
fn clip(dir: &std::path::Path) -> Clip {
    let config = dir.join("nothing.toml");
    std::fs::write(&config, "[faces]\nscore = 1.0\ndetail = \"fast\"\n[persons]\nredact = \"none\"\n").unwrap();
    let output = dir.join("decoded.y4m");
    frostglass().arg("redact").arg(pan()).arg("-o").arg(&output).arg("--config").arg(&config).assert().success();
    let mut clip = Clip::parse(&std::fs::read(output).unwrap());
    clip.frames.truncate(12);
    clip
}

/// The same clip with other things going on inside the zone: noise, other faces, a light.
fn with_another_interior(clip: &Clip) -> Clip {
    let mut other = clip.clone();
    let (width, height) = (clip.width, clip.height);
    for (number, frame) in other.frames.iter_mut().enumerate() {
        // Well inside the outline: even columns and rows, so that whole chroma samples change.
        for y in height * 3 / 10..height * 7 / 10 {
            for x in width * 36 / 100..width * 62 / 100 {
                frame[y * width + x] = ((x * 7 + y * 13 + number * 31) % 251) as u8;
            }
        }
        let (half, chroma) = (width.div_ceil(2), width * height);
        for y in height * 3 / 20..height * 7 / 20 {
            for x in width * 36 / 200..width * 62 / 200 {
                frame[chroma + y * half + x] = ((x + y + number) % 256) as u8;
            }
        }
    }
    other
}

#[test]
fn two_scenes_that_differ_only_inside_a_hidden_zone_give_the_same_bytes() {
    let dir = folder();
    let one = clip(dir.path());
    let two = with_another_interior(&one);
    assert!(one != two);
    for style in ["solid", "blur"] {
        let config = dir.path().join("zone.toml");
        std::fs::write(&config, ZONE.replace("STYLE", style)).unwrap();
        let redacted = [&one, &two].map(|clip| {
            let mut command = frostglass();
            command.args(["redact", "-", "-o", "-", "--config"]).arg(&config);
            command.write_stdin(clip.bytes()).assert().success().get_output().stdout.clone()
        });
        assert!(redacted[0] == redacted[1], "{style}: what is in the zone has an influence");
        let seen = Clip::parse(&redacted[0]);
        assert_eq!(seen.frames.len(), 12);
        // All grey would pass, too: the scene outside has to be there.
        let distinct: std::collections::HashSet<u8> = seen.frames[5].iter().copied().collect();
        assert!(distinct.len() > 100, "{style}: only {} different samples", distinct.len());
    }
}

#[test]
fn events_tell_nothing_of_what_goes_on_inside_a_hidden_zone() {
    let dir = folder();
    // A still scene in which things happen inside the zone only.
    let still = Clip { frames: vec![Clip::moving(320, 180, 1).frames[0].clone(); 40], width: 320, height: 180 };
    let busy = with_another_interior(&still);
    let config = dir.path().join("zone.toml");
    std::fs::write(&config, ZONE.replace("STYLE", "solid")).unwrap();
    let events = dir.path().join("events.jsonl");
    let mut command = frostglass();
    command.args(["redact", "-", "-o", "-", "--config"]).arg(&config).arg("--events").arg(&events);
    command.write_stdin(busy.bytes()).assert().success();
    assert_eq!(std::fs::read_to_string(&events).unwrap(), "");
}
