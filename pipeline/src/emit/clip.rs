//! One clip in one file.
//!
//! **Invariant.** The clip has its name only when [`Sink::finish`] went well; after any fault it is not finished.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "h264")]
use super::encode::Mp4Writer;
use super::encode::Y4mWriter;
use super::{EmitError, Output, Overwrite, Sink, shown};
use crate::capture::Rate;
use crate::hatch::ReceivedFrame;

/// What a clip is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClipContainer {
    /// H.264 in fragmented MP4. It has even sizes: an odd side is one pixel longer, by repetition, and none is below 16.
    Mp4,
    /// Raw planes; large, and with one constant rate.
    Y4m,
}

impl ClipContainer {
    /// What the end of a file name asks for, in any case: `mp4`, `m4v`, `y4m`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "y4m" => Some(Self::Y4m),
            _ => None,
        }
    }
}

/// A clip file in the making. Dropped without [`Sink::finish`], it leaves nothing.
#[derive(Debug)]
pub struct ClipFile {
    output: Output,
    writer: Writer,
    frames: u64,
}

#[derive(Debug)]
enum Writer {
    #[cfg(feature = "h264")]
    Mp4(Box<Mp4Writer>),
    Y4m(Y4mWriter),
}

impl ClipFile {
    /// Opens a clip of this container and rate; the rest as in [`Output::create`].
    ///
    /// # Errors
    /// Those of [`Output::create`]; [`EmitError::Unsupported`] for MP4 in a build without the feature `h264`.
    pub fn create(
        path: &Path,
        container: ClipContainer,
        rate: Option<Rate>,
        overwrite: Overwrite,
        protect: &[PathBuf],
    ) -> Result<Self, EmitError> {
        let writer = match container {
            #[cfg(feature = "h264")]
            ClipContainer::Mp4 => {
                let writer =
                    Mp4Writer::new(rate).map_err(|error| EmitError::of(shown(path), "starting MP4", 0, error))?;
                Writer::Mp4(Box::new(writer))
            }
            #[cfg(not(feature = "h264"))]
            ClipContainer::Mp4 => {
                let why = "this build has no H.264 (feature `h264`): write it as .y4m".to_owned();
                return Err(EmitError::Unsupported { path: shown(path), why });
            }
            ClipContainer::Y4m => Writer::Y4m(Y4mWriter::new(rate)),
        };
        Ok(Self { output: Output::create(path, overwrite, protect)?, writer, frames: 0 })
    }
}

impl Sink for ClipFile {
    fn name(&self) -> String {
        format!("clip {}", shown(self.output.target()))
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        let written: io::Result<()> = match &mut self.writer {
            #[cfg(feature = "h264")]
            Writer::Mp4(writer) => writer.write(&frame.picture(), frame.stamp(), &mut self.output),
            Writer::Y4m(writer) => writer.write(&frame.picture(), &mut self.output),
        };
        self.frames += 1;
        written.map_err(|error| self.output.fault("writing a frame", error))
    }

    fn finish(self: Box<Self>) -> Result<(), EmitError> {
        let Self { mut output, writer, frames } = *self;
        if frames == 0 {
            return Err(EmitError::Empty { path: shown(output.target()) });
        }
        let finished = match writer {
            #[cfg(feature = "h264")]
            Writer::Mp4(writer) => writer.finish(&mut output),
            Writer::Y4m(writer) => writer.finish(&mut output),
        };
        finished.map_err(|error| output.fault("finishing the clip", error))?;
        output.commit()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use frostglass_vault::{Format, Matrix, Range, Size};

    use super::*;
    use crate::emit::testing::{frame_at, names_in, smooth};

    #[cfg(feature = "h264")]
    const CONTAINERS: [ClipContainer; 2] = [ClipContainer::Mp4, ClipContainer::Y4m];
    #[cfg(not(feature = "h264"))]
    const CONTAINERS: [ClipContainer; 1] = [ClipContainer::Y4m];

    #[cfg(not(feature = "h264"))]
    #[test]
    fn without_h264_an_mp4_is_refused_before_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let refused = ClipFile::create(&path, ClipContainer::Mp4, None, Overwrite::Refuse, &[]);
        assert!(matches!(refused, Err(EmitError::Unsupported { .. })), "{refused:?}");
        assert!(names_in(folder.path()).is_empty());
    }

    fn frames(count: u64) -> impl Iterator<Item = ReceivedFrame> {
        let format = Format::video(Size::new(64, 48), Matrix::Bt601, Range::Limited);
        (0..count).map(move |index| frame_at(format, index, Duration::from_millis(100 * index), smooth(index as u32)))
    }

    fn create(path: &Path, container: ClipContainer) -> Box<ClipFile> {
        let rate = Some(Rate { frames: 10, seconds: 1 });
        Box::new(ClipFile::create(path, container, rate, Overwrite::Refuse, &[]).unwrap())
    }

    #[test]
    fn a_clip_has_its_name_only_when_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        for container in CONTAINERS {
            let path = folder.path().join("clip");
            let mut clip = create(&path, container);
            frames(40).for_each(|frame| clip.frame(&frame).unwrap());
            assert!(!path.exists(), "{container:?}");
            clip.finish().unwrap();
            assert_eq!(names_in(folder.path()), ["clip"], "{container:?}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn an_interrupted_clip_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for (container, count) in
            CONTAINERS.into_iter().flat_map(|container| [0, 1, 20, 40].map(|count| (container, count)))
        {
            let mut clip = create(&folder.path().join("clip"), container);
            frames(count).for_each(|frame| clip.frame(&frame).unwrap());
            drop(clip);
            assert!(names_in(folder.path()).is_empty(), "{container:?} after {count}");
        }
    }

    #[test]
    fn a_clip_without_a_frame_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for container in CONTAINERS {
            let refused = create(&folder.path().join("clip"), container).finish();
            assert!(matches!(refused, Err(EmitError::Empty { .. })), "{refused:?}");
        }
        assert!(names_in(folder.path()).is_empty());
    }

    #[test]
    fn a_clip_with_a_fault_is_never_finished() {
        let folder = tempfile::tempdir().unwrap();
        let still = frame_at(Format::still(Size::new(64, 48)), 0, Duration::ZERO, smooth(0));
        for container in CONTAINERS {
            for before in [0, 3] {
                let mut clip = create(&folder.path().join("clip"), container);
                frames(before).for_each(|frame| clip.frame(&frame).unwrap());
                let error = clip.frame(&still).unwrap_err();
                assert!(matches!(error, EmitError::Unsupported { .. }), "{error:?}");
                assert!(clip.finish().is_err(), "{container:?}");
                assert!(names_in(folder.path()).is_empty());
            }
        }
    }

    #[test]
    fn names_tell_the_container() {
        let named = [
            ("a.MP4", Some(ClipContainer::Mp4)),
            ("a.m4v", Some(ClipContainer::Mp4)),
            ("a.y4m", Some(ClipContainer::Y4m)),
        ];
        for (name, container) in named.into_iter().chain([("a.mkv", None), ("mp4", None)]) {
            assert_eq!(ClipContainer::from_path(Path::new(name)), container, "{name}");
        }
    }
}
