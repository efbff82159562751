//! Which ways out a config names, and how each is opened.
//!
//! **Invariant.** A way out that is not named is not opened. One that cannot be opened twice, because a reader may have seen
//! half of it, says so; what an earlier front finished goes on behind its last whole frame.

use std::fs::{File, OpenOptions};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, bail};

use super::Video;
use super::places::{self, Kind, Place};
use crate::config::{Config, Target};
use crate::emit::{JsonLines, LiveView, LoopbackSink, PictureFolder, Sink, Y4mStream, own_stdout};
use crate::supervise::messages::Begun;

/// Opens a way out, once the video is known that it will get or before.
type Opener = Box<dyn FnMut(Option<Video>) -> anyhow::Result<Option<Box<dyn Sink>>> + Send>;

/// One way out.
pub(super) struct Way {
    /// For messages.
    pub(super) name: String,
    /// Gives the sink, or none when it has to know first what the video looks like.
    pub(super) open: Opener,
    /// It cannot be opened again: its reader would see the end of one stream and the start of another.
    pub(super) once: bool,
    /// It has to begin anew when the video's format changes.
    pub(super) per_format: bool,
    /// What it opens by its name.
    pub(super) place: Option<Place>,
}

impl Way {
    /// Opens it; when that panics, that is the fault.
    pub(super) fn opened(&mut self, video: Option<Video>) -> anyhow::Result<Option<Box<dyn Sink>>> {
        // What it left half done is not looked at again: an opener makes its sink anew, or says that it can not.
        catch_unwind(AssertUnwindSafe(|| (self.open)(video)))
            .unwrap_or_else(|_| bail!("it panicked while it was opened"))
    }
}

/// The ways out that `config` names. `again`: a front stood before this one; `begun` is what it left in the Y4M stream.
pub(super) fn ways(config: &Config, again: bool, begun: Begun) -> anyhow::Result<Vec<Way>> {
    let emit = config.emit.clone();
    let mut ways = Vec::new();
    if let Some(target) = emit.jsonl {
        let place = places::of_target(&target);
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
            Ok(Some(match &target {
                Target::Stdout => Box::new(JsonLines::stdout()?),
                Target::File(path) => Box::new(JsonLines::append(path)?),
            }))
        };
        let once = config.emit.jsonl == Some(Target::Stdout);
        ways.push(Way { name: "events".to_owned(), open: Box::new(open), once, per_format: false, place });
    }
    if let Some(folder) = emit.pictures {
        let every = NonZeroU32::new(emit.pictures_every).unwrap_or(NonZeroU32::MIN);
        let name = format!("pictures in {}", folder.display());
        let place = Some(Place::new(&folder, Kind::Folder));
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
            Ok(Some(Box::new(PictureFolder::open(&folder, "frostglass", every, emit.pictures_max_mib)?)))
        };
        ways.push(Way { name, open: Box::new(open), once: false, per_format: false, place });
    }
    if let Some(target) = emit.y4m {
        ways.push(y4m(target, again, begun)?);
    }
    if let Some(address) = emit.http {
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> { Ok(Some(Box::new(LiveView::open(address)?))) };
        let name = format!("live view at http://{address}/");
        ways.push(Way { name, open: Box::new(open), once: false, per_format: false, place: None });
    }
    if let Some(device) = emit.loopback {
        let name = format!("loopback device {}", device.display());
        let place = Some(Place::new(&device, Kind::Device));
        let open = move |video: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> {
            let Some(Video { format, rate }) = video else { return Ok(None) };
            Ok(Some(Box::new(LoopbackSink::open(&device, format, rate)?)))
        };
        ways.push(Way { name, open: Box::new(open), once: false, per_format: true, place });
    }
    Ok(ways)
}

/// Y4M states the rate at its start, so that it waits for the video; its file is made at once.
fn y4m(target: Target, again: bool, begun: Begun) -> anyhow::Result<Way> {
    let (name, mut file) = match (&target, begun) {
        (Target::Stdout, _) => ("standard output".to_owned(), None),
        (Target::File(path), Begun::Torn) => (path.display().to_string(), None),
        (Target::File(path), Begun::Nothing) => (path.display().to_string(), Some(new_file(path, again)?)),
        (Target::File(path), Begun::Whole(_)) => (path.display().to_string(), Some(old_file(path)?)),
    };
    let its_name = name.clone();
    let open = move |video: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> {
        if begun == Begun::Torn {
            bail!("half a frame may stand in it; start the run again to go on");
        }
        let Some(Video { format, rate }) = video else { return Ok(None) };
        let file = match (&target, file.take()) {
            (Target::Stdout, _) => own_stdout()?,
            (Target::File(_), Some(file)) => file,
            (Target::File(_), None) => bail!("it was begun already"),
        };
        Ok(Some(match begun {
            Begun::Whole(before) if before.format().is_some_and(|(before, _)| before == format) => {
                Box::new(Y4mStream::going_on(&its_name, file, format))
            }
            Begun::Whole(_) => bail!("the frames have another format than those that stand in it"),
            Begun::Nothing | Begun::Torn => Box::new(Y4mStream::new(&its_name, file, Some(rate))),
        }))
    };
    Ok(Way { name: format!("Y4M to {name}"), open: Box::new(open), once: true, per_format: false, place: None })
}

/// A file that was not there before, or one that an earlier front made and wrote nothing to; a pipe or a device may be there.
fn new_file(path: &Path, again: bool) -> anyhow::Result<File> {
    let empty = again && path.metadata().is_ok_and(|found| found.len() == 0);
    let there = path.exists() && (!path.is_file() || empty);
    let mut options = OpenOptions::new();
    let options = if there { options.write(true) } else { options.write(true).create_new(true) };
    options.open(path).with_context(|| format!("{}: opening it to write video failed", path.display()))
}

/// The file of an earlier front.
fn old_file(path: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().append(true).open(path);
    opened.with_context(|| format!("{}: opening it to go on with the video failed", path.display()))
}
