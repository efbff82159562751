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

/// A folder of redacted JPEGs: one of so many frames, the oldest go first.
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
        if !wanted {
            return Ok(());
        }
        self.encoded.clear();
        encode_picture(frame, PictureKind::Jpeg, &mut self.encoded)
            .map_err(|error| EmitError::of(shown(&self.folder), "encoding a picture", 0, error))?;
        self.keep()
    }
}

/// The number in a file name of ours.
fn number_of(file: &str, name: &str) -> Option<u64> {
    let digits = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".jpg")?;
    let ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten()
}
