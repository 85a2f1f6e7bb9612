//! Lists an operator's own recordings of people and of attacks, in one folder for each species.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::input::{files, film};

/// The folder of the recordings of living people.
pub const BONA_FIDE: &str = "bonafide";
/// Extensions of films in one file.
const MJPEG: [&str; 2] = ["mjpeg", "mjpg"];
/// Follows a recording's name in the name of a photograph of the person that the recording shows, or is meant to show.
const REFERENCE: &str = "reference";

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recording {
    /// The name of its folder: [`BONA_FIDE`], or an attack instrument species (ISO/IEC 30107-3).
    pub species: String,
    /// A folder of frames, an MJPEG file, or one picture.
    pub path: PathBuf,
    /// A photograph of the person.
    pub reference: Option<PathBuf>,
}

/// Lists all recordings of a folder, those of living people first.
///
/// `SPECIES/NAME/*.jpg`, `SPECIES/NAME.mjpeg` and `SPECIES/NAME.jpg` are recordings; `SPECIES/NAME.reference.jpg` is a
/// photograph of the person of the recording `NAME`. Other files are skipped.
pub fn read(folder: &Path) -> Result<Vec<Recording>, Error> {
    let mut found = vec![];
    for species in files::entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let inside = files::entries(&species)?;
        for path in &inside {
            if is_recording(path) {
                found.push(Recording {
                    species: files::name(&species),
                    path: path.clone(),
                    reference: reference(path, &inside),
                });
            }
        }
    }
    found.sort();
    found.sort_by_key(|recording| recording.species != BONA_FIDE);
    let has = |is_bona_fide: bool| found.iter().any(|one| (one.species == BONA_FIDE) == is_bona_fide);
    if !has(true) || !has(false) {
        let fault = format!("it must hold a folder '{BONA_FIDE}' with recordings, and one at least of an attack");
        return Err(Error::Data { path: folder.to_owned(), fault });
    }
    Ok(found)
}

fn is_recording(path: &Path) -> bool {
    let is_reference =
        path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|end| end == REFERENCE));
    path.is_dir() || files::is_one_of(path, &MJPEG) || film::is_picture(path) && !is_reference
}

/// Finds the photograph that belongs to a recording, among the files beside it.
fn reference(recording: &Path, beside: &[PathBuf]) -> Option<PathBuf> {
    let stem = if recording.is_dir() { recording.file_name() } else { recording.file_stem() };
    let wanted = format!("{}.{REFERENCE}", stem?.to_string_lossy());
    let is_it = |path: &&PathBuf| film::is_picture(path) && path.file_stem().is_some_and(|stem| *stem == *wanted);
    beside.iter().find(is_it).cloned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn recordings_are_told_from_what_lies_beside_them() {
        let folder = tempfile::tempdir().expect("there is room");
        let make = |files: &[&str]| {
            for file in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
                fs::write(path, "").expect("there is room");
            }
        };
        make(&["print/a/1.jpg", "print/a.reference.jpg", "print/b.mjpeg", "print/notes.txt", "readme.txt"]);
        let refused = read(folder.path()).expect_err("nobody is genuine").to_string();
        assert!(refused.contains("'bonafide'"), "{refused}");
        make(&["bonafide/c.png"]);
        let found = read(folder.path()).expect("both are there");
        let told: Vec<_> =
            found.iter().map(|one| (one.species.as_str(), files::name(&one.path), one.reference.is_some())).collect();
        let expected = [("bonafide", "c.png", false), ("print", "a", true), ("print", "b.mjpeg", false)];
        assert_eq!(told, expected.map(|(species, name, has)| (species, name.to_owned(), has)));
    }
}
