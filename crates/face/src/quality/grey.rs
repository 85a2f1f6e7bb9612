//! Makes a small grey picture of a face, and measures it.

use std::ops::Range;

use crate::resample::Planes;

/// The detail that photographs of faces have along rows, columns and both diagonals, as a multiple of the mean of the
/// four; medians over LFW. Brows, eyes and lips lie across, and the neighbours on diagonals are further apart.
const USUAL: [f32; 4] = [0.6, 0.88, 1.26, 1.26];

/// The brightness of a square picture, 0..255.
pub struct Grey {
    values: Vec<f32>,
    side: usize,
}

/// Fine detail: in each direction, the standard deviation of the differences between each pixel of the middle and the
/// mean of its two neighbours, as a share of the standard deviation of the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detail {
    /// That of the direction with the least of it: a movement blurs in one direction alone.
    pub least: f32,
    /// The least as a share of the most, each as a multiple of what is usual in its direction; 0 to 1. A movement makes
    /// it fall, a lens out of focus or few pixels do not.
    pub evenness: f32,
}

/// A rectangle, in pixels: its left and right edge, and its upper and lower edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub across: (f32, f32),
    pub down: (f32, f32),
}

impl Grey {
    /// Computes the ITU-R BT.601 luma of each pixel.
    pub fn new(planes: &Planes) -> Self {
        let (red, rest) = planes.values.split_at(planes.width * planes.height);
        let (green, blue) = rest.split_at(planes.width * planes.height);
        let luma = |((r, g), b): ((&f32, &f32), &f32)| 0.299 * r + 0.587 * g + 0.114 * b;
        Self { values: red.iter().zip(green).zip(blue).map(luma).collect(), side: planes.width }
    }

    /// Returns the places in the middle, where the face is and the background is not.
    fn middle(&self) -> impl Iterator<Item = usize> {
        let (side, from, to) = (self.side, self.side / 6, self.side - self.side / 6);
        (from..to).flat_map(move |y| (from..to).map(move |x| y * side + x))
    }

    /// Returns the mean and the standard deviation of the middle.
    pub fn mean_and_deviation(&self) -> (f32, f32) {
        let count = self.middle().count() as f32;
        let mean = self.middle().map(|at| self.values[at]).sum::<f32>() / count;
        let squares = self.middle().map(|at| (self.values[at] - mean).powi(2)).sum::<f32>();
        (mean, (squares / count).sqrt())
    }

    /// Measures the fine detail along rows, columns and both diagonals.
    pub fn detail(&self) -> Detail {
        let (values, side) = (&self.values, self.side);
        let (deviation, count) = (self.deviation(), self.middle().count() as f32);
        let along = |step: usize| {
            let squares =
                self.middle().map(|at| (values[at] - f32::midpoint(values[at - step], values[at + step])).powi(2));
            (squares.sum::<f32>() / count).sqrt() / deviation
        };
        let details = [1, side, side + 1, side - 1].map(along);
        let usual = std::array::from_fn::<f32, 4, _>(|at| details[at] / USUAL[at]);
        let least = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
        let most = usual.into_iter().fold(0.0, f32::max);
        Detail { least: least(details), evenness: if most > 0.0 { least(usual) / most } else { 1.0 } }
    }

    /// Returns the standard deviation within a rectangle, as a share of that of the middle: the more there is to see in
    /// it, the higher. `None` if fewer than four of its pixels lie in the picture.
    pub fn shown(&self, part: Part) -> Option<f32> {
        let (columns, rows) = self.inside(part);
        let values: Vec<f32> =
            rows.flat_map(|y| columns.clone().map(move |x| y * self.side + x)).map(|at| self.values[at]).collect();
        (values.len() >= 4).then(|| self.share(&values))
    }

    /// Returns the standard deviation of the brightness of a rectangle's rows, as a share of the standard deviation of
    /// the middle: a mouth is a dark line between two lips, so its rows differ. `None` if fewer than two rows or columns
    /// lie in the picture.
    pub fn rows(&self, part: Part) -> Option<f32> {
        let (columns, rows) = self.inside(part);
        let mean = |y: usize| {
            let row = &self.values[y * self.side..][columns.clone()];
            row.iter().sum::<f32>() / row.len() as f32
        };
        (columns.len() >= 2 && rows.len() >= 2).then(|| self.share(&rows.map(mean).collect::<Vec<_>>()))
    }

    /// Returns the columns and rows of a rectangle that lie in the picture.
    fn inside(&self, Part { across, down }: Part) -> (Range<usize>, Range<usize>) {
        let range = |(from, to): (f32, f32)| from.max(0.0) as usize..(to.max(0.0).ceil() as usize).min(self.side);
        (range(across), range(down))
    }

    /// Returns the standard deviation of some values, as a share of that of the middle.
    fn share(&self, values: &[f32]) -> f32 {
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
        (squares / count).sqrt() / self.deviation()
    }

    /// Returns the standard deviation of the middle, at least one level of brightness: below it there is only noise.
    fn deviation(&self) -> f32 {
        self.mean_and_deviation().1.max(1.0)
    }

    /// Returns the standard deviation of the noise in the middle, in levels of brightness. Source: Immerkær, "Fast
    /// noise variance estimation", Computer Vision and Image Understanding 64 (1996): a mask that cancels edges and
    /// slopes.
    pub fn noise(&self) -> f32 {
        let (values, side) = (&self.values, self.side);
        let masked = |at: usize| {
            let corners = values[at - side - 1] + values[at - side + 1] + values[at + side - 1] + values[at + side + 1];
            let sides = values[at - side] + values[at - 1] + values[at + 1] + values[at + side];
            (corners - 2.0 * sides + 4.0 * values[at]).abs()
        };
        let sum = self.middle().map(masked).sum::<f32>();
        std::f32::consts::FRAC_PI_2.sqrt() / 6.0 * sum / self.middle().count() as f32
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const SIDE: usize = 96;

    fn grey(value: impl FnMut(usize) -> f32) -> Grey {
        Grey { values: (0..SIDE * SIDE).map(value).collect(), side: SIDE }
    }

    fn wave(period: f32) -> impl Fn(usize) -> f32 {
        move |at| 128.0 + 50.0 * ((at % SIDE) as f32 * std::f32::consts::TAU / period).sin()
    }

    #[test]
    fn smooth_pictures_have_little_detail() {
        let both = |period: f32| move |at: usize| wave(period)(at) + wave(period)(at / SIDE);
        assert!(grey(both(4.0)).detail().least > 0.4);
        assert!(grey(both(40.0)).detail().least < 0.02);
        // Stripes have no detail along themselves, and a moved picture has none along its movement.
        assert!(grey(wave(4.0)).detail().least < 0.01);
        assert_eq!(grey(|_| 7.0).detail(), Detail { least: 0.0, evenness: 1.0 });
    }

    #[test]
    fn a_movement_is_told_from_a_lens_out_of_focus() {
        let mut random = StdRng::seed_from_u64(2);
        let noise: Vec<f32> = (0..SIDE * SIDE).map(|_| random.random_range(0.0..255.0)).collect();
        let blurred = |steps: &[usize]| grey(|at| steps.iter().map(|step| noise[(at + step) % noise.len()]).sum());
        let moved = blurred(&(0..24).collect::<Vec<_>>()).detail();
        let square = |at: usize| at / 5 * SIDE + at % 5;
        let soft = blurred(&(0..25).map(square).collect::<Vec<_>>()).detail();
        assert!(moved.evenness < 0.3, "{moved:?}");
        assert!(soft.evenness > 0.45 && soft.least < 0.5, "{soft:?}");
    }

    #[test]
    fn an_even_place_shows_nothing() {
        let half = grey(|at| if at % SIDE < SIDE / 2 { 90.0 } else { wave(8.0)(at) });
        let part = |left: f32, right: f32| Part { across: (left, right), down: (10.0, 60.0) };
        assert!(half.shown(part(5.0, 40.0)).is_some_and(|shown| shown < 0.01));
        assert!(half.shown(part(50.0, 90.0)).is_some_and(|shown| shown > 0.8));
        assert_eq!(half.shown(part(-20.0, -5.0)), None);
    }

    #[test]
    fn lines_across_are_rows_and_lines_down_are_not() {
        let (across, down) = (grey(|at| wave(8.0)(at / SIDE)), grey(wave(8.0)));
        let part = Part { across: (30.0, 62.0), down: (30.0, 62.0) };
        assert!(across.rows(part).is_some_and(|rows| rows > 0.9), "{:?}", across.rows(part));
        assert!(down.rows(part).is_some_and(|rows| rows < 0.01), "{:?}", down.rows(part));
        assert_eq!(across.rows(Part { across: (95.0, 99.0), ..part }), None);
    }

    #[test]
    fn noise_is_told_from_slopes() {
        assert!(grey(wave(40.0)).noise() < 0.5);
        for deviation in [5.0f32, 15.0] {
            let mut random = StdRng::seed_from_u64(1);
            // The sum of twelve uniform numbers, less six, is close to normal.
            let mut normal = || (0..12).map(|_| random.random_range(0.0..1.0f32)).sum::<f32>() - 6.0;
            let found = grey(|at| wave(40.0)(at) + deviation * normal()).noise();
            assert!((found / deviation - 1.0).abs() < 0.1, "{found} instead of {deviation}");
        }
    }
}
