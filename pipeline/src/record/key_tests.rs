use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn place() -> (tempfile::TempDir, Place) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(&folder.path().join("policy.jsonl"));
    (folder, place)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn refusal(place: &Place) -> String {
    Key::read(place).err().expect("a refusal").to_string()
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_is_read_back() {
    let (folder, place) = place();
    assert!(Key::read(&place).unwrap().is_none());
    let made = Key::make(&place).unwrap();
    assert_eq!(Key::read(&place).unwrap().unwrap().public, made.public);
    assert_eq!((mode(&place.key), mode(&place.public)), (0o600, 0o644));
    assert_eq!(PublicKey::read(&place.public).unwrap(), made.public);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
    // Another one does not take its place.
    let before = fs::read(&place.key).unwrap();
    assert!(Key::make(&place).is_err());
    assert_eq!(fs::read(&place.key).unwrap(), before);
    let other = Place::of(&folder.path().join("other.jsonl"));
    assert_ne!(Key::make(&other).unwrap().public, made.public);
}

#[test]
fn the_public_half_is_made_again_and_has_nothing_of_the_secret() {
    let (_folder, place) = place();
    let key = Key::make(&place).unwrap();
    let (secret, public) = (fs::read_to_string(&place.key).unwrap(), fs::read_to_string(&place.public).unwrap());
    assert!(!public.contains(secret.trim_start_matches(SECRET).trim_end()));
    fs::remove_file(&place.public).unwrap();
    Key::read(&place).unwrap().unwrap().show(&place).unwrap();
    assert_eq!(PublicKey::read(&place.public).unwrap(), key.public);
}

/// The message says what is wrong, what the record is worth then, and what to do.
#[test]
fn a_key_that_others_can_touch_is_refused_with_advice() {
    let (_folder, place) = place();
    Key::make(&place).unwrap();
    for (bits, may) in [(0o640, "read"), (0o604, "read"), (0o620, "change"), (0o602, "change"), (0o666, "change")] {
        fs::set_permissions(&place.key, Permissions::from_mode(bits)).unwrap();
        let told = refusal(&place);
        let path = place.key.display().to_string();
        let mode = format!("mode {bits:04o}");
        let words =
            [&path, &format!("other users can {may} this file"), &mode, "somebody else may hold it", "chmod 600"];
        assert!(words.iter().all(|words| told.contains(*words)), "{told}");
        assert!(told.contains("begins a new record with a new key"), "{told}");
    }
    fs::set_permissions(&place.key, Permissions::from_mode(0o600)).unwrap();
    assert!(Key::read(&place).unwrap().is_some());
}

#[test]
fn a_key_of_somebody_else_is_refused() {
    // Only root can give a file away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_folder, place) = place();
    Key::make(&place).unwrap();
    std::os::unix::fs::chown(&place.key, Some(4711), None).unwrap();
    let told = refusal(&place);
    assert!(told.contains("belongs to user 4711") && told.contains("runs as 0"), "{told}");
}

#[test]
fn what_is_no_whole_key_is_refused_with_advice() {
    let (_folder, place) = place();
    Key::make(&place).unwrap();
    let whole = fs::read_to_string(&place.key).unwrap();
    let public = fs::read_to_string(&place.public).unwrap();
    let upper = format!("{SECRET}{}", whole.trim_start_matches(SECRET).to_uppercase());
    for (text, why) in [
        ("", "the file is empty"),
        (&whole[..20], "begins otherwise"),
        (&whole[..whole.len() - 1], "its end is missing"),
        (&whole[..60], "its end is missing"),
        (&format!("{whole}\n"), "does not hold 64 hexadecimal digits"),
        (&whole.replace("1 ", "1  "), "does not hold 64 hexadecimal digits"),
        (&public, "begins otherwise"),
        (&"\0".repeat(92), "begins otherwise"),
        (&"x".repeat(1 << 20), "begins otherwise"),
    ] {
        fs::write(&place.key, text).unwrap();
        let told = refusal(&place);
        assert!(told.contains("is no key of a record") && told.contains(why), "{text:.40}: {told}");
        assert!(told.contains("move ") && told.contains(&place.log.display().to_string()), "{told}");
    }
    if upper != whole {
        fs::write(&place.key, upper).unwrap();
        assert!(refusal(&place).contains("64 hexadecimal digits"));
    }
    fs::write(&place.key, &whole).unwrap();
    assert!(Key::read(&place).unwrap().is_some());
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let (_folder, place) = place();
    Key::make(&place).unwrap();
    let own = fs::read(&place.public).unwrap();
    let other = Key::of_seed(&[9; 32]).public;
    for text in [format!("{PUBLIC}{other}\n"), String::new(), "no key".to_owned()] {
        fs::write(&place.public, text).unwrap();
        let told = refusal(&place);
        assert!(told.contains("was exchanged") && told.contains(&place.public.display().to_string()), "{told}");
    }
    fs::write(&place.public, own).unwrap();
    assert!(Key::read(&place).unwrap().is_some());
}

#[test]
fn neither_a_link_nor_a_pipe_is_taken_for_a_key() {
    let (folder, place) = place();
    Key::make(&place).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&place.key, &elsewhere).unwrap();
    symlink(&elsewhere, &place.key).unwrap();
    assert!(refusal(&place).contains("opening the key of the record failed"));
    fs::remove_file(&place.key).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &place.key, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert!(refusal(&place).contains("opening the key of the record failed"));
}

#[test]
fn a_point_that_almost_any_signature_fits_is_no_key() {
    let weak = format!("01{}", "00".repeat(31));
    assert_eq!(PublicKey::from_digits(&weak), None);
    assert!(PublicKey::from_digits(&Key::of_seed(&[3; 32]).public.to_string()).is_some());
}
