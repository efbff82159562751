//! Where labelled pictures come from: a folder, a single picture, or a clip.
//!
//! In a folder a label's picture is found by its name; of a clip the first label means the first frame, the second label
//! the second, and so on. Clips are read by `clip`.
//!
//! **Invariant:** a frame that can not be read is an error and never skipped: all that come after it would be taken for
//! their neighbours. One frame of a clip is in memory at a time.

mod clip;

use std::path::{Path, PathBuf};

use frostglass::capture::CaptureError;
use image::RgbImage;

pub use self::clip::Clip;
use crate::labels::Labelled;
use crate::picture::{self, PictureError, find};

/// Why pictures can not be had.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// Nothing is there.
    #[error("{path}: no such file or folder; the {what} are looked up there")]
    Absent {
        /// The path.
        path: PathBuf,
        /// `originals` or `redacted pictures`.
        what: &'static str,
    },
    /// Not one of the labelled pictures is there: most likely the wrong folder, which would look like a perfect redactor.
    #[error("{folder}: none of the {labelled} labelled pictures is here, such as {example}: is it the right folder?")]
    NonePresent {
        /// The folder.
        folder: PathBuf,
        /// How many were looked for.
        labelled: usize,
        /// The first of them.
        example: String,
    },
    /// Frames are counted through all labels, so that these have to be of one clip.
    #[error(
        "{path}: a clip, but the labels are in {files} files: measure clip by clip, each with the labels of its frames"
    )]
    SeveralLabelFiles {
        /// The clip.
        path: PathBuf,
        /// How many label files there are.
        files: usize,
    },
    /// The labels are of another clip, or of a part of it.
    #[error("{path}: {}, but {labels} labels: one line a frame is expected", frames_in_words(*.frames, *.more))]
    OtherCount {
        /// The clip or picture.
        path: PathBuf,
        /// How many frames it has, as far as they were counted.
        frames: usize,
        /// Whether there are more.
        more: bool,
        /// How many lines the label file has.
        labels: usize,
    },
    /// A clip that can not be opened or read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A picture that can not be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Frames of a kind whose colours nobody here can read.
    #[error("{path}: reading the colours of frame {frame} failed: {reason}")]
    Colours {
        /// The clip.
        path: PathBuf,
        /// Which frame, from 0.
        frame: usize,
        /// What the converter said.
        reason: String,
    },
}

fn frames_in_words(frames: usize, more: bool) -> String {
    match (frames, more) {
        (frames, true) => format!("more than {frames} frames"),
        (1, false) => "one frame".to_owned(),
        (frames, false) => format!("{frames} frames"),
    }
}

/// Where labelled pictures come from.
pub enum Footage {
    /// Pictures by name.
    Folder(PathBuf),
    /// Frames in order.
    Clip(Clip),
}

/// What labelled pictures are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FootageKind {
    /// A folder of pictures.
    Folder,
    /// A single picture.
    Picture,
    /// A clip, of however many frames.
    Clip,
}

/// The picture that a label means.
#[derive(Debug, Clone)]
pub enum Shot {
    /// A file, not yet read.
    File(PathBuf),
    /// A frame of a clip.
    Frame(RgbImage),
    /// It is not there: no file of that name, or the clip is at its end.
    Absent,
}

impl Footage {
    /// Opens a folder, a picture or a clip. `what` names it in messages: `originals` or `redacted pictures`.
    ///
    /// # Errors
    /// When nothing is there, when a folder has none of the labelled pictures, when a clip can not be opened or the
    /// labels are not those of one clip.
    pub fn open(path: &Path, labels: &[Labelled], what: &'static str) -> Result<Self, FootageError> {
        if path.is_dir() {
            if labels.iter().all(|label| find(path, &label.record.image).is_none()) {
                let example = labels.first().map(|label| label.record.image.clone()).unwrap_or_default();
                return Err(FootageError::NonePresent { folder: path.to_owned(), labelled: labels.len(), example });
            }
            return Ok(Self::Folder(path.to_owned()));
        }
        if !path.exists() {
            return Err(FootageError::Absent { path: path.to_owned(), what });
        }
        let mut files: Vec<_> = labels.iter().map(|label| &label.place.file).collect();
        files.dedup();
        if files.len() > 1 {
            return Err(FootageError::SeveralLabelFiles { path: path.to_owned(), files: files.len() });
        }
        Clip::open(path).map(Self::Clip)
    }

    /// The picture of the next label. Labels have to be asked for in their order.
    ///
    /// # Errors
    /// A frame that can not be read.
    pub fn next_shot(&mut self, label: &Labelled) -> Result<Shot, FootageError> {
        match self {
            Self::Folder(folder) => Ok(find(folder, &label.record.image).map_or(Shot::Absent, Shot::File)),
            Self::Clip(clip) => Ok(clip.next_frame()?.map_or(Shot::Absent, Shot::Frame)),
        }
    }

    /// After the last label: refuses a clip that has more frames than there are labels, and, where `whole` is asked
    /// for, one that had less. A single picture always has one label.
    ///
    /// # Errors
    /// [`FootageError::OtherCount`], or a frame that can not be read.
    pub fn check_end(&mut self, labels: usize, whole: bool) -> Result<(), FootageError> {
        let Self::Clip(clip) = self else { return Ok(()) };
        let more = clip.given == labels && clip.next_frame()?.is_some();
        if more || ((whole || clip.is_single) && clip.given < labels) {
            let frames = clip.given - usize::from(more);
            return Err(FootageError::OtherCount { path: clip.path.clone(), frames, more, labels });
        }
        Ok(())
    }

    /// What was opened.
    #[must_use]
    pub fn kind(&self) -> FootageKind {
        match self {
            Self::Folder(_) => FootageKind::Folder,
            Self::Clip(clip) if clip.is_single => FootageKind::Picture,
            Self::Clip(_) => FootageKind::Clip,
        }
    }

    /// How many frames a clip has given; `None` of a folder.
    #[must_use]
    pub fn frames_given(&self) -> Option<usize> {
        match self {
            Self::Folder(_) => None,
            Self::Clip(clip) => Some(clip.given),
        }
    }

    /// What its reader had to say: what was assumed, what is dropped.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Folder(_) => &[],
            Self::Clip(clip) => &clip.notes,
        }
    }
}

impl Shot {
    /// The pixels; `None` of what is absent.
    ///
    /// # Errors
    /// A picture that can not be read.
    pub fn read(self) -> Result<Option<RgbImage>, PictureError> {
        match self {
            Self::File(file) => picture::read(&file).map(Some),
            Self::Frame(frame) => Ok(Some(frame)),
            Self::Absent => Ok(None),
        }
    }
}
