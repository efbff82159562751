//! Brings the pinned ONNX Runtime: what the lock file says, where the library belongs, how it gets there.
//!
//! **Invariant.** Under the final name there is only ever a library whose SHA-256 is the pinned one: it is written
//! under a temporary name, checked, and renamed. The download is pip's work (it honours the user's settings, mirrors
//! and proxies); nothing here speaks TLS.
//!
//! This file is compiled twice, into the build step and into the library, which gives it to the program
//! `fetch-runtime` and checks the same pin at each start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

#[path = "wheel.rs"]
mod wheel;

/// The one command that cures a missing runtime.
pub const CURE: &str = "cargo run -p frostglass-models --bin fetch-runtime";

/// File name of the library.
pub const LIBRARY: &str = "libonnxruntime.so";

/// Where the pins stand, from the root of the clone.
pub const LOCK: &str = "runtime/onnxruntime.lock";

/// Where fetched libraries lie, from the root of the clone.
pub const FOLDER: &str = "runtime/lib";

/// One line of the lock file: the runtime for one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin<'a> {
    /// Target triple.
    pub target: &'a str,
    /// Version of ONNX Runtime.
    pub version: &'a str,
    /// File name of the wheel.
    pub wheel: &'a str,
    /// SHA-256 of the wheel.
    pub wheel_sha256: &'a str,
    /// The library's path inside the wheel.
    pub member: &'a str,
    /// SHA-256 of the library.
    pub library_sha256: &'a str,
}

impl<'a> Pin<'a> {
    /// The pin for a target; `None` when the lock file has no line of six fields for it.
    #[must_use]
    pub fn find(lock: &'a str, target: &str) -> Option<Self> {
        lock.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let mut fields = line.split_whitespace();
            let mut next = || fields.next();
            let pin = Self {
                target: next()?,
                version: next()?,
                wheel: next()?,
                wheel_sha256: next()?,
                member: next()?,
                library_sha256: next()?,
            };
            (pin.target == target && fields.next().is_none()).then_some(pin)
        })
    }
}

/// Why the runtime could not be brought.
#[derive(Debug)]
pub enum ProvisionError {
    /// The library is not there, and nothing may be fetched.
    Offline {
        /// Where it would belong.
        library: PathBuf,
    },
    /// No Python has a pip that could download the wheel.
    Pip {
        /// What was tried, and what was said.
        tried: Vec<String>,
    },
    /// Something was downloaded, but not what is pinned.
    Hash {
        /// The wheel, or the library in it.
        what: String,
        /// SHA-256 of what came.
        found: String,
        /// SHA-256 that is pinned.
        pinned: String,
    },
    /// The wheel can not be unpacked.
    Wheel {
        /// The wheel.
        wheel: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl std::fmt::Display for ProvisionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Offline { library } => write!(f, "{} is missing, and fetching is turned off", library.display()),
            Self::Pip { tried } => write!(
                f,
                "pip could not download it ({}); it needs python3 with pip (Debian: apt-get install python3-pip) and a \
                 package index that pip can reach",
                tried.join("; ")
            ),
            Self::Hash { what, found, pinned } => write!(f, "{what}: SHA-256 is {found}, pinned is {pinned}"),
            Self::Wheel { wheel, why } => write!(f, "{wheel}: {why}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for ProvisionError {}

/// What [`provide`] had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provided {
    /// The pinned library was there.
    Present,
    /// It was fetched.
    Fetched,
}

/// Sees to it that the pinned library lies in `folder`, and says where.
///
/// # Errors
/// When it is not there and can not be fetched, or what is fetched is not what is pinned.
pub fn provide(pin: &Pin<'_>, folder: &Path, may_fetch: bool) -> Result<(PathBuf, Provided), ProvisionError> {
    let library = library_in(folder, pin.target);
    if library.is_file() && sha256_of_file(&library)? == pin.library_sha256 {
        return Ok((library, Provided::Present));
    }
    if !may_fetch {
        return Err(ProvisionError::Offline { library });
    }
    // A folder of its own for each process: parallel builds do not see each other's half-written files.
    let home = library.parent().unwrap_or(folder);
    let workshop = home.join(format!(".fetching-{}", std::process::id()));
    fs::create_dir_all(&workshop).map_err(|source| ProvisionError::File { path: workshop.clone(), source })?;
    let outcome = fetch(pin, &workshop, &library);
    let _ = fs::remove_dir_all(&workshop);
    outcome.map(|()| (library, Provided::Fetched))
}

fn fetch(pin: &Pin<'_>, workshop: &Path, library: &Path) -> Result<(), ProvisionError> {
    let wheel = read(&download(pin, workshop)?)?;
    expect_hash(pin.wheel, &wheel, pin.wheel_sha256)?;
    let unpack = |member: &str| {
        wheel::member(&wheel, member).map_err(|why| ProvisionError::Wheel { wheel: pin.wheel.to_owned(), why })
    };
    let bytes = unpack(pin.member)?;
    expect_hash(pin.member, &bytes, pin.library_sha256)?;
    for notice in ["LICENSE", "ThirdPartyNotices.txt"] {
        put(
            &library.with_file_name(format!("onnxruntime-{notice}")),
            &unpack(&format!("onnxruntime/{notice}"))?,
            workshop,
        )?;
    }
    put(library, &bytes, workshop)
}

/// Writes under a temporary name and renames: who looks sees the whole file or none.
fn put(path: &Path, bytes: &[u8], workshop: &Path) -> Result<(), ProvisionError> {
    let part = workshop.join("part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| ProvisionError::File { path: path.to_owned(), source })
}

/// Lets pip download the wheel for the pinned target, whatever machine and Python it runs on.
fn download(pin: &Pin<'_>, workshop: &Path) -> Result<PathBuf, ProvisionError> {
    let wheel = workshop.join(pin.wheel);
    // onnxruntime-VERSION-cp311-cp311-PLATFORM.whl: the tags to ask for stand in the name.
    let tags: Vec<&str> = pin.wheel.trim_end_matches(".whl").split('-').collect();
    let [_, _, python, abi, platform] = tags[..] else {
        let why = "the name has no python, abi and platform tag".to_owned();
        return Err(ProvisionError::Wheel { wheel: pin.wheel.to_owned(), why });
    };
    let mut tried = Vec::new();
    for interpreter in ["python3", "python"] {
        let mut pip = Command::new(interpreter);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary=:all:", "--implementation", "cp"])
            .args(["--python-version", python.trim_start_matches("cp"), "--abi", abi, "--platform", platform])
            .arg("--dest")
            .arg(workshop)
            .arg(format!("onnxruntime=={}", pin.version));
        match pip.output() {
            Ok(output) if output.status.success() && wheel.is_file() => return Ok(wheel),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                tried
                    .push(format!("{interpreter} -m pip: {}", said.trim().lines().last().unwrap_or("failed silently")));
            }
            Err(error) => tried.push(format!("{interpreter}: {error}")),
        }
    }
    Err(ProvisionError::Pip { tried })
}

/// `<folder>/<arch>-linux-gnu/libonnxruntime.so`: one folder serves several architectures.
#[must_use]
pub fn library_in(folder: &Path, target: &str) -> PathBuf {
    let arch = target.split('-').next().unwrap_or(target);
    folder.join(format!("{arch}-linux-gnu")).join(LIBRARY)
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hmac_sha256::Hash::hash(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// When it can not be read.
pub fn sha256_of_file(path: &Path) -> Result<String, ProvisionError> {
    read(path).map(|bytes| sha256(&bytes))
}

fn read(path: &Path) -> Result<Vec<u8>, ProvisionError> {
    fs::read(path).map_err(|source| ProvisionError::File { path: path.to_owned(), source })
}

fn expect_hash(what: &str, bytes: &[u8], pinned: &str) -> Result<(), ProvisionError> {
    let found = sha256(bytes);
    if found == pinned {
        return Ok(());
    }
    Err(ProvisionError::Hash { what: what.to_owned(), found, pinned: pinned.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK_TEXT: &str = include_str!("../../runtime/onnxruntime.lock");

    fn pin(library_sha256: &str) -> Pin<'_> {
        Pin {
            target: "x86_64-unknown-linux-gnu",
            version: "1.0.0",
            wheel: "none.whl",
            wheel_sha256: "",
            member: "",
            library_sha256,
        }
    }

    #[test]
    fn both_targets_are_pinned_by_whole_hashes() {
        for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
            let pin = Pin::find(LOCK_TEXT, target).unwrap();
            assert!(pin.wheel.contains(pin.version) && pin.member.contains(pin.version));
            for hash in [pin.wheel_sha256, pin.library_sha256] {
                assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()));
            }
        }
        assert_eq!(Pin::find(LOCK_TEXT, "x86_64-unknown-linux-musl"), None);
        assert_eq!(Pin::find("x86_64-unknown-linux-gnu 1.0.0 only-three", "x86_64-unknown-linux-gnu"), None);
    }

    #[test]
    fn a_library_that_is_there_needs_no_fetching_and_an_altered_one_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let library = library_in(folder.path(), "x86_64-unknown-linux-gnu");
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        fs::write(&library, b"the library").unwrap();
        let hash = sha256(b"the library");
        let (found, provided) = provide(&pin(&hash), folder.path(), false).unwrap();
        assert_eq!((found, provided), (library.clone(), Provided::Present));

        fs::write(&library, b"the lybrary").unwrap();
        let refused = provide(&pin(&hash), folder.path(), false);
        assert!(matches!(refused, Err(ProvisionError::Offline { .. })));
    }

    #[test]
    fn a_wheel_name_without_tags_is_an_error_that_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let refused = provide(&pin("0"), folder.path(), true);
        assert!(matches!(refused, Err(ProvisionError::Wheel { .. })), "{refused:?}");
        let home = library_in(folder.path(), "x86_64-unknown-linux-gnu");
        assert_eq!(fs::read_dir(home.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn sha256_is_the_one_of_the_standard() {
        // FIPS 180-4 example: "abc".
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
