//! Labelled pictures: who is on each, and which of them are compared.

use std::fmt;
use std::path::PathBuf;

use face::values::picture::ImageType;
use sha2::{Digest, Sha256};

/// Comparing more pictures than this with each other takes more than an hour.
pub const PICTURES_MAX: usize = 100_000;

/// Pictures of people, and the comparisons that a test's protocol lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Describes the pictures in words.
    pub data: String,
    /// Caveats for the reader of figures made with them, one sentence each.
    pub caveats: Vec<String>,
    /// The columns by which people or pairs are grouped.
    pub columns: Vec<String>,
    /// Sorted by person and then by name, without duplicates.
    pub pictures: Vec<Labelled>,
    pub trials: Trials,
}

/// A picture file and the person on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labelled {
    /// The picture's own name if only pairs are labelled.
    pub person: String,
    /// The picture's name in reports.
    pub name: String,
    pub path: PathBuf,
    pub image_type: Option<ImageType>,
    /// One for each of the collection's columns, empty where it is unknown; no entries where pairs are grouped.
    pub groups: Vec<String>,
}

/// The comparisons that are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trials {
    /// Every picture with every other picture.
    #[default]
    All,
    /// These pairs for a cross-validation; every picture with every other picture for all other figures.
    Folds(Vec<Trial>),
    /// Only these pairs: the people on the pictures are unknown.
    Listed(Vec<Trial>),
}

/// One comparison of a protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// The fold of the cross-validation that it belongs to, from 0.
    pub fold: usize,
    /// Indices in `Collection::pictures`.
    pub pictures: [usize; 2],
    /// True if both pictures show one person.
    pub same: bool,
    /// The same as `Labelled::groups`, where pairs are grouped.
    pub groups: Vec<String>,
}

impl Collection {
    /// Returns the number of people on the pictures; `None` if only pairs are labelled.
    pub fn people(&self) -> Option<usize> {
        let people = || self.pictures.chunk_by(|a, b| a.person == b.person).count();
        self.listed().is_none().then(people)
    }

    /// Returns the trials of a cross-validation.
    pub fn folds(&self) -> &[Trial] {
        match &self.trials {
            Trials::Folds(trials) => trials,
            Trials::All | Trials::Listed(_) => &[],
        }
    }

    /// Returns the pairs that may be compared, if no others may.
    pub fn listed(&self) -> Option<&[Trial]> {
        match &self.trials {
            Trials::Listed(trials) => Some(trials),
            Trials::All | Trials::Folds(_) => None,
        }
    }
}

/// The half of the people that a calibration is fitted on, and the half that is held out to check it.
///
/// It follows from the name alone: the lowest bit of the first byte of its SHA-256. So it is the same on every machine,
/// and stays the same when people are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Half {
    /// The bit is 0.
    Fitted,
    /// The bit is 1.
    HeldOut,
}

impl Half {
    pub fn of(person: &str) -> Self {
        if Sha256::digest(person.as_bytes())[0] & 1 == 0 { Self::Fitted } else { Self::HeldOut }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fitted => "SHA-256 of the name even",
            Self::HeldOut => "SHA-256 of the name odd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_follow_from_the_name() {
        // Their digests begin with 2c, 48, ca and 9f.
        assert_eq!(Half::of("hello"), Half::Fitted);
        assert_eq!(Half::of("world"), Half::Fitted);
        assert_eq!(Half::of("a"), Half::Fitted);
        assert_eq!(Half::of("test"), Half::HeldOut);
        let fitted = (0..10_000).filter(|n| Half::of(&format!("Person_{n}")) == Half::Fitted).count();
        assert!((4_800..5_200).contains(&fitted), "{fitted}");
    }

    #[test]
    fn people_are_counted_where_they_are_known() {
        let picture =
            |person: &str, name: &str| Labelled { person: person.into(), name: name.into(), ..Labelled::default() };
        let pictures = vec![picture("a", "1"), picture("a", "2"), picture("b", "3")];
        let all = Collection { pictures, ..Collection::default() };
        assert_eq!(all.people(), Some(2));
        assert_eq!(Collection { trials: Trials::Listed(Vec::new()), ..all }.people(), None);
    }
}
