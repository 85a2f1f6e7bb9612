//! Finds Node, and the modules that `tools/setup-tests` installs for it.

use std::path::PathBuf;
use std::process::Command;

use crate::project;

/// Returns the folder of the modules that `tools/page` pins: `BIOSERVER_NODE_MODULES`, or the one that
/// `tools/setup-tests` fills.
///
/// # Panics
/// If it is missing.
pub fn modules() -> PathBuf {
    let given = std::env::var_os("BIOSERVER_NODE_MODULES").map(PathBuf::from);
    present(given.unwrap_or_else(|| project::path("target/tools/node/node_modules")))
}

/// Returns the folder of the modules that `tools/clients` pins, which `tools/setup-tests` fills.
///
/// # Panics
/// If it is missing.
pub fn client_modules() -> PathBuf {
    present(project::path("target/tools/clients/node_modules"))
}

/// Returns the folder of the modules that `tools/deploy` pins, which `tools/setup-tests` fills.
///
/// # Panics
/// If it is missing.
pub fn deploy_modules() -> PathBuf {
    present(project::path("target/tools/deploy/node_modules"))
}

fn present(modules: PathBuf) -> PathBuf {
    assert!(modules.exists(), "{} is missing: run tools/setup-tests", modules.display());
    modules
}

/// Returns a command that runs a script of the project, named from the project's root.
pub fn command(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(project::path(script));
    node
}
