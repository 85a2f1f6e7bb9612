//! Networks as users meet them: files in, numbers out, held against onnxruntime and against each other.
//!
//! `tools/setup-tests` installs the Python packages that the references come from.

mod agreement;
mod conversion;
mod damage;
mod networks;
mod openvino;
mod operators;
mod pickles;
mod refusals;
