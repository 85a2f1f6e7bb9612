//! Reads a folder of pictures: a subfolder for each person, or one picture of each.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::input::collection::{Collection, Labelled, PICTURES_MAX};
use crate::input::files;

/// Extensions of pictures, in upper or lower case.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
const ALONE: &str = "Every person has one picture, so the false non-match rate cannot be measured.";

/// Reads the names of the pictures in `folder`. The pictures of a subfolder show the person that it is named after;
/// each picture that lies directly in `folder` shows a different person. Other files, and deeper folders, are skipped.
pub fn read(folder: &Path) -> Result<Collection, Error> {
    let mut pictures = Vec::new();
    for path in files::entries(folder)? {
        let name = files::name(&path);
        if path.is_dir() {
            let inside = files::entries(&path)?.into_iter().filter(|path| files::is_one_of(path, &ENDINGS));
            pictures.extend(inside.map(|path| labelled(&name, format!("{name}/{}", files::name(&path)), path)));
        } else if files::is_one_of(&path, &ENDINGS) {
            pictures.push(labelled(&name, name.clone(), path));
        }
        if pictures.len() > PICTURES_MAX {
            return Err(fault(folder, format!("more than {PICTURES_MAX} pictures cannot be compared")));
        }
    }
    if pictures.is_empty() {
        return Err(fault(folder, format!("there are no pictures ({}) in it or in its folders", ENDINGS.join(", "))));
    }
    pictures.sort();
    let alone = pictures.windows(2).all(|pair| pair[0].person != pair[1].person);
    let data = folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.display().to_string());
    Ok(Collection {
        data: format!("the pictures of the folder '{data}'"),
        caveats: if alone { vec![ALONE.to_owned()] } else { Vec::new() },
        pictures,
        ..Collection::default()
    })
}

fn labelled(person: &str, name: String, path: PathBuf) -> Labelled {
    Labelled { person: person.to_owned(), name, path, ..Labelled::default() }
}

fn fault(folder: &Path, fault: String) -> Error {
    Error::Data { path: folder.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("there is room");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
            fs::write(path, "").expect("there is room");
        }
        folder
    }

    fn people(collection: &Collection) -> Vec<(&str, &str)> {
        collection.pictures.iter().map(|p| (p.person.as_str(), p.name.as_str())).collect()
    }

    #[test]
    fn each_folder_holds_one_person() {
        let folder = folder(&["Eve/2.PNG", "Ann/b.jpg", "Ann/a.jpeg", "Ann/notes.txt", "Ann/old/c.jpg", "Bob/x.webp"]);
        let found = read(folder.path()).expect("it has pictures");
        let expected = [("Ann", "Ann/a.jpeg"), ("Ann", "Ann/b.jpg"), ("Bob", "Bob/x.webp"), ("Eve", "Eve/2.PNG")];
        assert_eq!(people(&found), expected);
        assert_eq!((found.people(), found.caveats.len()), (Some(3), 0));
        assert_eq!(found.pictures[0].path, folder.path().join("Ann/a.jpeg"));
    }

    #[test]
    fn a_picture_on_its_own_is_another_person() {
        let found = folder(&["1.jpg", "2.jpg", "list.csv"]);
        let found = read(found.path()).expect("it has pictures");
        assert_eq!(people(&found), [("1.jpg", "1.jpg"), ("2.jpg", "2.jpg")]);
        assert!(found.caveats[0].contains("one picture"), "{:?}", found.caveats);
    }

    #[test]
    fn a_folder_without_pictures_is_refused() {
        let empty = folder(&["a.txt", "deep/deeper/1.jpg"]);
        assert!(read(empty.path()).expect_err("it has none").to_string().contains("no pictures"));
        let missing = read(&empty.path().join("none")).expect_err("it is not there");
        assert!(missing.to_string().contains("none cannot be read"), "{missing}");
    }
}
