//! Pictures: one to a file, or a folder that keeps the latest.
//!
//! **Invariant.** A folder never loses a file that does not have its own name pattern, `NAME-000000000000.jpg`
//! with exactly twelve digits, and never holds more than its limit. The numbers go on where an earlier run
//! stopped, whatever the clock says, so that the lowest is the oldest.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::{EmitError, Output, Overwrite, PictureKind, Sink, encode_picture, shown};
use crate::hatch::ReceivedFrame;

/// Writes one frame as a picture file; whole, or not at all. For `overwrite` and `protect` see [`Output::create`].
///
/// # Errors
/// Those of [`Output`] and [`encode_picture`].
pub fn write_picture(
    frame: &ReceivedFrame,
    kind: PictureKind,
    path: &Path,
    overwrite: Overwrite,
    protect: &[PathBuf],
) -> Result<(), EmitError> {
    let mut output = Output::create(path, overwrite, protect)?;
    encode_picture(frame, kind, &mut output).map_err(|error| output.fault("writing a picture", error))?;
    output.commit()
}

/// A folder of redacted JPEGs: one of so many frames, the oldest go first. Of wholly masked frames in a row only the first is
/// kept: they are all alike, and a camera that is away for a night must not cost the pictures of the day.
#[derive(Debug)]
pub struct PictureFolder {
    folder: PathBuf,
    name: String,
    every: NonZeroU32,
    /// Bytes; 0 is no limit.
    limit: u64,
    /// Number and size of what is there, oldest first.
    kept: VecDeque<(u64, u64)>,
    bytes: u64,
    next: u64,
    frames: u64,
    /// Whether the last picture was of a wholly masked frame.
    masked: bool,
    encoded: Vec<u8>,
}

const DIGITS: usize = 12;
const MIB: u64 = 1024 * 1024;

impl PictureFolder {
    /// Opens the folder, or makes it, and counts what an earlier run left there. `name` is put before the number;
    /// the first frame of each `every` is written; `most_mib` is the limit in MiB, 0 for none.
    ///
    /// # Errors
    /// When the folder can not be made or read.
    pub fn open(folder: &Path, name: &str, every: NonZeroU32, most_mib: u64) -> Result<Self, EmitError> {
        let fault = |tried: &'static str| move |error| EmitError::of(shown(folder), tried, 0, error);
        fs::create_dir_all(folder).map_err(fault("making the folder"))?;
        let mut kept = Vec::new();
        for entry in fs::read_dir(folder).map_err(fault("reading the folder"))? {
            let entry = entry.map_err(fault("reading the folder"))?;
            let number = entry.file_name().to_str().and_then(|file| number_of(file, name));
            match (number, entry.metadata()) {
                (Some(number), Ok(found)) if found.is_file() => kept.push((number, found.len())),
                _ => {}
            }
        }
        kept.sort_unstable();
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            every,
            limit: most_mib.saturating_mul(MIB),
            bytes: kept.iter().map(|&(_, size)| size).sum(),
            next: kept.last().map_or(0, |&(number, _)| number + 1),
            kept: kept.into(),
            frames: 0,
            masked: false,
            encoded: Vec::new(),
        })
    }

    /// Bytes of the pictures in the folder.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}-{number:0DIGITS$}.jpg", self.name))
    }

    /// Writes what is encoded; on a full disk the oldest pictures make room.
    fn keep(&mut self) -> Result<(), EmitError> {
        let size = self.encoded.len() as u64;
        if self.limit > 0 && size > self.limit {
            let why = format!("one picture has {size} bytes, more than all may have: raise pictures_max_mib");
            return Err(EmitError::Unsupported { path: shown(&self.folder), why });
        }
        while self.limit > 0 && self.bytes + size > self.limit && self.drop_oldest()? {}
        loop {
            match self.store() {
                Err(EmitError::Full { .. }) if self.drop_oldest()? => {}
                // Somebody else took the number: theirs stays.
                Err(EmitError::Exists { .. }) => self.next += 1,
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.kept.push_back((self.next, size));
        self.bytes += size;
        self.next += 1;
        Ok(())
    }

    fn store(&self) -> Result<(), EmitError> {
        let mut output = Output::create(&self.path(self.next), Overwrite::Refuse, &[])?;
        output.write_all(&self.encoded).map_err(|error| output.fault("writing a picture", error))?;
        output.commit()
    }

    /// Removes the oldest picture; false when there is none.
    fn drop_oldest(&mut self) -> Result<bool, EmitError> {
        let Some(&(number, size)) = self.kept.front() else { return Ok(false) };
        let path = self.path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmitError::of(shown(&path), "removing it to make room", 0, error));
            }
            _ => {}
        }
        self.kept.pop_front();
        self.bytes -= size;
        Ok(true)
    }
}

impl Sink for PictureFolder {
    fn name(&self) -> String {
        format!("pictures in {}", shown(&self.folder))
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        let wanted = self.frames.is_multiple_of(u64::from(self.every.get()));
        self.frames += 1;
        if !wanted || self.masked && frame.is_masked() {
            return Ok(());
        }
        self.encoded.clear();
        encode_picture(frame, PictureKind::Jpeg, &mut self.encoded)
            .map_err(|error| EmitError::of(shown(&self.folder), "encoding a picture", 0, error))?;
        self.keep()?;
        self.masked = frame.is_masked();
        Ok(())
    }
}

/// The number in a file name of ours.
fn number_of(file: &str, name: &str) -> Option<u64> {
    let digits = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".jpg")?;
    let ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Format, Size};

    use super::*;
    use crate::emit::testing::{SmallDisk, frame, names_in};

    fn noise(side: u32, seed: u32) -> ReceivedFrame {
        frame(Format::still(Size::new(side, side)), |plane, x, y| {
            let mixed = (x * 7919 + y * 104_729 + plane as u32 * 31 + seed).wrapping_mul(2_654_435_761);
            (mixed >> 24) as u8
        })
    }

    fn open(folder: &Path, every: u32, most_mib: u64) -> PictureFolder {
        PictureFolder::open(folder, "door", NonZeroU32::new(every).unwrap(), most_mib).unwrap()
    }

    #[test]
    fn one_of_so_many_frames_is_a_whole_picture() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("new/out");
        let mut sink = open(&inside, 3, 0);
        for seed in 0..7 {
            sink.frame(&noise(16, seed)).unwrap();
        }
        let names = ["door-000000000000.jpg", "door-000000000001.jpg", "door-000000000002.jpg"];
        assert_eq!(names_in(&inside), names);
        for name in names {
            assert_eq!(image::open(inside.join(name)).unwrap().width(), 16);
        }
    }

    #[test]
    fn the_oldest_go_first_and_only_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let others =
            ["door-1.jpg", "door-00000000000x.jpg", "gate-000000000000.jpg", "door-0000000000001.jpg", "notes.txt"];
        for other in others {
            fs::write(folder.path().join(other), vec![0; 900_000]).unwrap();
        }
        fs::create_dir(folder.path().join("door-000000000000.jpg")).unwrap();
        let mut sink = open(folder.path(), 1, 1);
        sink.next = 1;
        for seed in 0..30 {
            sink.frame(&noise(256, seed)).unwrap();
            assert!(sink.bytes() <= MIB);
        }
        let ours: Vec<u64> = names_in(folder.path()).iter().filter_map(|file| number_of(file, "door")).collect();
        assert_eq!(ours[0], 0, "the folder with our name stays");
        assert!(
            ours.len() > 3 && ours.len() < 30 && ours[1..].windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{ours:?}"
        );
        assert_eq!(*ours.last().unwrap(), 30);
        let on_disk: u64 = ours[1..].iter().map(|&number| fs::metadata(sink.path(number)).unwrap().len()).sum();
        assert_eq!(on_disk, sink.bytes());
        assert!(others.iter().all(|other| folder.path().join(other).exists()));
    }

    #[test]
    fn masked_frames_in_a_row_are_one_picture() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open(folder.path(), 1, 1);
        (0..3).for_each(|seed| sink.frame(&noise(256, seed)).unwrap());
        let format = Format::video(Size::new(256, 256), frostglass_vault::Matrix::Bt601, frostglass_vault::Range::Full);
        for sequence in 0..2000 {
            let stamp = frostglass_vault::Stamp { sequence, time: std::time::Duration::ZERO };
            sink.frame(&ReceivedFrame::masked(format, stamp)).unwrap();
        }
        sink.frame(&noise(256, 4)).unwrap();
        assert_eq!(names_in(folder.path()).len(), 5, "three, one for all that were masked, and one");
        assert!(sink.path(0).exists(), "the oldest is still there");
    }

    #[test]
    fn a_restart_goes_on_where_the_last_run_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = open(folder.path(), 1, 1);
        (0..20).for_each(|seed| first.frame(&noise(256, seed)).unwrap());
        let mut second = open(folder.path(), 1, 1);
        assert_eq!((second.bytes(), second.next), (first.bytes(), 20));
        // Somebody tidied up meanwhile.
        fs::remove_file(second.path(second.kept[0].0)).unwrap();
        (0..20).for_each(|seed| second.frame(&noise(256, seed)).unwrap());
        assert!(second.bytes() <= MIB && second.path(39).exists() && !second.path(19).exists());
    }

    #[test]
    fn without_a_limit_nothing_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open(folder.path(), 1, 0);
        (0..20).for_each(|seed| sink.frame(&noise(256, seed)).unwrap());
        assert_eq!(names_in(folder.path()).len(), 20);
    }

    #[test]
    fn a_picture_larger_than_the_limit_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open(folder.path(), 1, 1);
        sink.frame(&noise(64, 1)).unwrap();
        let error = sink.frame(&noise(1400, 2)).unwrap_err();
        assert!(error.to_string().contains("pictures_max_mib"), "{error}");
        assert_eq!(names_in(folder.path()).len(), 1);
    }

    #[test]
    fn on_a_full_disk_the_oldest_make_room() {
        let Some(disk) = SmallDisk::of(512) else { return };
        let mut sink = open(disk.0.path(), 1, 0);
        (0..30).for_each(|seed| sink.frame(&noise(256, seed)).unwrap());
        let names = names_in(disk.0.path());
        assert!(names.len() > 1 && names.len() < 30 && names.last().unwrap() == "door-000000000029.jpg", "{names:?}");
        assert!(names.iter().all(|name| image::open(disk.0.path().join(name)).is_ok()));
        // Others' files are never what goes.
        drop(sink);
        names.iter().for_each(|name| fs::remove_file(disk.0.path().join(name)).unwrap());
        while fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(disk.0.path().join("film"))
            .and_then(|mut file| file.write_all(&[1; 4096]))
            .is_ok()
        {}
        let error = open(disk.0.path(), 1, 0).frame(&noise(256, 1)).unwrap_err();
        assert!(matches!(error, EmitError::Full { .. }), "{error:?}");
        assert_eq!(names_in(disk.0.path()), ["film"]);
    }

    #[test]
    fn a_picture_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.webp");
        write_picture(&noise(32, 1), PictureKind::Webp, &path, Overwrite::Refuse, &[]).unwrap();
        assert_eq!(image::open(&path).unwrap().width(), 32);
        let refused = write_picture(&noise(8, 1), PictureKind::Webp, &path, Overwrite::Refuse, &[]);
        assert!(matches!(refused, Err(EmitError::Exists { .. })));
        let wide = frame(Format::still(Size::new(70_000, 1)), |_, _, _| 1);
        let refused = write_picture(&wide, PictureKind::Jpeg, &folder.path().join("b.jpg"), Overwrite::Refuse, &[]);
        assert!(matches!(refused, Err(EmitError::Unsupported { .. })), "{refused:?}");
        assert_eq!(names_in(folder.path()), ["a.webp"]);
    }
}
