//! Frames and broken writers for the tests of this module.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{Findings, Format, Inspected, PersonRule, Policy, Pool, Redactor, Stamp, Style, Zones};

use crate::hatch::ReceivedFrame;

/// A frame that came the only way there is, with `sample(plane, x, y)` in its planes.
pub(crate) fn frame_at(
    format: Format,
    sequence: u64,
    time: Duration,
    sample: impl Fn(usize, u32, u32) -> u8,
) -> ReceivedFrame {
    let mut blank = Pool::new(format, 1).blank().unwrap();
    for (index, plane) in blank.planes_mut().into_iter().enumerate() {
        let width = plane.size.width as usize;
        for (place, byte) in plane.bytes.iter_mut().enumerate() {
            *byte = sample(index, (place % width) as u32, (place / width) as u32);
        }
    }
    let raw = blank.expose(Stamp { sequence, time }, &Zones::none());
    let policy = Policy { style: Style::Blur, persons: PersonRule::None, margin: 0.5 };
    let mut redactor = Redactor::new(policy, format, Arc::new(Zones::none()));
    let frame = redactor.redact(Inspected::new(raw, Findings::Complete(Vec::new())));
    assert!(!frame.is_masked());
    ReceivedFrame::from_redacted(frame)
}

/// The same, as the first frame.
pub(crate) fn frame(format: Format, sample: impl Fn(usize, u32, u32) -> u8) -> ReceivedFrame {
    frame_at(format, 0, Duration::ZERO, sample)
}

/// A smooth picture with colour, of any size; `shift` moves it.
pub(crate) fn smooth(shift: u32) -> impl Fn(usize, u32, u32) -> u8 {
    move |plane, x, y| {
        let wave = |value: u32, length: f32| (value as f32 / length).sin();
        let level = match plane {
            0 => 125.0 + 60.0 * wave(x + shift, 9.0) + 30.0 * wave(y, 13.0),
            1 => 120.0 + 40.0 * wave(x + shift, 17.0),
            _ => 135.0 + 40.0 * wave(y + shift, 15.0),
        };
        level as u8
    }
}

/// File names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// A file system with little room; gone when dropped.
pub(crate) struct SmallDisk(pub(crate) tempfile::TempDir);

impl SmallDisk {
    /// So many KiB, or `None` with a word about it where nobody may mount one, unless `FROSTGLASS_REQUIRE` has `root`.
    pub(crate) fn of(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if mounted {
            return Some(Self(folder));
        }
        assert!(!required("root"), "root is required, and a tmpfs can not be mounted");
        let _ = writeln!(io::stderr(), "skipped: mounting a small disk needs root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Whether this run may not skip what needs `what`.
pub(crate) fn required(what: &str) -> bool {
    std::env::var("FROSTGLASS_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name == what))
}

/// Takes `left` bytes, then says `kind`.
pub(crate) struct Breaks {
    pub(crate) left: usize,
    pub(crate) kind: io::ErrorKind,
}

impl Write for Breaks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        self.left -= count;
        if count == 0 && !bytes.is_empty() { Err(self.kind.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
