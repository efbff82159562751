//! The owner's configuration: what was written, what was proved.
//!
//! **Invariant.** A [`Config`] is proved: every number is in its range, every outline encloses something, every name
//! is known. Nobody validates again. A file with any fault gives no config at all, so that a zone can not be lost by
//! a slip of the finger.
//!
//! Relative paths start at the config file's folder, whichever folder the program was started in.

mod describe;
mod fault;
mod file;
mod network_files;
mod prove;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frostglass_vault::{Outline, PersonRule, Style, ZoneStyle};
use schemars::JsonSchema;
use serde::Deserialize;

pub use describe::describe;
pub use fault::ConfigError;
pub use network_files::Leisure;

/// A configuration that was proved.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where frames come from.
    pub camera: Camera,
    /// How faces are found and hidden.
    pub faces: Faces,
    /// How persons are found and hidden.
    pub persons: Persons,
    /// Whether everything that moves is masked.
    pub moving: bool,
    /// How long frames are held.
    pub hold: Hold,
    /// Parts of the picture with a rule of their own.
    pub zones: Vec<NamedZone>,
    /// Motion events.
    pub events: Events,
    /// Ways out.
    pub emit: Emit,
    /// Where the signed record of what was hidden goes.
    pub record: Option<PathBuf>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
}

/// With the look-ahead of three frames, whatever stands in a camera's first picture has been looked at twelve times before
/// anything of it leaves. Of the bundled clip's faces, some are found at the fifth look for the first time.
const MASKED_START: usize = 8;

impl Config {
    /// Reads and proves a config file.
    ///
    /// # Errors
    /// When it cannot be read or anything in it is wrong; each fault with its place.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_with_text(path).map(|(config, _, _)| config)
    }

    /// A config, its text, and where relative paths in it start.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(crate) fn read_with_text(path: &Path) -> Result<(Self, String, PathBuf), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let config = Self::prove(&text, &path.display().to_string(), folder)?;
        Ok((config, text, folder.to_owned()))
    }

    /// Proves the text of a config. `origin` is its name in messages, `folder` where relative paths start.
    ///
    /// # Errors
    /// When anything in it is wrong; each fault with its place.
    pub fn prove(text: &str, origin: &str, folder: &Path) -> Result<Self, ConfigError> {
        // Told here and not when a process waits for it in vain.
        if !crate::wire::has_room_for(text) {
            return Err(ConfigError::new(origin, text, vec![fault::too_long(text)]));
        }
        let file =
            toml::from_str(text).map_err(|error| ConfigError::new(origin, text, vec![fault::of_toml(&error)]))?;
        prove::prove(file, folder).map_err(|faults| ConfigError::new(origin, text, faults))
    }

    /// What `redact` does without a config: all defaults.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test proves the defaults")]
    pub fn default_for_files() -> Self {
        Self::prove("", "the defaults", Path::new(".")).expect("the defaults are in range")
    }

    /// How many frames that were inspected leave wholly masked when the camera or clip starts. None of a folder, whose pictures
    /// have nothing to do with one another, and none where no source is named: files are known far ahead.
    #[must_use]
    pub fn masked_start(&self) -> usize {
        match &self.camera.source {
            None => 0,
            Some(CameraSource::Path(path)) if path.is_dir() => 0,
            Some(_) => MASKED_START,
        }
    }

    /// What is asked for and not served by this version. A wish that is not honoured must not look honoured: `run`
    /// refuses to start while there is one.
    #[must_use]
    pub fn not_yet(&self) -> Vec<NotYet> {
        [(
            self.faces.style == Style::Mosaic,
            "[faces] redact = \"mosaic\"",
            "without tracks its cells change from frame to frame; it is for pictures only, as yet",
        )]
        .into_iter()
        .filter(|(asked, ..)| *asked)
        .map(|(_, key, why)| NotYet { key: key.to_owned(), why })
        .collect()
    }
}

/// A wish that this version does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// The key, as it stands in the file.
    pub key: String,
    /// What is missing.
    pub why: &'static str,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// `None`: nothing was named, which is right for `redact` only.
    pub source: Option<CameraSource>,
    /// Wanted width in pixels.
    pub width: u32,
    /// Wanted height in pixels.
    pub height: u32,
    /// Wanted frames a second; of a folder of pictures, what is played.
    pub fps: u32,
    /// Wanted pixel format.
    pub format: PixelFormat,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub rotate: u32,
    /// A clip or folder starts again at its end.
    pub repeat: bool,
}

/// What stands in for the camera, or is it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraSource {
    /// The only camera there is.
    Auto,
    /// A device, a clip or a folder of pictures.
    Path(PathBuf),
}

/// Pixel formats of cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PixelFormat {
    /// Whatever serves best.
    #[serde(rename = "auto")]
    Auto,
    /// Packed 4:2:2, luma first.
    #[serde(rename = "YUYV")]
    Yuyv,
    /// Packed 4:2:2, chroma first.
    #[serde(rename = "UYVY")]
    Uyvy,
    /// 4:2:0 with interleaved chroma.
    #[serde(rename = "NV12")]
    Nv12,
    /// 4:2:0 in three planes.
    #[serde(rename = "YU12")]
    Yu12,
    /// Motion JPEG.
    #[serde(rename = "MJPG")]
    Mjpg,
}

/// How faces are found and hidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Faces {
    /// With what.
    pub model: FaceModel,
    /// How closely; `None`: as fits the medium.
    pub detail: Option<Detail>,
    /// What is painted.
    pub style: Style,
    /// `0..=1`.
    pub score: f32,
    /// `0..=4`.
    pub margin: f32,
}

/// Face networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaceModel {
    /// Nothing was chosen: YuNet; for stills that are looked at thoroughly CenterFace, for clips that are files both, unless
    /// they are wished fast.
    Fitting,
    /// Fast.
    YuNet,
    /// Finds more.
    CenterFace,
    /// What any of the two finds.
    Both,
    /// The owner's own file.
    Own {
        /// YuNet or CenterFace.
        family: Family,
        /// The ONNX file.
        path: PathBuf,
    },
}

/// Families of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Faces.
    YuNet,
    /// Faces.
    CenterFace,
    /// Persons.
    EfficientDet,
}

/// How closely faces are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// One look.
    Fast,
    /// A look for large faces and one for small ones, too.
    Balanced,
    /// Up to beyond the picture's own resolution, in tiles.
    Thorough,
}

/// How persons are found and hidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Persons {
    /// With what.
    pub model: PersonModel,
    /// What is hidden of them.
    pub rule: PersonRule,
    /// Looked for on one of so many frames.
    pub every: u32,
}

/// Person networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonModel {
    /// EfficientDet-Lite0.
    EfficientDet,
    /// The owner's own file.
    Own {
        /// EfficientDet.
        family: Family,
        /// The ONNX file.
        path: PathBuf,
    },
}

/// How long frames are held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hold {
    /// Look-ahead, 0 to 15.
    pub frames: usize,
    /// Frames a lost track stays masked.
    pub linger: u32,
    /// From capture to findings.
    pub deadline: Duration,
    /// Under overload detail may fall first.
    pub may_lower_detail: bool,
}

/// A part of the picture with a rule of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedZone {
    /// Unique, not empty.
    pub name: String,
    /// What goes for it.
    pub rule: ZoneRule,
    /// Its border.
    pub outline: Outline,
    /// What is painted over it, if it is hidden.
    pub style: ZoneStyle,
}

/// What goes for a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZoneRule {
    /// It is always painted over.
    #[default]
    Hide,
    /// Events only here.
    Watch,
    /// No events here.
    Ignore,
}

/// Motion events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Events {
    /// Whether they are raised.
    pub motion: bool,
    /// `0..=1`.
    pub sensitivity: f32,
    /// Time without motion that ends an event.
    pub cooldown: Duration,
}

/// Ways out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emit {
    /// Events.
    pub jsonl: Option<Target>,
    /// A folder of redacted JPEGs.
    pub pictures: Option<PathBuf>,
    /// One of so many frames, at least 1.
    pub pictures_every: u32,
    /// The oldest go first above so many MiB; 0: no limit.
    pub pictures_max_mib: u64,
    /// Redacted video.
    pub y4m: Option<Target>,
    /// A v4l2loopback device.
    pub loopback: Option<PathBuf>,
    /// Address of the live view.
    pub http: Option<SocketAddr>,
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// The JSON schema of the file, made from its types.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(file::ConfigFile).into()
}
