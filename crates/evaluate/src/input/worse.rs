//! Faces of different people, in degraded copies of their photographs.

use std::path::Path;

use face::networks::Networks;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::degrade::{Degradation, Photograph};
use crate::input::collection::{Half, Labelled};
use crate::input::descriptions::Described;
use crate::input::pictures;

/// One photograph of each of several people, all degraded in the same way.
pub struct Worse {
    pub how: Degradation,
    pub grade: f32,
    pub faces: Vec<Face>,
}

/// A person's face, in the photograph and in its degraded copy.
pub struct Face {
    pub good: Described,
    /// `None` if no face was found in the copy.
    pub worse: Option<Described>,
}

/// Returns every kind of degradation at each of its grades.
pub fn ways() -> impl Iterator<Item = (Degradation, f32)> {
    Degradation::ALL.into_iter().flat_map(|how| how.grades().iter().map(move |grade| (how, *grade)))
}

/// Picks one picture each of up to `count` people of a half, in the order of the SHA-256 of their names: the same on
/// every machine.
pub fn chosen(pictures: &[Labelled], half: Half, count: usize) -> Vec<&Labelled> {
    let firsts = pictures.chunk_by(|a, b| a.person == b.person).filter_map(<[_]>::first);
    let mut firsts: Vec<&Labelled> = firsts.filter(|picture| Half::of(&picture.person) == half).collect();
    firsts.sort_by_cached_key(|picture| Sha256::digest(&picture.person));
    firsts.truncate(count);
    firsts
}

/// Degrades each picture in every way and describes the copies. Pictures without a face are left out.
pub fn describe(pictures: &[&Labelled], engines: Vec<Networks>, done: &(dyn Fn() + Sync)) -> Result<Vec<Worse>, Error> {
    let paths: Vec<&Path> = pictures.iter().map(|picture| picture.path.as_path()).collect();
    let engine = |mut networks: Networks| {
        move |picture: &face::Picture| {
            let photograph = Photograph::read(&mut networks, picture)?;
            let good = Described::from(networks.describe(picture)?);
            let one = |(how, grade)| photograph.describe(&mut networks, how, grade).ok().map(Described::from);
            Ok((good, ways().map(one).collect::<Vec<_>>()))
        }
    };
    let looked = pictures::each(&paths, engines.into_iter().map(engine).collect(), done)?;
    let found: Vec<(Described, Vec<Option<Described>>)> = looked.found.into_iter().flatten().collect();
    let faces =
        |at: usize| found.iter().map(|(good, worse)| Face { good: good.clone(), worse: worse[at].clone() }).collect();
    Ok(ways().enumerate().map(|(at, (how, grade))| Worse { how, grade, faces: faces(at) }).collect())
}
