//! Where a record and its key lie, and who may touch them.
//!
//! **Invariant.** What is opened here is a file of this user's own, reached by no symbolic link, which others can not write; the
//! secret key others can not even read. Who could put other files in their place is looked at, too.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};

use super::RecordError;

/// The files of one record.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its lines.
    pub(crate) log: PathBuf,
    /// The secret half of its key.
    pub(crate) key: PathBuf,
    /// The public half, as a text.
    pub(crate) public: PathBuf,
}

const WRITTEN_BY_OTHERS: u32 = 0o022;
const TOUCHED_BY_OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;

impl Place {
    /// The key lies beside the record, under its name with another ending.
    pub(crate) fn of(log: &Path) -> Self {
        Self { log: log.to_owned(), key: log.with_extension("key"), public: log.with_extension("pub") }
    }

    /// Whether the record's own name is one that its key has.
    pub(crate) fn is_of_its_own_key(log: &Path) -> bool {
        let Self { log, key, public } = Self::of(log);
        log == key || log == public
    }

    pub(super) fn folder(&self) -> &Path {
        self.log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Looks at the folder: who can put another file in the place of one that lies there.
    pub(super) fn look_at_folder(&self) -> Result<(), RecordError> {
        let folder = self.folder();
        let found =
            std::fs::metadata(folder).map_err(RecordError::io("looking at the folder of the record", folder))?;
        if !found.is_dir() {
            let source = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(RecordError::io("looking at the folder of the record", folder)(source));
        }
        // Who can write into one above it can put another folder in its place.
        let whole =
            std::fs::canonicalize(folder).map_err(RecordError::io("looking at the folder of the record", folder))?;
        for folder in whole.ancestors() {
            let found =
                std::fs::metadata(folder).map_err(RecordError::io("looking at the folder of the record", folder))?;
            let what = if !is_own(&found) && found.uid() != 0 {
                format!("this folder belongs to user {}", found.uid())
            } else if found.mode() & WRITTEN_BY_OTHERS != 0 && found.mode() & STICKY == 0 {
                format!("other users can write into this folder (mode {:04o})", found.mode() & 0o7777)
            } else {
                continue;
            };
            let weaker = "somebody else could put another record and another key in the place of these";
            let cure = format!(
                "Take the folder into possession (`chown`, `chmod go-w {}`), or name another place",
                folder.display()
            );
            return Err(RecordError::Exposed { path: folder.to_owned(), what, weaker, cure });
        }
        Ok(())
    }

    /// Whether files can be made in the folder, as far as that can be known without making one.
    pub(super) fn can_be_written(&self) -> Result<(), RecordError> {
        let (tried, path) = match self.log.exists() {
            true => ("opening the record to write", self.log.as_path()),
            false => ("writing into the folder of the record", self.folder()),
        };
        accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)
            .map_err(|error| RecordError::io(tried, path)(error.into()))
    }

    /// Opens the secret key, if it is there.
    pub(super) fn open_key(&self) -> Result<Option<File>, RecordError> {
        let Some((file, found)) = open(OpenOptions::new().read(true), &self.key, "opening the key of the record")?
        else {
            return Ok(None);
        };
        let weaker = "somebody else may hold it, and lines signed by it prove no more that this device wrote them";
        let mode = found.mode() & TOUCHED_BY_OTHERS;
        let (cure, path) = (self.new_key(), self.key.display());
        let cure = format!(
            "If nobody else can have read it, `chmod 600 {path}` (and `chown`) will do; if somebody can, {cure}"
        );
        own_alone(&self.key, &found, mode, weaker, cure)?;
        Ok(Some(file))
    }

    /// Opens the public key, if it is there.
    pub(super) fn open_public(&self) -> Result<Option<File>, RecordError> {
        Ok(open(OpenOptions::new().read(true), &self.public, "opening the public key")?.map(|(file, _)| file))
    }

    /// Opens the record for appending; for reading alone if it is only `looked` at.
    pub(super) fn open_log(&self, looked: bool) -> Result<Option<File>, RecordError> {
        let mut how = OpenOptions::new();
        how.read(true).append(!looked);
        let Some((file, found)) = open(&mut how, &self.log, "opening the record")? else { return Ok(None) };
        let weaker = "somebody else could cut lines off its end, which nothing in it would show";
        let cure = format!("`chmod go-w {}` (and `chown`) takes that away", self.log.display());
        own_alone(&self.log, &found, found.mode() & WRITTEN_BY_OTHERS, weaker, cure)?;
        Ok(Some(file))
    }

    /// Makes the file of a record, which must not be there.
    pub(super) fn make_log(&self) -> Result<File, RecordError> {
        let mut how = OpenOptions::new();
        how.read(true).append(true).create_new(true).mode(0o640).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = how.open(&self.log).map_err(RecordError::io("making the record", &self.log))?;
        self.keep_names()?;
        Ok(file)
    }

    /// Has the folder's list of names written to the disk.
    pub(super) fn keep_names(&self) -> Result<(), RecordError> {
        let folder = self.folder();
        let kept = File::open(folder).and_then(|folder| folder.sync_all());
        kept.map_err(RecordError::io("writing the folder of the record to the disk", folder))
    }

    fn new_key(&self) -> String {
        format!(
            "move {} away together with {}, and the next start begins a new record with a new key",
            self.key.display(),
            self.log.display()
        )
    }
}

/// Opens a file that is there; no symbolic link, and no pipe or device, which could be waited for.
fn open(how: &mut OpenOptions, path: &Path, tried: &'static str) -> Result<Option<(File, Metadata)>, RecordError> {
    how.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
    let opened = how.open(path).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RecordError::io(tried, path)(error)),
        Ok((found, _)) if !found.is_file() => {
            Err(RecordError::io(tried, path)(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file")))
        }
        Ok((found, file)) => Ok(Some((file, found))),
    }
}

fn is_own(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// `mode`: the bits of others that must not be there.
fn own_alone(path: &Path, found: &Metadata, mode: u32, weaker: &'static str, cure: String) -> Result<(), RecordError> {
    let what = if !is_own(found) {
        format!(
            "this file belongs to user {}, and this program runs as {}",
            found.uid(),
            rustix::process::geteuid().as_raw()
        )
    } else if mode != 0 {
        let may = if mode & WRITTEN_BY_OTHERS == 0 { "read" } else { "change" };
        format!("other users can {may} this file (mode {:04o})", found.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(RecordError::Exposed { path: path.to_owned(), what, weaker, cure })
}
