//! What becomes of files while the process that reads them is hostile or comes to an end: nothing of them is written that was not
//! redacted, nothing else is reached, and no other file is spoilt.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use faulty_engine::{AT_LOAD, Escape, Fault, LOOT, ORDERS, Order, RUNTIME, Whom};
use frostglass_models::Runtime;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::{files, folder, have, read, scene};
use crate::running::{Running, wait_for};
use crate::trial::engine;

/// `frostglass redact` on pictures, with the test engine in its decoder.
struct Redacting {
    run: Running,
    orders: File,
    dir: TempDir,
}

const PICTURES: usize = 60;

impl Redacting {
    /// Starts it, and waits for the first picture.
    fn start() -> Self {
        let dir = folder();
        fs::create_dir(dir.path().join("in")).unwrap();
        for seed in 0..PICTURES {
            scene(320, 240, seed as u32).save(dir.path().join(format!("in/{seed}.png"))).unwrap();
        }
        fs::write(dir.path().join("fast.toml"), "[faces]\ndetail = \"fast\"\n").unwrap();
        let path = dir.path().join("orders");
        fs::write(&path, Order::NONE.bytes()).unwrap();
        let orders = File::options().write(true).open(&path).unwrap();
        let arguments = ["redact", "--config", "fast.toml", "in", "-o", "out"];
        let run = Running::command(dir.path().to_owned(), &arguments, |command| {
            command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, path);
            // In a folder that its writer may write in.
            command.env(LOOT, "out/loot");
        });
        let this = Self { run, orders, dir };
        wait_for("a first picture", || (written(&this.dir) > 0).then_some(()));
        this
    }

    fn order(&self, fault: Fault) {
        self.orders.write_all_at(&Order { whom: Whom::Faces, fault }.bytes(), 0).unwrap();
    }

    /// Its exit code, what it told, and how many pictures there are.
    fn ends(self) -> (Option<i32>, String, usize) {
        let Self { run, dir, .. } = self;
        let (code, told) = run.ends();
        assert!(!dir.path().join("out/loot").exists());
        (code, told, written(&dir))
    }

    /// Whether this machine lacks a wall, in which case no more is asked.
    fn has_walls(&self) -> bool {
        have("walls", !self.run.told().contains("walls that do not stand"))
    }
}

/// Pictures that stand under their final names, each of which is whole.
fn written(dir: &TempDir) -> usize {
    let out = dir.path().join("out");
    let names = if out.exists() { files(&out) } else { Vec::new() };
    let whole = names.iter().filter(|name| !name.starts_with('.'));
    whole.inspect(|name| assert_eq!(read(&out.join(name)).dimensions(), (320, 240))).count()
}

#[test]
fn a_decoder_that_was_taken_over_reaches_nothing_not_even_the_folder_of_outputs() {
    let work = Redacting::start();
    if !work.has_walls() {
        return;
    }
    // It starts threads for each clip.
    for escape in Escape::REFUSED.into_iter().filter(|&escape| escape != Escape::Spawn) {
        work.order(Fault::Escape(escape));
        wait_for(&format!("{escape:?}"), || {
            let told = work.run.told();
            let open = ["SUCCEEDED", "for another reason"].iter().find(|words| told.contains(*words));
            assert!(open.is_none(), "{told}");
            told.contains(&escape.refusal()).then_some(())
        });
    }
    work.order(Fault::None);
    let (code, told, written) = work.ends();
    assert_eq!((code, written), (Some(0), PICTURES), "{told}");
}

#[test]
fn a_decoder_that_does_what_nobody_whole_would_dies_and_what_is_written_is_whole() {
    for escape in Escape::DEADLY {
        let work = Redacting::start();
        if !work.has_walls() {
            return;
        }
        work.order(Fault::Escape(escape));
        let (code, told, written) = work.ends();
        assert!(told.contains("SIGSYS") && !told.contains("SUCCEEDED"), "{told}");
        if escape == Escape::Write {
            // The next one tries it as it proves its networks, where it is refused and no death yet; of one picture the first one died.
            assert!(told.contains(&escape.refusal()) && written >= PICTURES - 1, "{code:?}: {told}");
        } else {
            assert!(code == Some(1) && written < PICTURES && !told.contains("faulty engine: "), "{code:?}: {told}");
        }
    }
}

#[test]
fn an_engine_that_reaches_out_as_soon_as_a_decoder_loads_it_ends_the_command() {
    for (escape, dies) in [(Escape::Talk, true), (Escape::Execute, true), (Escape::Write, false)] {
        let dir = folder();
        let orders = dir.path().join("orders");
        fs::write(&orders, Order::NONE.bytes()).unwrap();
        scene(320, 240, 1).save(dir.path().join("a.png")).unwrap();
        let run = Running::command(dir.path().to_owned(), &["redact", "a.png", "-o", "b.png"], |command| {
            command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, orders);
            command.env(AT_LOAD, format!("{escape:?}")).env(LOOT, "loot");
        });
        let (code, told) = run.ends();
        if dies {
            assert!(
                code == Some(1) && told.contains("SIGSYS") && !told.contains("faulty engine: "),
                "{code:?}: {told}"
            );
        } else {
            assert!(code == Some(0) && told.contains(&escape.refusal()), "{code:?}: {told}");
        }
        assert_eq!((dir.path().join("b.png").exists(), dir.path().join("loot").exists()), (!dies, false), "{told}");
    }
}

#[test]
fn a_decoder_that_comes_to_an_end_among_pictures_spoils_none_but_the_one_that_it_was_alone_with() {
    let work = Redacting::start();
    let decoder = work.run.part("decoder-process").unwrap();
    kill_process(Pid::from_raw(decoder as i32).unwrap(), Signal::KILL).unwrap();
    let (code, told, written) = work.ends();
    let spoilt = told.matches("nothing was written: ").count();
    assert!(spoilt <= 1 && written == PICTURES - spoilt && code == Some(spoilt as i32), "{code:?}, {written}: {told}");
    assert_eq!(told.matches("came to an end (signal: 9 (SIGKILL))").count(), 1, "it is told, lost or not: {told}");
}

#[test]
fn a_decoder_that_comes_to_an_end_in_a_clip_leaves_nothing_of_it_and_the_next_one_is_redacted() {
    let dir = folder();
    let arguments = ["redact", crate::common::pan().to_str().unwrap(), "small.y4m", "-o", "out/"].map(str::to_owned);
    fs::write(dir.path().join("small.y4m"), crate::common::Clip::moving(64, 48, 3).bytes()).unwrap();
    let run = Running::command(dir.path().to_owned(), &arguments.each_ref().map(String::as_str), |_| {});
    let out = dir.path().join("out");
    wait_for("a first frame", || {
        let parts = fs::read_dir(&out).into_iter().flatten().flatten();
        parts.map(|part| part.metadata().unwrap().len()).any(|length| length > 0).then_some(())
    });
    let decoder = run.part("decoder-process").unwrap();
    kill_process(Pid::from_raw(decoder as i32).unwrap(), Signal::KILL).unwrap();
    let (code, told) = run.ends();
    assert!(code == Some(1) && told.contains("came to an end (signal: 9 (SIGKILL))"), "{code:?}: {told}");
    assert_eq!(files(&out), ["small.y4m"], "{told}");
}
