//! Runs the whole pipeline on one picture.

use sha2::{Digest, Sha256};

use crate::find::{self, Found, Turns};
use crate::image::{Image, View};
use crate::networks::Networks;
use crate::quality::Measures;
use crate::recognize::{self, Recognized};
use crate::values::picture::{FaceBox, Landmarks};
use crate::values::template::Traits;
use crate::{AgeEstimate, AgedFace, DescribedFace, Error, Picture, WantedFace, age, portrait, quality};

impl Networks {
    /// Finds the face of a picture and describes it, on this thread.
    pub fn describe(&mut self, picture: &Picture) -> Result<DescribedFace, Error> {
        let image = Image::decode(&picture.bytes, self.settings().pixels_max, self.memory())?;
        let view = image.view();
        let found = self.wanted(&image, picture)?.ok_or(Error::NoFace)?;
        face(self, view, &found, digest(&picture.bytes))
    }

    /// Finds the face of a picture and estimates its age, on this thread. A picture without a face is not an error.
    pub fn estimate_age(&mut self, picture: &Picture) -> Result<AgeEstimate, Error> {
        let image = match Image::decode(&picture.bytes, self.settings().pixels_max, self.memory()) {
            Err(Error::TooNarrow { .. }) => return Ok(AgeEstimate { digest: digest(&picture.bytes), face: None }),
            decoded => decoded?,
        };
        let view = image.view();
        let found = self.wanted(&image, picture)?;
        let aged = |found: Found| {
            Ok(AgedFace { quality: quality::of(view, &found, None), years: age::years(self, view, &found.mesh)? })
        };
        Ok(AgeEstimate { digest: digest(&picture.bytes), face: found.map(aged).transpose()? })
    }

    /// Returns the wanted face of the picture; `None` if there is no face. Fails if there are too many.
    fn wanted(&mut self, image: &Image, picture: &Picture) -> Result<Option<Found>, Error> {
        let turns = if picture.rotation { Turns::Quarters } else { Turns::None };
        let found = match picture.wanted {
            WantedFace::Only | WantedFace::Portrait | WantedFace::Largest => find::largest(self, image, turns)?,
            WantedFace::Central => find::central(self, image, turns)?,
        };
        let Some(found) = found else { return Ok(None) };
        let faces = match picture.wanted {
            WantedFace::Only => found.faces(),
            WantedFace::Portrait => portrait::people(self, image.view(), &found)?,
            WantedFace::Largest | WantedFace::Central => 1,
        };
        if faces > 1 { Err(Error::MultipleFaces(faces)) } else { Ok(Some(found)) }
    }
}

/// Describes a face that was found in `view` so that it can be compared.
pub fn face(networks: &mut Networks, view: View, found: &Found, digest: String) -> Result<DescribedFace, Error> {
    Ok(measured(networks, view, found, digest)?.0)
}

/// Does the same, and also returns the measures that the quality was made from.
pub fn measured(
    networks: &mut Networks,
    view: View,
    found: &Found,
    digest: String,
) -> Result<(DescribedFace, Measures), Error> {
    let landmarks = Landmarks { eyes: Some(found.mesh.eyes()), face_box: Some(within(view, found.detection.face_box)) };
    let Recognized { template, certainty } = recognize::recognize(networks, view, found)?;
    let measures = Measures { certainty, ..quality::measures(view, found) };
    let quality = quality::quality(&measures);
    let years = networks.discounts_young().then(|| age::rough_years(networks, view, &found.mesh)).transpose()?;
    let template = template.with(Traits::new(quality.value, years));
    Ok((DescribedFace { digest, landmarks, quality, template }, measures))
}

/// Returns the SHA-256 of an image file, in lower-case hex.
pub fn digest(file: &[u8]) -> String {
    format!("{:x}", Sha256::digest(file))
}

/// Clips a box to the picture.
fn within(view: View, face_box: FaceBox) -> FaceBox {
    let cut = |start: f32, len: f32, side: usize| {
        let (low, high) = (start.clamp(0.0, side as f32), (start + len).clamp(0.0, side as f32));
        (low, high - low)
    };
    let (x, width) = cut(face_box.x, face_box.width, view.width);
    let (y, height) = cut(face_box.y, face_box.height, view.height);
    FaceBox { x, y, width, height }
}
