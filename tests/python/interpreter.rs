//! The project's own Python environment.

use std::path::Path;
use std::path::PathBuf;

/// `BIOSERVER_PYTHON`, or the environment that `tools/setup-tests` makes.
pub fn path() -> PathBuf {
    let given = std::env::var_os("BIOSERVER_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python/bin/python"));
    assert!(python.exists(), "{} is missing: run tools/setup-tests, or set BIOSERVER_PYTHON", python.display());
    python
}
