//! Resamples pictures to the sizes that networks take: a whole picture, a part of it, or a turned square.

use crate::image::{Image, View};
use crate::values::picture::FaceBox;

pub mod warp;

/// A picture as a network reads it: the red plane, then green, then blue, in rows; 0..255.
#[derive(Debug, Clone, PartialEq)]
pub struct Planes {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Planes {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, values: vec![0.0; 3 * width * height] }
    }

    fn set(&mut self, x: usize, y: usize, colour: [f32; 3]) {
        let plane = self.width * self.height;
        for (channel, value) in colour.into_iter().enumerate() {
            self.values[channel * plane + y * self.width + x] = value;
        }
    }

    /// Exchanges left and right.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let mut mirrored = self.clone();
        mirrored.values.chunks_mut(self.width).for_each(<[f32]>::reverse);
        mirrored
    }
}

/// Resizes the picture to a longer side of `longer_side`: area-averaged when shrinking, bilinear when enlarging.
pub fn resized(image: &Image, longer_side: usize) -> Image {
    let (width, height) = image.stored_size();
    let scale = longer_side as f64 / width.max(height) as f64;
    let to = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    let (columns, rows) = (taps(width, to(width)), taps(height, to(height)));
    let mut pixels = Vec::with_capacity(3 * columns.len() * rows.len());
    let mut line = vec![0.0f32; 3 * width];
    for row in &rows {
        line.fill(0.0);
        for (at, weight) in row.weights.iter().enumerate() {
            let source = image.stored_row(row.first + at);
            line.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * f32::from(*value));
        }
        for column in &columns {
            let mut sum = [0.5f32; 3];
            let from = line[3 * column.first..].as_chunks::<3>().0;
            for (weight, pixel) in column.weights.iter().zip(from) {
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
            }
            pixels.extend(sum.map(|value| value as u8));
        }
    }
    image.like(columns.len(), rows.len(), pixels)
}

/// The source pixels of one pixel of a resized line, and their weights.
struct Taps {
    first: usize,
    /// Weights of the pixels from `first` on; their sum is one.
    weights: Vec<f32>,
}

/// Returns the taps of each of `to` pixels that are made from `from`.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f64 / to as f64;
    let last = from - 1;
    let grown = |at: usize| {
        let centre = ((at as f64 + 0.5) * ratio - 0.5).clamp(0.0, last as f64);
        let first = (centre as usize).min(last.saturating_sub(1));
        let share = (centre - first as f64) as f32;
        Taps { first, weights: if last == 0 { vec![1.0] } else { vec![1.0 - share, share] } }
    };
    let shrunk = |at: usize| {
        let (start, end) = (at as f64 * ratio, ((at + 1) as f64 * ratio).min(from as f64));
        let first = (start as usize).min(last);
        let covered = |pixel: usize| (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)).max(0.0);
        let pixels = first..(end.ceil() as usize).clamp(first + 1, from);
        let sum: f64 = pixels.clone().map(covered).sum();
        Taps { first, weights: pixels.map(|pixel| (covered(pixel) / sum) as f32).collect() }
    };
    (0..to).map(|at| if ratio > 1.0 { shrunk(at) } else { grown(at) }).collect()
}

/// Copies `width` x `height` pixels of `view` from (`left`, `top`) on. Pixels outside of `view` are black.
pub fn window(view: View, (left, top): (isize, isize), (width, height): (usize, usize)) -> Planes {
    let mut planes = Planes::new(width, height);
    let inside = |start: isize, len: usize, side: usize| {
        let end = (start + len as isize).clamp(0, side as isize) as usize;
        (start.max(0) as usize).min(end)..end
    };
    for y in inside(top, height, view.height) {
        for x in inside(left, width, view.width) {
            let place = ((x as isize - left) as usize, (y as isize - top) as usize);
            planes.set(place.0, place.1, view.pixel(x, y).map(f32::from));
        }
    }
    planes
}

/// Resizes a part of `view` to a square of `size` pixels, whatever its shape, by bilinear interpolation without
/// averaging when it shrinks. Detail that is finer than the square's pixels is aliased, as it is in a camera.
pub fn part(view: View, part: FaceBox, size: usize) -> Planes {
    let mut planes = Planes::new(size, size);
    let source = |at: usize, start: f32, len: f32, side: usize| {
        ((at as f32 + 0.5) * len / size as f32 - 0.5 + start).clamp(0.0, side as f32 - 1.0)
    };
    for y in 0..size {
        let from_y = source(y, part.y, part.height, view.height);
        let (top, down) = (from_y as usize, from_y.fract());
        let below = (top + 1).min(view.height - 1);
        for x in 0..size {
            let from_x = source(x, part.x, part.width, view.width);
            let (left, across) = (from_x as usize, from_x.fract());
            let right = (left + 1).min(view.width - 1);
            let [a, b] = [left, right].map(|x| view.pixel(x, top).map(f32::from));
            let [c, d] = [left, right].map(|x| view.pixel(x, below).map(f32::from));
            let mixed = std::array::from_fn(|colour| {
                let upper = a[colour] + (b[colour] - a[colour]) * across;
                let lower = c[colour] + (d[colour] - c[colour]) * across;
                (upper + (lower - upper) * down).round()
            });
            planes.set(x, y, mixed);
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a picture whose red grows to the right, and whose green grows downwards.
    pub fn ramp(width: usize, height: usize) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7]));
        Image::new(width, height, pixels.collect())
    }

    #[test]
    fn shrinking_takes_means_and_growing_draws_lines() {
        let small = resized(&ramp(10, 5), 5);
        assert_eq!(small.stored_size(), (5, 3));
        assert_eq!(small.view().pixel(0, 0), [1, 0, 7]); // the mean of 0 and 1, and of 0, 1 and 2/3 of a row
        assert_eq!(small.view().pixel(4, 2)[0], 9);
        let large = resized(&ramp(2, 1), 4);
        assert_eq!((0..4).map(|x| large.view().pixel(x, 1)[0]).collect::<Vec<_>>(), [0, 0, 1, 1]);
        assert_eq!(resized(&ramp(1, 1), 256).view().pixel(255, 255), [0, 0, 7]);
        assert_eq!(resized(&ramp(200, 1), 20).stored_size(), (20, 1));
    }

    #[test]
    fn taps_always_sum_to_one_within_the_line() {
        for (from, to) in [(1, 1), (1, 9), (2, 9), (250, 256), (1137, 256), (257, 256), (5000, 1)] {
            for taps in taps(from, to) {
                assert!((taps.weights.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{from} to {to}");
                assert!(taps.first + taps.weights.len() <= from, "{from} to {to}");
            }
        }
    }

    #[test]
    fn windows_are_black_outside_and_mirrors_reverse_rows() {
        let planes = window(ramp(2, 2).view(), (-1, 0), (4, 3));
        assert_eq!(planes.values[..8], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(planes.mirrored().values[..4], [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(window(ramp(9, 9).view(), (7, 8), (3, 1)).values[..6], [7.0, 8.0, 0.0, 8.0, 8.0, 0.0]);
        assert_eq!(window(ramp(2, 2).view(), (5, -9), (2, 2)).values, [0.0; 12]);
    }
}
