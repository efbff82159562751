//! Which devices there are, who holds one, and who may open it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::CameraFault;
use crate::v4l2::{Capability, Device, Kind};

/// A camera that is plugged in.
#[derive(Debug)]
pub struct Found {
    /// Its device file.
    pub path: PathBuf,
    /// What it is.
    pub capability: Capability,
    /// How pictures come from it.
    pub kind: Kind,
    /// Open.
    pub device: Device,
}

impl Found {
    /// What finds it again under another number: its place on the bus, which of the device's nodes it is, driver and name.
    #[must_use]
    pub fn identity(&self) -> String {
        let Capability { driver, card, bus, .. } = &self.capability;
        let node = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let index = node.file_name().map(|name| Path::new("/sys/class/video4linux").join(name).join("index"));
        let index = index.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        // Most have one node that gives pictures; the others of a device with several are other eyes.
        let index = index.trim().parse().ok().filter(|&index: &u32| index > 0);
        let place = index.map_or_else(|| bus.clone(), |index| format!("{bus}, node {index}"));
        format!("{place} ({driver}, {card})")
    }
}

/// Opens the device at `path` and sees that it gives pictures.
///
/// # Errors
/// When it is not there, may not be opened, or is no camera.
pub fn look_at(path: &Path) -> Result<Found, CameraFault> {
    probe(path).map_err(|miss| match miss {
        Miss::Closed(error) => why_not_opened(path, error),
        // ENOTTY, EINVAL, ENODEV: the driver knows no such call, or is going away.
        Miss::Mute(error) => match error.raw_os_error() {
            Some(25 | 22) => CameraFault::NotVideo,
            Some(19) => CameraFault::Gone,
            _ => CameraFault::Call { tried: "asking what it is", said: error },
        },
        Miss::NoPictures(capability) => {
            let advice = sibling(path, &capability);
            CameraFault::NoPictures { card: capability.card, advice }
        }
    })
}

/// Why a device is no camera that can be had. The device is closed again.
#[derive(Debug)]
enum Miss {
    Closed(io::Error),
    Mute(io::Error),
    NoPictures(Capability),
}

/// Looks at one device and at no other: advice that names others looks at all of them, and must not come back to itself.
fn probe(path: &Path) -> Result<Found, Miss> {
    let device = Device::open(path).map_err(Miss::Closed)?;
    let capability = device.capability().map_err(Miss::Mute)?;
    match capability.capture() {
        Some(kind) => Ok(Found { path: path.to_owned(), capability, kind, device }),
        None => Err(Miss::NoPictures(capability)),
    }
}

/// All cameras, by number; `except` is left out, under whatever name.
#[must_use]
pub fn cameras(except: Option<&Path>) -> Vec<Found> {
    let except = except.and_then(|path| fs::canonicalize(path).ok());
    let nodes = nodes().into_iter().filter(|path| except.as_deref() != Some(path.as_path()));
    nodes.filter_map(|path| probe(&path).ok()).collect()
}

/// All Video4Linux nodes, by number.
#[must_use]
pub fn nodes() -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir("/dev") else { return Vec::new() };
    let mut nodes: Vec<(u32, PathBuf)> = folder
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.strip_prefix("video")?.parse().ok()?, entry.path())))
        .collect();
    nodes.sort();
    nodes.into_iter().map(|(_, path)| path).collect()
}

/// Whether a path names a device, there or not.
#[must_use]
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).map_or_else(|_| path.starts_with("/dev"), |about| about.file_type().is_char_device())
}

fn sibling(path: &Path, capability: &Capability) -> String {
    let same = |found: &Found| found.path != path && found.capability.bus == capability.bus;
    match cameras(None).iter().find(|found| same(found)) {
        Some(found) => format!("{} of the same device does", found.path.display()),
        None if capability.is_output() => {
            "it takes them: a v4l2loopback device gives pictures while somebody writes some".to_owned()
        }
        None => "`frostglass devices` lists the cameras of this machine".to_owned(),
    }
}

/// In words, what the system's refusal to open a device means.
pub(crate) fn why_not_opened(path: &Path, error: io::Error) -> CameraFault {
    match error.raw_os_error() {
        Some(2) => {
            let there: Vec<_> = cameras(None).iter().map(|found| found.path.display().to_string()).collect();
            CameraFault::NoDevice(match there.as_slice() {
                [] => "no other camera is there either: plug it in, or load its driver".to_owned(),
                list => format!("there is {}", list.join(", ")),
            })
        }
        // ENXIO, ENODEV: a file without a driver behind it.
        Some(6 | 19) => CameraFault::NoDevice("the device file is there, but no driver: plug it in again".to_owned()),
        Some(13 | 1) => CameraFault::Denied(group_advice(path)),
        Some(16) => CameraFault::Busy(holders(path)),
        _ => CameraFault::Call { tried: "opening it", said: error },
    }
}

/// Which group may open the device.
fn group_advice(path: &Path) -> String {
    let Ok(about) = fs::metadata(path) else { return "run as a user who may".to_owned() };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(about.gid())).then(|| name.to_owned())
    });
    let group = name.unwrap_or_else(|| about.gid().to_string());
    if about.mode() & 0o060 == 0o060 {
        format!("members of the group `{group}` may: `sudo usermod -aG {group} \"$USER\"`, then log in anew")
    } else {
        format!("not even its group `{group}` may read and write it: see the udev rule of {}", path.display())
    }
}

/// Who has the device open, as far as this user may see: ` by ffmpeg (process 123)`, or nothing.
pub(crate) fn holders(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let own = std::process::id();
    let mut list = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        if number != own && open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == path)) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let name: String = name.trim().chars().filter(|letter| !letter.is_control()).collect();
            list.push(format!("{name} (process {number})"));
        }
    }
    if list.is_empty() { String::new() } else { format!(" by {}", list.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_by_what_it_is_and_by_its_name_when_it_is_not_there() {
        assert!(is_device(Path::new("/dev/null")) && is_device(Path::new("/dev/video-of-nobody")));
        let clip = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_device(clip.path()) && !is_device(Path::new("clip.mp4")));
        assert!(!is_device(Path::new("/dev")), "a folder is played");
    }

    #[test]
    fn a_refusal_of_the_system_is_told_in_words_that_help() {
        let told = |code| why_not_opened(Path::new("/dev/null"), io::Error::from_raw_os_error(code)).to_string();
        assert!(told(2).contains("no such device"), "{}", told(2));
        assert!(told(6).contains("no driver"), "{}", told(6));
        assert!(told(13).contains("not permitted") && told(13).contains("group `"), "{}", told(13));
        assert!(told(16).contains("in use"), "{}", told(16));
    }
}
