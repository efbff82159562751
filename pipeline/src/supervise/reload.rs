//! The owner's config: which one is in force, and when another one takes its place.
//!
//! **Invariant.** Only a config that was proved comes into force; while the file is broken, unreadable or gone, the last
//! proved one stays.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};
use crate::record::Log;

/// A config and its text.
pub(super) struct Proved {
    path: PathBuf,
    pub(super) text: String,
    pub(super) config: Config,
    /// What the file looked like when it was last read.
    seen: Option<Looks>,
    /// What it looked like at the last glance: a file is read when it stays the same for two.
    glance: Option<Looks>,
    /// That it is no longer there was told.
    gone: bool,
}

/// Device, inode, length and time of change: a file that was replaced differs in one of them.
type Looks = (u64, u64, u64, i64, i64);

/// What a glance at the file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glance {
    /// As it was.
    Same,
    /// Changed, or there again.
    Replaced,
    /// No longer there; told once.
    Gone,
}

/// What became of a look at the file.
pub(super) enum Change {
    /// The same as before, in words or in meaning.
    None,
    /// A new one is in force; what the old one hid and this one does not.
    New {
        /// The one before.
        before: Box<Config>,
    },
    /// The file is at fault; the old one stays in force.
    Refused(anyhow::Error),
}

impl Proved {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let seen = looks(path);
        let (text, config) = read(path)?;
        Ok(Self { path: path.to_owned(), text, config, glance: seen, seen, gone: false })
    }

    /// Where relative paths start.
    pub(super) fn folder(&self) -> PathBuf {
        folder_of(&self.path)
    }

    pub(super) fn origin(&self) -> String {
        self.path.display().to_string()
    }

    /// A glance at the file. What an editor does to it in between is waited for: it counts when it is the same as at the glance
    /// before.
    pub(super) fn glance(&mut self) -> Glance {
        let now = looks(&self.path);
        let still = now == self.glance;
        self.glance = now;
        match now {
            None if still && !self.gone => {
                self.gone = true;
                Glance::Gone
            }
            Some(_) if still && (now != self.seen || self.gone) => {
                self.gone = false;
                Glance::Replaced
            }
            _ => Glance::Same,
        }
    }

    /// Reads the file again.
    pub(super) fn again(&mut self) -> Change {
        self.seen = looks(&self.path);
        let (text, config) = match read(&self.path) {
            Ok(read) => read,
            Err(error) => return Change::Refused(error.into()),
        };
        let served = crate::commands::servable(&config);
        if let Err(error) = served.and_then(|()| crate::commands::out_of_reach_of_its_outputs(&config, &self.path)) {
            return Change::Refused(error);
        }
        if let Some(record) = config.record.as_ref().filter(|_| config.record != self.config.record)
            && let Err(error) = Log::look(record)
        {
            return Change::Refused(error.into());
        }
        self.text = text;
        if config == self.config {
            return Change::None;
        }
        Change::New { before: Box::new(std::mem::replace(&mut self.config, config)) }
    }
}

fn read(path: &Path) -> Result<(String, Config), ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
    let config = Config::prove(&text, &path.display().to_string(), &folder_of(path))?;
    Ok((text, config))
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The children's folder is the supervisor's, but nobody has to rely on it.
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

fn looks(path: &Path) -> Option<Looks> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_broken_or_missing_file_leaves_the_last_proved_config_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.toml");
        write(&path, "[camera]\nsource = \"a.mp4\"\n[[zone]]\noutline = [[0,0],[1,0],[1,1]]\n");
        let mut proved = Proved::read(&path).unwrap();
        assert_eq!(proved.glance(), Glance::Same);
        for broken in ["[[zone]]\noutline = [[0,0]]\n", "[camera\n", "zone = []\nsauce = 1\n"] {
            write(&path, broken);
            assert!(matches!(proved.again(), Change::Refused(_)), "{broken}");
            assert_eq!(proved.config.zones.len(), 1);
        }
        fs::remove_file(&path).unwrap();
        let glances = [(); 4].map(|()| proved.glance());
        assert_eq!(glances, [Glance::Same, Glance::Gone, Glance::Same, Glance::Same], "told once, when it stays away");
        assert!(matches!(proved.again(), Change::Refused(_)));
        assert_eq!(proved.config.zones.len(), 1);
        write(&path, "[camera]\nsource = \"a.mp4\"\n");
        assert_eq!([(); 3].map(|()| proved.glance())[..2], [Glance::Same, Glance::Replaced]);
        assert!(matches!(proved.again(), Change::New { .. }));
    }

    #[test]
    fn a_file_that_is_still_being_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.toml");
        write(&path, "[camera]\nsource = \"a.mp4\"\n");
        let mut proved = Proved::read(&path).unwrap();
        write(&path, "[camera]\nsource = \"b.mp4\"\nfps");
        assert_eq!(proved.glance(), Glance::Same, "it was another a moment ago");
        write(&path, "[camera]\nsource = \"b.mp4\"\nfps = 10\n");
        assert_eq!([(); 2].map(|()| proved.glance()), [Glance::Same, Glance::Replaced]);
        assert!(matches!(proved.again(), Change::New { .. }));
        assert_eq!(proved.config.camera.fps, 10);
        assert_eq!(proved.glance(), Glance::Same);
        assert!(matches!(proved.again(), Change::None));
    }

    #[test]
    fn another_comment_is_no_new_config() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.toml");
        let zone = "[[zone]]\nname = \"a\"\noutline = [[0,0],[1,0],[1,1]]\n";
        let text = format!("[camera]\nsource = \"a.mp4\"\n{zone}");
        write(&path, &text);
        let mut proved = Proved::read(&path).unwrap();
        write(&path, &format!("# of the porch\n{text}[hold]\nframes = 3 # as it is\n"));
        assert!(matches!(proved.again(), Change::None));
        for (old, new) in [("1,1", "1,0.999"), ("a.mp4", "b.mp4"), ("\"a\"", "\"b\"")] {
            write(&path, &text.replace(old, new));
            assert!(matches!(proved.again(), Change::New { .. }), "{new} is another");
        }
    }
}
