//! Files that are whole or not there.
//!
//! **Invariant.** Under its final name a file appears in one step, complete and on the disk. Until then it is a
//! hidden file of the same folder, `.NAME.XXXXXX.part`, which goes when its [`Output`] is dropped. Only a killed
//! process or a power cut leaves one behind: nothing here ever opens or deletes it, whoever has use for what is
//! in it (a fragmented clip plays as far as it goes) finds it, and the rest may be deleted by hand.
//!
//! An output never replaces an input, nor anything that is not an ordinary file, whatever the user forces.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::{EmitError, shown};

/// What happens to a file that already has the output's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and the output is refused; also when it appears while the output is being written.
    Refuse,
    /// It is replaced when the output is whole. A symbolic link is replaced itself, not the file it names.
    Force,
}

/// A file in the making: write to it, then [`commit`](Output::commit).
#[derive(Debug)]
pub struct Output {
    // Before the path, so that it is closed before its name goes.
    file: BufWriter<File>,
    temporary: TempPath,
    target: PathBuf,
    replace: bool,
    written: u64,
}

/// Large enough that a small picture takes one call.
const BUFFER: usize = 64 * 1024;
/// Bytes of the final name that go into the temporary one, so that it stays below the usual limit of 255.
const LONGEST_STEM: usize = 200;
/// Like other programs' files: the user's mask takes away from this.
const MODE: u32 = 0o666;

impl Output {
    /// Opens a temporary file beside `target`, whose folder must be there. `protect` are the inputs: if `target`
    /// is one of them by any name, it is refused whatever `overwrite` says.
    ///
    /// # Errors
    /// [`EmitError::IsInput`], [`EmitError::Exists`], [`EmitError::NotAFile`]; or the folder can not be written to.
    pub fn create(target: &Path, overwrite: Overwrite, protect: &[PathBuf]) -> Result<Self, EmitError> {
        let Some(name) = target.file_name() else { return Err(EmitError::NotAFile { path: shown(target) }) };
        let replace = may_replace(target, overwrite, protect)?;
        let stem = &name.as_bytes()[..name.len().min(LONGEST_STEM)];
        let prefix = OsString::from_vec([b".", stem, b"."].concat());
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            // Opened here, for the crate would put the temporary name into what the system says, and hide its number.
            .make_in(folder_of(target), |path| {
                File::options().read(true).write(true).create_new(true).mode(MODE).open(path)
            })
            .map_err(|source| EmitError::of(shown(target), "creating a file in its folder", 0, source))?;
        let (file, temporary) = temporary.into_parts();
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
            temporary,
            target: target.to_owned(),
            replace,
            written: 0,
        })
    }

    /// The name it will have.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// When the disk is full or the name was taken meanwhile. What stood there stays, and nothing else is left.
    pub fn commit(self) -> Result<(), EmitError> {
        let Self { file, temporary, target, replace, written } = self;
        let fault = |tried: &'static str, source| EmitError::of(shown(&target), tried, written, source);
        let file = file.into_inner().map_err(|error| fault("writing", error.into_error()))?;
        file.sync_all().map_err(|source| fault("writing to the disk", source))?;
        let whole = NamedTempFile::from_parts(file, temporary);
        let placed = if replace { whole.persist(&target) } else { whole.persist_noclobber(&target) };
        if let Err(error) = placed {
            return Err(match error.error.kind() {
                io::ErrorKind::AlreadyExists => EmitError::Exists { path: shown(&target) },
                _ => fault("giving the finished file its name", error.error),
            });
        }
        sync_folder(folder_of(&target)).map_err(|source| fault("writing its folder to the disk", source))
    }

    /// What a fault while writing to this file means.
    pub(crate) fn fault(&self, tried: &'static str, source: io::Error) -> EmitError {
        EmitError::of(shown(&self.target), tried, self.written, source)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether something that may be replaced stands under this name; an error if it may not.
fn may_replace(target: &Path, overwrite: Overwrite, protect: &[PathBuf]) -> Result<bool, EmitError> {
    let path = || shown(target);
    let stat = |path: &Path, found: io::Result<Metadata>| match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EmitError::of(shown(path), "looking whether it exists", 0, source)),
    };
    if stat(target, fs::symlink_metadata(target))?.is_none() {
        return Ok(false);
    }
    // What a link names decides; a link that leads nowhere is like a file of its own.
    if let Some(found) = stat(target, fs::metadata(target))? {
        for input in protect {
            let same = |other: Metadata| (other.dev(), other.ino()) == (found.dev(), found.ino());
            if stat(input, fs::metadata(input))?.is_some_and(same) {
                return Err(EmitError::IsInput { path: path(), input: shown(input) });
            }
        }
        if !found.is_file() {
            return Err(EmitError::NotAFile { path: path() });
        }
    }
    match overwrite {
        Overwrite::Refuse => Err(EmitError::Exists { path: path() }),
        Overwrite::Force => Ok(true),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems have nothing to write there, and say so.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::{SmallDisk, names_in};

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn written(path: &Path, overwrite: Overwrite, protect: &[PathBuf]) -> Result<(), EmitError> {
        let mut output = Output::create(path, overwrite, protect)?;
        output.write_all(b"new").unwrap();
        output.commit()
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let folder = folder();
        let path = folder.path().join("a.jpg");
        let mut output = Output::create(&path, Overwrite::Refuse, &[]).unwrap();
        output.write_all(b"whole").unwrap();
        output.flush().unwrap();
        let names = names_in(folder.path());
        assert!(names.len() == 1 && names[0].starts_with(".a.jpg.") && names[0].ends_with(".part"), "{names:?}");
        output.commit().unwrap();
        assert_eq!(names_in(folder.path()), ["a.jpg"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_file_that_can_not_be_made_is_told_in_the_systems_words_and_without_its_temporary_name() {
        let folder = folder();
        let error = Output::create(&folder.path().join("nowhere/a.jpg"), Overwrite::Refuse, &[]).unwrap_err();
        let EmitError::Io { path, source, .. } = &error else { panic!("{error}") };
        assert!(path.ends_with("nowhere/a.jpg"), "{path}");
        assert_eq!(source.raw_os_error(), Some(2), "no such file or directory: {source:?}");
        assert!(!format!("{source}").contains(".part"), "{source}");
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let folder = folder();
        let mut output = Output::create(&folder.path().join("a.jpg"), Overwrite::Refuse, &[]).unwrap();
        output.write_all(&[7; 3 * BUFFER]).unwrap();
        drop(output);
        assert!(names_in(folder.path()).is_empty());
    }

    #[test]
    fn an_existing_file_is_replaced_only_by_force_and_only_at_the_end() {
        let folder = folder();
        let path = folder.path().join("a.jpg");
        fs::write(&path, b"old").unwrap();
        assert!(matches!(written(&path, Overwrite::Refuse, &[]), Err(EmitError::Exists { .. })));
        drop(Output::create(&path, Overwrite::Force, &[]).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        written(&path, Overwrite::Force, &[]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["a.jpg"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        for overwrite in [Overwrite::Refuse, Overwrite::Force] {
            let folder = folder();
            let path = folder.path().join("a.jpg");
            let output = Output::create(&path, overwrite, &[]).unwrap();
            fs::write(&path, b"another's").unwrap();
            assert!(matches!(output.commit(), Err(EmitError::Exists { .. })));
            assert_eq!(fs::read(&path).unwrap(), b"another's");
            assert_eq!(names_in(folder.path()), ["a.jpg"]);
        }
    }

    #[test]
    fn an_input_is_never_overwritten_by_any_name() {
        let folder = folder();
        let input = folder.path().join("input.jpg");
        fs::write(&input, b"original").unwrap();
        let (hard, soft) = (folder.path().join("hard.jpg"), folder.path().join("soft.jpg"));
        fs::hard_link(&input, &hard).unwrap();
        std::os::unix::fs::symlink("input.jpg", &soft).unwrap();
        let roundabout = folder.path().join(".").join("input.jpg");
        for target in [&input, &hard, &soft, &roundabout] {
            for overwrite in [Overwrite::Refuse, Overwrite::Force] {
                let refused = written(target, overwrite, &[folder.path().join("other.jpg"), input.clone()]);
                assert!(matches!(refused, Err(EmitError::IsInput { .. })), "{}: {refused:?}", target.display());
            }
        }
        let as_link = written(&input, Overwrite::Force, std::slice::from_ref(&soft));
        assert!(matches!(as_link, Err(EmitError::IsInput { .. })), "{as_link:?}");
        assert_eq!(fs::read(&input).unwrap(), b"original");
    }

    #[test]
    fn devices_and_folders_are_not_replaced_even_by_force() {
        let folder = folder();
        let inside = folder.path().join("folder");
        fs::create_dir(&inside).unwrap();
        let link = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for path in [inside.as_path(), link.as_path(), Path::new("/dev/null"), Path::new("..")] {
            let refused = written(path, Overwrite::Force, &[]);
            assert!(matches!(refused, Err(EmitError::NotAFile { .. })), "{}: {refused:?}", path.display());
        }
    }

    #[test]
    fn the_longest_name_fits() {
        let folder = folder();
        let path = folder.path().join("n".repeat(255));
        written(&path, Overwrite::Refuse, &[]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_is_as_readable_as_other_programs_files() {
        let folder = folder();
        let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
        written(&ours, Overwrite::Refuse, &[]).unwrap();
        fs::write(&theirs, b"").unwrap();
        assert_eq!(fs::metadata(ours).unwrap().mode(), fs::metadata(theirs).unwrap().mode());
    }

    #[test]
    fn a_full_disk_is_told_and_nothing_stays() {
        let Some(disk) = SmallDisk::of(256) else { return };
        let path = disk.0.path().join("a.jpg");
        fs::write(&path, b"old").unwrap();
        for overwrite in [Overwrite::Refuse, Overwrite::Force] {
            let target = if overwrite == Overwrite::Force { path.clone() } else { disk.0.path().join("b.jpg") };
            let mut output = Output::create(&target, overwrite, &[]).unwrap();
            let error =
                output.write_all(&vec![7; 1 << 20]).map_err(|error| output.fault("writing", error)).unwrap_err();
            assert!(matches!(error, EmitError::Full { .. }), "{error:?}");
            assert!(error.to_string().contains("disk full"), "{error}");
            drop(output);
            assert_eq!(names_in(disk.0.path()), ["a.jpg"]);
        }
        // What the buffer held back is written by the commit, which must say so too.
        fs::write(disk.0.path().join("filler"), vec![0; 250_000]).unwrap();
        let mut output = Output::create(&path, Overwrite::Force, &[]).unwrap();
        output.write_all(&vec![7; BUFFER - 1]).unwrap();
        assert!(matches!(output.commit(), Err(EmitError::Full { .. })));
        assert_eq!(names_in(disk.0.path()), ["a.jpg", "filler"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = folder();
        let error = written(&folder.path().join("none/a.jpg"), Overwrite::Refuse, &[]).unwrap_err();
        assert!(error.to_string().contains("none/a.jpg"), "{error}");
    }
}
