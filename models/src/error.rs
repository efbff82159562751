//! What can go wrong between a file on disk and a checked box.

use std::io;
use std::path::PathBuf;

use frostglass_vault::Size;

use crate::runtime::RuntimeError;

/// Why a picture could not be inspected. It then counts as not inspected at all.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The engine refused to run the network.
    #[error("{network}: the inference engine failed")]
    Engine {
        /// Which network.
        network: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A network answered NaN or infinity.
    #[error("{network}: a score or a box is not a finite number")]
    NotFinite {
        /// Which network.
        network: String,
    },
    /// A network answered a box that no picture can hold.
    #[error("{network}: a box is outside all sense (left, top, right, bottom in shares of the picture: {edges:?})")]
    Outside {
        /// Which network.
        network: String,
        /// Left, top, right, bottom, in shares of the picture.
        edges: [f32; 4],
    },
    /// More candidates than any scene holds.
    #[error("{network}: {found} boxes in one picture, at most {most} make sense")]
    TooMany {
        /// Which network.
        network: String,
        /// How many there were.
        found: usize,
        /// How many are taken.
        most: usize,
    },
    /// An output has another shape than at start.
    #[error("{network}: output `{output}` has shape {found:?}, expected {expected}")]
    Shape {
        /// Which network.
        network: String,
        /// Name of the output.
        output: String,
        /// The shape that came.
        found: Vec<i64>,
        /// What the family promises.
        expected: String,
    },
    /// The picture has no pixels, or could not be shrunk.
    #[error("cannot shrink a picture of {width}x{height}: {why}")]
    Picture {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// What is wrong.
        why: String,
    },
    /// For detectors from outside of this crate.
    #[error("the detector failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a network could not be made ready. The program then refuses to run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A network's file can not be read.
    #[error("{}: cannot read the network", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A bundled network is not the one that was pinned.
    #[error("{file}: SHA-256 is {found}, models.toml pins {pinned}: the network was altered")]
    Altered {
        /// The file's name in models/onnx.
        file: String,
        /// The hash of the bytes in this program.
        found: String,
        /// The hash in models.toml.
        pinned: String,
    },
    /// The engine does not take the file.
    #[error("{network}: the inference engine cannot load it")]
    Load {
        /// Which network.
        network: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The network's inputs or outputs are not those of its family.
    #[error("{network} is no {family} network: {fault}")]
    Family {
        /// Which network.
        network: String,
        /// The family it was said to be of.
        family: &'static str,
        /// Which input or output, what was expected, what was found.
        fault: String,
    },
    /// A face network was asked for persons, or the other way round.
    #[error("{network} does not find {wanted}")]
    Kind {
        /// Which network.
        network: String,
        /// `faces` or `persons`.
        wanted: &'static str,
    },
    /// The list of networks that is compiled in can not be read.
    #[error("models.toml {0}")]
    Catalogue(String),
    /// A network was asked to look at an input of a size that it does not take.
    #[error("{network} takes no input of {input}: {}", expected_input(fixed))]
    Input {
        /// Which network.
        network: &'static str,
        /// The size that was asked for.
        input: Size,
        /// The only size it takes, if there is one.
        fixed: Option<Size>,
    },
    /// No network was named.
    #[error("no face network was named")]
    NoNetwork,
    /// A score outside of `0..=1`.
    #[error("score {0} is not in 0..=1")]
    Score(f32),
    /// The network does not find what it must find in the built-in picture.
    #[error("{network}: self-test failed: {found} of {expected} boxes of the built-in picture were found")]
    SelfTest {
        /// Which network.
        network: String,
        /// How many boxes it must find.
        expected: usize,
        /// How many of them it found.
        found: usize,
    },
    /// The network failed while it was tested or measured.
    #[error(transparent)]
    Detect(#[from] DetectError),
}

fn expected_input(fixed: &Option<Size>) -> String {
    fixed.map_or_else(|| "expected multiples of 32".to_owned(), |size| format!("expected {size}"))
}
