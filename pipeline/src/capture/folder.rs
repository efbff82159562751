//! Pictures of a folder, played as a clip.
//!
//! **Invariant.** Each picture is decoded as strictly as a still; one that cannot be, or that has another size than
//! the first, is a frame that is missing ([`CaptureError::BrokenFrame`]), never one that is stretched or half there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use frostglass_vault::{Blank, Format, Matrix, Range};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

use super::still::{StillSource, open_still};
use super::{CaptureError, Rate, Source, check_blank, io_error, kind_of};

/// A folder does not state a rate: this one is taken when nobody does.
const USUAL_RATE: Rate = Rate { frames: 15, seconds: 1 };

/// The pictures of a folder in the order of their names, at the size of the first.
pub struct FolderSource {
    pictures: Vec<PathBuf>,
    next: usize,
    format: Format,
    rate: Rate,
    notes: Vec<String>,
}

/// Lists the pictures of a folder, sub-folders not included, and looks at the first one that can be read.
///
/// # Errors
/// When the folder cannot be read, or has no picture that can.
pub fn open_folder(path: &Path, rate: Option<Rate>) -> Result<FolderSource, CaptureError> {
    let shown = path.display().to_string();
    let mut pictures = Vec::new();
    let mut others = 0;
    for entry in std::fs::read_dir(path).map_err(io_error(&shown, "listing"))? {
        let file = entry.map_err(io_error(&shown, "listing"))?.path();
        if !file.is_file() {
            continue;
        }
        // What cannot be read now is a missing frame when its turn comes.
        if kind_of(&file).map_or(true, super::Kind::is_still) { pictures.push(file) } else { others += 1 }
    }
    pictures.sort();
    let mut notes = Vec::new();
    if others > 0 {
        notes.push(format!("{others} files that are no JPEG, PNG or WebP picture are passed over"));
    }
    let first = pictures.iter().find_map(|picture| open_still(picture).ok());
    let Some(first) = first else { return Err(CaptureError::NoFrames { path: shown, what: "a folder" }) };
    let format = Format::video(first.format().size, Matrix::Bt601, Range::Full);
    Ok(FolderSource { pictures, next: 0, format, rate: rate.unwrap_or(USUAL_RATE), notes })
}

impl FolderSource {
    /// What the user should know.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn fill(&self, picture: StillSource, blank: &mut Blank) -> Result<(), String> {
        let (size, wanted) = (picture.format().size, self.format.size);
        if size != wanted {
            return Err(format!("it is {size}, the first picture {wanted}"));
        }
        let pixels = picture.into_pixels().ok_or("it was taken already")?;
        let [luma, blue, red] = blank.planes_mut();
        let mut planes = YuvPlanarImageMut {
            y_stride: luma.size.width,
            y_plane: BufferStoreMut::Borrowed(luma.bytes),
            u_stride: blue.size.width,
            u_plane: BufferStoreMut::Borrowed(blue.bytes),
            v_stride: red.size.width,
            v_plane: BufferStoreMut::Borrowed(red.bytes),
            width: size.width,
            height: size.height,
        };
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
        yuv::rgb_to_yuv420(&mut planes, &pixels, size.width * 3, range, matrix, YuvConversionMode::Balanced)
            .map_err(|error| error.to_string())
    }
}

impl Source for FolderSource {
    fn format(&self) -> Format {
        self.format
    }

    fn rate(&self) -> Option<Rate> {
        Some(self.rate)
    }

    fn expected_frames(&self) -> Option<u64> {
        Some(self.pictures.len() as u64)
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format)?;
        let Some(path) = self.pictures.get(self.next) else { return Ok(None) };
        let index = self.next as u64;
        let time = self.rate.time_of(index);
        let result = open_still(path).map_err(|fault| fault.to_string()).and_then(|picture| self.fill(picture, blank));
        let path = path.display().to_string();
        self.next += 1;
        result.map(|()| Some(time)).map_err(|reason| CaptureError::BrokenFrame { path, index, time, reason })
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::super::testing::drain;
    use super::*;

    fn folder(pictures: &[(&str, u32, u32, [u8; 3])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, width, height, colour) in pictures {
            RgbImage::from_pixel(*width, *height, Rgb(*colour)).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    #[test]
    fn pictures_come_by_name_at_the_rate() {
        let folder = folder(&[("b.png", 7, 5, [255; 3]), ("a.png", 7, 5, [0; 3]), ("c.jpg", 7, 5, [255, 0, 0])]);
        std::fs::write(folder.path().join("readme.txt"), "hello").unwrap();
        let mut source = open_folder(folder.path(), Rate::new(10, 1)).unwrap();
        assert_eq!((source.expected_frames(), source.notes().len()), (Some(3), 1));
        let (frames, faults) = drain(&mut source);
        assert!(faults.is_empty());
        assert_eq!(frames.iter().map(|frame| frame.1).collect::<Vec<_>>(), [0, 100, 200]);
        let samples = frames.iter().map(|(planes, _)| [planes[0][17], planes[1][4], planes[2][4]]).collect::<Vec<_>>();
        assert_eq!(samples[..2], [[0, 128, 128], [255, 128, 128]]);
        // Red in full-range BT.601.
        assert!(samples[2].iter().zip([76, 85, 255]).all(|(is, should)| is.abs_diff(should) <= 3), "{samples:?}");
    }

    #[test]
    fn what_cannot_be_shown_is_a_missing_frame_and_the_others_come() {
        let folder = folder(&[("a.png", 8, 8, [9; 3]), ("c.png", 8, 6, [9; 3]), ("d.png", 8, 8, [9; 3])]);
        std::fs::write(folder.path().join("b.png"), b"").unwrap();
        let (frames, faults) = drain(&mut open_folder(folder.path(), None).unwrap());
        assert_eq!(frames.len(), 2);
        let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(said[0].contains("b.png") && said[0].contains("empty"), "{said:?}");
        assert!(said[1].contains("c.png") && said[1].contains("8x6"), "{said:?}");
        assert!(faults.iter().all(|fault| matches!(fault, CaptureError::BrokenFrame { .. })));
    }

    #[test]
    fn a_folder_without_pictures_is_an_error() {
        let folder = folder(&[]);
        assert!(matches!(open_folder(folder.path(), None), Err(CaptureError::NoFrames { .. })));
        std::fs::write(folder.path().join("b.png"), b"no").unwrap();
        assert!(matches!(open_folder(folder.path(), None), Err(CaptureError::NoFrames { .. })));
        assert!(matches!(open_folder(&folder.path().join("absent"), None), Err(CaptureError::Io { .. })));
    }
}
