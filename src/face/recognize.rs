//! One face to a template.

use crate::domain::template::Template;
use crate::face::Error;
use crate::face::image::View;
use crate::face::mesh::Mesh;
use crate::face::networks::Networks;

/// The mean of what the recognizer says of the aligned face and of its mirror image, at length one.
pub fn template(networks: &mut Networks, view: View, mesh: &Mesh) -> Result<Template, Error> {
    let aligned = networks.aligned(view, mesh).ok_or(Error::NoFace)?;
    let plain = networks.recognize(&aligned)?;
    let mirrored = networks.recognize(&aligned.mirrored())?;
    let mean: Vec<f32> = plain.iter().zip(mirrored).map(|(a, b)| f32::midpoint(*a, b)).collect();
    let unusable = || Error::Failed("the recognizer gave no direction".into());
    networks.template(&mean).ok_or_else(unusable)
}
