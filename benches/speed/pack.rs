//! The networks of the built-in pack, and an input for them.

use std::path::{Path, PathBuf};

const PACK: &str = "models";
/// Files of the pack, and the side length of each one's square input.
pub const NETWORKS: [(&str, usize); 6] = [
    ("blazeface.onnx", 256),
    ("facemesh.onnx", 192),
    ("attention_mesh.onnx", 192),
    ("age_gender.onnx", 112),
    ("recognizer.onnx", 112),
    ("spoof.onnx", 80),
];

pub fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(PACK).join(file)
}

/// Returns pseudo-random values from 0 to 1, as many as the shape holds.
pub fn image(shape: &[usize]) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32
    };
    (0..shape.iter().product()).map(|_| next()).collect()
}
