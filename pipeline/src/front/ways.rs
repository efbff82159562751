//! Which ways out a config names, and how each is opened.
//!
//! **Invariant.** A way out that is not named is not opened. One that cannot be opened twice, because a reader has seen half
//! of it, says so.

use std::fs::{File, OpenOptions};
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, bail};

use super::Video;
use crate::config::{Config, Target};
use crate::emit::{JsonLines, LiveView, LoopbackSink, PictureFolder, Sink, Y4mStream};

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
}

/// The ways out that `config` names. `again`: a front stood before this one, and may have left half a frame.
pub(super) fn ways(config: &Config, again: bool) -> anyhow::Result<Vec<Way>> {
    let emit = config.emit.clone();
    let mut ways = Vec::new();
    if let Some(target) = emit.jsonl {
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
            Ok(Some(match &target {
                Target::Stdout => Box::new(JsonLines::stdout()?),
                Target::File(path) => Box::new(JsonLines::append(path)?),
            }))
        };
        let once = config.emit.jsonl == Some(Target::Stdout);
        ways.push(Way { name: "events".to_owned(), open: Box::new(open), once, per_format: false });
    }
    if let Some(folder) = emit.pictures {
        let every = NonZeroU32::new(emit.pictures_every).unwrap_or(NonZeroU32::MIN);
        let name = format!("pictures in {}", folder.display());
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
            Ok(Some(Box::new(PictureFolder::open(&folder, "frostglass", every, emit.pictures_max_mib)?)))
        };
        ways.push(Way { name, open: Box::new(open), once: false, per_format: false });
    }
    if let Some(target) = emit.y4m {
        ways.push(y4m(target, again)?);
    }
    if let Some(address) = emit.http {
        let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> { Ok(Some(Box::new(LiveView::open(address)?))) };
        let name = format!("live view at http://{address}/");
        ways.push(Way { name, open: Box::new(open), once: false, per_format: false });
    }
    if let Some(device) = emit.loopback {
        let name = format!("loopback device {}", device.display());
        let open = move |video: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> {
            let Some(Video { format, rate }) = video else { return Ok(None) };
            Ok(Some(Box::new(LoopbackSink::open(&device, format, rate)?)))
        };
        ways.push(Way { name, open: Box::new(open), once: false, per_format: true });
    }
    Ok(ways)
}

/// Y4M states the rate at its start, so that it waits for the video; its file is made at once.
fn y4m(target: Target, again: bool) -> anyhow::Result<Way> {
    let (name, mut file) = match &target {
        Target::Stdout => ("Y4M to standard output".to_owned(), None),
        Target::File(path) if again && path.is_file() => (format!("Y4M to {}", path.display()), None),
        Target::File(path) => (format!("Y4M to {}", path.display()), Some(new_file(path)?)),
    };
    let open = move |video: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> {
        if again {
            bail!("half a frame may stand in it; start the run again to go on");
        }
        let Some(Video { rate, .. }) = video else { return Ok(None) };
        Ok(Some(match (&target, file.take()) {
            (Target::Stdout, _) => Box::new(Y4mStream::stdout(Some(rate))?),
            (Target::File(path), Some(file)) => Box::new(Y4mStream::new(path.display().to_string(), file, Some(rate))),
            (Target::File(_), None) => bail!("it was begun already"),
        }))
    };
    Ok(Way { name, open: Box::new(open), once: true, per_format: false })
}

/// A file that was not there before; a pipe or a device may have been.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let there = path.exists() && !path.is_file();
    let mut options = OpenOptions::new();
    let options = if there { options.write(true) } else { options.write(true).create_new(true) };
    options.open(path).with_context(|| format!("{}: opening it to write video failed", path.display()))
}
