//! Estimates the age of one face.

use crate::Error;
use crate::image::View;
use crate::mesh::Mesh;
use crate::networks::Networks;
use crate::values::picture::Quality;

/// The quality of a picture that shows no face.
pub const NO_PERSON: i32 = -10_000;

/// The side of the age network's crop, as a multiple of the extent of the mesh.
const SQUARE: f32 = 1.07;
/// The highest age that is stated: the network's output has no bounds of its own.
const YEARS_MAX: f32 = 120.0;

/// Returns the age in years, 0 to 120: the mean of the network's outputs for the face and for its mirror image.
pub fn years(networks: &mut Networks, view: View, mesh: &Mesh) -> Result<f32, Error> {
    let crop = networks.age_crop(view, mesh.square_of(SQUARE));
    let [plain, mirrored] = networks.years([&crop, &crop.mirrored()])?;
    bounded(f32::midpoint(plain, mirrored))
}

/// Does the same in half the time and a little less exactly: without the mirror image.
pub fn rough_years(networks: &mut Networks, view: View, mesh: &Mesh) -> Result<f32, Error> {
    let crop = networks.age_crop(view, mesh.square_of(SQUARE));
    let [plain] = networks.years([&crop])?;
    bounded(plain)
}

fn bounded(years: f32) -> Result<f32, Error> {
    if years.is_finite() {
        Ok(years.clamp(0.0, YEARS_MAX))
    } else {
        Err(Error::Failed("the age network returned a value that is not a number".into()))
    }
}

/// Returns true if an age, as answers state it, reaches the threshold; both in years.
pub fn is_above(years: f32, threshold: i32) -> bool {
    years >= threshold as f32
}

/// Rounds an age as answers state it: in years, to a tenth.
pub fn stated(years: f32) -> f32 {
    (10.0 * years).round() / 10.0
}

/// Returns true if an age may be stated for a face: from quality 0 on. Below that, answers ask for another picture.
pub fn is_enough(quality: &Quality) -> bool {
    quality.value >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_is_what_is_compared() {
        assert_eq!((stated(17.96), stated(17.94), stated(0.04)), (18.0, 17.9, 0.0));
        for (years, expected) in [(17.94, false), (17.96, true), (18.0, true)] {
            assert_eq!(is_above(stated(years), 18), expected, "{years}");
        }
    }
}
