//! Triangulates points (Bowyer 1981, Watson 1981).

/// Three points, by index.
pub type Triangle = [usize; 3];

/// Returns the Delaunay triangulation of points in a plane: no point lies inside the circumcircle of a triangle.
pub fn delaunay(points: &[[f32; 2]]) -> Vec<Triangle> {
    let count = points.len();
    // Three extra points, so far out that all others lie between them.
    let far = 1e5;
    let all: Vec<[f64; 2]> = points
        .iter()
        .map(|[x, y]| [f64::from(*x), f64::from(*y)])
        .chain([[-far, -far], [far, -far], [0.0, far]])
        .collect();
    let mut triangles = vec![Circle::around(&all, [count, count + 1, count + 2])];
    for (place, point) in all[..count].iter().enumerate() {
        let (touched, rest): (Vec<_>, Vec<_>) = triangles.into_iter().partition(|circle| circle.holds(*point));
        triangles = rest;
        let edges: Vec<[usize; 2]> =
            touched.iter().flat_map(|Circle { of: [a, b, c], .. }| [[*a, *b], [*b, *c], [*c, *a]]).collect();
        // The outline of the removed triangles consists of the edges that no two of them share.
        let outline = edges.iter().filter(|[a, b]| !edges.contains(&[*b, *a]));
        triangles.extend(outline.map(|[a, b]| Circle::around(&all, [*a, *b, place])));
    }
    triangles.into_iter().map(|circle| circle.of).filter(|of| of.iter().all(|place| *place < count)).collect()
}

/// A triangle with the orientation of the first one, and its circumcircle.
struct Circle {
    of: Triangle,
    centre: [f64; 2],
    square_radius: f64,
}

impl Circle {
    fn around(points: &[[f64; 2]], of: Triangle) -> Self {
        let [[ax, ay], [bx, by], [cx, cy]] = of.map(|place| points[place]);
        let double = 2.0 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by));
        let squares = [ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy];
        let x = (squares[0] * (by - cy) + squares[1] * (cy - ay) + squares[2] * (ay - by)) / double;
        let y = (squares[0] * (cx - bx) + squares[1] * (ax - cx) + squares[2] * (bx - ax)) / double;
        Self { of, centre: [x, y], square_radius: (ax - x).powi(2) + (ay - y).powi(2) }
    }

    fn holds(&self, [x, y]: [f64; 2]) -> bool {
        (x - self.centre[0]).powi(2) + (y - self.centre[1]).powi(2) < self.square_radius
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangles_cover_the_points_hull_once() {
        let mut points = vec![];
        for row in 0..7 {
            for column in 0..9 {
                // Points are shifted so that no four lie on a circle.
                let shake = ((row * 31 + column * 17) % 11) as f32 / 30.0;
                points.push([column as f32 + shake, row as f32 - shake]);
            }
        }
        points.extend([[-1.0, -1.0], [10.0, -1.0], [10.0, 8.0], [-1.0, 8.0]]);
        let area = |[a, b, c]: Triangle| {
            let [a, b, c] = [a, b, c].map(|place| points[place]);
            ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])).abs() / 2.0
        };
        let total: f32 = delaunay(&points).into_iter().map(area).sum();
        assert!((total - 99.0).abs() < 1e-3, "{total}");
    }
}
