//! Clips: one conversation with the decoder and one file each.
//!
//! **Invariant.** Under a clip's final name stands what came through the conversation up to its last word, or nothing.

use std::sync::atomic::Ordering;

use anyhow::{Context, bail};

use super::plan::{Job, is_dash};
use super::redact::{Jobs, plural, progress};
use super::stills::came_to_an_end;
use super::{shown, told};
use crate::capture::takes_ffmpeg;
use crate::emit::{ClipContainer, ClipFile, Sink, Y4mStream};
use crate::files::Work;
use crate::files::conversation::{Broken, Conversation, Done, Frames, Said};

/// What came through a conversation to its end.
struct Taken {
    frames: u64,
    masked: u64,
    done: Done,
}

/// What the decoder said of a clip that it could not redact.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

impl Jobs {
    /// One after the other, each with a decoder of its own: who is taken over by one knows no other.
    ///
    /// # Errors
    /// When there is no decoder to be had.
    pub(super) fn redact_clips(&mut self, jobs: &[Job]) -> anyhow::Result<()> {
        for job in jobs {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let foreign = if takes_ffmpeg(&job.input) { std::slice::from_ref(&job.input) } else { &[] };
            let mut behind = self.decoder(Work::Clips { events: self.events.is_some() }, foreign)?;
            let ended = behind.begin(&job.input).and_then(|talk| self.redact_clip(job, talk));
            match ended {
                Ok(()) => self.done += 1,
                Err(error) => {
                    self.failed += 1;
                    let gone = matches!(error.downcast_ref(), Some(Broken::Gone));
                    let error = if gone { came_to_an_end(job, &mut behind) } else { error };
                    eprintln!("{}", told(&error));
                }
            }
        }
        Ok(())
    }

    fn redact_clip(&mut self, job: &Job, mut talk: Conversation) -> anyhow::Result<()> {
        let input = shown(&job.input);
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
        let ended = self.take_all(&mut talk, sink.as_mut(), || bar.inc(1));
        bar.finish_and_clear();
        let Taken { frames, masked, done } = match ended {
            Ok(taken) => taken,
            Err(error) if matches!(error.downcast_ref(), Some(Broken::Interrupted)) => {
                bail!("{input}: interrupted, nothing was written")
            }
            // The decoder's own words name the file.
            Err(error) if error.is::<Failed>() => return Err(error),
            Err(error) => return Err(error).with_context(nothing),
        };
        sink.finish()?;
        let faces = plural(done.faces, "face box");
        let masked = if masked > 0 { format!(", {masked} of them wholly masked") } else { String::new() };
        let frames = plural(frames, "frame");
        eprintln!("{input} → {}: {frames}{masked}, {faces} hidden", shown(&job.output));
        done.cut.map_or(Ok(()), |cut| Err(anyhow::anyhow!(cut)))
    }

    fn take_all(
        &mut self,
        talk: &mut Conversation,
        sink: &mut dyn Sink,
        mut one_more: impl FnMut(),
    ) -> anyhow::Result<Taken> {
        let (mut frames, mut masked) = (0, 0);
        loop {
            match talk.next(&self.stop)? {
                Said::Frame(frame) => {
                    sink.frame(&frame)?;
                    one_more();
                    frames += 1;
                    masked += u64::from(frame.is_masked());
                }
                Said::Event(event) => {
                    if let Some(events) = &mut self.events {
                        events.event(&event)?;
                    }
                }
                Said::Done(done) => return Ok(Taken { frames, masked, done }),
                Said::Failed(why) => return Err(Failed(why).into()),
                Said::Opened(_) => return Err(Broken::Nonsense("two files in one").into()),
            }
        }
    }

    /// By the output's name: Y4M, or else MP4.
    fn open_sink(&self, job: &Job, frames: &Frames) -> anyhow::Result<Box<dyn Sink>> {
        let rate = frames.rate();
        if is_dash(&job.output) {
            return Ok(Box::new(Y4mStream::stdout(rate)?));
        }
        let container = ClipContainer::from_path(&job.output).unwrap_or_else(|| {
            eprintln!("{}: written as MP4, whatever its name says", shown(&job.output));
            ClipContainer::Mp4
        });
        let protect = std::slice::from_ref(&job.input);
        Ok(Box::new(ClipFile::create(&job.output, container, rate, self.overwrite, protect)?))
    }
}
