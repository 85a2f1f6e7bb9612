//! The project's own Python environment, which has onnxruntime.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::interpreter;

/// Runs a script that lies beside this file and returns what it printed.
pub fn run(script: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/net").join(script);
    let run = Command::new(interpreter::path()).arg(&script).args(arguments).output().expect("the interpreter starts");
    assert!(run.status.success(), "{}:\n{}", script.display(), String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("scripts print UTF-8")
}

/// An empty folder for files that a script and a test exchange, gone with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build folder can be written")
}
