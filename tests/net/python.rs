//! The project's own Python environment, which has onnxruntime.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Runs a script that lies beside this file and returns what it printed.
pub fn run(script: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/net").join(script);
    let run = Command::new(interpreter()).arg(&script).args(arguments).output().expect("the interpreter starts");
    assert!(run.status.success(), "{}:\n{}", script.display(), String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("scripts print UTF-8")
}

/// `BIOSERVER_PYTHON`, or the environment that `tools/setup-tests` makes.
fn interpreter() -> PathBuf {
    let given = std::env::var_os("BIOSERVER_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python/bin/python"));
    assert!(python.exists(), "{} is missing: run tools/setup-tests, or set BIOSERVER_PYTHON", python.display());
    python
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
