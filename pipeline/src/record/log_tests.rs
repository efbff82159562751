use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::record::line::tests::entry;
use crate::record::verify::{Told, verify};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.jsonl");
    (folder, path)
}

fn append(log: &mut Log, reason: Reason, out: u64) {
    log.append(entry(reason, "words", out)).unwrap_or_else(|error| panic!("{error}"));
}

fn proved(path: &Path) -> Told {
    let key = PublicKey::read(&Place::of(path).public).unwrap();
    verify(File::open(path).unwrap(), Some(key)).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(path: &Path) -> String {
    let told = Log::open(path).err().expect("a refusal").to_string();
    let looked = Log::look(path).expect_err("a refusal").to_string();
    assert_eq!(told, looked, "what is looked at is what is refused");
    told
}

#[test]
fn the_first_start_makes_key_and_record_and_the_next_goes_on_with_them() {
    let (_folder, path) = folder();
    assert_eq!(Log::look(&path).unwrap(), Found { key: None, lines: 0 });
    assert!(!path.exists() && !Place::of(&path).key.exists(), "to look makes nothing");
    let mut log = Log::open(&path).unwrap();
    assert_eq!((log.lines(), log.last()), (0, None));
    append(&mut log, Reason::Start, 0);
    append(&mut log, Reason::Stop, 10);
    let (key, hash) = (*log.key(), log.hash().to_owned());
    drop(log);
    assert_eq!(Log::look(&path).unwrap(), Found { key: Some(key), lines: 2 });
    let mut log = Log::open(&path).unwrap();
    assert_eq!((log.lines(), log.hash(), log.last().unwrap().0, log.torn()), (2, hash.as_str(), Reason::Stop, None));
    append(&mut log, Reason::Start, 0);
    let told = proved(&path);
    assert_eq!((told.lines, told.key, told.hash.as_str()), (3, key.to_string(), log.hash()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn a_record_is_written_by_one_process_at_a_time() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let told = Log::open(&path).err().unwrap().to_string();
    assert!(told.contains("another frostglass writes this record"), "{told}");
    drop(log);
    assert!(Log::open(&path).is_ok());
}

#[test]
fn a_torn_last_line_stays_and_is_named_by_the_next() {
    let (_folder, path) = folder();
    let mut log = Log::open(&path).unwrap();
    for out in 0..3 {
        append(&mut log, Reason::Count, out);
    }
    drop(log);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for length in [last + 1, last + 10, last + 300, whole.len() - 2] {
        fs::write(&path, &whole[..length]).unwrap();
        let mut log = Log::open(&path).unwrap();
        assert_eq!((log.lines(), log.torn()), (2, Some((length - last) as u64)));
        append(&mut log, Reason::Start, 0);
        append(&mut log, Reason::Stop, 9);
        let (bytes, told) = (fs::read(&path).unwrap(), proved(&path));
        assert!(bytes.starts_with(&whole[..length]), "nothing was taken away");
        assert_eq!((told.lines, told.torn.as_slice()), (4, &[4][..]));
    }
    // Torn again while it went on: both pieces are named at once.
    fs::write(&path, [&whole[..last + 300], b"\n", &whole[last..last + 20]].concat()).unwrap();
    append(&mut Log::open(&path).unwrap(), Reason::Start, 0);
    assert_eq!(proved(&path).torn, [5]);
    // Only the line feed is missing: the line counts.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let mut log = Log::open(&path).unwrap();
    assert_eq!((log.lines(), log.torn()), (3, None));
    append(&mut log, Reason::Start, 0);
    assert_eq!((proved(&path).lines, proved(&path).torn.len()), (4, 0));
}

#[test]
fn a_first_line_may_be_torn_and_the_record_begins_behind_it() {
    let (_folder, path) = folder();
    append(&mut Log::open(&path).unwrap(), Reason::Start, 0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..100]).unwrap();
    let mut log = Log::open(&path).unwrap();
    assert_eq!((log.lines(), log.torn()), (0, Some(100)));
    append(&mut log, Reason::Start, 0);
    assert_eq!((proved(&path).lines, proved(&path).torn), (1, vec![2]));
}

/// A whole line that was altered is not called torn, and nothing is put behind it.
#[test]
fn an_end_that_does_not_prove_is_refused_and_stays_as_it_is() {
    let (_folder, path) = folder();
    let mut log = Log::open(&path).unwrap();
    append(&mut log, Reason::Start, 0);
    append(&mut log, Reason::Stop, 5);
    drop(log);
    let whole = fs::read(&path).unwrap();
    let middle = whole.len() - 400;
    let altered = |at: usize, byte: u8| {
        let mut other = whole.clone();
        other[at] = byte;
        other
    };
    for (name, bytes) in [
        ("one digit altered", altered(middle, whole[middle] ^ 1)),
        ("its last brace altered", altered(whole.len() - 2, b' ')),
        ("its line feed altered", altered(whole.len() - 1, b'x')),
        ("a text behind it", [&whole[..], b"Dear reader\n"].concat()),
        ("a torn text behind it", [&whole[..], b"Dear rea"].concat()),
        ("a torn line with a line feed", [&whole[..], b"{\"version\":1,\"seq\":2,\"ti\n"].concat()),
        ("the first line again", [&whole[..], &whole[..middle / 2]].concat()),
        ("no record at all", b"[camera]\nsource = \"auto\"\n".to_vec()),
        ("a huge file that is none", vec![b'x'; 2 << 20]),
    ] {
        fs::write(&path, &bytes).unwrap();
        let told = refusal(&path);
        assert!(told.contains("no line is put behind it") && told.contains("frostglass verify"), "{name}: {told}");
        assert!(fs::read(&path).unwrap() == bytes, "{name}");
    }
}

#[test]
fn a_record_without_its_key_or_with_another_is_refused() {
    let (_folder, path) = folder();
    append(&mut Log::open(&path).unwrap(), Reason::Start, 0);
    let place = Place::of(&path);
    let (secret, public) = (fs::read(&place.key).unwrap(), fs::read(&place.public).unwrap());
    fs::remove_file(&place.key).unwrap();
    let told = refusal(&path);
    assert!(told.contains("its key") && told.contains("is not") && told.contains("Put the key back"), "{told}");
    // Another one's, whole.
    fs::remove_file(&place.public).unwrap();
    Key::make(&place).unwrap();
    let told = refusal(&path);
    assert!(told.contains("signed by another key"), "{told}");
    fs::write(&place.key, secret).unwrap();
    fs::write(&place.public, public).unwrap();
    assert_eq!(Log::open(&path).unwrap().lines(), 1);
    // A record that is gone while its key stays: a new one of the same key, which whoever writes can tell.
    fs::remove_file(&path).unwrap();
    assert_eq!(Log::look(&path).unwrap(), Found { key: Some(PublicKey::read(&place.public).unwrap()), lines: 0 });
    assert_eq!(Log::open(&path).unwrap().lines(), 0);
}

/// These places can be written by nobody, root included.
#[test]
fn a_place_that_can_not_be_written_is_refused_and_named() {
    let (folder, path) = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    for (below, words) in [("file/policy.jsonl", "file"), ("nowhere/policy.jsonl", "nowhere")] {
        let told = refusal(&folder.path().join(below));
        assert!(told.contains("looking at the folder of the record failed") && told.contains(words), "{told}");
    }
    fs::create_dir(&path).unwrap();
    Key::make(&Place::of(&path)).unwrap();
    assert!(refusal(&path).contains("opening the record"));
}

#[test]
fn files_and_folders_that_others_can_change_are_refused_with_advice() {
    let (folder, path) = folder();
    append(&mut Log::open(&path).unwrap(), Reason::Start, 0);
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for mode in [0o660, 0o642] {
        set(&path, mode);
        let told = refusal(&path);
        assert!(told.contains("cut lines off its end") && told.contains("chmod go-w"), "{told}");
    }
    set(&path, 0o644);
    for mode in [0o770, 0o707] {
        set(folder.path(), mode);
        let told = refusal(&path);
        assert!(told.contains("write into this folder") && told.contains("chmod go-w"), "{told}");
    }
    // As /tmp is: others can make files there, and exchange none.
    set(folder.path(), 0o1777);
    assert_eq!(Log::open(&path).unwrap().lines(), 1);
    set(folder.path(), 0o700);
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(refusal(&path).contains("opening the record failed"));
}

#[test]
fn a_record_that_is_moved_while_it_is_written_takes_no_more_lines() {
    let (folder, path) = folder();
    let mut log = Log::open(&path).unwrap();
    append(&mut log, Reason::Start, 0);
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    let moved = |log: &mut Log| log.append(entry(Reason::Stop, "words", 0)).unwrap_err().to_string();
    assert!(moved(&mut log).contains("moved, removed or exchanged"));
    fs::write(&path, "").unwrap();
    assert!(moved(&mut log).contains("moved, removed or exchanged"));
    fs::rename(&elsewhere, &path).unwrap();
    append(&mut log, Reason::Stop, 0);
    assert_eq!(proved(&path).lines, 2);
}

/// By somebody of the same user, for others can not.
#[test]
fn a_record_that_somebody_else_writes_to_or_cuts_meanwhile_takes_no_more_lines() {
    let (_folder, path) = folder();
    let mut log = Log::open(&path).unwrap();
    append(&mut log, Reason::Start, 0);
    append(&mut log, Reason::Count, 1);
    let whole = fs::read(&path).unwrap();
    let told = |log: &mut Log| log.append(entry(Reason::Stop, "words", 0)).unwrap_err().to_string();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
    assert!(told(&mut log).contains("somebody else wrote to it or cut it"));
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    OpenOptions::new().write(true).open(&path).unwrap().set_len(first as u64).unwrap();
    assert!(told(&mut log).contains("somebody else wrote to it or cut it"));
    drop(log);
    assert_eq!(Log::open(&path).unwrap().lines(), 1, "what is left proves");
}

#[test]
fn a_line_that_would_not_be_read_back_is_not_written() {
    let (_folder, path) = folder();
    let mut log = Log::open(&path).unwrap();
    let told = log.append(entry(Reason::Start, &"x".repeat(line::LONGEST), 0)).unwrap_err().to_string();
    assert!(told.contains("longer than any that is read back"), "{told}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    // The end is read back however long the record is, and each of its lines may be as long as one can be.
    let long = "x".repeat(line::LONGEST - 4000);
    for _ in 0..8 {
        log.append(entry(Reason::Count, &long, 1)).unwrap();
    }
    drop(log);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 200_000]).unwrap();
    let mut log = Log::open(&path).unwrap();
    assert_eq!((log.lines(), log.torn()), (8, Some(200_000)));
    append(&mut log, Reason::Start, 0);
    assert_eq!((proved(&path).lines, proved(&path).torn), (9, vec![10]));
}
