//! One face to the age that it looks.

use crate::face::Error;
use crate::face::image::View;
use crate::face::mesh::Mesh;
use crate::face::networks::Networks;

/// The side of what the network is shown, as a multiple of what the mesh spans.
const SQUARE: f32 = 1.0;
/// Nobody is older. The network's number has no bounds of its own.
const YEARS_MAX: f32 = 120.0;

/// In years, from 0 to 120: the mean of what the network says of the face and of its mirror image.
pub fn years(networks: &mut Networks, view: View, mesh: &Mesh) -> Result<f32, Error> {
    let crop = networks.age_crop(view, mesh.square_of(SQUARE));
    let plain = networks.years(&crop)?;
    let mirrored = networks.years(&crop.mirrored())?;
    let years = f32::midpoint(plain, mirrored);
    if years.is_finite() {
        Ok(years.clamp(0.0, YEARS_MAX))
    } else {
        Err(Error::Failed("the age network gave no number".into()))
    }
}
