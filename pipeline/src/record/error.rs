//! Why there is no record, or no further line of one: what was tried, on what, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The record can not be written here and now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The system refused.
    #[error("{}: {tried} failed{}", path.display(), advice(source))]
    Io {
        /// What was to be done.
        tried: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can touch what must be this user's alone.
    #[error("{}: {what}, so that {weaker}. {cure}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What the record is worth then.
        weaker: &'static str,
        /// What to do.
        cure: String,
    },
    /// The file of the key is none.
    #[error(
        "{}: this is no key of a record, or not all of one ({why}). Put its copy back; without one, move {} and this file away, \
         and the next start begins a new record with a new key",
        path.display(),
        log.display()
    )]
    NoKey {
        /// The key's file.
        path: PathBuf,
        /// What was found instead.
        why: &'static str,
        /// The record.
        log: PathBuf,
    },
    /// There is a record, and nothing to sign its next line with.
    #[error(
        "{} is there and its key {} is not, so that no further line of it can be signed. Put the key back; without it, move the \
         record away, and the next start begins a new one with a new key",
        log.display(),
        key.display()
    )]
    KeyIsGone {
        /// The record.
        log: PathBuf,
        /// Where its key should be.
        key: PathBuf,
    },
    /// The key and what lies beside it do not belong together.
    #[error(
        "{} is not of the key in {}: one of them was exchanged. Put the right one back; if nobody has it, move record and both \
         halves of the key away, and the next start begins a new record with a new key",
        other.display(),
        key.display()
    )]
    OtherKey {
        /// The record, or the public half.
        other: PathBuf,
        /// The secret half.
        key: PathBuf,
    },
    /// The end of the record does not prove.
    #[error(
        "{}: {why}, and no line is put behind it. `frostglass verify` says where it is broken; move it away to keep it, and the \
         next start begins a new record",
        log.display()
    )]
    Broken {
        /// The record.
        log: PathBuf,
        /// What is wrong with its end.
        why: String,
    },
    /// Another process has it.
    #[error("{}: another frostglass writes this record. End that one, or name another file in [record] policy", log.display())]
    Taken {
        /// The record.
        log: PathBuf,
    },
    /// Its name was given to another file, or to none, while it was written.
    #[error("{}: the record was moved, removed or exchanged while it was written", log.display())]
    Moved {
        /// Where it was.
        log: PathBuf,
    },
    /// Somebody else wrote to it, or cut it.
    #[error("{}: the record has {found} bytes, and this process left it with {left}: somebody else wrote to it or cut it", log.display())]
    Touched {
        /// The record.
        log: PathBuf,
        /// Bytes that it has,
        found: u64,
        /// and should have.
        left: u64,
    },
    /// More in one line than there can be.
    #[error("{}: a line of {bytes} bytes is longer than any that is read back", log.display())]
    TooLong {
        /// The record.
        log: PathBuf,
        /// Of the line.
        bytes: usize,
    },
}

/// What to do about what the system said.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => " (the disk is read-only: remount it for writing, or name another place)",
        io::ErrorKind::PermissionDenied => " (this user may not: `chown` or `chmod` it, or name another place)",
        io::ErrorKind::NotFound => " (make the folder, or name another place)",
        io::ErrorKind::StorageFull => " (make room on the disk, or name another place)",
        _ => "",
    }
}

impl RecordError {
    /// What the system said, when it was asked for something.
    pub(super) fn io(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { tried, path, source }
    }
}
