//! The 468 points of FaceMesh: the crop they are found in, and the pose and the landmarks that follow from them.

use nalgebra::{Matrix3, Vector3};

use crate::detect::{self, Detection};
use crate::geometry::{Five, Similarity, Square};
use crate::values::picture::{Eyes, Point};

/// The number of points of a mesh.
pub const POINTS: usize = 468;
/// The side of a crop, as a multiple of the face's.
const MARGIN: f32 = 1.5;
/// Outer corners of the eyes, left of the picture first: the line that is level in an upright face.
const EYE_CORNERS: [usize; 2] = [33, 263];
/// Corners and lids of the eyes, left of the picture first.
const EYES: [[usize; 8]; 2] = [[33, 133, 160, 144, 159, 145, 158, 153], [263, 362, 387, 373, 386, 374, 385, 380]];
/// Tip of the nose, and corners of the mouth, left of the picture first.
const NOSE_TIP: usize = 4;
const MOUTH_CORNERS: [usize; 2] = [57, 287];

/// The mean of 2,500 faces: x to the right, y down, z away from the camera, outer eye corners 1 apart, the same if
/// mirrored. `f32`, little endian, x, y and z of each point.
const MEAN_MESH: &[u8; 12 * POINTS] = include_bytes!("mean_mesh.bin");

/// The points of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// x, y in pixels of the picture; z in the same unit, away from the camera, zero about the head's centre.
    pub points: Vec<[f32; 3]>,
    /// The network's confidence that these are the points of a face, 0..1.
    pub presence: f32,
}

/// The pose of a head, in degrees; all zero for the mean pose of many photographs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Positive: the nose points to the picture's right.
    pub yaw: f32,
    /// Positive: the nose points down.
    pub pitch: f32,
    /// Positive: clockwise in the picture.
    pub roll: f32,
}

/// Returns the square in which the mesh of a detected face is looked for.
pub fn square_of_detection(detection: &Detection) -> Square {
    let [left, right] = detection.eyes;
    Square {
        centre: detect::centre(detection.face_box),
        side: MARGIN * detection.face_box.width.max(detection.face_box.height),
        angle: (right.y - left.y).atan2(right.x - left.x),
    }
}

/// Reads the points from the network's output for the crop that `map` made.
pub fn read(output: &[f32], presence: f32, map: Similarity) -> Mesh {
    let (back, scale) = (map.inverse(), map.scale() as f32);
    let place = |&[x, y, z]: &[f32; 3]| {
        let point = back.point(Point { x, y });
        [point.x, point.y, z / scale]
    };
    Mesh { points: output.as_chunks::<3>().0.iter().map(place).collect(), presence }
}

impl Mesh {
    /// # Panics
    /// If `index` is not below [`POINTS`].
    pub fn point(&self, index: usize) -> Point {
        let [x, y, _] = self.points[index];
        Point { x, y }
    }

    /// Maps every point with `place`; depths stay.
    #[must_use]
    pub fn moved(&self, place: impl Fn(Point) -> Point) -> Self {
        let moved = |&[x, y, z]: &[f32; 3]| {
            let point = place(Point { x, y });
            [point.x, point.y, z]
        };
        Self { points: self.points.iter().map(moved).collect(), presence: self.presence }
    }

    /// Returns the angle of the line through the outer corners of the eyes; radians, clockwise.
    pub fn angle(&self) -> f32 {
        let [left, right] = EYE_CORNERS.map(|corner| self.point(corner));
        (right.y - left.y).atan2(right.x - left.x)
    }

    /// Returns the square around all points that is upright as the face is, with a margin, for another pass of the
    /// network.
    pub fn square(&self) -> Square {
        self.square_of(MARGIN)
    }

    /// Returns the same square with sides of `factor` times the longer side of the points' extent.
    pub fn square_of(&self, factor: f32) -> Square {
        let angle = self.angle();
        let (sin, cos) = angle.sin_cos();
        let turned = self.points.iter().map(|[x, y, _]| (cos * x + sin * y, cos * y - sin * x));
        let range = |(low, high): (f32, f32), value: f32| (low.min(value), high.max(value));
        let start = (f32::MAX, f32::MIN);
        let ((left, right), (top, low)) = turned.fold((start, start), |(xs, ys), (x, y)| (range(xs, x), range(ys, y)));
        let (x, y) = (f32::midpoint(left, right), f32::midpoint(top, low));
        let centre = Point { x: cos * x - sin * y, y: sin * x + cos * y };
        Square { centre, side: factor * (right - left).max(low - top), angle }
    }

    /// Returns the eyes, as centres of corners and lids, by their place in the picture.
    pub fn eyes(&self) -> Eyes {
        let [one, other] = self.eye_centres();
        // In a picture that lies upside down they have changed places.
        if one.x <= other.x { Eyes { left: one, right: other } } else { Eyes { left: other, right: one } }
    }

    /// Returns the interocular distance in pixels, measured in space: it does not depend on how the head is turned.
    pub fn iod(&self) -> f32 {
        let [one, other] = EYES.map(|eye| self.centre(eye));
        one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
    }

    /// Returns the centres of the eyes. The eye on the left of an upright face comes first.
    fn eye_centres(&self) -> [Point; 2] {
        EYES.map(|eye| {
            let [x, y, _] = self.centre(eye);
            Point { x, y }
        })
    }

    /// Returns the mean x, y and z of these vertices.
    fn centre(&self, vertices: [usize; 8]) -> [f32; 3] {
        let of = |axis: usize| vertices.iter().map(|vertex| self.points[*vertex][axis]).sum::<f32>();
        std::array::from_fn(|axis| of(axis) / vertices.len() as f32)
    }

    /// Returns centres of the eyes, tip of the nose and corners of the mouth. Left is the left of the upright face,
    /// however it lies in the picture.
    pub fn five(&self) -> Five {
        let [left, right] = self.eye_centres();
        let [nose, left_corner, right_corner] =
            [NOSE_TIP, MOUTH_CORNERS[0], MOUTH_CORNERS[1]].map(|vertex| self.point(vertex));
        [left, right, nose, left_corner, right_corner]
    }

    /// Returns the pose by a least-squares rotation (Procrustes) of the mean mesh; `None` if the points have no shape.
    pub fn pose(&self) -> Option<Pose> {
        let own: Vec<Vector3<f64>> = self.points.iter().map(|p| Vector3::from(p.map(f64::from))).collect();
        let reference = mean_mesh();
        let middle = |points: &[Vector3<f64>]| points.iter().sum::<Vector3<f64>>() / points.len() as f64;
        let (own_middle, reference_middle) = (middle(&own), middle(&reference));
        let products = reference.iter().zip(&own).map(|(r, o)| (r - reference_middle) * (o - own_middle).transpose());
        let covariance: Matrix3<f64> = products.sum();
        if !covariance.iter().all(|v| v.is_finite()) {
            return None;
        }
        let svd = covariance.svd(true, true);
        let (u, v_t) = (svd.u?, svd.v_t?);
        let mut sign = Matrix3::identity();
        sign[(2, 2)] = (u * v_t).determinant().signum();
        let rotation = (u * sign * v_t).transpose();
        let degrees = |radians: f64| radians.to_degrees() as f32;
        Some(Pose {
            yaw: degrees(rotation[(2, 0)].clamp(-1.0, 1.0).asin()),
            pitch: degrees(rotation[(2, 1)].atan2(rotation[(2, 2)])),
            roll: degrees(rotation[(1, 0)].atan2(rotation[(0, 0)])),
        })
    }
}

fn mean_mesh() -> Vec<Vector3<f64>> {
    let value = |bytes: &[u8; 4]| f64::from(f32::from_le_bytes(*bytes));
    let points = MEAN_MESH.as_chunks::<12>().0.iter();
    points.map(|point| Vector3::from_iterator(point.as_chunks::<4>().0.iter().map(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the mean mesh with 60 pixels between the outer eye corners, turned by `roll` and `yaw`.
    fn mesh(roll: f64, yaw: f64) -> Mesh {
        let (rs, rc) = roll.to_radians().sin_cos();
        let (ys, yc) = yaw.to_radians().sin_cos();
        let roll = Matrix3::new(rc, -rs, 0.0, rs, rc, 0.0, 0.0, 0.0, 1.0);
        let yaw = Matrix3::new(yc, 0.0, -ys, 0.0, 1.0, 0.0, ys, 0.0, yc);
        let place = |p: &Vector3<f64>| {
            let p = roll * yaw * p * 60.0;
            [p.x as f32 + 100.0, p.y as f32 + 90.0, p.z as f32]
        };
        Mesh { points: mean_mesh().iter().map(place).collect(), presence: 1.0 }
    }

    #[test]
    fn the_pose_of_a_turned_mean_face() {
        for (roll, yaw) in [(0.0, 0.0), (20.0, 0.0), (-75.0, 30.0), (170.0, -40.0)] {
            let pose = mesh(roll, yaw).pose().expect("it has a shape");
            assert!((f64::from(pose.roll) - roll).abs() < 0.01, "{pose:?}");
            assert!((f64::from(pose.yaw) - yaw).abs() < 0.01, "{pose:?}");
            assert!(pose.pitch.abs() < 0.01, "{pose:?}");
        }
        let nothing = Mesh { points: vec![[f32::NAN; 3]; POINTS], presence: 0.0 };
        assert_eq!(nothing.pose(), None);
    }

    #[test]
    fn the_square_turns_with_the_face() {
        let (upright, turned) = (mesh(0.0, 0.0).square(), mesh(30.0, 0.0).square());
        assert!((turned.angle.to_degrees() - 30.0).abs() < 1e-3);
        assert!((upright.side - turned.side).abs() < 1e-2);
    }

    #[test]
    fn the_distance_of_the_eyes_does_not_depend_on_the_pose() {
        let ahead = mesh(0.0, 0.0);
        assert!((ahead.iod() - ahead.eyes().iod()).abs() < 0.5);
        let turned = mesh(20.0, 40.0);
        assert!((turned.iod() - ahead.iod()).abs() < 0.01 && turned.eyes().iod() < 0.8 * ahead.iod());
    }

    #[test]
    fn five_points_of_a_level_face() {
        let [left, right, nose, left_corner, right_corner] = mesh(0.0, 0.0).five();
        assert!(left.x < nose.x && nose.x < right.x && left_corner.x < nose.x && nose.x < right_corner.x);
        assert!(left.y < nose.y && nose.y < left_corner.y && (left_corner.y - right_corner.y).abs() < 0.5);
        let [left, right, nose, left_corner, right_corner] = mesh(180.0, 0.0).five();
        assert!(left.x > nose.x && nose.x > right.x && left_corner.x > nose.x && nose.x > right_corner.x);
    }

    #[test]
    fn the_left_eye_is_the_one_on_the_left_of_the_picture() {
        let upright = mesh(0.0, 0.0).eyes();
        assert!((40.0..55.0).contains(&upright.iod()), "{upright:?}");
        assert!(upright.left.x < 100.0 && upright.right.x > 100.0);
        let upside_down = mesh(180.0, 0.0).eyes();
        assert!(upside_down.left.x < 100.0 && upside_down.right.x > 100.0);
    }
}
