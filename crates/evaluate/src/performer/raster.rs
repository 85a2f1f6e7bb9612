//! Draws textured triangles.

use crate::performer::triangulate::Triangle;

/// A picture in rows of pixels: red, green and blue, 0..255.
#[derive(Debug, Clone, PartialEq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[f32; 3]>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, colour: [f32; 3]) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Returns the colour at a point by bilinear interpolation; outside, that of the nearest pixel.
    pub fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let x = x.clamp(0.0, self.width as f32 - 1.001);
        let y = y.clamp(0.0, self.height as f32 - 1.001);
        let (left, top) = (x as usize, y as usize);
        let (across, down) = (x - left as f32, y - top as f32);
        let first = top * self.width + left;
        let next = if top + 1 < self.height { first + self.width } else { first };
        let right = usize::from(left + 1 < self.width);
        let [a, b, c, d] = [first, first + right, next, next + right].map(|place| self.pixels[place]);
        std::array::from_fn(|colour| {
            let upper = a[colour] + (b[colour] - a[colour]) * across;
            let lower = c[colour] + (d[colour] - c[colour]) * across;
            upper + (lower - upper) * down
        })
    }
}

/// A corner of a triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vertex {
    /// The position on the canvas, and the distance from the camera.
    pub place: [f32; 3],
    /// The position in the picture that it carries.
    pub picture: [f32; 2],
    /// A number that is interpolated across the triangle like positions; `tint` receives it.
    pub shade: f32,
}

/// Draws triangles that carry `picture`; where two overlap, the nearer one is visible. `tint` changes the picture's
/// colour; it receives the triangle's index and the shade.
pub fn draw(
    canvas: &mut Canvas,
    picture: &Canvas,
    vertices: &[Vertex],
    triangles: &[Triangle],
    tint: impl Fn(usize, f32, [f32; 3]) -> [f32; 3],
) {
    let mut depths = vec![f32::INFINITY; canvas.pixels.len()];
    for (number, triangle) in triangles.iter().enumerate() {
        let corners = triangle.map(|place| vertices[place]);
        let [a, b, c] = corners.map(|corner| corner.place);
        let double = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        if double.abs() < 1e-6 {
            continue;
        }
        let range = |axis: usize, side: usize| {
            let (low, high) =
                (a[axis].min(b[axis]).min(c[axis]).floor(), a[axis].max(b[axis]).max(c[axis]).ceil() + 1.0);
            low.clamp(0.0, side as f32) as usize..high.clamp(0.0, side as f32) as usize
        };
        // The weights of the second and third corner at a pixel, and their change along a row.
        let (second_x, third_x) = ((c[1] - a[1]) / double, (a[1] - b[1]) / double);
        for y in range(1, canvas.height) {
            let py = y as f32 - a[1];
            let (second_y, third_y) = ((a[0] - c[0]) * py / double, (b[0] - a[0]) * py / double);
            for x in range(0, canvas.width) {
                let px = x as f32 - a[0];
                let (second, third) = (px * second_x + second_y, px * third_x + third_y);
                let first = 1.0 - second - third;
                if first.min(second).min(third) < -1e-4 {
                    continue;
                }
                let mix = |of: [f32; 3]| first * of[0] + second * of[1] + third * of[2];
                let (depth, place) = (mix([a[2], b[2], c[2]]), y * canvas.width + x);
                if depth >= depths[place] {
                    continue;
                }
                depths[place] = depth;
                let [u, v] = [0, 1].map(|axis| mix(corners.map(|corner| corner.picture[axis])));
                let shade = mix(corners.map(|corner| corner.shade));
                canvas.pixels[place] = tint(number, shade, picture.at(u, v));
            }
        }
    }
}
