//! Resamples pictures to the sizes that networks take: shrinks a whole picture, or warps a turned part of it.

use crate::geometry::Similarity;
use crate::image::{Image, View};
use crate::values::picture::FaceBox;

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

/// The colour that a warp reads outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    Black,
    /// The nearest pixel of the picture.
    Edge,
}

/// Warps the part of `view` that `map` takes to a square of `size` pixels: bilinear interpolation, black outside.
///
/// A picture that is at least twice as fine as the square is first shrunk by a whole factor.
pub fn warped(view: View, map: Similarity, size: usize) -> Planes {
    warp(view, map, size, Outside::Black)
}

/// Does the same, with the picture's outermost pixels repeated outside.
pub fn warped_over_edges(view: View, map: Similarity, size: usize) -> Planes {
    warp(view, map, size, Outside::Edge)
}

fn warp(view: View, map: Similarity, size: usize, outside: Outside) -> Planes {
    let back = map.inverse();
    let factor = back.scale().min(f64::from(u16::MAX)) as usize;
    if factor < 2 {
        let inside = |at: isize, side: usize| match outside {
            Outside::Black => usize::try_from(at).ok().filter(|at| *at < side),
            Outside::Edge => Some(at.clamp(0, side as isize - 1) as usize),
        };
        let tap = |x, y| match (inside(x, view.width), inside(y, view.height)) {
            (Some(x), Some(y)) => view.pixel(x, y).map(f32::from),
            _ => [0.0; 3],
        };
        return sampled(back, size, |left, top| around(left, top, tap));
    }
    let coarse = Coarse::new(view, back, size, factor, outside);
    // The centre of the first block lies at `(factor - 1) / 2`.
    let to_coarse = |shift: f64| (shift - (factor as f64 - 1.0) / 2.0) / factor as f64;
    let back = Similarity {
        a: back.a / factor as f64,
        b: back.b / factor as f64,
        shift_x: to_coarse(back.shift_x),
        shift_y: to_coarse(back.shift_y),
    };
    sampled(back, size, |left, top| coarse.corners(left, top))
}

/// The colours at `(left, top)`, to the right of it, below it, and below that.
type Corners = [[f32; 3]; 4];

fn around(left: isize, top: isize, tap: impl Fn(isize, isize) -> [f32; 3]) -> Corners {
    // The indices of neighbours must not overflow far outside the picture.
    let (right, low) = (left.saturating_add(1), top.saturating_add(1));
    [tap(left, top), tap(right, top), tap(left, low), tap(right, low)]
}

/// Returns the greatest whole number up to `at`, and the rest, from 0 to 1.
fn split(at: f64) -> (isize, f32) {
    // `f64::floor` would be a function call on the processors that the program is built for.
    let towards_zero = at as isize;
    let whole = if towards_zero as f64 > at { towards_zero.saturating_sub(1) } else { towards_zero };
    (whole, ((at - whole as f64) as f32).clamp(0.0, 1.0))
}

fn sampled(back: Similarity, size: usize, corners: impl Fn(isize, isize) -> Corners) -> Planes {
    let mut planes = Planes::new(size, size);
    for v in 0..size {
        for u in 0..size {
            let (x, y) = back.apply(u as f64, v as f64);
            let ((left, right_share), (top, low_share)) = (split(x), split(y));
            let corners = corners(left, top);
            let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
            let colour = [0, 1, 2].map(|channel| {
                let [left_top, right_top, left_low, right_low] = corners.map(|corner| corner[channel]);
                mix(mix(left_top, right_top, right_share), mix(left_low, right_low, right_share), low_share)
            });
            planes.set(u, v, colour);
        }
    }
    planes
}

/// Means of square blocks, over a part of a picture.
struct Coarse {
    /// The first block's place in the grid that starts at the picture's corner.
    left: isize,
    top: isize,
    width: usize,
    height: usize,
    blocks: Vec<[f32; 3]>,
    outside: Outside,
}

impl Coarse {
    /// Covers all pixels of the picture that `back` reads for a square of `size`.
    fn new(view: View, back: Similarity, size: usize, factor: usize, outside: Outside) -> Self {
        let edge = size as f64 - 1.0;
        let corners = [(0.0, 0.0), (edge, 0.0), (0.0, edge), (edge, edge)].map(|(u, v)| back.apply(u, v));
        // There is one block more on each side: taps reach half a block beyond a corner.
        let range = |along: [f64; 4], side: usize| {
            let blocks = side.div_ceil(factor) as isize;
            let (low, high) = along.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
            // The range has the last block at least: a square beside the picture reads its edge.
            let first = ((low / factor as f64).floor() as isize).saturating_sub(1).clamp(0, blocks - 1);
            let end = ((high / factor as f64).floor() as isize).saturating_add(2).clamp(first + 1, blocks);
            (first, end)
        };
        let (left, right) = range(corners.map(|c| c.0), view.width);
        let (top, low) = range(corners.map(|c| c.1), view.height);
        let mut blocks = Vec::with_capacity(((right - left) * (low - top)) as usize);
        for y in top..low {
            let block = |x: isize| mean(view, x as usize * factor, y as usize * factor, factor, outside);
            blocks.extend((left..right).map(block));
        }
        Self { left, top, width: (right - left) as usize, height: (low - top) as usize, blocks, outside }
    }

    fn corners(&self, left: isize, top: isize) -> Corners {
        let within = |at: isize, from: isize, len: usize| {
            usize::try_from(at.saturating_sub(from)).ok().filter(|at| at.saturating_add(1) < len)
        };
        let (Some(x), Some(y)) = (within(left, self.left, self.width), within(top, self.top, self.height)) else {
            return around(left, top, |x, y| self.block(x, y));
        };
        let pair = |row: usize| [self.blocks[row * self.width + x], self.blocks[row * self.width + x + 1]];
        let ([left_top, right_top], [left_low, right_low]) = (pair(y), pair(y + 1));
        [left_top, right_top, left_low, right_low]
    }

    fn block(&self, x: isize, y: isize) -> [f32; 3] {
        let (mut x, mut y) = (x.saturating_sub(self.left), y.saturating_sub(self.top));
        if self.outside == Outside::Edge {
            // A tap lies beyond the blocks only where there is no picture.
            x = x.clamp(0, self.width as isize - 1);
            y = y.clamp(0, self.height as isize - 1);
        }
        if x < 0 || y < 0 || x >= self.width as isize {
            return [0.0; 3];
        }
        let at = (y as usize).saturating_mul(self.width).saturating_add(x as usize);
        self.blocks.get(at).copied().unwrap_or_default()
    }
}

/// Returns the mean of a block, of which only a part may lie in the picture.
fn mean(view: View, left: usize, top: usize, factor: usize, outside: Outside) -> [f32; 3] {
    let mut sum = [0u32; 3];
    let (rows, columns) = (top..(top + factor).min(view.height), left..(left + factor).min(view.width));
    let count = match outside {
        Outside::Black => factor * factor,
        Outside::Edge => rows.len() * columns.len(),
    };
    let mut add = |pixel: [u8; 3]| sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(value));
    for y in rows {
        match view.row(y, columns.clone()) {
            Some(pixels) => pixels.iter().copied().for_each(&mut add),
            None => columns.clone().for_each(|x| add(view.pixel(x, y))),
        }
    }
    sum.map(|sum| sum as f32 / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a picture whose red grows to the right, and whose green grows downwards.
    fn ramp(width: usize, height: usize) -> Image {
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
    fn a_warp_reads_between_pixels_and_black_outside() {
        let image = ramp(20, 20);
        let half = Similarity { a: 1.0, b: 0.0, shift_x: -4.5, shift_y: -3.25 };
        let planes = warped(image.view(), half, 8);
        assert_eq!((planes.values[0], planes.values[64]), (4.5, 3.25));
        let outside = Similarity { shift_x: 1e12, ..half };
        assert!(warped(image.view(), outside, 8).values.iter().all(|v| *v == 0.0));
        let beside = Similarity { shift_x: 2.0, shift_y: 2.0, ..half };
        assert_eq!(warped(image.view(), beside, 8).values[..3], [0.0; 3]);
    }

    #[test]
    fn a_coordinate_is_split_as_floor_splits_it() {
        for at in [0.0, 0.5, 1.0, 7.75, -0.25, -1.0, -3.5, 1e12, -1e12 - 0.5] {
            assert_eq!(split(at), (at.floor() as isize, (at - at.floor()) as f32), "{at}");
        }
        assert_eq!((split(1e300).0, split(-1e300).0), (isize::MAX, isize::MIN));
        assert!([1e300, -1e300].iter().all(|at| (0.0..=1.0).contains(&split(*at).1)));
    }

    /// Means are the same whether rows are read at once or pixel by pixel.
    #[test]
    fn a_turned_picture_is_shrunk_like_an_upright_one() {
        let (upright, half) = (ramp(40, 40), Similarity { a: 0.4, b: 0.0, shift_x: 0.3, shift_y: 0.7 });
        let rows = (0..40).rev().flat_map(|y| upright.stored_row(y).as_chunks::<3>().0.iter().rev());
        let turned: Vec<u8> = rows.flatten().copied().collect();
        let turned = Image::new(40, 40, turned);
        assert_eq!(warped(turned.view().turned(2), half, 14), warped(upright.view(), half, 14));
    }

    #[test]
    fn a_fine_picture_is_shrunk_without_moving() {
        let image = ramp(200, 200);
        for scale in [0.5, 0.3, 0.1, 0.04] {
            let map = Similarity { a: scale, b: 0.0, shift_x: 0.0, shift_y: 0.0 };
            let planes = warped(image.view(), map, 8);
            // Output pixel (3, 2) reads the place (3, 2) / scale; a ramp's means are its values.
            assert!((f64::from(planes.values[2 * 8 + 3]) - 3.0 / scale).abs() < 0.02, "{scale}");
            assert!((f64::from(planes.values[64 + 2 * 8 + 3]) - 2.0 / scale).abs() < 0.02, "{scale}");
        }
        let far = Similarity { a: 0.01, b: 0.0, shift_x: 1e9, shift_y: 0.0 };
        assert!(warped(image.view(), far, 8).values.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn an_edge_is_repeated_where_that_is_wanted() {
        let image = ramp(20, 20);
        let beside = Similarity { a: 1.0, b: 0.0, shift_x: 2.0, shift_y: -15.0 };
        let planes = warped_over_edges(image.view(), beside, 8);
        assert_eq!(planes.values[..5], [0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!([0, 8, 40, 48].map(|row| planes.values[64 + row]), [15.0, 16.0, 19.0, 19.0]);
        // Blocks of four pixels, one for each pixel of the square; the fifth has only two in the picture.
        let image = ramp(18, 18);
        let quarter = Similarity { a: 0.25, b: 0.0, shift_x: -0.375, shift_y: -0.375 };
        let (black, edge) = (warped(image.view(), quarter, 6), warped_over_edges(image.view(), quarter, 6));
        assert_eq!(black.values[..6], [1.5, 5.5, 9.5, 13.5, 8.25, 0.0]);
        assert_eq!(edge.values[..6], [1.5, 5.5, 9.5, 13.5, 16.5, 16.5]);
        let far = Similarity { shift_x: -1e9, shift_y: 1e9, ..quarter };
        assert_eq!(warped_over_edges(image.view(), far, 4).values[15..17], [16.5, 1.5]);
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
