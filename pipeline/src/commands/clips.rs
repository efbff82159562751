//! Clips: one conversation with the decoder and one file each.
//!
//! **Invariant.** Under a clip's final name stands what came through the conversation up to its last word, or nothing.

use std::sync::atomic::Ordering;

use anyhow::{Context, bail};

use super::plan::{Job, is_dash};
use super::redact::{Jobs, plural, progress};
use super::stills::came_to_an_end;
use super::told;
use crate::capture::takes_ffmpeg;
use crate::emit::{ClipContainer, ClipFile, Sink, Y4mStream};
use crate::files::Work;
use crate::files::conversation::{Broken, Conversation, Frames, Said};

impl Jobs {
    /// One after the other. At which the decoder comes to an end, that one is lost, and the next one has another.
    ///
    /// # Errors
    /// When there is no decoder to be had.
    pub(super) fn redact_clips(&mut self, jobs: &[Job]) -> anyhow::Result<()> {
        let foreign: Vec<_> = jobs.iter().map(|job| job.input.clone()).filter(|clip| takes_ffmpeg(clip)).collect();
        let work = Work::Clips { events: self.events.is_some() };
        let mut standing = None;
        for job in jobs {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let mut behind = match standing.take() {
                Some(behind) => behind,
                None => self.decoder(work, &foreign)?,
            };
            let ended = behind.begin(&job.input).and_then(|talk| self.redact_clip(job, talk));
            match ended {
                Ok(()) => self.done += 1,
                Err(error) => {
                    self.failed += 1;
                    if matches!(error.downcast_ref(), Some(Broken::Gone)) {
                        eprintln!("{}", told(&came_to_an_end(job, &mut behind)));
                        continue;
                    }
                    eprintln!("{}", told(&error));
                }
            }
            standing = Some(behind);
        }
        Ok(())
    }

    fn redact_clip(&mut self, job: &Job, mut talk: Conversation) -> anyhow::Result<()> {
        let input = job.input.display();
        let nothing = || format!("{input}: nothing was written");
        let opened = match talk.next(&self.stop).with_context(nothing)? {
            Said::Opened(opened) => opened,
            Said::Failed(why) => bail!(why),
            _ => return Err(Broken::Nonsense("no word about the file")).with_context(nothing),
        };
        for note in &opened.notes {
            eprintln!("{input}: {note}");
        }
        let Frames::Clip { expected, .. } = opened.frames else {
            return Err(Broken::Nonsense("a picture, where a clip was expected")).with_context(nothing);
        };
        let mut sink = self.open_sink(job, &opened.frames)?;
        let bar = progress(expected, "frames");
        let (mut frames, mut masked) = (0, 0);
        let done = loop {
            match talk.next(&self.stop) {
                Ok(Said::Frame(frame)) => {
                    sink.frame(&frame).with_context(nothing)?;
                    bar.inc(1);
                    frames += 1;
                    masked += u64::from(frame.is_masked());
                }
                Ok(Said::Event(event)) => {
                    if let Some(events) = &mut self.events {
                        events.event(&event).with_context(nothing)?;
                    }
                }
                Ok(Said::Done(done)) => break done,
                Ok(Said::Failed(why)) => bail!(why),
                Ok(Said::Opened(_)) => return Err(Broken::Nonsense("two files in one")).with_context(nothing),
                Err(Broken::Interrupted) => bail!("{input}: interrupted, nothing was written"),
                Err(broken) => return Err(broken).with_context(nothing),
            }
        };
        bar.finish_and_clear();
        sink.finish()?;
        let faces = plural(done.faces, "face box");
        let masked = if masked > 0 { format!(", {masked} of them wholly masked") } else { String::new() };
        let frames = plural(frames, "frame");
        eprintln!("{input} → {}: {frames}{masked}, {faces} hidden", job.output.display());
        done.cut.map_or(Ok(()), |cut| Err(anyhow::anyhow!(cut)))
    }

    /// By the output's name: Y4M, or else MP4.
    fn open_sink(&self, job: &Job, frames: &Frames) -> anyhow::Result<Box<dyn Sink>> {
        let rate = frames.rate();
        if is_dash(&job.output) {
            return Ok(Box::new(Y4mStream::stdout(rate)?));
        }
        let container = ClipContainer::from_path(&job.output).unwrap_or_else(|| {
            eprintln!("{}: written as MP4, whatever its name says", job.output.display());
            ClipContainer::Mp4
        });
        let protect = std::slice::from_ref(&job.input);
        Ok(Box::new(ClipFile::create(&job.output, container, rate, self.overwrite, protect)?))
    }
}
