//! `frostglass redact` on pictures: faces are gone, the rest is as it was, names are kept.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;

use common::{difference, example, files, folder, frostglass, labels, read, scene, solvay, untouched};

#[test]
fn the_bundled_photograph_loses_all_its_faces_and_nothing_else() {
    let out = folder();
    let target = out.path().join("solvay.png");
    frostglass().arg("redact").arg(solvay()).arg("-o").arg(&target).assert().success();
    let (before, after) = (read(&solvay()), read(&target));
    let faces = &labels(&example("media/solvay.jsonl"))[0];
    assert_eq!(faces.len(), 29);
    for face in faces {
        assert!(difference(&before, &after, *face) > 12.0, "the face at {face:?} looks as it was");
    }
    let same = untouched(&before, &after, faces, 0);
    assert!(same > 0.97, "only {same} of the background is as it was");
}

#[test]
fn an_unmasked_pixel_of_a_lossless_picture_stays_as_it_was() {
    for (name, format) in [("scene.png", image::ImageFormat::Png), ("scene.webp", image::ImageFormat::WebP)] {
        let out = folder();
        let input = out.path().join(name);
        let picture = scene(301, 203, 5);
        picture.save_with_format(&input, format).unwrap();
        frostglass().arg("redact").arg(&input).arg("-o").arg(out.path().join("to/")).assert().success();
        assert_eq!(read(&out.path().join("to").join(name)), picture, "{name}");
    }
}

#[test]
fn a_folder_gives_a_folder_with_the_same_names() {
    let from = folder();
    std::fs::create_dir_all(from.path().join("deeper/still")).unwrap();
    scene(80, 60, 1).save(from.path().join("one.png")).unwrap();
    scene(80, 60, 2).save(from.path().join("deeper/two.jpg")).unwrap();
    // The first bytes tell what it is, not the name.
    std::fs::copy(from.path().join("one.png"), from.path().join("deeper/still/three.dat")).unwrap();
    std::fs::write(from.path().join("notes.txt"), "not a picture").unwrap();
    let to = folder();
    let out = to.path().join("redacted");
    let run = frostglass().arg("redact").arg(from.path()).arg("-o").arg(&out).assert().success();
    assert_eq!(files(&out), ["deeper/still/three.dat", "deeper/two.jpg", "one.png"]);
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("3 redacted") && told.contains("1 skipped"), "{told}");
}

#[test]
fn two_inputs_with_one_name_are_refused_before_anything_is_written() {
    let from = folder();
    for name in ["a", "b"] {
        std::fs::create_dir(from.path().join(name)).unwrap();
        scene(32, 32, 1).save(from.path().join(name).join("same.png")).unwrap();
    }
    let out = from.path().join("out/");
    let inputs = [from.path().join("a/same.png"), from.path().join("b/same.png")];
    let run = frostglass().arg("redact").args(&inputs).arg("-o").arg(&out).assert().code(2);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("same.png"));
    assert!(files(&out).is_empty());
}

#[test]
fn a_zone_hides_what_is_in_it_on_pictures_too() {
    let out = folder();
    let config = out.path().join("zone.toml");
    let zone =
        "[[zone]]\nname = \"left\"\nrule = \"hide\"\noutline = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]\n";
    std::fs::write(&config, zone).unwrap();
    let mut results = Vec::new();
    for seed in [1, 2] {
        let input = out.path().join(format!("{seed}.png"));
        let mut picture = scene(200, 100, 3);
        image::imageops::overlay(&mut picture, &scene(100, 100, seed * 1000), 0, 0);
        picture.save(&input).unwrap();
        let target = out.path().join(format!("out-{seed}.png"));
        frostglass().arg("redact").arg(&input).arg("-o").arg(&target).arg("--config").arg(&config).assert().success();
        results.push((picture, read(&target)));
    }
    assert_ne!(results[0].0, results[1].0);
    assert_eq!(results[0].1, results[1].1, "the zone's content has an influence");
    assert_eq!(results[0].1.get_pixel(150, 50), results[0].0.get_pixel(150, 50), "outside it is as it was");
}

#[test]
fn every_style_hides_the_faces_of_a_picture() {
    let faces = &labels(&example("media/solvay.jsonl"))[0];
    for style in ["blur", "mosaic", "solid"] {
        let out = folder();
        let config = out.path().join("style.toml");
        std::fs::write(&config, format!("[faces]\nredact = \"{style}\"\ndetail = \"balanced\"\n")).unwrap();
        let target = out.path().join("out.png");
        frostglass().arg("redact").arg(solvay()).arg("-o").arg(&target).arg("--config").arg(&config).assert().success();
        let (before, after) = (read(&solvay()), read(&target));
        let gone = faces.iter().filter(|face| difference(&before, &after, **face) > 10.0).count();
        assert!(gone >= 28, "{style}: only {gone} of 29 faces are gone");
        assert!(untouched(&before, &after, faces, 0) > 0.97, "{style}");
    }
}

/// Colours, orientation and what was hidden in a file must not come out again.
#[test]
fn no_metadata_reaches_an_output() {
    let out = folder();
    let input = out.path().join("tagged.jpg");
    scene(64, 48, 1).save(&input).unwrap();
    let bytes = std::fs::read(&input).unwrap();
    let secret = b"Exif\0\0GPS 52.5200 N 13.4050 E of the owner";
    let mut tagged = bytes[..2].to_vec();
    for marker in [0xe1u8, 0xfe, 0xed] {
        tagged.extend_from_slice(&[0xff, marker]);
        tagged.extend_from_slice(&(secret.len() as u16 + 2).to_be_bytes());
        tagged.extend_from_slice(secret);
    }
    tagged.extend_from_slice(&bytes[2..]);
    std::fs::write(&input, tagged).unwrap();
    for name in ["out.jpg", "out.png", "out.webp"] {
        let target = out.path().join(name);
        frostglass().arg("redact").arg(&input).arg("-o").arg(&target).assert().success();
        let written = std::fs::read(&target).unwrap();
        for word in [&b"GPS"[..], b"Exif", b"EXIF", b"owner", b"Photoshop", b"iCCP", b"tEXt"] {
            assert!(!written.windows(word.len()).any(|part| part == word), "{name} holds {word:?}");
        }
    }
}
