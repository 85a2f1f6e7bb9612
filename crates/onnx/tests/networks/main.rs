//! Runs networks as users do: files in, numbers out, compared with onnxruntime and between engines.
//!
//! `tools/setup-tests` installs the Python packages that make the references.

mod agreement;
mod conversion;
mod damage;
#[cfg(feature = "gpu")]
mod gpu;
mod networks;
mod openvino;
mod operators;
mod pickles;
mod refusals;
mod shapes;
