//! Files in two processes: the writer, which people started, and the decoder, which sees what is in inputs.
//!
//! **Invariant.** The writer opens inputs and hands them over as descriptors, and writes what comes back: redacted frames in
//! sealed memory, events, numbers and a sentence when something failed. It believes the decoder in nothing: what can not be
//! ends the job. The decoder stands behind walls, opens no file, and is asked for one job after the other; nothing that it is
//! told could uncover anything.
//!
//! [`decoder`] is the one, [`behind`] the other's hold on it, [`conversation`] what the two say about one job. Which files there
//! are, and what is written where, is the command's business.

pub(crate) mod behind;
pub(crate) mod conversation;
pub(crate) mod decoder;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// To the decoder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToDecoder {
    /// The first message.
    Start(Start),
    /// Redact what is in the file that comes with it; the second descriptor is the conversation about that. The name is for
    /// messages, and says what the file is.
    Job(Name),
}

/// What the decoder is started for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// What the owner wants, as the writer proved it; none for the defaults.
    pub(crate) config: Option<Text>,
    /// What comes.
    pub(crate) work: Work,
    /// Whether walls go up; `--without-sandbox` says no.
    pub(crate) walls: bool,
}

/// A config.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Its text,
    pub(crate) text: String,
    /// its name in messages,
    pub(crate) origin: String,
    /// and where relative paths start.
    pub(crate) folder: Name,
}

/// A decoder does one or the other, for they take different networks.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Pictures, so many at a time.
    Stills { workers: usize },
    /// Clips, one after the other, with events or without.
    Clips { events: bool },
}

/// From the decoder, once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromDecoder {
    /// Networks are loaded, walls stand.
    Ready {
        /// But these.
        walls_missing: Vec<String>,
    },
    /// It can not work, and ends.
    Failed {
        /// In a sentence.
        why: String,
    },
}

/// A path as the system has it: it need not be text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Name(Vec<u8>);

impl Name {
    pub(crate) fn of(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }

    pub(crate) fn path(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}
