//! Bring a way out of your own: here, one that prints each frame as a line of characters.
//!
//! What it shows: the `Sink` trait, and the whole path of a frame from a clip to the other side of the hatch.
//! Run: `cargo run --release -p examples --example own_sink -- examples/media/solvay_pan.mp4`
//! See: a line for each frame, light and dark as the redacted picture is. Ctrl-C stops it.
#![allow(clippy::print_stdout, reason = "what is printed is what the example shows")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use frostglass::capture::{self, OpenOptions, Opened};
use frostglass::clock::SystemClock;
use frostglass::emit::{EmitError, Sink};
use frostglass::event::Event;
use frostglass::hatch::{Received, ReceivedFrame, WhenFull, in_process};
use frostglass::hold::Limits;
use frostglass::inspect::Inspector;
use frostglass::path::{self, Manners, Shared, Stages};
use frostglass_models::{Detail, FaceSetup, Family, NetworkFile, Runtime, face_detector};
use frostglass_vault::{PersonRule, Policy, Redactor, Style, Zones};

/// Prints the middle row of each frame.
struct Letters;

impl Sink for Letters {
    fn name(&self) -> String {
        "letters on standard output".into()
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        const SHADES: &[u8] = b" .:-=+*#%@";
        let row = frame.picture().row(0, frame.format().size.height / 2);
        let letters = row.chunks(row.len().div_ceil(100)).map(|part| {
            let mean = part.iter().map(|&sample| usize::from(sample)).sum::<usize>() / part.len();
            char::from(SHADES[mean * SHADES.len() / 256])
        });
        println!("{}", letters.collect::<String>());
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), EmitError> {
        println!("{event:?}");
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let input = std::env::args_os().nth(1).map_or_else(|| "examples/media/solvay_pan.mp4".into(), PathBuf::from);
    let Opened::Moving(moving) = capture::open(&input, &OpenOptions::default())? else {
        anyhow::bail!("{}: a clip is needed", input.display());
    };
    let format = moving.source.format();
    let zones = Arc::new(Zones::none());
    let networks = vec![NetworkFile::Bundled(Family::YuNet)];
    let setup = FaceSetup { networks, detail: Detail::Fast, score: 0.5, threads: 2, stills: false };
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let stages = Stages {
        inspector: Inspector::new(face_detector(&Runtime::load()?, &setup)?),
        redactor: Redactor::new(policy, format, Arc::clone(&zones)),
        zones,
        limits: Limits::new(3, Duration::from_secs(30), Duration::from_millis(40)),
    };
    let shared = Shared { clock: Arc::new(SystemClock::start()), metrics: Arc::default(), stop: Arc::default() };
    let (mut hatch, front) = in_process(4, WhenFull::Wait);
    let pixel_side =
        std::thread::spawn(move || path::run(moving.source, stages, &mut hatch, Manners::Patient, &shared));

    // From here on, this thread knows only what came through the hatch.
    let mut sink = Letters;
    while let Some(received) = front.receive(Duration::from_secs(1)) {
        match received {
            Received::Frame(frame) => sink.frame(&frame)?,
            Received::Event(event) => sink.event(&event)?,
            Received::Nothing => {}
        }
    }
    pixel_side.join().map_err(|_| anyhow::anyhow!("the pixel side died"))??;
    Ok(())
}
