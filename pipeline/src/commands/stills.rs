//! Pictures: one conversation with the decoder and one file each, several side by side.
//!
//! **Invariant.** A picture that could not be read whole or not be inspected has no output at all. One at which the decoder comes
//! to an end spoils no other: those that were in work beside it are tried again, each by itself. One that says what can not be is
//! asked nothing more.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use crossbeam_channel::unbounded;
use indicatif::ProgressBar;

use super::plan::Job;
use crate::capture::StillContainer;
use crate::emit::{Output, Overwrite, PictureKind, encode_picture};
use crate::files::behind::Behind;
use crate::files::conversation::{Broken, Frames, Said};

/// What became of a picture.
#[derive(Debug)]
pub(crate) struct Still {
    /// Faces that were found.
    pub(crate) faces: u64,
    /// What else is to be said about it.
    pub(crate) notes: Vec<String>,
}

/// What all pictures of one call share.
pub(crate) struct Stills<'a> {
    pub(crate) overwrite: Overwrite,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) bar: &'a ProgressBar,
}

/// Where one decoder did not get further.
struct Fell<'a> {
    /// What was in work.
    beside: Vec<&'a Job>,
    /// What was not begun.
    left: Vec<&'a Job>,
}

impl Stills<'_> {
    /// Redacts pictures, `workers` at a time, and hands what became of each to `done`, in the order of completion. `decoder` starts
    /// a process for so many at a time.
    ///
    /// # Errors
    /// When there is no decoder to be had.
    pub(crate) fn redact(
        &self,
        jobs: &[Job],
        workers: usize,
        mut decoder: impl FnMut(usize) -> anyhow::Result<Behind>,
        mut done: impl FnMut(&Job, anyhow::Result<Still>),
    ) -> anyhow::Result<()> {
        let mut left: Vec<&Job> = jobs.iter().collect();
        while !left.is_empty() && !self.stop.load(Ordering::Relaxed) {
            let workers = workers.min(left.len());
            let mut behind = decoder(workers)?;
            let fell = self.side_by_side(left, workers, &behind, &mut done);
            left = fell.left;
            let came_to_an_end = |job: &Job, behind: &mut Behind, done: &mut dyn FnMut(&Job, anyhow::Result<Still>)| {
                self.bar.inc(1);
                done(job, Err(came_to_an_end(job, behind)));
            };
            if let [job] = fell.beside[..] {
                came_to_an_end(job, &mut behind, &mut done);
                continue;
            }
            if let [_, _, ..] = fell.beside[..] {
                let (count, how) = (fell.beside.len(), behind.how_it_ended());
                let note = format!(
                    "the decoding process came to an end{how} at one of {count} pictures; each is tried by itself"
                );
                self.bar.suspend(|| eprintln!("frostglass: note: {note}"));
            }
            drop(behind);
            for job in fell.beside {
                let mut behind = decoder(1)?;
                if !self.side_by_side(vec![job], 1, &behind, &mut done).beside.is_empty() {
                    came_to_an_end(job, &mut behind, &mut done);
                }
            }
        }
        Ok(())
    }

    fn side_by_side<'a>(
        &self,
        jobs: Vec<&'a Job>,
        workers: usize,
        behind: &Behind,
        done: &mut impl FnMut(&Job, anyhow::Result<Still>),
    ) -> Fell<'a> {
        let (job_in, job_out) = unbounded();
        let (done_in, done_out) = unbounded();
        for job in jobs {
            // The other end is right here.
            let _ = job_in.send(job);
        }
        drop(job_in);
        let fell = AtomicBool::new(false);
        let mut beside = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (jobs, done, fell) = (job_out.clone(), done_in.clone(), &fell);
                let over = || self.stop.load(Ordering::Relaxed) || fell.load(Ordering::Relaxed);
                scope.spawn(move || {
                    // Asked before a job is taken, so that none is lost.
                    while !over()
                        && let Ok(job) = jobs.recv()
                    {
                        let became = self.one(job, behind);
                        if matches!(became, Err(ref error) if error.is::<Broken>()) {
                            fell.store(true, Ordering::Relaxed);
                        }
                        if done.send((job, became)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(done_in);
            for (job, became) in done_out {
                match became {
                    Err(error) if is_gone(&error) => beside.push(job),
                    became => {
                        self.bar.inc(1);
                        done(job, became);
                    }
                }
            }
        });
        Fell { beside, left: job_out.try_iter().collect() }
    }

    fn one(&self, job: &Job, behind: &Behind) -> anyhow::Result<Still> {
        let input = job.input.display();
        let mut output = Output::create(&job.output, self.overwrite, std::slice::from_ref(&job.input))?;
        let mut talk = behind.begin(&job.input)?;
        let named = PictureKind::from_path(&job.output);
        let (mut kind, mut notes, mut written) = (PictureKind::Jpeg, Vec::new(), false);
        loop {
            match talk.next(self.stop).map_err(|broken| told(job, broken))? {
                Said::Opened(opened) => {
                    let Frames::Still { container, .. } = opened.frames else {
                        return Err(told(job, Broken::Nonsense("a clip, where a picture was expected")));
                    };
                    notes = opened.notes;
                    kind = named.unwrap_or_else(|| own_kind(container));
                    if named.is_none() && job.output.extension() != job.input.extension() {
                        let kind = format!("{kind:?}").to_uppercase();
                        notes.push(format!("written as {kind}, whatever its name says"));
                    }
                }
                Said::Frame(frame) if !written => {
                    if frame.is_masked() {
                        bail!("{input}: it could not be inspected, so nothing was written");
                    }
                    encode_picture(&frame, kind, &mut output)
                        .map_err(|error| output.fault("writing the picture", error))?;
                    written = true;
                }
                Said::Done(done) if written => {
                    if self.stop.load(Ordering::Relaxed) {
                        bail!("{input}: interrupted");
                    }
                    output.commit()?;
                    return Ok(Still { faces: done.faces, notes });
                }
                Said::Failed(why) => bail!(why),
                Said::Frame(_) | Said::Done(_) | Said::Event(_) => {
                    return Err(told(job, Broken::Nonsense("something else than one picture")));
                }
            }
        }
    }
}

fn told(job: &Job, broken: Broken) -> anyhow::Error {
    anyhow::Error::new(broken).context(format!("{}: nothing was written", job.input.display()))
}

fn is_gone(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Broken::Gone))
}

/// Of a picture or clip at which the decoder fell.
pub(crate) fn came_to_an_end(job: &Job, behind: &mut Behind) -> anyhow::Error {
    let how = behind.how_it_ended();
    anyhow::anyhow!("{}: nothing was written: {}{how}", job.input.display(), Broken::Gone)
}

/// Its own format, for a file name whose ending says nothing.
fn own_kind(container: StillContainer) -> PictureKind {
    match container {
        StillContainer::Jpeg => PictureKind::Jpeg,
        StillContainer::Png => PictureKind::Png,
        StillContainer::Webp => PictureKind::Webp,
    }
}

#[cfg(test)]
#[path = "stills_tests.rs"]
mod tests;
