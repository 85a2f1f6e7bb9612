//! Reads lists of pictures, and lists of pairs of pictures, from CSV files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use csv::StringRecord;

use crate::Error;
use crate::input::collection::{Collection, Labelled, PICTURES_MAX, Trial, Trials};

/// The longest list that is read: room for ten million lines.
const BYTES_MAX: u64 = 1 << 30;
const PAIRS_MAX: usize = 10_000_000;
/// A column with more values than this does not group people: it describes each of them.
const GROUPS_MAX: usize = 100;
const UNKNOWN: &str = "The people on the pictures are unknown: intervals treat the pairs as independent, so they are too narrow if \
     one person is in several pairs.";

/// Reads a list of pictures. Its first line names the columns: `path`, relative to the list's own folder; `person`;
/// `type`, the image type in the contract's words, if it is known; all others are groups.
pub fn pictures(path: &Path) -> Result<Collection, Error> {
    let table = Table::read(path)?;
    let [file, person] = ["path", "person"].map(|name| table.needed(name));
    let (file, person, image_type) = (file?, person?, table.column("type"));
    let columns = table.others(&["path", "person", "type"]);
    let mut pictures = Vec::new();
    let mut seen = BTreeSet::new();
    for record in &table.records {
        let name = table.filled(record, file)?;
        if !seen.insert(name) {
            return Err(table.wrong(record, format!("'{name}' is listed twice")));
        }
        let typed = image_type.map(|at| record[at].trim()).filter(|name| !name.is_empty());
        pictures.push(Labelled {
            person: table.filled(record, person)?.to_owned(),
            name: name.to_owned(),
            path: table.beside(name),
            image_type: typed.map(str::parse).transpose().map_err(|fault| table.wrong(record, fault))?,
            groups: columns.iter().map(|(at, _)| record[*at].trim().to_owned()).collect(),
        });
        if pictures.len() > PICTURES_MAX {
            return Err(table.wrong(record, format!("more than {PICTURES_MAX} pictures cannot be compared")));
        }
    }
    pictures.sort();
    table.check_groups(&columns)?;
    Ok(Collection {
        data: table.data("pictures"),
        columns: columns.into_iter().map(|(_, name)| name).collect(),
        pictures,
        ..Collection::default()
    })
}

/// Reads a list of pairs. Its first line names the columns: `reference` and `candidate`, paths relative to the list's
/// own folder; `same` (1, true, yes or 0, false, no); all others are groups of pairs.
pub fn pairs(path: &Path) -> Result<Collection, Error> {
    let table = Table::read(path)?;
    let [reference, candidate, same] = ["reference", "candidate", "same"].map(|name| table.needed(name));
    let (sides, same) = ([reference?, candidate?], same?);
    let columns = table.others(&["reference", "candidate", "same"]);
    if table.records.len() > PAIRS_MAX {
        return Err(table.wrong(&table.records[PAIRS_MAX], format!("more than {PAIRS_MAX} pairs are not read")));
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for record in &table.records {
        for side in sides {
            places.insert(table.filled(record, side)?, 0);
        }
    }
    for (at, place) in places.values_mut().enumerate() {
        *place = at;
    }
    let trial = |record: &StringRecord| {
        let pictures = sides.map(|side| places[record[side].trim()]);
        if pictures[0] == pictures[1] {
            return Err(table.wrong(record, "a picture is compared with itself".into()));
        }
        let groups = columns.iter().map(|(at, _)| record[*at].trim().to_owned()).collect();
        Ok(Trial { fold: 0, pictures, same: table.truth(record, same)?, groups })
    };
    let trials = table.records.iter().map(trial).collect::<Result<_, _>>()?;
    table.check_groups(&columns)?;
    let picture = |name: &&str| Labelled {
        person: (*name).to_owned(),
        name: (*name).to_owned(),
        path: table.beside(name),
        ..Labelled::default()
    };
    Ok(Collection {
        data: table.data("pairs"),
        caveats: vec![UNKNOWN.to_owned()],
        pictures: places.keys().map(picture).collect(),
        trials: Trials::Listed(trials),
        columns: columns.into_iter().map(|(_, name)| name).collect(),
    })
}

/// A list in memory; every row has as many fields as the first.
struct Table<'a> {
    path: &'a Path,
    head: StringRecord,
    records: Vec<StringRecord>,
}

impl<'a> Table<'a> {
    fn read(path: &'a Path) -> Result<Self, Error> {
        let unread = |source| Error::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(unread)?.len() > BYTES_MAX {
            return Err(Error::TooLong { path: path.to_owned(), bytes_max: BYTES_MAX });
        }
        let faulty = |error: csv::Error| {
            let line = error.position().map_or(1, |position| position.line() as usize);
            let fault = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("it has {len} fields, and the first line {expected_len}")
                }
                csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".into(),
                _ => error.to_string(),
            };
            Error::Line { path: path.to_owned(), line, fault }
        };
        let mut reader = csv::Reader::from_path(path).map_err(faulty)?;
        let head = reader.headers().map_err(faulty)?.clone();
        let records: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().map_err(faulty)?;
        let table = Self { path, head, records };
        if table.records.is_empty() {
            return Err(table.wrong_line(1, "there are no lines below the names of the columns".into()));
        }
        Ok(table)
    }

    fn column(&self, name: &str) -> Option<usize> {
        // Spreadsheets write a byte order mark at the beginning of a table.
        self.head.iter().position(|head| head.trim_start_matches('\u{feff}').trim() == name)
    }

    fn needed(&self, name: &str) -> Result<usize, Error> {
        self.column(name).ok_or_else(|| self.wrong_line(1, format!("there is no column '{name}'")))
    }

    /// Returns the positions and names of the columns that are not among `known`.
    fn others(&self, known: &[&str]) -> Vec<(usize, String)> {
        let own: Vec<Option<usize>> = known.iter().map(|name| self.column(name)).collect();
        let others = self.head.iter().enumerate().filter(|(at, _)| !own.contains(&Some(*at)));
        others.map(|(at, name)| (at, name.trim().to_owned())).filter(|(_, name)| !name.is_empty()).collect()
    }

    fn filled<'r>(&self, record: &'r StringRecord, at: usize) -> Result<&'r str, Error> {
        let field = record[at].trim();
        if field.is_empty() { Err(self.wrong(record, format!("its '{}' is empty", &self.head[at]))) } else { Ok(field) }
    }

    fn truth(&self, record: &StringRecord, at: usize) -> Result<bool, Error> {
        match record[at].trim().to_lowercase().as_str() {
            "1" | "true" | "yes" => Ok(true),
            "0" | "false" | "no" => Ok(false),
            other => Err(self.wrong(record, format!("'{other}' is not one of 1, true, yes, 0, false, no"))),
        }
    }

    fn check_groups(&self, columns: &[(usize, String)]) -> Result<(), Error> {
        for (at, name) in columns {
            let values: BTreeSet<&str> = self.records.iter().map(|record| record[*at].trim()).collect();
            if values.len() > GROUPS_MAX {
                let fault =
                    format!("the column '{name}' has {} values; at most {GROUPS_MAX} groups are allowed", values.len());
                return Err(self.wrong_line(1, fault));
            }
        }
        Ok(())
    }

    fn beside(&self, name: &str) -> std::path::PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }

    fn data(&self, of: &str) -> String {
        let name = self.path.file_stem().unwrap_or_default().display();
        format!("the {of} of the list '{name}'")
    }

    fn wrong(&self, record: &StringRecord, fault: String) -> Error {
        self.wrong_line(record.position().map_or(1, |position| position.line() as usize), fault)
    }

    fn wrong_line(&self, line: usize, fault: String) -> Error {
        Error::Line { path: self.path.to_owned(), line, fault }
    }
}

#[cfg(test)]
mod tests;
