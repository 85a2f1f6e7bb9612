//! Measures the traces of strong JPEG compression.

use crate::image::View;
use crate::values::picture::FaceBox;

/// Pixels on the side of the squares that JPEG compresses on their own.
const BLOCK: usize = 8;
/// The most rows and columns of a face that are measured.
const LINES_MAX: usize = 64;
/// Added to each mean difference, in levels of brightness: where nothing changes, nothing can be measured.
const FLOOR: f32 = 0.5;

/// Returns the steps between neighbouring pixels on the borders of blocks as a multiple of those within blocks: 1
/// without compression, more the stronger it was. The borders are taken to be where the steps are largest, since a
/// picture may have been turned or cropped. After Wang, Bovik and Evans, "Blind measurement of blocking artifacts in
/// images", ICIP 2000.
///
/// Measures in the picture's own pixels: blocks are lost in a picture that was resized after compression.
pub fn measure(view: View, face_box: FaceBox) -> f32 {
    let within = |from: f32, len: f32, side: usize| {
        let clamped = |at: f32| at.clamp(0.0, side as f32) as usize;
        (clamped(from), clamped(from + len))
    };
    let (left, right) = within(face_box.x, face_box.width, view.width);
    let (top, bottom) = within(face_box.y, face_box.height, view.height);
    let across = steps((top, bottom), (left, right), |line, at| view.luma(at, line));
    let down = steps((left, right), (top, bottom), |line, at| view.luma(line, at));
    excess(across).max(excess(down))
}

/// Returns the mean step from pixel to pixel by its place in the blocks, along lines of a range.
fn steps(lines: (usize, usize), (from, to): (usize, usize), value: impl Fn(usize, usize) -> f32) -> [f32; BLOCK] {
    let (mut sums, mut counts) = ([0.0; BLOCK], [0u32; BLOCK]);
    let every = (lines.1.saturating_sub(lines.0)).div_ceil(LINES_MAX).max(1);
    for line in (lines.0..lines.1).step_by(every) {
        for at in from + 1..to {
            sums[at % BLOCK] += (value(line, at) - value(line, at - 1)).abs();
            counts[at % BLOCK] += 1;
        }
    }
    std::array::from_fn(|place| sums[place] / counts[place].max(1) as f32)
}

fn excess(steps: [f32; BLOCK]) -> f32 {
    let most = steps.into_iter().fold(0.0, f32::max);
    let others = (steps.iter().sum::<f32>() - most) / (BLOCK - 1) as f32;
    (most + FLOOR) / (others + FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    const SIDE: usize = 120;

    /// Measures a slope in blocks of eight, the first of them cut by three pixels, that differ by `step` from their
    /// neighbours.
    fn blocks(step: f32) -> f32 {
        let value = |x: usize, y: usize| 5.0 + (x + y) as f32 + step * (((x + 3) / 8 + (y + 3) / 8) % 2) as f32;
        let pixels = (0..SIDE * SIDE).flat_map(|at| [value(at % SIDE, at / SIDE) as u8; 3]).collect();
        let image = Image::new(SIDE, SIDE, pixels);
        measure(image.view(), FaceBox { x: 10.0, y: 5.0, width: 90.0, height: 200.0 })
    }

    #[test]
    fn blocks_are_seen_wherever_they_begin() {
        let (none, faint, strong) = (blocks(0.0), blocks(3.0), blocks(9.0));
        assert!((1.0..1.2).contains(&none), "{none}");
        assert!(faint > 2.0 && strong > 2.0 * faint, "{faint} {strong}");
    }

    #[test]
    fn nothing_can_be_said_of_nothing() {
        let image = Image::new(SIDE, SIDE, vec![9; 3 * SIDE * SIDE]);
        let at = |x, width| measure(image.view(), FaceBox { x, y: 0.0, width, height: 9.0 });
        assert_eq!((at(0.0, 100.0), at(500.0, 3.0), at(-30.0, 3.0)), (1.0, 1.0, 1.0));
    }
}
