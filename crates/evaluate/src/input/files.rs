//! Files and folders by their names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// Lists the entries of a folder, in no particular order.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unread = |source| Error::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unread)?;
    entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unread)
}

/// Returns the last component of a path; bytes that are not UTF-8 are replaced.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// True if a path is a file with one of these extensions, in upper or lower case.
pub fn is_one_of(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str())) && path.is_file()
}
