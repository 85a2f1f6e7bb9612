//! Node, and what `tools/setup-tests` installs for it.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Where the modules lie that `tools/page` pins: `BIOSERVER_NODE_MODULES`, or where `tools/setup-tests` puts them.
pub fn modules() -> PathBuf {
    let given = std::env::var_os("BIOSERVER_NODE_MODULES").map(PathBuf::from);
    let modules = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node/node_modules"));
    assert!(modules.exists(), "{} is missing: run tools/setup-tests", modules.display());
    modules
}

/// Runs a script of the project.
pub fn command(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    node
}
