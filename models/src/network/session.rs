//! One loaded network: its inputs and outputs are those of its family, and it can be run.
//!
//! **Invariant.** A [`Network`] exists only when names, element types and shapes are those that its family promises,
//! and its answers are read only in the shapes that follow from the input.

use frostglass_vault::Size;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::decode::{self, Candidate, MOST_CANDIDATES, Nonsense, Sink};
use crate::network::{Card, Curve, Family, NetworkFile};
use crate::shrink::Tensor;
use crate::{DetectError, ModelError, Runtime};

/// A network that is ready to run.
pub(crate) struct Network {
    card: Card,
    name: String,
    curve: Curve,
    session: Session,
}

impl Network {
    /// Proves the file, loads it with `threads` threads, and checks that it is what its family promises.
    pub(crate) fn load(runtime: &Runtime, file: &NetworkFile, threads: usize) -> Result<Self, ModelError> {
        let proved = file.prove()?;
        let name = format!("{} ({})", proved.card.family.name(), proved.card.file);
        let session = open(runtime, &proved.bytes, threads)
            .map_err(|error| ModelError::Load { network: name.clone(), source: error.to_string().into() })?;
        let network = Self { card: proved.card, name, curve: proved.curve, session };
        network.check_family()?;
        Ok(network)
    }

    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    pub(crate) fn family(&self) -> Family {
        self.card.family
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn curve(&self) -> &Curve {
        &self.curve
    }

    /// Runs the network on a filled tensor and appends what it answers above `threshold` (its own scale), in pixels
    /// of the tensor.
    pub(crate) fn run(
        &mut self,
        tensor: &Tensor,
        threshold: f32,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        let outputs = infer(&mut self.session, tensor).map_err(|error| failed(&self.name, &error))?;
        let (outputs, size) = (Outputs(&outputs), tensor.size());
        let mut sink = Sink::new(size, threshold, found);
        let outcome = match self.card.family {
            Family::YuNet => decode::yunet::read(&outputs, size, &mut sink),
            Family::CenterFace => decode::centerface::read(&outputs, size, &mut sink),
            Family::EfficientDet => decode::efficientdet::read(&outputs, size, &mut sink),
        };
        outcome.map_err(|nonsense| refused(&self.name, nonsense))
    }

    /// The engine alone, for comparison: nothing is read.
    pub(crate) fn run_bare(&mut self, tensor: &Tensor) -> Result<(), DetectError> {
        infer(&mut self.session, tensor).map(drop).map_err(|error| failed(&self.name, &error))
    }

    fn check_family(&self) -> Result<(), ModelError> {
        let family = self.family();
        let fault = |fault| ModelError::Family { network: self.name.clone(), family: family.name(), fault };
        let inputs = self.session.inputs();
        let (name, element, shape) = expected_input(family);
        if inputs.len() != 1 {
            return Err(fault(format!("it has {} inputs, expected one, `{name}`", inputs.len())));
        }
        check_outlet("input", inputs, name, element, shape).map_err(fault)?;
        for (name, shape) in decode::outputs(family) {
            check_outlet("output", self.session.outputs(), name, TensorElementType::Float32, shape).map_err(fault)?;
        }
        Ok(())
    }
}

fn failed(network: &str, error: &ort::Error) -> DetectError {
    DetectError::Engine { network: network.to_owned(), source: error.to_string().into() }
}

fn refused(network: &str, nonsense: Nonsense) -> DetectError {
    let network = network.to_owned();
    match nonsense {
        Nonsense::NotFinite => DetectError::NotFinite { network },
        Nonsense::Outside(edges) => DetectError::Outside { network, edges },
        Nonsense::TooMany(found) => DetectError::TooMany { network, found, most: MOST_CANDIDATES },
        Nonsense::Shape { output, found, expected } => {
            DetectError::Shape { network, output: output.to_owned(), found, expected: format!("{expected:?}") }
        }
    }
}

fn open(runtime: &Runtime, bytes: &[u8], threads: usize) -> ort::Result<Session> {
    // Spinning threads burn a core between two frames; an execution provider, even the CPU's, turns the arena off.
    Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_intra_op_spinning(false)?
        .with_log_level(ort::logging::LogLevel::Error)?
        .commit_from_memory(bytes)
}

fn infer<'s>(session: &'s mut Session, tensor: &Tensor) -> ort::Result<SessionOutputs<'s>> {
    let (height, width) = (tensor.size().height as usize, tensor.size().width as usize);
    match tensor {
        Tensor::Floats { values, .. } => {
            session.run(ort::inputs![TensorRef::from_array_view(([1, 3, height, width], &values[..]))?])
        }
        Tensor::Bytes { values, .. } => {
            session.run(ort::inputs![TensorRef::from_array_view(([1, height, width, 3], &values[..]))?])
        }
    }
}

/// Name, element type and shape of the input; `-1` is a dimension that must be free.
fn expected_input(family: Family) -> (&'static str, TensorElementType, &'static [i64]) {
    match family {
        Family::YuNet => ("input", TensorElementType::Float32, &[1, 3, -1, -1]),
        Family::CenterFace => ("input.1", TensorElementType::Float32, &[1, 3, -1, -1]),
        Family::EfficientDet => ("image", TensorElementType::Uint8, &[1, 320, 320, 3]),
    }
}

/// An empty `expected` shape stands for any. A dimension that the file leaves open may turn out as expected: the
/// shape of each answer is checked again.
fn check_outlet(
    what: &str,
    outlets: &[Outlet],
    name: &str,
    element: TensorElementType,
    expected: &[i64],
) -> Result<(), String> {
    let Some(outlet) = outlets.iter().find(|outlet| outlet.name() == name) else {
        let names: Vec<_> = outlets.iter().map(|outlet| format!("`{}`", outlet.name())).collect();
        return Err(format!("it has no {what} `{name}`, but {}", names.join(", ")));
    };
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(format!("{what} `{name}` is no tensor"));
    };
    if *ty != element {
        return Err(format!("{what} `{name}` holds {ty}, expected {element}"));
    }
    let fits = |(&found, &wanted): (&i64, &i64)| found == wanted || (what == "output" && (found == -1 || wanted == -1));
    let alike = shape.is_empty() || (shape.len() == expected.len() && shape.iter().zip(expected).all(fits));
    if expected.is_empty() || alike {
        return Ok(());
    }
    Err(format!("{what} `{name}` has shape {:?}, expected {expected:?} (-1: free)", &shape[..]))
}

/// What one run answered.
pub(crate) struct Outputs<'a, 's>(&'a SessionOutputs<'s>);

impl<'a> Outputs<'a, '_> {
    /// The numbers of one output, which must have exactly this shape.
    pub(crate) fn floats<const N: usize>(
        &self,
        output: &'static str,
        shape: [usize; N],
    ) -> Result<&'a [f32], Nonsense> {
        let wrong = |found: &[i64]| Nonsense::Shape { output, found: found.to_vec(), expected: shape.to_vec() };
        let value = self.0.get(output).ok_or_else(|| wrong(&[]))?;
        let (found, numbers) = value.try_extract_tensor::<f32>().map_err(|_| wrong(&[]))?;
        let same =
            found.len() == N && found.iter().zip(shape).all(|(&found, wanted)| usize::try_from(found) == Ok(wanted));
        if same { Ok(numbers) } else { Err(wrong(found)) }
    }
}

/// The size of input that a family always wants; `None` when any multiple of 32 will do.
pub(crate) const fn fixed_input(family: Family) -> Option<Size> {
    match family {
        Family::YuNet | Family::CenterFace => None,
        Family::EfficientDet => Some(Size::new(320, 320)),
    }
}
