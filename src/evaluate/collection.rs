//! Labelled pictures: who is on which, and which of them are compared.

use std::fmt;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

/// Pictures of people, and the comparisons that a test's protocol names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// In the order of their names, each once.
    pub pictures: Vec<Labelled>,
    /// Empty where the data has no protocol of its own.
    pub trials: Vec<Trial>,
}

/// A picture file and the person on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labelled {
    pub person: String,
    /// What reports call it.
    pub name: String,
    pub path: PathBuf,
}

/// One comparison of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The part of a cross-validation that it belongs to, from 0.
    pub fold: usize,
    /// Places in `Collection::pictures`.
    pub pictures: [usize; 2],
}

impl Collection {
    /// How many people the pictures show.
    pub fn people(&self) -> usize {
        self.pictures.chunk_by(|a, b| a.person == b.person).count()
    }

    /// Whether both pictures of a trial show one person.
    pub fn same(&self, trial: &Trial) -> bool {
        let [a, b] = trial.pictures;
        self.pictures[a].person == self.pictures[b].person
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
}
