//! Converts networks of other formats to ONNX: bytes in, bytes out, without running anything that a file contains.
//!
//! Equal input bytes give equal output bytes. Every result is one self-contained file that [`Graph`] reads; its shapes
//! are inferred once before it is returned. Weights keep the precision of their file: a `Cast` follows those of half
//! precision and folds away on loading.

use onnx::graph::Graph;
use onnx::network::Net;
use onnx::{error, resolve};

mod fields;
mod ir;
mod minifasnet;
mod openvino;
mod pickle;
mod state_dict;
pub mod writer;

/// Name of the only input of a converted network.
pub const INPUT: &str = "input";

/// The reasons why a file cannot become ONNX.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not an OpenVINO network: {0}")]
    Ir(String),
    #[error("layer '{layer}' ({kind}): {reason}")]
    Layer { layer: String, kind: String, reason: String },
    #[error("not a PyTorch state dictionary: {0}")]
    StateDict(String),
    #[error("tensor '{name}': {reason}")]
    Tensor { name: String, reason: String },
    #[error("the converted network does not hold together: {0}")]
    Network(#[from] error::Error),
}

/// A network whose structure is known here; a state dictionary gives its weights.
///
/// Both take a face, `[1, 3, 80, 80]`, blue-green-red, 0..255, and give `logits`, `[1, 3]`: live is index 1 of their
/// softmax. They are published as Silent-Face-Anti-Spoofing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// For a crop of 2.7 times the face box.
    MiniFasNetV2,
    /// With squeeze-and-excitation, for a crop of 4 times the face box.
    MiniFasNetV1Se,
}

/// Converts OpenVINO's intermediate representation, version 10 or 11: `xml` is the network, `bin` its weights.
///
/// The input is [`INPUT`], the output `output` (`output_0`, `output_1` and so on if there are several), in the shapes
/// of the file. Fails, naming the layer, on anything that is not known or does not fit.
pub fn openvino(xml: &[u8], bin: &[u8]) -> Result<Vec<u8>, Error> {
    let ir = ir::read(xml)?;
    let onnx = openvino::convert(&ir, bin)?;
    let net = network(&onnx)?;
    for ((&id, wanted), layer) in net.outputs.iter().zip(ir.results()).zip(ir.result_layers()) {
        let found = &net.values[id].shape;
        let fits = found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| w.is_none_or(|w| w == *f));
        if !fits {
            return Err(layer.error(format!("the file says {wanted:?}, its layers make {found:?}")));
        }
    }
    Ok(onnx)
}

/// Converts a PyTorch state dictionary in the format from before version 1.6 (no zip archive), for a known structure.
///
/// The input is [`INPUT`]. Fails, naming the tensor, if one is missing, left over or of another shape, and on any
/// pickle that holds more than a state dictionary needs.
pub fn state_dict(pth: &[u8], structure: Structure) -> Result<Vec<u8>, Error> {
    let onnx = minifasnet::convert(state_dict::read(pth)?, structure)?;
    network(&onnx)?;
    Ok(onnx)
}

/// Reads a converted network back and infers its shapes.
fn network(onnx: &[u8]) -> Result<Net, Error> {
    let graph = Graph::from_bytes(onnx.to_vec().into())?;
    Ok(resolve::network(&graph, &[])?)
}
