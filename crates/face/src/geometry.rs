//! Maps between pixels of a picture and pixels of a network's input.

use crate::values::picture::Point;

/// Eye on the left of the picture, the other eye, tip of the nose, corner of the mouth on the left, the other corner.
pub type Five = [Point; 5];

/// A rotation, a scale and a translation: `(x, y)` becomes `(a x - b y + shift_x, b x + a y + shift_y)`.
///
/// On both sides, the centre of the first pixel is (0, 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    pub a: f64,
    pub b: f64,
    pub shift_x: f64,
    pub shift_y: f64,
}

/// Maps `(u, v)` to `(x[0] u + x[1] v + shift_x, y[0] u + y[1] v + shift_y)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    pub x: [f64; 2],
    pub y: [f64; 2],
    pub shift_x: f64,
    pub shift_y: f64,
}

/// A square of a picture, rotated by `angle` (radians, clockwise in the picture).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    pub centre: Point,
    pub side: f32,
    pub angle: f32,
}

impl Square {
    /// Returns the map from the picture to a crop of `size` x `size` pixels that shows this square upright.
    pub fn crop(self, size: usize) -> Similarity {
        let scale = size as f64 / f64::from(self.side);
        let (sin, cos) = f64::from(self.angle).sin_cos();
        let (a, b) = (scale * cos, -scale * sin);
        let (x, y) = (f64::from(self.centre.x), f64::from(self.centre.y));
        let middle = size as f64 / 2.0;
        Similarity { a, b, shift_x: middle - (a * x - b * y), shift_y: middle - (b * x + a * y) }
    }
}

impl Similarity {
    /// Returns the similarity that takes `from` to `to` with the least sum of squared distances; `None` if all of
    /// `from` lie in one place, or something is not finite.
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        let n = from.len().min(to.len()) as f64;
        let mean = |points: &[Point]| {
            let sum = points.iter().fold((0.0, 0.0), |(x, y), p| (x + f64::from(p.x), y + f64::from(p.y)));
            (sum.0 / n, sum.1 / n)
        };
        let ((from_x, from_y), (to_x, to_y)) = (mean(from), mean(to));
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (s, d) in from.iter().zip(to) {
            let (sx, sy) = (f64::from(s.x) - from_x, f64::from(s.y) - from_y);
            let (dx, dy) = (f64::from(d.x) - to_x, f64::from(d.y) - to_y);
            along += sx * dx + sy * dy;
            across += sx * dy - sy * dx;
            spread += sx * sx + sy * sy;
        }
        let (a, b) = (along / spread, across / spread);
        let usable = spread > 1e-9 && a.is_finite() && b.is_finite() && a.hypot(b) > 1e-9;
        let shift = (to_x - (a * from_x - b * from_y), to_y - (b * from_x + a * from_y));
        usable.then_some(Self { a, b, shift_x: shift.0, shift_y: shift.1 })
    }

    /// Returns the number of output pixels per input pixel, along one axis.
    pub fn scale(self) -> f64 {
        self.a.hypot(self.b)
    }

    #[must_use]
    pub fn inverse(self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, shift_x: -(a * self.shift_x - b * self.shift_y), shift_y: -(b * self.shift_x + a * self.shift_y) }
    }

    pub fn apply(self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x - self.b * y + self.shift_x, self.b * x + self.a * y + self.shift_y)
    }

    pub fn point(self, point: Point) -> Point {
        let (x, y) = self.apply(f64::from(point.x), f64::from(point.y));
        Point { x: x as f32, y: y as f32 }
    }
}

impl Affine {
    pub fn apply(self, u: f64, v: f64) -> (f64, f64) {
        (self.x[0] * u + self.x[1] * v + self.shift_x, self.y[0] * u + self.y[1] * v + self.shift_y)
    }

    /// Returns the map that applies `first`, and then this one.
    #[must_use]
    pub fn after(self, first: Similarity) -> Self {
        let turned = |[u, v]: [f64; 2]| [u * first.a + v * first.b, v * first.a - u * first.b];
        let (shift_x, shift_y) = self.apply(first.shift_x, first.shift_y);
        Self { x: turned(self.x), y: turned(self.y), shift_x, shift_y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: f64 = 1e-4;

    fn near(a: Point, b: Point) -> bool {
        f64::from((a.x - b.x).hypot(a.y - b.y)) < NEAR
    }

    #[test]
    fn a_fit_finds_the_map_that_made_its_points() {
        let map = Similarity { a: 1.5, b: -0.5, shift_x: 10.0, shift_y: -3.0 };
        let from = [(0.0, 0.0), (10.0, 0.0), (3.0, 7.0)].map(|(x, y)| Point { x, y });
        let found = Similarity::fit(&from, &from.map(|p| map.point(p))).expect("they differ");
        assert!((found.a - map.a).abs() < NEAR && (found.b - map.b).abs() < NEAR);
        assert!((found.shift_x - map.shift_x).abs() < NEAR && (found.shift_y - map.shift_y).abs() < NEAR);
        assert!(from.iter().all(|p| near(map.inverse().point(map.point(*p)), *p)));
        assert_eq!(Similarity::fit(&[from[0]; 3], &from), None);
        assert_eq!(Similarity::fit(&[], &[]), None);
    }

    #[test]
    fn a_crop_shows_its_square_upright() {
        let square = Square { centre: Point { x: 50.0, y: 40.0 }, side: 20.0, angle: 0.5 };
        let map = square.crop(100);
        assert!(near(map.point(square.centre), Point { x: 50.0, y: 50.0 }));
        let along = Point { x: 50.0 + 10.0 * 0.5f32.cos(), y: 40.0 + 10.0 * 0.5f32.sin() };
        assert!(near(map.point(along), Point { x: 100.0, y: 50.0 }));
        assert!((map.scale() - 5.0).abs() < NEAR);
    }
}
