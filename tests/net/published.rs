//! Published network files, which lie outside the project.

use std::fs;

use crate::folder;

/// A file of the networks that others publish; `None` where they are not there.
pub fn file(path: &str) -> Option<Vec<u8>> {
    let file = folder::named("models-upstream")?.join(path);
    Some(fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}
