//! What lies beside the project, in `../shared` or where `BIOSERVER_SHARED` says: pictures and networks that may not be copied.

use std::path::PathBuf;

/// The folder of this name there; `None`, said aloud, where it is not. Where tests decide (`CI` is set) its absence
/// fails them.
pub fn named(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let folder = std::env::var_os("BIOSERVER_SHARED").map_or_else(|| beside.into(), PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} must be there where CI runs", folder.display());
    eprintln!("NOT TESTED: {} is not there", folder.display());
    None
}
