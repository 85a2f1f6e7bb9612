//! Extracts templates from all pictures of a collection, with one thread for each engine.

use std::path::Path;
use std::time::Duration;

use face::Picture;
use face::discount::Discounts;
use face::values::template::Template;

use crate::Error;
use crate::input::collection::Labelled;
use crate::input::pictures;

/// A described face.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub template: Template,
    /// Quality as the contract defines it: above 100 is good.
    pub quality: i32,
}

/// The faces of a collection's pictures, in the collection's order.
pub struct Descriptions {
    /// The face of each picture, or the reason why there is none.
    pub faces: Vec<Result<Described, face::Error>>,
    /// The time from the first picture to the last.
    pub took: Duration,
    pub threads: usize,
    /// Lower the cosines of poor pictures. Without discounts, cosines stay as they are.
    pub discounts: Discounts,
}

impl From<face::DescribedFace> for Described {
    fn from(face: face::DescribedFace) -> Self {
        Self { template: face.template, quality: face.quality.value }
    }
}

impl Descriptions {
    /// Returns the mean time that one thread spends on one picture.
    pub fn ms_per_picture(&self) -> f64 {
        self.took.as_secs_f64() * 1e3 * self.threads as f64 / self.faces.len().max(1) as f64
    }

    /// Applies these discounts to the cosines of poor pictures, and so to all figures.
    #[must_use]
    pub fn discounted(self, discounts: Discounts) -> Self {
        Self { discounts, ..self }
    }

    /// Returns the discounted cosine of two of the faces; `None` if one is missing.
    pub fn cosine(&self, faces: [usize; 2]) -> Option<f64> {
        let [Ok(a), Ok(b)] = faces.map(|place| self.faces[place].as_ref()) else { return None };
        Some(self.discounts.cosine(&a.template, &b.template))
    }
}

/// Describes the face in the middle of every picture: LFW's pictures are centred on the person that they are named
/// after, and in one of 150 somebody else's face is a little larger. `engines` has one entry per thread; `done` is
/// called after each picture.
///
/// A file that cannot be read ends the whole call with an error; a picture without a face does not.
pub fn all<C>(pictures: &[Labelled], engines: Vec<C>, done: &(dyn Fn() + Sync)) -> Result<Descriptions, Error>
where
    C: FnMut(&Picture) -> Result<face::DescribedFace, face::Error> + Send,
{
    let paths: Vec<&Path> = pictures.iter().map(|picture| picture.path.as_path()).collect();
    let engine = |mut engine: C| move |picture: &Picture| engine(picture).map(Described::from);
    let looked = pictures::each(&paths, engines.into_iter().map(engine).collect(), done)?;
    let discounts = Discounts::default();
    Ok(Descriptions { faces: looked.found, took: looked.took, threads: looked.threads, discounts })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use face::WantedFace;
    use face::values::picture::{Landmarks, Quality};

    use super::*;

    fn manifest_and_source() -> Vec<Labelled> {
        let file = |name: &str| Labelled {
            person: name.to_owned(),
            name: name.to_owned(),
            path: Path::new(env!("CARGO_MANIFEST_DIR")).join(name),
            ..Labelled::default()
        };
        vec![file("Cargo.toml"), file("src/lib.rs"), file("Cargo.toml")]
    }

    /// Turns a file into a template that holds the file's length.
    fn engine(picture: &Picture) -> Result<face::DescribedFace, face::Error> {
        assert_eq!(picture.wanted, WantedFace::Central);
        if picture.bytes.starts_with(b"[package]") {
            return Err(face::Error::NoFace);
        }
        let template = Template::new(1, &[picture.bytes.len() as f32, 1.0]).expect("it is not zero");
        let quality = Quality { value: 100, reasons: Vec::new() };
        Ok(face::DescribedFace { digest: String::new(), landmarks: Landmarks::default(), quality, template })
    }

    #[test]
    fn templates_come_in_the_order_of_the_pictures() {
        let counted = AtomicUsize::new(0);
        let done = || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let descriptions = all(&manifest_and_source(), vec![engine, engine], &done).expect("the files exist");
        assert_eq!(counted.into_inner(), 3);
        assert_eq!(descriptions.threads, 2);
        assert_eq!(descriptions.faces[0], Err(face::Error::NoFace));
        assert!(descriptions.faces[1].as_ref().is_ok_and(|face| face.quality == 100));
        assert_eq!(descriptions.faces[2], Err(face::Error::NoFace));
    }

    #[test]
    fn a_missing_file_ends_it_and_is_named() {
        let mut pictures = manifest_and_source();
        pictures[1].path = "no/such/file".into();
        let error = all(&pictures, vec![engine], &|| ()).err().expect("it is not there");
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }
}
