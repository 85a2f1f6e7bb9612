//! Labelled pictures: who is on which, and which of them are compared.

use std::fmt;
use std::path::PathBuf;

use face::values::picture::ImageType;
use sha2::{Digest, Sha256};

/// More pictures than this cannot be compared with each other in an hour.
pub const PICTURES_MAX: usize = 100_000;

/// Pictures of people, and the comparisons that a test's protocol names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// What the pictures are, in words.
    pub data: String,
    /// What a reader of figures made with them must know, a sentence each.
    pub caveats: Vec<String>,
    /// Names of what people or pairs are grouped by.
    pub columns: Vec<String>,
    /// In the order of their people and then of their names, each once.
    pub pictures: Vec<Labelled>,
    pub trials: Trials,
}

/// A picture file and the person on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labelled {
    /// The picture's own name where only pairs are labelled.
    pub person: String,
    /// What reports call it.
    pub name: String,
    pub path: PathBuf,
    pub image_type: Option<ImageType>,
    /// One for each of the collection's columns, empty where it is not known; none at all where pairs are grouped.
    pub groups: Vec<String>,
}

/// The comparisons that are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trials {
    /// Every picture with every other.
    #[default]
    All,
    /// These for a cross-validation, and every picture with every other for all else.
    Folds(Vec<Trial>),
    /// Only these: who is on the pictures is not known.
    Listed(Vec<Trial>),
}

/// One comparison of a protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// The part of a cross-validation that it belongs to, from 0.
    pub fold: usize,
    /// Places in `Collection::pictures`.
    pub pictures: [usize; 2],
    /// Whether both show one person.
    pub same: bool,
    /// As `Labelled::groups`, where pairs are grouped.
    pub groups: Vec<String>,
}

impl Collection {
    /// How many people the pictures show; `None` where only pairs are labelled.
    pub fn people(&self) -> Option<usize> {
        let people = || self.pictures.chunk_by(|a, b| a.person == b.person).count();
        self.listed().is_none().then(people)
    }

    /// The trials of a cross-validation.
    pub fn folds(&self) -> &[Trial] {
        match &self.trials {
            Trials::Folds(trials) => trials,
            Trials::All | Trials::Listed(_) => &[],
        }
    }

    /// The only pairs that may be compared.
    pub fn listed(&self) -> Option<&[Trial]> {
        match &self.trials {
            Trials::Listed(trials) => Some(trials),
            Trials::All | Trials::Folds(_) => None,
        }
    }
}

/// Which people a calibration is fitted on, and which are kept back to check it.
///
/// It follows from the name alone: the lowest bit of the first byte of its SHA-256. So it is the same on every
/// machine, and stays the same when people are added.
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
