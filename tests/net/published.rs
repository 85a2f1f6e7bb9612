//! Published network files, which lie outside the project, in `../shared` or `BIOSERVER_SHARED`.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The folder of this name; `None`, said aloud, where it is not there. Where CI runs its absence fails the test.
pub fn folder(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("BIOSERVER_SHARED").map_or_else(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not tested: no published networks in {}", folder.display());
    assert!(std::env::var_os("CI").is_none(), "{} must be there where CI runs", folder.display());
    None
}

/// A file of the networks that others publish; `None` where they are not there.
pub fn file(path: &str) -> Option<Vec<u8>> {
    let file = folder("models-upstream")?.join(path);
    Some(fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}
