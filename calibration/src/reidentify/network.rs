//! The attacker's network: a face-recognition network that the user names. None is shipped, and nothing but this tool
//! loads one.
//!
//! **Invariant.** An [`Embedder`] exists only when its network takes one picture of three channels and gives one vector,
//! and what it answers is finite and of length 1.

use std::fs;
use std::path::{Path, PathBuf};

use frostglass_models::{Runtime, RuntimeError};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::crop::Crop;

/// A side that a network leaves open is taken to be this, which most are trained with.
const USUAL_SIDE: usize = 112;
/// Longer vectors, and larger pictures, are no face recognition.
const LONGEST: usize = 1 << 16;
const LARGEST_SIDE: usize = 1024;

/// How pixels become numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    /// Blue before green before red.
    pub bgr: bool,
    /// Taken off each level (0 to 255).
    pub mean: f32,
    /// Then each is multiplied by this.
    pub scale: f32,
}

/// Why a network can not be used for the attack.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file can not be read.
    #[error("{file}: reading the network failed")]
    Read {
        /// The network.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no engine.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The engine does not take the file.
    #[error("{file}: not a network that ONNX Runtime can load: {reason}")]
    Load {
        /// The network.
        file: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// It is a network, but not for this.
    #[error(
        "{file}: not a face-recognition network: {fault}; expected one input of 32-bit floats, 1 × 3 × height × width, \
         and one output, a vector"
    )]
    Shape {
        /// The network.
        file: PathBuf,
        /// What does not fit.
        fault: String,
    },
    /// It failed while it ran.
    #[error("{file}: running the network failed: {reason}")]
    Run {
        /// The network.
        file: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// It answered what no comparison can be made with.
    #[error("{file}: the network answered {what}")]
    Nonsense {
        /// The network.
        file: PathBuf,
        /// What it was.
        what: &'static str,
    },
}

/// Pictures of faces in, vectors out.
#[derive(Debug)]
pub struct Embedder {
    file: PathBuf,
    session: Session,
    input: Input,
    width: usize,
    height: usize,
    numbers: Vec<f32>,
    /// What came last: of a flat colour, or of faces exchanged behind a mask, the same crop comes again and again.
    last: Option<(Crop, Vec<f32>)>,
}

impl Embedder {
    /// Loads a network and checks what it takes; that it gives one vector is tried on a grey picture.
    ///
    /// # Errors
    /// No engine, no such file, no network, or one of another kind.
    pub fn load(file: &Path, input: Input) -> Result<Self, NetworkError> {
        let bytes = fs::read(file).map_err(|source| NetworkError::Read { file: file.to_owned(), source })?;
        let runtime = Runtime::load()?;
        let session = open(&runtime, &bytes)
            .map_err(|error| NetworkError::Load { file: file.to_owned(), reason: error.to_string() })?;
        let shape = |fault| NetworkError::Shape { file: file.to_owned(), fault };
        let (width, height) = input_size(session.inputs()).map_err(shape)?;
        if session.outputs().len() != 1 {
            return Err(shape(format!("it has {} outputs", session.outputs().len())));
        }
        let mut embedder =
            Self { file: file.to_owned(), session, input, width, height, numbers: Vec::new(), last: None };
        let grey = Crop::flat(embedder.side());
        match embedder.embed(&grey) {
            // A network may well have nothing to say about a grey square.
            Ok(_) | Err(NetworkError::Nonsense { .. }) => Ok(embedder),
            Err(error) => Err(error),
        }
    }

    /// Pixels along a side of the square that it is shown: the larger of its two.
    pub(super) fn side(&self) -> usize {
        self.width.max(self.height)
    }

    /// The vector of a crop of [`Embedder::side`], of length 1.
    ///
    /// # Errors
    /// The engine fails, the answer is not one vector, or has numbers that are none.
    pub(super) fn embed(&mut self, crop: &Crop) -> Result<Vec<f32>, NetworkError> {
        match &self.last {
            Some((last, vector)) if last == crop => Ok(vector.clone()),
            _ => {
                let vector = self.run(crop)?;
                self.last = Some((crop.clone(), vector.clone()));
                Ok(vector)
            }
        }
    }

    fn run(&mut self, crop: &Crop) -> Result<Vec<f32>, NetworkError> {
        let Input { bgr, mean, scale } = self.input;
        let (left, top) = ((crop.side() - self.width) / 2, (crop.side() - self.height) / 2);
        self.numbers.clear();
        for channel in if bgr { [2, 1, 0] } else { [0, 1, 2] } {
            for row in crop.rows().skip(top).take(self.height) {
                let pixels = &row[left..left + self.width];
                self.numbers.extend(pixels.iter().map(|pixel| (pixel[channel] - mean) * scale));
            }
        }
        let failed = |error: ort::Error| NetworkError::Run { file: self.file.clone(), reason: error.to_string() };
        let shape = [1, 3, self.height, self.width];
        let tensor = TensorRef::from_array_view((shape, &self.numbers[..])).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![tensor]).map_err(failed)?;
        let wrong = |fault| NetworkError::Shape { file: self.file.clone(), fault };
        let (found, vector) =
            outputs[0].try_extract_tensor::<f32>().map_err(|_| wrong("its output is not of 32-bit floats".into()))?;
        if vector.len() < 2 || vector.len() > LONGEST || found.iter().filter(|&&length| length != 1).count() != 1 {
            return Err(wrong(format!("its output has the shape {:?}", &found[..])));
        }
        let nonsense = |what| NetworkError::Nonsense { file: self.file.clone(), what };
        if !vector.iter().all(|number| number.is_finite()) {
            return Err(nonsense("a number that is none"));
        }
        let length = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
        if length < 1e-12 {
            return Err(nonsense("a vector of length 0"));
        }
        Ok(vector.iter().map(|&number| (f64::from(number) / length) as f32).collect())
    }
}

fn open(runtime: &Runtime, bytes: &[u8]) -> ort::Result<Session> {
    Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_op_spinning(false)?
        .with_log_level(ort::logging::LogLevel::Fatal)?
        .commit_from_memory(bytes)
}

/// Width and height of the only input.
fn input_size(inputs: &[Outlet]) -> Result<(usize, usize), String> {
    let [input] = inputs else {
        return Err(format!("it has {} inputs", inputs.len()));
    };
    let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
        return Err(format!("its input `{}` is no tensor", input.name()));
    };
    if *ty != TensorElementType::Float32 {
        return Err(format!("its input `{}` holds {ty}", input.name()));
    }
    let says = |wanted: &str| format!("its input `{}` has the shape {:?}, {wanted}", input.name(), &shape[..]);
    let &[batch, channels, height, width] = &shape[..] else {
        return Err(says("not four dimensions"));
    };
    if batch > 1 {
        return Err(says("more than one picture"));
    }
    if channels != 3 {
        return Err(says("not three channels in the second place"));
    }
    let side = |length: i64| match usize::try_from(length) {
        Err(_) => Ok(USUAL_SIDE),
        Ok(length) if (8..=LARGEST_SIDE).contains(&length) => Ok(length),
        Ok(_) => Err(says("not the size of a face")),
    };
    Ok((side(width)?, side(height)?))
}
