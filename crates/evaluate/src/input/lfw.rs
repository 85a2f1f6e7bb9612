//! Reads the layout of Labeled Faces in the Wild: `Name/Name_0001.jpg` and `pairs.txt`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Error;
use crate::input::collection::{Collection, Labelled, Trial, Trials};

const PAIRS: &str = "pairs.txt";
const DATA: &str = "LFW, the pictures of its standard pairs";
/// Source: the errata on the data set's own page.
const CAVEAT: &str = "About 21 labels of LFW are known to be wrong. They are unchanged and count as errors.";
/// The largest `pairs.txt` that is read. LFW's own has 6,000 lines in 155 kB.
const PAIRS_BYTES_MAX: u64 = 16 << 20;

/// Reads `pairs.txt` of `folder`. Its first line states the number of folds, usually ten, and the number of pairs of
/// one person in each; as many pairs of two people follow.
///
/// The collection holds only the pictures that the file names; a missing one is noticed when it is read.
pub fn read(folder: &Path) -> Result<Collection, Error> {
    let path = folder.join(PAIRS);
    let length = fs::metadata(&path).map_err(|source| Error::Read { path: path.clone(), source })?.len();
    if length > PAIRS_BYTES_MAX {
        return Err(Error::TooLong { path, bytes_max: PAIRS_BYTES_MAX });
    }
    let text = fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    parse(folder, &text).map_err(|(line, expected)| Error::Line { path, line, fault: format!("expected {expected}") })
}

/// A line's number, from 1, and the text that was expected there.
type Wrong = (usize, &'static str);

fn parse(folder: &Path, text: &str) -> Result<Collection, Wrong> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, head) = lines.next().ok_or((1, HEAD))?;
    let (folds, pairs) = head.split_once(char::is_whitespace).ok_or((1, HEAD))?;
    let folds: usize = folds.trim().parse().map_err(|_| (1, HEAD))?;
    let pairs: usize = pairs.trim().parse().map_err(|_| (1, HEAD))?;
    if folds == 0 || pairs == 0 {
        return Err((1, HEAD));
    }

    let mut named = Vec::new();
    let mut last = 1;
    for (at, line) in lines {
        named.push(picture_names(line).map_err(|expected| (at + 1, expected))?);
        last = at + 1;
    }
    if Some(named.len()) != folds.checked_mul(pairs).and_then(|pairs| pairs.checked_mul(2)) {
        return Err((last, "as many pairs as the first line says"));
    }

    let mut pictures: BTreeMap<Labelled, usize> = BTreeMap::new();
    for name in named.iter().flatten() {
        pictures.insert(labelled(folder, name), 0);
    }
    for (at, place) in pictures.values_mut().enumerate() {
        *place = at;
    }
    let place = |name: &Name| pictures[&labelled(folder, name)];
    let trials = named
        .iter()
        .enumerate()
        .map(|(at, [a, b])| Trial {
            fold: at / (2 * pairs),
            pictures: [place(a), place(b)],
            same: a.0 == b.0,
            groups: Vec::new(),
        })
        .collect();
    Ok(Collection {
        data: DATA.to_owned(),
        caveats: vec![CAVEAT.to_owned()],
        columns: Vec::new(),
        pictures: pictures.into_keys().collect(),
        trials: Trials::Folds(trials),
    })
}

const HEAD: &str = "the number of folds and of pairs of one person in each";

/// A person and the number of one of their pictures.
type Name<'a> = (&'a str, u32);

/// Parses `Person 1 4` or `Person 1 Another 2`.
fn picture_names(line: &str) -> Result<[Name<'_>; 2], &'static str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (a, first, b, second) = match fields[..] {
        [person, first, second] => (person, first, person, second),
        [a, first, b, second] => (a, first, b, second),
        _ => return Err("a name and two numbers, or a name, a number, a name, a number"),
    };
    let number = |text: &str| text.parse().map_err(|_| "a picture's number");
    // A name is also a folder's name: it must not lead out of the collection.
    if [a, b].iter().any(|name| name.contains(['/', '\\']) || name.starts_with('.')) {
        return Err("a person's name without slashes");
    }
    Ok([(a, number(first)?), (b, number(second)?)])
}

fn labelled(folder: &Path, (person, number): &Name<'_>) -> Labelled {
    let name = format!("{person}_{number:04}");
    let path = folder.join(person).join(format!("{name}.jpg"));
    Labelled { person: (*person).to_owned(), name, path, ..Labelled::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOY: &str = "2\t1\nAnn\t1\t2\nAnn\t2\tBob\t1\nEve\t3\t1\nAnn\t1\tEve\t12\n";

    #[test]
    fn pairs_name_the_pictures() {
        let toy = parse(Path::new("/lfw"), TOY).expect("it is in the layout");
        let names: Vec<&str> = toy.pictures.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["Ann_0001", "Ann_0002", "Bob_0001", "Eve_0001", "Eve_0003", "Eve_0012"]);
        assert_eq!(toy.pictures[2].path, Path::new("/lfw/Bob/Bob_0001.jpg"));
        let trials: Vec<_> = toy.folds().iter().map(|t| (t.fold, t.pictures, t.same)).collect();
        assert_eq!(trials, [(0, [0, 1], true), (0, [1, 2], false), (1, [4, 3], true), (1, [0, 5], false)]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let wrong = |text: &str| parse(Path::new("/lfw"), text).expect_err(text);
        assert_eq!(wrong("").0, 1);
        assert_eq!(wrong("ten 300\n").0, 1);
        assert_eq!(wrong("0 300\n").0, 1);
        assert_eq!(wrong("1 1\nAnn 1 2\nAnn\n").0, 3);
        assert_eq!(wrong("1 1\nAnn 1 two\nAnn 1 Bob 1\n"), (2, "a picture's number"));
        assert_eq!(wrong("1 1\nAnn 1 2\n../Ann 1 Bob 1\n").0, 3);
        assert_eq!(wrong("1 1\nAnn 1 2\n").0, 2);
        assert_eq!(wrong("18446744073709551615 2\nAnn 1 2\n").0, 2);
    }
}
