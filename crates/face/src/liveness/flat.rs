//! Measures whether points move as those of a plane do.

use nalgebra::{DMatrix, Matrix3, Vector3};

use crate::values::picture::Point;

/// Returns the homography residual: the root mean square distance of `to` from the places to which the best homography
/// takes `from`, in units of `unit`. The homography is fitted by the direct linear transform with normalised
/// coordinates (Hartley 1997). `None` if there is none.
///
/// A plane before a camera moves by a homography; a face with its nose does not.
pub fn residual(from: &[Point], to: &[Point], unit: f32) -> Option<f32> {
    let (from, _) = normalised(from)?;
    let (to, back) = normalised(to)?;
    let mut rows = DMatrix::<f64>::zeros((2 * from.len()).max(9), 9);
    for (place, (f, t)) in from.iter().zip(&to).enumerate() {
        let [x, y, u, v] = [f.x, f.y, t.x, t.y];
        let across = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, -u];
        let down = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, -v];
        for column in 0..9 {
            rows[(2 * place, column)] = across[column];
            rows[(2 * place + 1, column)] = down[column];
        }
    }
    let svd = rows.svd(false, true);
    let least = svd.singular_values.imin();
    let h = svd.v_t?.row(least).transpose();
    let homography = Matrix3::new(h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]);
    let squares = from.iter().zip(&to).map(|(f, t)| {
        let taken = homography * f;
        ((taken.x / taken.z - t.x).powi(2) + (taken.y / taken.z - t.y).powi(2)) / (back * back)
    });
    let mean = squares.sum::<f64>() / from.len() as f64;
    let residual = mean.sqrt() as f32 / unit;
    residual.is_finite().then_some(residual)
}

/// Centres points and scales them to a mean distance of √2. Also returns the scale. `None` for fewer than five points,
/// or if all lie in one place.
fn normalised(points: &[Point]) -> Option<(Vec<Vector3<f64>>, f64)> {
    let count = points.len() as f64;
    let sum = |value: fn(&Point) -> f32| points.iter().map(|point| f64::from(value(point))).sum::<f64>() / count;
    let (x, y) = (sum(|point| point.x), sum(|point| point.y));
    let distances = points.iter().map(|point| (f64::from(point.x) - x).hypot(f64::from(point.y) - y));
    let scale = std::f64::consts::SQRT_2 * count / distances.sum::<f64>();
    let moved = |point: &Point| Vector3::new((f64::from(point.x) - x) * scale, (f64::from(point.y) - y) * scale, 1.0);
    (scale.is_finite() && points.len() >= 5).then(|| (points.iter().map(moved).collect(), scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the points of a head, on half a ball, as they are seen after a turn.
    fn seen(yaw: f64, depth: f64) -> Vec<Point> {
        let (sin, cos) = yaw.to_radians().sin_cos();
        let mut points = vec![];
        for row in -2..=2 {
            for column in -2..=2 {
                let (x, y) = (f64::from(column) * 20.0, f64::from(row) * 20.0);
                let z = -depth * (1.0 - (x * x + y * y) / 4000.0);
                let (x, z) = (cos * x - sin * z, sin * x + cos * z);
                let scale = 500.0 / (500.0 + z);
                points.push(Point { x: (x * scale + 200.0) as f32, y: (y * scale + 200.0) as f32 });
            }
        }
        points
    }

    #[test]
    fn a_plane_moves_by_a_homography_and_a_head_does_not() {
        let plane = residual(&seen(0.0, 0.0), &seen(30.0, 0.0), 60.0).expect("there is one");
        let head = residual(&seen(0.0, 50.0), &seen(30.0, 50.0), 60.0).expect("there is one");
        assert!(plane < 1e-4 && head > 0.05, "{plane} {head}");
        assert_eq!(residual(&[Point { x: 1.0, y: 1.0 }; 24], &seen(0.0, 0.0), 1.0), None);
    }
}
