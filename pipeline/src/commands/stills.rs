//! Pictures: one look, one redaction, one file, several pictures side by side.
//!
//! **Invariant.** A picture that could not be read whole or not be inspected has no output at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::unbounded;
use frostglass_vault::{Findings, Inspected, Kind, Pool, Redactor, Stamp, Zones};
use indicatif::ProgressBar;

use super::networks::{Networks, all_cores, hidden_zones, policy};
use super::plan::Job;
use crate::capture::{Source, StillContainer};
use crate::config::Config;
use crate::emit::{Output, Overwrite, PictureKind, encode_picture};
use crate::hatch::ReceivedFrame;
use crate::inspect::Inspector;

/// More workers than this hold more large pictures in memory than a small machine has room for.
const MOST_WORKERS: usize = 4;

/// What became of a picture.
#[derive(Debug)]
pub(crate) struct Still {
    /// Faces that were found.
    pub(crate) faces: usize,
    /// What else is to be said about it.
    pub(crate) notes: Vec<String>,
}

/// Redacts pictures, several at a time, and hands what became of each to `done`, in the order of completion.
pub(crate) fn redact_stills(
    jobs: &[Job],
    networks: &Networks,
    config: &Config,
    overwrite: Overwrite,
    stop: &AtomicBool,
    bar: &ProgressBar,
    mut done: impl FnMut(&Job, anyhow::Result<Still>),
) -> anyhow::Result<()> {
    let workers = jobs.len().min(all_cores()).clamp(1, MOST_WORKERS);
    let threads = (all_cores() / workers).max(1);
    let inspectors = (0..workers).map(|_| networks.inspector(threads)).collect::<anyhow::Result<Vec<_>>>()?;
    let (job_in, job_out) = unbounded();
    let (done_in, done_out) = unbounded();
    for job in jobs {
        // The other end is right here.
        let _ = job_in.send(job);
    }
    drop(job_in);
    std::thread::scope(|scope| {
        for mut inspector in inspectors {
            let (jobs, done) = (job_out.clone(), done_in.clone());
            scope.spawn(move || {
                for job in jobs.iter().take_while(|_| !stop.load(Ordering::Relaxed)) {
                    let became = redact_still(job, &mut inspector, config, overwrite, stop);
                    if done.send((job, became)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done_in);
        for (job, became) in done_out {
            bar.inc(1);
            done(job, became);
        }
    });
    Ok(())
}

fn redact_still(
    job: &Job,
    inspector: &mut Inspector,
    config: &Config,
    overwrite: Overwrite,
    stop: &AtomicBool,
) -> anyhow::Result<Still> {
    let mut output = Output::create(&job.output, overwrite, std::slice::from_ref(&job.input))?;
    let mut source = crate::capture::open_still(&job.input)?;
    let format = source.format();
    let named = PictureKind::from_path(&job.output);
    let kind = named.unwrap_or_else(|| own_kind(source.container()));
    let zones = Arc::new(Zones::new(&hidden_zones(config), format));

    let mut blank = Pool::new(format, 1).blank().context("no memory for the picture")?;
    if source.read(&mut blank)?.is_none() {
        bail!("{}: there is no picture in it", job.input.display());
    }
    let mut notes = source.notes().to_vec();
    if named.is_none() && job.output.extension() != job.input.extension() {
        notes.push(format!("written as {}, whatever its name says", format!("{kind:?}").to_uppercase()));
    }
    drop(source);
    let mut raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
    let findings = inspector.inspect(raw.lend());
    let faces = match &findings {
        Findings::Complete(found) => found.iter().filter(|seen| seen.kind == Kind::Face).count(),
        Findings::Missing => match inspector.take_error() {
            Some(error) => return Err(anyhow::Error::new(error).context(not_inspected(&job.input))),
            None => bail!(not_inspected(&job.input)),
        },
    };
    let redacted = Redactor::new(policy(config), format, zones).redact(Inspected::new(raw, findings));
    if redacted.is_masked() {
        bail!(not_inspected(&job.input));
    }
    encode_picture(&ReceivedFrame::from_redacted(redacted), kind, &mut output)
        .map_err(|error| output.fault("writing the picture", error))?;
    if stop.load(Ordering::Relaxed) {
        bail!("{}: interrupted", job.input.display());
    }
    output.commit()?;
    Ok(Still { faces, notes })
}

fn not_inspected(input: &Path) -> String {
    format!("{}: it could not be inspected, so nothing was written", input.display())
}

/// Its own format, for a file name whose ending says nothing.
fn own_kind(container: StillContainer) -> PictureKind {
    match container {
        StillContainer::Jpeg => PictureKind::Jpeg,
        StillContainer::Png => PictureKind::Png,
        StillContainer::Webp => PictureKind::Webp,
    }
}
