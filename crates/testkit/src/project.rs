//! Finds the project's own files.

use std::path::{Path, PathBuf};

/// Returns a path of the project, given from its root.
pub fn path(relative: impl AsRef<Path>) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates lie two folders deep");
    root.join(relative)
}

/// Reads one of the sample photographs in `tests/samples`, by its file name.
///
/// # Panics
/// If there is no such file.
pub fn sample(name: &str) -> Vec<u8> {
    let path = path("tests/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
