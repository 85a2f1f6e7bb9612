//! Warps a turned part of a picture to the square that a network takes.

use std::ops::Range;

use crate::geometry::{Affine, Similarity};
use crate::image::{Stored, View};
use crate::resample::Planes;

/// The colour that a warp reads outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    Black,
    /// The nearest pixel of the picture.
    Edge,
}

/// The largest side of a block, in pixels: the sum of its samples fits 32 bits.
const FACTOR_MAX: f64 = 4096.0;

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
    let factor = (back.scale().min(FACTOR_MAX) as usize).max(1);
    let stored = view.stored();
    let back = stored.place.after(back);
    let blocks = Blocks::new(&stored, back, size, factor, outside);
    blocks.sampled(in_blocks(back, factor as f64), size)
}

/// Measures the places of a map in blocks instead of pixels: the centre of the first block lies at `(factor - 1) / 2`.
fn in_blocks(map: Affine, factor: f64) -> Affine {
    let shift = |shift: f64| (shift - (factor - 1.0) / 2.0) / factor;
    let [x, y] = [map.x, map.y].map(|along| along.map(|step| step / factor));
    Affine { x, y, shift_x: shift(map.shift_x), shift_y: shift(map.shift_y) }
}

/// Red, green, blue and nothing: four numbers fill a register of the processor.
type Colour = [f32; 4];

/// Means of square blocks of pixels, over the part of a picture that a square reads, with a frame around it.
struct Blocks {
    across: Stretch,
    down: Stretch,
    /// Rows of blocks, with the frame.
    means: Vec<Colour>,
}

/// The blocks on each side of a part, which show what lies outside the picture. Two are enough: a place further away
/// reads the same as one between these two.
const FRAME: usize = 2;

impl Blocks {
    /// Covers all pixels of the picture that `back` reads for a square of `size`.
    fn new(stored: &Stored, back: Affine, size: usize, factor: usize, outside: Outside) -> Self {
        let edge = size as f64 - 1.0;
        let corners = [(0.0, 0.0), (edge, 0.0), (0.0, edge), (edge, edge)].map(|(u, v)| back.apply(u, v));
        let across = Stretch::new(corners.map(|corner| corner.0), stored.width, factor);
        let down = Stretch::new(corners.map(|corner| corner.1), stored.height(), factor);
        let mut means = Vec::with_capacity(across.with_frame() * down.with_frame());
        let mut sums = vec![0; 3 * across.pixels(0..across.count).len()];
        let black_row = |means: &mut Vec<Colour>| means.resize(means.len() + across.with_frame(), [0.0; 4]);
        black_row(&mut means);
        black_row(&mut means);
        for row in 0..down.count {
            let lines = down.pixels(row..row + 1);
            let parts = lines.clone().map(|y| stored.row(y, across.pixels(0..across.count)));
            sum_lines(&mut sums, parts);
            means.extend([[0.0; 4]; FRAME]);
            let rows = if outside == Outside::Black { factor } else { lines.len() };
            means.extend(across.means(&sums, rows, outside));
            means.extend([[0.0; 4]; FRAME]);
        }
        black_row(&mut means);
        black_row(&mut means);
        let mut blocks = Self { across, down, means };
        if outside == Outside::Edge {
            blocks.repeat_edges();
        }
        blocks
    }

    /// Fills the frame with the blocks nearest to it.
    fn repeat_edges(&mut self) {
        let (width, height) = (self.across.with_frame(), self.down.with_frame());
        for row in self.means.chunks_exact_mut(width) {
            let (first, last) = (row[FRAME], row[width - FRAME - 1]);
            row[..FRAME].fill(first);
            row[width - FRAME..].fill(last);
        }
        for row in 0..FRAME {
            self.means.copy_within(FRAME * width..(FRAME + 1) * width, row * width);
            self.means.copy_within((height - FRAME - 1) * width..(height - FRAME) * width, (height - 1 - row) * width);
        }
    }

    /// Reads the place that `back` gives for each pixel of a square, between the centres of four blocks.
    fn sampled(&self, back: Affine, size: usize) -> Planes {
        let mut planes = Planes::new(size, size);
        let (red, rest) = planes.values.split_at_mut(size * size);
        let (green, blue) = rest.split_at_mut(size * size);
        let lines = red.chunks_mut(size).zip(green.chunks_mut(size)).zip(blue.chunks_mut(size));
        let width = self.across.with_frame();
        let mut colours = vec![[0.0; 4]; size];
        for (v, ((red, green), blue)) in lines.enumerate() {
            for (u, colour) in colours.iter_mut().enumerate() {
                let (x, y) = back.apply(u as f64, v as f64);
                let ((left, right_share), (top, low_share)) = (self.across.place(x), self.down.place(y));
                let from = &self.means[top * width + left..][..width + 2];
                let upper = mix(from[0], from[1], right_share);
                let lower = mix(from[width], from[width + 1], right_share);
                *colour = mix(upper, lower, low_share);
            }
            for (((colour, red), green), blue) in colours.iter().zip(red).zip(green).zip(blue) {
                [*red, *green, *blue, _] = *colour;
            }
        }
        planes
    }
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * share)
}

/// The blocks along one side of a picture that a square reads.
struct Stretch {
    /// The first one, in the grid that starts at the picture's corner.
    first: usize,
    count: usize,
    /// Pixels along the side of a block, and of the picture.
    factor: usize,
    side: usize,
}

impl Stretch {
    /// Covers the places `along`, in pixels.
    fn new(along: [f64; 4], side: usize, factor: usize) -> Self {
        let (low, high) = along.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        let last = side.div_ceil(factor) as isize - 1;
        // There is one block more on each side, since a place reads up to half a block beyond itself. A square beside
        // the picture has the last block, for its edge.
        let first = ((low / factor as f64).floor() as isize).saturating_sub(1).clamp(0, last);
        let end = ((high / factor as f64).floor() as isize).saturating_add(2).clamp(first + 1, last + 1);
        Self { first: first as usize, count: (end - first) as usize, factor, side }
    }

    fn with_frame(&self) -> usize {
        self.count + 2 * FRAME
    }

    /// Returns the pixels of these blocks, counted from the first one.
    fn pixels(&self, blocks: Range<usize>) -> Range<usize> {
        let pixel = |block: usize| ((self.first + block) * self.factor).min(self.side);
        pixel(blocks.start)..pixel(blocks.end)
    }

    /// Returns the mean of each block, from the sums over its `rows` rows for each column of pixels.
    fn means(&self, sums: &[u32], rows: usize, outside: Outside) -> impl Iterator<Item = Colour> {
        sums.as_chunks::<3>().0.chunks(self.factor).map(move |columns| {
            let mut sum = [0u32; 3];
            for column in columns {
                sum.iter_mut().zip(column).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
            }
            // At the edge of the picture the missing part of a block is black, or like the rest of it.
            let count = rows * if outside == Outside::Black { self.factor } else { columns.len() };
            let [red, green, blue] = sum.map(|sum| sum as f32 / count as f32);
            [red, green, blue, 0.0]
        })
    }

    /// Returns the block whose centre lies before `at`, counted with the frame, and how far `at` is from that centre
    /// towards the next, 0 to 1.
    fn place(&self, at: f64) -> (usize, f32) {
        let from_frame = at - self.first as f64 + FRAME as f64;
        let clamped = from_frame.clamp(0.0, (self.count + FRAME) as f64);
        // Conversion to 32 bits is one instruction.
        let block = clamped as u32;
        (block as usize, (clamped - f64::from(block)) as f32)
    }
}

/// Sums rows of samples, sample by sample. Checks for overflow would keep this from becoming vectors, and [`FACTOR_MAX`]
/// rules it out.
fn sum_lines<'a>(sums: &mut [u32], lines: impl Iterator<Item = &'a [u8]>) {
    sums.fill(0);
    for line in lines {
        sums.iter_mut().zip(line).for_each(|(sum, sample)| *sum = sum.wrapping_add(u32::from(*sample)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::resample::tests::ramp;

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
    fn a_picture_that_lies_in_any_way_is_warped_like_an_upright_one() {
        let image = ramp(40, 32);
        let map = Similarity { a: 0.4, b: 0.03, shift_x: 0.3, shift_y: 0.7 };
        for quarters in 0..4 {
            for view in [image.view().turned(quarters), image.view().turned(quarters).mirrored()] {
                let pixels = (0..view.height).flat_map(|y| (0..view.width).flat_map(move |x| view.pixel(x, y)));
                let upright = Image::new(view.width, view.height, pixels.collect());
                for warped in [warped, warped_over_edges] {
                    let (lying, upright) = (warped(view, map, 14), warped(upright.view(), map, 14));
                    let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-3;
                    assert_eq!(lying.values.iter().zip(&upright.values).filter(|pair| differs(*pair)).count(), 0);
                }
            }
        }
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
}
