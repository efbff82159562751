//! Where labelled pictures come from: a folder, a single picture, or a clip.
//!
//! In a folder a label's picture is found by its name; of a clip the first label means the first frame, the second label
//! the second, and so on. Clips are whatever Frostglass's own `capture` opens: MP4, Y4M, MJPEG, others by way of ffmpeg.
//!
//! **Invariant:** a frame that can not be read is an error and never skipped: all that come after it would be taken for
//! their neighbours. One frame of a clip is in memory at a time.

use std::path::{Path, PathBuf};

use frostglass::capture::{self, CaptureError, OpenOptions, Opened, Source};
use frostglass_vault::{Colour, Matrix, Picture, Pool, Range, Stamp, Zones};
use image::RgbImage;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

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
    /// for, one that had less.
    ///
    /// # Errors
    /// [`FootageError::OtherCount`], or a frame that can not be read.
    pub fn check_end(&mut self, labels: usize, whole: bool) -> Result<(), FootageError> {
        let Self::Clip(clip) = self else { return Ok(()) };
        let more = clip.given == labels && clip.next_frame()?.is_some();
        if more || (whole && clip.given < labels) {
            let frames = clip.given - usize::from(more);
            return Err(FootageError::OtherCount { path: clip.path.clone(), frames, more, labels });
        }
        Ok(())
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

/// Frames in order; a single picture is a clip of one.
pub struct Clip {
    path: PathBuf,
    frames: Frames,
    given: usize,
    notes: Vec<String>,
}

enum Frames {
    /// Read like the pictures of a folder, so that a picture measures the same alone.
    Single,
    Moving(Box<dyn Source>, Pool),
    Ended,
}

impl Clip {
    /// Opens a picture or a clip.
    ///
    /// # Errors
    /// When it is neither, or can not be opened.
    pub fn open(path: &Path) -> Result<Self, FootageError> {
        let (frames, notes) = match capture::open(path, &OpenOptions::default())? {
            Opened::Still(_) => (Frames::Single, Vec::new()),
            Opened::Moving(moving) => {
                let pool = Pool::new(moving.source.format(), 1);
                (Frames::Moving(moving.source, pool), moving.notes)
            }
        };
        Ok(Self { path: path.to_owned(), frames, given: 0, notes })
    }

    /// The next frame in colour; `None` at the end.
    ///
    /// # Errors
    /// When it can not be read whole.
    pub fn next_frame(&mut self) -> Result<Option<RgbImage>, FootageError> {
        if matches!(self.frames, Frames::Single) {
            self.frames = Frames::Ended;
            self.given += 1;
            return Ok(Some(picture::read(&self.path)?));
        }
        let (path, frame) = (self.path.clone(), self.given);
        self.look(rgb)?.transpose().map_err(|reason| FootageError::Colours { path, frame, reason })
    }

    /// Shows the planes of the next frame, as the redactor gets them, to `look`; `None` at the end.
    ///
    /// # Errors
    /// When it can not be read whole.
    pub fn look<T>(&mut self, look: impl FnOnce(&Picture<'_>) -> T) -> Result<Option<T>, FootageError> {
        let mut still = None;
        let (source, pool): (&mut dyn Source, _) = match &mut self.frames {
            Frames::Ended => return Ok(None),
            Frames::Moving(source, pool) => (source, pool.clone()),
            Frames::Single => {
                let source = still.insert(capture::open_still(&self.path)?);
                let pool = Pool::new(source.format(), 1);
                (source, pool)
            }
        };
        let seen = match pool.blank() {
            // The one slot is free: the frame before was given back when its look ended.
            None => None,
            Some(mut blank) => source.read(&mut blank)?.map(|time| {
                let stamp = Stamp { sequence: self.given as u64, time };
                look(&blank.expose(stamp, &Zones::none()).lend().picture())
            }),
        };
        self.given += usize::from(seen.is_some());
        if seen.is_none() || still.is_some() {
            self.frames = Frames::Ended;
        }
        Ok(seen)
    }
}

/// Red, green and blue of a frame, whatever its planes mean.
fn rgb(picture: &Picture<'_>) -> Result<RgbImage, String> {
    let size = picture.size();
    let mut out = RgbImage::new(size.width, size.height);
    let [first, second, third] = [0, 1, 2].map(|index| picture.plane(index));
    match picture.format().colour {
        Colour::Rgb => {
            for (y, row) in out.rows_mut().enumerate() {
                let y = u32::try_from(y).map_err(|error| error.to_string())?;
                let planes = [0, 1, 2].map(|index| picture.row(index, y));
                for (x, pixel) in row.enumerate() {
                    pixel.0 = planes.map(|plane| plane[x]);
                }
            }
        }
        Colour::Yuv { matrix, range } => {
            let stride = |stride: usize| u32::try_from(stride).map_err(|error| error.to_string());
            let planes = YuvPlanarImage {
                y_plane: first.bytes,
                y_stride: stride(first.stride)?,
                u_plane: second.bytes,
                u_stride: stride(second.stride)?,
                v_plane: third.bytes,
                v_stride: stride(third.stride)?,
                width: size.width,
                height: size.height,
            };
            let range = match range {
                Range::Limited => YuvRange::Limited,
                Range::Full => YuvRange::Full,
            };
            let matrix = match matrix {
                Matrix::Bt601 => YuvStandardMatrix::Bt601,
                Matrix::Bt709 => YuvStandardMatrix::Bt709,
                Matrix::Bt2020 => YuvStandardMatrix::Bt2020,
            };
            yuv::yuv420_to_rgb(&planes, &mut out, size.width * 3, range, matrix).map_err(|error| error.to_string())?;
        }
    }
    Ok(out)
}
