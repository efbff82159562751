//! Redact one picture with the library: look, paint, write.
//!
//! What it shows: the shortest way through the vault, from pixels to a frame that may leave.
//! Run: `cargo run --release -p examples --example redact_picture -- examples/media/solvay.jpg out.png`
//! See: `out.png`, in which every face is a pane of frosted glass. It ends by itself.
#![allow(clippy::print_stdout, reason = "what is printed is what the example shows")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use frostglass::capture::{self, Source};
use frostglass::emit::encode::{PictureKind, encode_picture};
use frostglass::hatch::ReceivedFrame;
use frostglass::inspect::Inspector;
use frostglass_models::{Detail, FaceSetup, Family, NetworkFile, Runtime, face_detector};
use frostglass_vault::{Inspected, PersonRule, Policy, Pool, Redactor, Stamp, Style, Zones};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "examples/media/solvay.jpg".into());
    let output = args.next().unwrap_or_else(|| "out.png".into());

    // A network has to find what is in its test picture before it is given anything else.
    let runtime = Runtime::load()?;
    let networks = vec![NetworkFile::Bundled(Family::YuNet)];
    let faces = face_detector(
        &runtime,
        &FaceSetup { networks, detail: Detail::Thorough, score: 0.5, threads: 2, stills: true },
    )?;
    let mut inspector = Inspector::new(faces);

    // Pixels go into a blank; from then on nobody reads them but the inspector, on a lease, and the redactor.
    let mut source = capture::open_still(&input)?;
    let format = source.format();
    let zones = Arc::new(Zones::none());
    let mut blank = Pool::new(format, 1).blank().context("no memory")?;
    source.read(&mut blank)?.context("no picture in this file")?;
    let mut raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
    let findings = inspector.inspect(raw.lend());

    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let redacted = Redactor::new(policy, format, zones).redact(Inspected::new(raw, findings));
    let file = std::fs::File::create(&output).with_context(|| output.display().to_string())?;
    encode_picture(&ReceivedFrame::from_redacted(redacted), PictureKind::Png, &mut std::io::BufWriter::new(file))?;
    println!("{} → {}", input.display(), output.display());
    Ok(())
}
