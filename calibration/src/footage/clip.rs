//! Frames of a clip, in colour or as the planes that the redactor gets. Clips are whatever Frostglass's own `capture` opens:
//! MP4, Y4M, MJPEG, others by way of ffmpeg; a single picture is a clip of one frame.
//!
//! **Invariant:** a frame that can not be read whole is an error. One frame is in memory at a time.

use std::path::{Path, PathBuf};

use frostglass::capture::{self, OpenOptions, Opened, Source};
use frostglass_vault::{Colour, Matrix, Picture, Pool, Range, Stamp, Zones};
use image::RgbImage;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use super::FootageError;
use crate::picture;

/// Frames in order; a single picture is a clip of one.
pub struct Clip {
    pub(super) path: PathBuf,
    /// Whether it is a single picture.
    pub(super) is_single: bool,
    frames: Frames,
    pub(super) given: usize,
    pub(super) notes: Vec<String>,
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
        Ok(Self { path: path.to_owned(), is_single: matches!(frames, Frames::Single), frames, given: 0, notes })
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
