//! The sub-commands, each in a file of its own, and what they share.
//!
//! **Invariant.** Nothing here decides what is hidden: commands put the parts together and tell people about it.

mod bench;
mod bench_live;
mod bench_tracks;
mod check;
mod clips;
mod devices;
mod hides;
mod networks;
mod plan;
mod redact;
mod run;
mod stills;
mod verify;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

use crate::capture::starter::STARTER;
use crate::supervise::child::{DECODER, printable};
pub(crate) use hides::{hides, summary, uncovered};
pub(crate) use networks::{
    Medium, Networks, all_cores, file_limits, hidden_zones, live_limits, live_networks, policy, with_watch,
};
pub(crate) use plan::is_dash;
pub(crate) use run::{cameras, open_camera, open_foreign, out_of_reach_of_its_outputs, reach, servable, takes_ffmpeg};

/// Decides what may leave a camera: blurs faces, paints over zones, lets out only redacted frames and motion events.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  frostglass redact photo.jpg -o redacted/        a picture, into a folder
  frostglass redact holiday/ -o redacted/         a folder of pictures and clips, names kept
  frostglass redact clip.mp4 -o clip-redacted.mp4
  frostglass devices                              which cameras are there?
  frostglass check --config camera.toml           what would this config hide?
  frostglass run --config camera.toml             the camera, until Ctrl-C
  frostglass verify policy.jsonl --key KEY.pub    is the record of what was hidden whole?

Whatever cannot be inspected is masked whole, or not written at all; it never leaves as it was.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the camera that a config describes, until Ctrl-C, SIGTERM or the clip's end
    Run(run::RunArgs),
    /// Redact files: pictures (JPEG, PNG, WebP), clips (MP4, MJPEG, Y4M; others through ffmpeg), folders of them
    Redact(redact::RedactArgs),
    /// Measure the networks, or the path of a frame, on this machine
    Bench(bench::BenchArgs),
    /// List the cameras of this machine, what they offer, and what of it would be taken
    Devices(devices::DevicesArgs),
    /// Prove a config, and say in plain words what it hides, watches and emits
    Check(check::CheckArgs),
    /// Prove a signed record of what was hidden, and say where it is broken
    Verify(verify::VerifyArgs),
    /// Started by `run`
    #[command(hide = true, name = "pixel-process")]
    PixelProcess,
    /// Started by `run`
    #[command(hide = true, name = "front-process")]
    FrontProcess,
    /// Started by `redact`
    #[command(hide = true, name = DECODER)]
    DecoderProcess {
        /// Clips that only ffmpeg reads.
        files: Vec<PathBuf>,
    },
    /// Started by it
    #[command(hide = true, name = STARTER)]
    FfmpegProcess {
        /// Clips that only ffmpeg reads.
        files: Vec<PathBuf>,
    },
    /// Started by `check`
    #[command(hide = true, name = WALLS)]
    WallsProcess,
}

/// Hidden sub-command by which `check` executes this program again.
const WALLS: &str = "walls-process";

/// How a command ended that did not fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Done {
    /// All of it.
    Whole,
    /// Some of it failed, and was named.
    InPart,
    /// A process of `run` says itself how it ended.
    With(std::process::ExitCode),
}

/// The command line asked for something that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub(crate) String);

/// Carries out what the arguments ask for.
///
/// What walls a command puts up stay up around the calling thread and those that it starts later. A command that starts processes
/// executes the calling program again, with a hidden sub-command: those are for the program `frostglass`.
///
/// # Errors
/// When it failed; [`WrongUse`] inside when it was asked wrongly.
pub fn carry_out(args: Args) -> anyhow::Result<Done> {
    match args.command {
        Command::Run(args) => run::run(&args),
        Command::Redact(args) => redact::redact(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Devices(args) => devices::devices(&args),
        Command::Check(args) => check::check(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::PixelProcess => run::part(crate::supervise::PIXEL).map(Done::With),
        Command::FrontProcess => run::part(crate::supervise::FRONT).map(Done::With),
        Command::DecoderProcess { files } => run::decoder(files),
        Command::FfmpegProcess { files } => run::ffmpeg(&files),
        Command::WallsProcess => check::try_walls(),
    }
}

/// An error as people read it: config faults with their code frame, others as one sentence with its causes. Names of files are
/// part of it, and somebody else may have given them: none drives the terminal.
#[must_use]
pub fn told(error: &anyhow::Error) -> String {
    if let Some(fault) = error.downcast_ref::<crate::config::ConfigError>() {
        return format!("frostglass: {}", fault.rendered());
    }
    let lines: Vec<_> = format!("{error:#}").split('\n').map(|line| printable(line.as_bytes())).collect();
    format!("frostglass: {}", lines.join("\n"))
}

/// A name as people read it.
pub(crate) fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// Set by the first Ctrl-C or SIGTERM, to end cleanly; the second one ends the program at once.
pub(crate) fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Registered first, it acts on the second signal: the flag is only set after it looked.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Log lines go to standard error; `RUST_LOG` wins over the config.
pub(crate) fn start_log(level: &str) {
    start_log_to(level, std::io::stderr);
}

/// The same, by whoever writes to standard error here.
pub(crate) fn start_log_to<W>(level: &str, writer: W)
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("{level},ort=error")));
    // A second start in one process (tests) keeps the first one's.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A file or a journal wants no colours.
    let log = log.with_ansi(std::io::stderr().is_terminal()).with_writer(writer);
    let _ = log.try_init();
}
