//! Finds pictures and networks that lie beside the project, because they may not be copied into it: in `../shared`, or
//! in the folder that `BIOSERVER_SHARED` names.

use std::path::PathBuf;

use crate::project;

/// Returns the folder of this name; `None`, with a message on standard error, if it is absent.
///
/// # Panics
/// If the folder is absent and `CI` is set.
pub fn folder(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("BIOSERVER_SHARED").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| project::path("../shared")).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} must be there where CI runs", folder.display());
    eprintln!("NOT TESTED: {} is not there", folder.display());
    None
}

/// Reads a file of a network that others publish; `None` if these networks are absent.
///
/// # Panics
/// If the networks are there but the file is not, or if [`folder`] panics.
pub fn published(file: &str) -> Option<Vec<u8>> {
    let file = folder("models-upstream")?.join(file);
    Some(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}
