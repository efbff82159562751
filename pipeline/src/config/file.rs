//! What is written in the TOML file: every key, its default, and nothing proved yet.
//!
//! **Invariant.** Keys and defaults are the owner's contract. Unknown keys are refused; values that can be out of
//! range carry their place in the file, so that a fault can point at them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{Detail, PixelFormat, ZoneRule};

/// The configuration of a Frostglass camera.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Frostglass")]
pub(super) struct ConfigFile {
    /// Where frames come from.
    pub(super) camera: CameraFile,
    /// How faces are found and hidden.
    pub(super) faces: FacesFile,
    /// How persons are found and hidden.
    pub(super) persons: PersonsFile,
    /// What moves.
    pub(super) moving: MovingFile,
    /// How long frames are held.
    pub(super) hold: HoldFile,
    /// Parts of the picture with a rule of their own.
    pub(super) zone: Vec<ZoneFile>,
    /// Motion events.
    pub(super) events: EventsFile,
    /// Ways out; all are off unless named.
    pub(super) emit: EmitFile,
    /// The record of what was hidden.
    pub(super) record: RecordFile,
    /// What is told on standard error.
    pub(super) log: LogFile,
}

/// Where frames come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CameraFile {
    /// `auto` (the only camera there is), a device, a clip or a folder of pictures, played at its own pace.
    /// Relative paths start at this file's folder. No default; `redact` ignores it.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) source: Option<Spanned<String>>,
    /// Wanted width in pixels, 16 to 16384. Default: 1280.
    #[schemars(with = "u32", range(min = 16, max = 16384))]
    pub(super) width: Spanned<i64>,
    /// Wanted height in pixels, 16 to 16384. Default: 720.
    #[schemars(with = "u32", range(min = 16, max = 16384))]
    pub(super) height: Spanned<i64>,
    /// Wanted frames a second, 1 to 240; of a folder of pictures too. Default: 15.
    #[schemars(with = "u32", range(min = 1, max = 240))]
    pub(super) fps: Spanned<i64>,
    /// Pixel format of the camera. Default: `auto`.
    pub(super) format: PixelFormat,
    /// How the camera hangs: the picture is turned clockwise by 0, 90, 180 or 270 degrees. Default: 0.
    #[schemars(with = "u32", extend("enum" = [0, 90, 180, 270]))]
    pub(super) rotate: Spanned<i64>,
    /// A clip or folder starts again at its end. Default: false.
    pub(super) repeat: bool,
}

impl Default for CameraFile {
    fn default() -> Self {
        Self {
            source: None,
            width: nowhere(1280),
            height: nowhere(720),
            fps: nowhere(15),
            format: PixelFormat::Auto,
            rotate: nowhere(0),
            repeat: false,
        }
    }
}

/// How faces are found and hidden.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FacesFile {
    /// `yunet` (fast), `centerface` (finds more), `both`, or an own file of one of these families. Left out, it is `yunet`
    /// for cameras and for `fast`, `both` for clips that are files, and `centerface` for stills at `thorough`.
    #[schemars(with = "ModelFile")]
    pub(super) model: Option<Spanned<ModelFile>>,
    /// `fast`, `balanced` or `thorough`. Default: `thorough` for stills, `balanced` for clips and cameras.
    pub(super) detail: Option<Detail>,
    /// `blur`, `mosaic` (stills only) or `solid`. Default: `blur`.
    pub(super) redact: StyleFile,
    /// 0 to 1: 0.5 is each network's recommended point, lower finds more. For stills at `thorough` it is what all looks
    /// joined must reach, on a scale of its own. Default: 0.5.
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub(super) score: Spanned<f64>,
    /// 0 to 4: grows each box by this share of its size, all sides together. Default: 0.5.
    #[schemars(with = "f64", range(min = 0, max = 4))]
    pub(super) margin: Spanned<f64>,
}

impl Default for FacesFile {
    fn default() -> Self {
        Self { model: None, detail: None, redact: StyleFile::Blur, score: nowhere(0.5), margin: nowhere(0.5) }
    }
}

/// How a face is painted over.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StyleFile {
    /// Frosted glass, filled in from the pixels outside.
    Blur,
    /// At most 4 by 4 coarse averages; for stills only.
    Mosaic,
    /// One flat colour.
    Solid,
}

/// A network's name, or an own file of a known family.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a network's name, or { family = \"yunet\", path = \"own.onnx\" }")]
pub(super) enum ModelFile {
    /// One that is part of the program.
    Name(String),
    /// An own one, whose hash is not pinned.
    Own(OwnFile),
}

/// An own network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnFile {
    /// `yunet`, `centerface` or `efficientdet`: which inputs and outputs it has.
    pub(super) family: String,
    /// The ONNX file.
    pub(super) path: PathBuf,
}

/// How persons are found and hidden.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PersonsFile {
    /// `efficientdet`, or an own file of that family. Default: `efficientdet`.
    #[schemars(with = "ModelFile")]
    pub(super) model: Spanned<ModelFile>,
    /// `head` (where the face must be), `body` or `none`. Default: `head`.
    pub(super) redact: PersonRuleFile,
    /// Look for people on one of so many frames, 1 to 1000. Default: 6.
    #[schemars(with = "u32", range(min = 1, max = 1000))]
    pub(super) every: Spanned<i64>,
}

impl Default for PersonsFile {
    fn default() -> Self {
        let model = nowhere(ModelFile::Name("efficientdet".into()));
        Self { model, redact: PersonRuleFile::Head, every: nowhere(6) }
    }
}

/// What is hidden of a person.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PersonRuleFile {
    /// Where the face must be.
    Head,
    /// All of the person.
    Body,
    /// Nothing: only faces that were found.
    None,
}

/// What moves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MovingFile {
    /// Mask everything that moves, whatever it is. Default: false.
    pub(super) redact: bool,
}

/// How long frames are held.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HoldFile {
    /// Look-ahead in frames, 0 to 15. Default: 3.
    #[schemars(with = "u32", range(min = 0, max = 15))]
    pub(super) frames: Spanned<i64>,
    /// Frames a lost track stays masked, 0 to 10000. Default: 15.
    #[schemars(with = "u32", range(min = 0, max = 10000))]
    pub(super) linger: Spanned<i64>,
    /// From capture to findings, 1 to 60000; later than this, the whole frame is masked. Default: 200.
    #[schemars(with = "u32", range(min = 1, max = 60000))]
    pub(super) deadline_ms: Spanned<i64>,
    /// Under overload detail may fall before clear frames do, and masks widen. Default: false.
    pub(super) may_lower_detail: bool,
}

impl Default for HoldFile {
    fn default() -> Self {
        Self { frames: nowhere(3), linger: nowhere(15), deadline_ms: nowhere(200), may_lower_detail: false }
    }
}

/// A part of the picture with a rule of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneFile {
    /// What events and `check` call it. Default: `zone 1` and so on.
    #[schemars(with = "Option<String>")]
    pub(super) name: Option<Spanned<String>>,
    /// `hide`, `watch` (events only here) or `ignore` (no events here). Default: `hide`.
    #[serde(default)]
    pub(super) rule: ZoneRule,
    /// Corners in the unit square: [0, 0] is the top left of the upright picture, [1, 1] its bottom right.
    #[schemars(with = "Vec<[f32; 2]>", length(min = 3))]
    pub(super) outline: Spanned<Vec<Spanned<Vec<f64>>>>,
    /// What is painted over a hidden zone: `solid` or `blur`. Default: `solid`.
    #[serde(default)]
    pub(super) style: ZoneStyleFile,
}

/// What is painted over a hidden zone.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ZoneStyleFile {
    /// One flat colour.
    #[default]
    Solid,
    /// Filled in from the pixels around it.
    Blur,
}

/// Motion events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EventsFile {
    /// Raise motion events. Default: true.
    pub(super) motion: bool,
    /// 0 to 1: the higher, the smaller the movement that counts. Default: 0.5.
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub(super) sensitivity: Spanned<f64>,
    /// Seconds without motion that end an event, 0 to 86400. Default: 5.
    #[schemars(with = "f64", range(min = 0, max = 86400))]
    pub(super) cooldown_s: Spanned<f64>,
}

impl Default for EventsFile {
    fn default() -> Self {
        Self { motion: true, sensitivity: nowhere(0.5), cooldown_s: nowhere(5.0) }
    }
}

/// Ways out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EmitFile {
    /// Events, one JSON object a line: a file, or `-` for standard output (for one sink only).
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) jsonl: Option<Spanned<String>>,
    /// A folder of redacted JPEGs.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) pictures: Option<Spanned<PathBuf>>,
    /// One of so many frames, 1 to 1000000. Default: 30.
    #[schemars(with = "u32", range(min = 1, max = 1000000))]
    pub(super) pictures_every: Spanned<i64>,
    /// The oldest pictures go first above so many MiB; 0: no limit. Default: 1000.
    #[schemars(with = "u32", range(min = 0, max = 1000000000))]
    pub(super) pictures_max_mib: Spanned<i64>,
    /// Redacted video as Y4M, for another program's standard input: a file, or `-`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) y4m: Option<Spanned<String>>,
    /// A v4l2loopback device: any program sees a camera.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) loopback: Option<Spanned<PathBuf>>,
    /// Address of a live view, such as `127.0.0.1:8080`.
    #[schemars(with = "Option<String>")]
    pub(super) http: Option<Spanned<String>>,
}

impl Default for EmitFile {
    fn default() -> Self {
        Self {
            jsonl: None,
            pictures: None,
            pictures_every: nowhere(30),
            pictures_max_mib: nowhere(1000),
            y4m: None,
            loopback: None,
            http: None,
        }
    }
}

/// The record of what was hidden.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RecordFile {
    /// A signed record of what was hidden; its key lies beside it.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) policy: Option<Spanned<PathBuf>>,
}

/// What is told on standard error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogFile {
    /// `error`, `warn`, `info`, `debug` or `trace`. Default: `info`.
    #[schemars(with = "String", extend("enum" = ["error", "warn", "info", "debug", "trace"]))]
    pub(super) level: Spanned<String>,
}

impl Default for LogFile {
    fn default() -> Self {
        Self { level: nowhere("info".into()) }
    }
}

/// A default: it stands nowhere in the file, and is in range.
fn nowhere<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}
