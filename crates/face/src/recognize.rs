//! Makes a template of one face.

use crate::Error;
use crate::find::Found;
use crate::image::View;
use crate::networks::Networks;
use crate::values::template::Template;

/// The template of a face, and how certain the recognizers are of it.
pub struct Recognized {
    pub template: Template,
    /// The length of the recognizers' vectors as a share of the length that a good picture gives, mean over the
    /// recognizers. `None` if no recognizer's length says how certain it is.
    pub certainty: Option<f32>,
}

/// Joins the recognizers' vectors for the aligned face, each at length one, so that the cosine of two templates is the
/// mean of the cosines of the single recognizers. Each recognizer's vector is the mean for the face and its mirror
/// image.
pub fn recognize(networks: &mut Networks, view: View, found: &Found) -> Result<Recognized, Error> {
    let (mut values, mut certainties) = (Vec::new(), Vec::new());
    for which in 0..networks.recognizers() {
        let aligned = networks.aligned(which, view, &found.mesh).ok_or(Error::NoFace)?;
        let [plain, mirrored] = networks.recognize(which, [&aligned, &aligned.mirrored()])?;
        if let Some(good) = networks.length(which) {
            certainties.push((length(&plain) + length(&mirrored)) as f32 / (2.0 * good));
        }
        let sum: Vec<f32> = plain.iter().zip(mirrored).map(|(a, b)| a + b).collect();
        values.extend(unit(&sum).ok_or_else(unusable)?);
    }
    let certainty = (!certainties.is_empty()).then(|| certainties.iter().sum::<f32>() / certainties.len() as f32);
    Ok(Recognized { template: networks.template(&values).ok_or_else(unusable)?, certainty })
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

/// Scales a vector to length one; `None` if it has no direction.
fn unit(vector: &[f32]) -> Option<impl Iterator<Item = f32>> {
    let length = length(vector);
    (length.is_normal()).then(|| vector.iter().map(move |v| (f64::from(*v) / length) as f32))
}

fn unusable() -> Error {
    Error::Failed("a recognizer returned a vector without a direction".into())
}
