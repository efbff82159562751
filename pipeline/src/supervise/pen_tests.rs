use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::metrics::Emit;
use crate::record::counters::Counters;
use crate::record::verify::{Told, verify};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("[record]\npolicy = \"policy.jsonl\"\n");
        home
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path().join("camera.toml"), text).unwrap();
    }

    fn proved(&self) -> Proved {
        Proved::read(&self.0.path().join("camera.toml")).unwrap()
    }

    fn pen(&self) -> Pen {
        Pen::open(&self.proved(), true, &["no dog".to_owned()]).unwrap_or_else(|error| panic!("{error}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn whole(&self, name: &str) -> Told {
        whole(&self.path(name))
    }
}

fn whole(path: &Path) -> Told {
    verify(fs::File::open(path).unwrap(), None).unwrap_or_else(|error| panic!("{error}"))
}

/// A pixel process that let so many frames out, and told its last count or did not.
fn process(out: u64, masked: u64, last: bool) -> Counted {
    let (reader, writer): (OwnedFd, OwnedFd) = rustix::pipe::pipe().unwrap();
    let counters = Counters::of(writer).unwrap();
    let emit = Emit::default();
    emit.out.set(out);
    emit.masked.set(masked);
    match last {
        true => counters.tell_last(&emit),
        false => counters.tell(&emit),
    }
    Counted::new(reader).unwrap()
}

fn note(pen: &mut Pen, reason: Reason) {
    pen.write(reason, "words", None).unwrap();
}

#[test]
fn a_start_tells_what_is_in_force_by_its_hashes() {
    let home = Home::new();
    home.write("[record]\npolicy = \"policy.jsonl\"\n[[zone]]\nname = \"desk\"\noutline = [[0,0],[1,0],[1,1]]\n");
    let pen = home.pen();
    let line = home.lines("policy.jsonl").remove(0);
    let text = fs::read(home.path("camera.toml")).unwrap();
    assert_eq!(line["config"], sha256(&text));
    assert_eq!(line["reason"], "start");
    assert_eq!(line["hides"], serde_json::json!(["faces", "heads of persons", "zone \"desk\""]));
    assert_eq!(line["walls"], serde_json::json!({"wanted": true, "missing": ["no dog"]}));
    let networks = line["networks"].as_object().unwrap();
    assert_eq!(networks.len(), 2, "one for faces, one for persons: {networks:?}");
    assert!(networks.values().all(|hash| hash.as_str().is_some_and(|hash| hash.len() == 64)), "{networks:?}");
    assert_eq!(line["runtime"], frostglass_models::Runtime::sha256_of_what_is_found().unwrap());
    assert!(pen.is_up_to_date());
}

#[test]
fn frames_are_those_since_the_line_before_and_a_lost_count_makes_them_at_least_so_many() {
    let home = Home::new();
    let mut pen = home.pen();
    let mut running = process(50, 10, false);
    pen.count(&mut running);
    note(&mut pen, Reason::Count);
    pen.count_last(&mut running, true);
    note(&mut pen, Reason::Fault);
    pen.count_last(&mut process(0, 0, false), false);
    note(&mut pen, Reason::Restart);
    pen.count_last(&mut process(7, 7, true), true);
    note(&mut pen, Reason::Stop);
    let frames = |line: &Value| {
        let frames = &line["frames"];
        (frames["out"].as_u64().unwrap(), frames["masked"].as_u64().unwrap(), frames["at_least"].as_bool().unwrap())
    };
    let told: Vec<_> = home.lines("policy.jsonl").iter().map(frames).collect();
    assert_eq!(told, [(0, 0, false), (50, 10, false), (0, 0, true), (0, 0, false), (7, 7, false)]);
    let dark: Vec<bool> = home.lines("policy.jsonl").iter().map(|line| line["hides"][0] == "everything").collect();
    assert_eq!(dark, [false, false, true, false, true]);
    let policy = home.whole("policy.jsonl").policies.remove(0);
    assert_eq!(policy.frames, Frames { out: 57, masked: 17, at_least: true });
}

#[test]
fn a_run_that_was_cut_off_is_told_by_the_next() {
    let home = Home::new();
    drop(home.pen());
    note(&mut home.pen(), Reason::Stop);
    drop(home.pen());
    let lines = home.lines("policy.jsonl");
    let cut_off: Vec<_> = lines.iter().map(|line| line["what"].as_str().unwrap().contains("cut off")).collect();
    assert_eq!(cut_off, [false, true, false, false]);
    let at_least: Vec<_> = lines.iter().map(|line| line["frames"]["at_least"].as_bool().unwrap()).collect();
    assert_eq!(at_least, cut_off);
}

#[test]
fn where_no_record_is_asked_for_none_is_made() {
    let home = Home::new();
    home.write("[camera]\nsource = \"auto\"\n");
    let mut pen = home.pen();
    note(&mut pen, Reason::Fault);
    assert!(pen.is_up_to_date() && !pen.mend(true, &home.proved()));
    assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 1, "the config alone");
}

#[test]
fn what_could_not_be_told_is_told_as_soon_as_it_can_be() {
    let home = Home::new();
    let mut pen = home.pen();
    pen.count_last(&mut process(90, 9, true), true);
    fs::rename(home.path("policy.jsonl"), home.path("elsewhere")).unwrap();
    let error = pen.write(Reason::Fault, "words", None).unwrap_err();
    assert!(error.to_string().contains("moved"), "{error}");
    assert!(!pen.is_up_to_date());
    note(&mut pen, Reason::Config);
    assert!(!pen.mend(false, &home.proved()), "it is not tried all the time");
    fs::rename(home.path("elsewhere"), home.path("policy.jsonl")).unwrap();
    assert!(pen.mend(true, &home.proved()) && pen.is_up_to_date());
    note(&mut pen, Reason::Restart);
    let lines = home.lines("policy.jsonl");
    let what = lines[1]["what"].as_str().unwrap();
    assert!(
        what.contains("2 changes have none of their own") && what.contains("moved, removed or exchanged"),
        "{what}"
    );
    assert!(!what.contains("cut off"), "{what}");
    let out = &lines[1]["frames"]["out"];
    assert_eq!((lines.len(), lines[1]["reason"].as_str(), out.as_u64()), (3, Some("fault"), Some(90)));
    home.whole("policy.jsonl");
}

#[test]
fn a_record_that_stays_away_begins_anew_and_says_so() {
    let home = Home::new();
    let mut pen = home.pen();
    fs::remove_file(home.path("policy.jsonl")).unwrap();
    pen.write(Reason::Fault, "words", None).unwrap_err();
    assert!(pen.mend(true, &home.proved()));
    let what = home.lines("policy.jsonl")[0]["what"].to_string();
    assert!(what.contains("another record of this key may be elsewhere"), "{what}");
}

#[test]
fn a_config_that_changes_while_all_is_masked_uncovers_nothing_until_a_process_stands() {
    let home = Home::new();
    let mut pen = home.pen();
    note(&mut pen, Reason::Fault);
    home.write("# of the porch\n[record]\npolicy = \"policy.jsonl\"\n");
    pen.write(Reason::Config, "another text", Some(&home.proved())).unwrap();
    let (reason, what) = pen.news_of_one_that_stands(vec!["no dog".to_owned()]).expect("a line is due");
    pen.write(reason, &what, Some(&home.proved())).unwrap();
    let lines = home.lines("policy.jsonl");
    let told: Vec<_> =
        lines.iter().map(|line| (line["reason"].as_str().unwrap(), line["hides"][0] == "everything")).collect();
    assert_eq!(told, [("start", false), ("fault", true), ("config", true), ("restart", false)]);
    assert_ne!(lines[0]["config"], lines[2]["config"], "it is in force all the same");
    let policies = home.whole("policy.jsonl").policies;
    assert_ne!(policies[1].hides, ["everything"], "what it hides is known as soon as a process stands");
}

#[test]
fn another_place_ends_one_record_and_begins_the_other() {
    let home = Home::new();
    let mut pen = home.pen();
    pen.count_last(&mut process(5, 0, true), true);
    home.write("[record]\npolicy = \"second.jsonl\"\n");
    pen.follow("a new config is in force", &home.proved()).unwrap();
    pen.count_last(&mut process(6, 0, true), true);
    home.write("[record]\npolicy = \"policy.jsonl\"\n");
    pen.follow("a new config is in force", &home.proved()).unwrap();
    let (first, second) = (home.lines("policy.jsonl"), home.lines("second.jsonl"));
    let reasons =
        |lines: &[Value]| lines.iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (reasons(&first), reasons(&second)),
        (vec!["start".into(), "end".into(), "config".into()], vec!["config".into(), "end".into()])
    );
    assert!(first[1]["what"].as_str().unwrap().contains("goes on in") && first[1]["frames"]["out"] == 5);
    let hash = sha256(fs::read_to_string(home.path("policy.jsonl")).unwrap().lines().nth(1).unwrap().as_bytes());
    assert!(second[0]["what"].as_str().unwrap().contains(&hash), "{}", second[0]["what"]);
    assert!(second[1]["frames"]["out"] == 6 && first[2]["frames"]["out"] == 0);
    assert!(!first[2]["what"].as_str().unwrap().contains("cut off"), "{}", first[2]["what"]);
    home.write("[camera]\nsource = \"auto\"\n");
    pen.follow("a new config is in force", &home.proved()).unwrap();
    note(&mut pen, Reason::Fault);
    assert!(home.lines("policy.jsonl")[3]["what"].as_str().unwrap().contains("no record is kept from here on"));
    // What leaves while none is kept is in none.
    pen.count_last(&mut process(1000, 0, false), true);
    home.write("[record]\npolicy = \"second.jsonl\"\n");
    pen.follow("a new config is in force", &home.proved()).unwrap();
    let last = home.lines("second.jsonl").remove(2);
    assert!(
        last["frames"]["out"] == 0 && last["what"].as_str().unwrap().contains("no record was kept before"),
        "{last}"
    );
    assert_eq!(home.whole("policy.jsonl").lines, 4);
    assert_eq!(home.whole("second.jsonl").lines, 3);
}

#[test]
fn another_place_that_can_not_be_written_is_an_outage_until_it_can_be() {
    let home = Home::new();
    let mut pen = home.pen();
    home.write("[record]\npolicy = \"later/second.jsonl\"\n");
    assert!(pen.follow("a new config is in force", &home.proved()).is_err() && !pen.is_up_to_date());
    assert!(!pen.mend(true, &home.proved()));
    fs::create_dir(home.path("later")).unwrap();
    assert!(pen.mend(true, &home.proved()) && pen.is_up_to_date());
    assert_eq!(home.lines("later/second.jsonl").len(), 1);
    assert_eq!(home.whole("policy.jsonl").lines, 2);
}

#[test]
fn a_pixel_process_that_stands_is_told_where_that_or_its_walls_are_news() {
    let home = Home::new();
    let mut pen = home.pen();
    let missing = |walls: &[&str]| walls.iter().map(|wall| (*wall).to_owned()).collect::<Vec<_>>();
    let news = |pen: &mut Pen, walls: &[&str]| {
        let (reason, what) = pen.news_of_one_that_stands(missing(walls))?;
        pen.write(reason, &what, None).unwrap();
        Some((reason, what))
    };
    assert_eq!(news(&mut pen, &["no dog"]), None, "known from this process");
    let (reason, what) = news(&mut pen, &["no moat\u{1b}[2J", "no dog"]).unwrap();
    assert_eq!((reason, what.as_str()), (Reason::Walls, "walls that do not stand: no dog; no moat [2J"));
    assert_eq!(news(&mut pen, &["no moat\u{1b}[2J"]), None);
    let many: Vec<String> = (0..100).map(|number| format!("wall {number}")).collect();
    news(&mut pen, &many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert_eq!(
        home.lines("policy.jsonl").last().unwrap()["walls"]["missing"].as_array().unwrap().len(),
        MOST_WALLS + 1
    );
    // Lost, twice more before it stood, and there again.
    let losses = [(); 3].map(|()| {
        let news = pen.is_loss_news();
        if news {
            note(&mut pen, Reason::Fault);
        }
        news
    });
    assert_eq!(losses, [true, false, false]);
    let (reason, what) = news(&mut pen, &[]).unwrap();
    assert_eq!((reason, what.as_str()), (Reason::Restart, "another pixel process stands, after 2 that did not"));
    assert_eq!(news(&mut pen, &[]), None);
}

#[test]
fn it_is_tried_again_ever_more_seldom_but_at_least_twice_a_minute() {
    let waits: Vec<u64> = (0..7).map(|failures| patience(failures).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
}
