//! Finds the project's own Python environment, which has onnxruntime, jwcrypto and moto.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project;

/// Returns the interpreter: `BIOSERVER_PYTHON`, or that of the environment which `tools/setup-tests` makes.
///
/// # Panics
/// If there is none.
pub fn interpreter() -> PathBuf {
    let given = std::env::var_os("BIOSERVER_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| project::path("target/tools/python/bin/python"));
    assert!(python.exists(), "{} is missing: run tools/setup-tests, or set BIOSERVER_PYTHON", python.display());
    python
}

/// Runs a script of the project, named from the project's root, and returns what it printed.
///
/// # Panics
/// If the script fails.
pub fn run(script: &str, arguments: &[&Path]) -> String {
    let run = Command::new(interpreter()).arg(project::path(script)).args(arguments).output();
    let run = run.expect("the interpreter starts");
    assert!(run.status.success(), "{script}:\n{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("scripts print UTF-8")
}
