//! The project's own Python environment, which has onnxruntime.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::interpreter;

/// Runs a script that lies beside this file and returns what it printed.
pub fn run(script: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/net").join(script);
    let run = Command::new(interpreter::path()).arg(&script).args(arguments).output().expect("the interpreter starts");
    assert!(run.status.success(), "{}:\n{}", script.display(), String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("scripts print UTF-8")
}

/// An empty folder of this name for files that a script and a test exchange.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("an earlier run's files can be removed");
    }
    std::fs::create_dir_all(&folder).expect("the build folder can be written");
    folder
}
