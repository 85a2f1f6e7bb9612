//! Estimates with the networks against spoofs whether one picture shows a face or a picture of a face.

use crate::Error;
use crate::image::View;
use crate::mesh::Mesh;
use crate::networks::Networks;
use crate::pack::Pack;
use crate::pack::liveness::Measured;
use crate::values::picture::FaceBox;

/// The networks against spoofs, and their measured error rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The networks, each in the words of its pack; at least one.
    pub networks: Vec<String>,
    /// The error rates of this pack's checks; `None` if they were not measured.
    pub measured: Option<Measured>,
}

impl Origin {
    /// Returns `None` for a pack without networks against spoofs.
    pub fn of(pack: &Pack) -> Option<Self> {
        let mut networks: Vec<String> = pack.spoofs.iter().map(|spoof| spoof.network.origin.clone()).collect();
        // One network may see several crops.
        networks.dedup();
        (!networks.is_empty()).then(|| Self { networks, measured: pack.liveness.measured.clone() })
    }
}

/// Returns how real the face of a mesh looks, 0..1: the mean over the pack's networks; `None` for a pack without any.
pub fn real(networks: &mut Networks, view: View, mesh: &Mesh) -> Result<Option<f32>, Error> {
    let crops = networks.spoof_crops();
    let mut total = 0.0;
    for (which, crop) in crops.iter().enumerate() {
        let logits = networks.spoof(which, view, around(mesh, *crop, view.width, view.height))?;
        let real = softmax(&logits).get(1).copied().filter(|share| share.is_finite());
        total += real.ok_or_else(|| Error::Failed("a spoof network returned a value that is not a number".into()))?;
    }
    Ok((!crops.is_empty()).then(|| total / crops.len() as f32))
}

/// Returns the upright box around a mesh, enlarged by `scale` about its centre: by less if the picture is smaller, and
/// moved to lie inside it.
fn around(mesh: &Mesh, scale: f32, width: usize, height: usize) -> FaceBox {
    let range = |axis: usize| {
        let values = mesh.points.iter().map(|point| point[axis]);
        values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (top, bottom)) = (range(0), range(1));
    let own = [(right - left).max(1.0), (bottom - top).max(1.0)];
    let room = [width as f32 - 1.0, height as f32 - 1.0];
    let scale = scale.min(room[0] / own[0]).min(room[1] / own[1]);
    let place =
        |low: f32, high: f32, room: f32, side: f32| (f32::midpoint(low, high) - side / 2.0).min(room - side).max(0.0);
    let [wide, high] = own.map(|side| side * scale);
    FaceBox { x: place(left, right, room[0], wide), y: place(top, bottom, room[1], high), width: wide, height: high }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_around_a_face_stays_in_the_picture() {
        let corner = |x, y| [x, y, 0.0];
        let mesh = Mesh { points: vec![corner(10.0, 40.0), corner(60.0, 100.0)], presence: 1.0 };
        let inside = |part: FaceBox| [part.x, part.y, part.x + part.width, part.y + part.height];
        assert_eq!(inside(around(&mesh, 1.0, 400, 400)), [10.0, 40.0, 60.0, 100.0]);
        // The left edge would lie outside.
        assert_eq!(inside(around(&mesh, 2.0, 400, 400)), [0.0, 10.0, 100.0, 130.0]);
        // Three times the size is more than the picture has.
        assert_eq!(inside(around(&mesh, 3.0, 121, 121)), [0.0, 0.0, 100.0, 120.0]);
    }
}
