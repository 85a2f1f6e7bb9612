//! Makes a small grey picture of a face, and measures it.

use crate::resample::Planes;

/// The brightness of a square picture, 0..255.
pub struct Grey {
    values: Vec<f32>,
    side: usize,
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

    /// Returns the fine detail: the standard deviation of the differences between each pixel of the middle and the mean
    /// of its two neighbours, as a share of the standard deviation of the pixels. Neighbours are taken along rows,
    /// columns and both diagonals, and the direction with the least detail counts, since a movement blurs in one
    /// direction alone.
    pub fn detail(&self) -> f32 {
        let (values, side) = (&self.values, self.side);
        let along = |step: usize| {
            let squares =
                self.middle().map(|at| (values[at] - f32::midpoint(values[at - step], values[at + step])).powi(2));
            squares.sum::<f32>()
        };
        let least = [1, side, side + 1, side - 1].map(along).into_iter().fold(f32::INFINITY, f32::min);
        // Below one level of brightness there is only noise.
        (least / self.middle().count() as f32).sqrt() / self.mean_and_deviation().1.max(1.0)
    }

    /// Returns the standard deviation within a rectangle, as a share of that of the middle: the more there is to see in
    /// it, the higher. `None` if fewer than four of its pixels lie in the picture.
    pub fn shown(&self, (left, right): (f32, f32), (top, low): (f32, f32)) -> Option<f32> {
        let range = |from: f32, to: f32| from.max(0.0) as usize..(to.max(0.0).ceil() as usize).min(self.side);
        let places = range(top, low).flat_map(|y| range(left, right).map(move |x| y * self.side + x));
        let values: Vec<f32> = places.map(|at| self.values[at]).collect();
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
        (values.len() >= 4).then(|| (squares / count).sqrt() / self.mean_and_deviation().1.max(1.0))
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
        assert!(grey(both(4.0)).detail() > 0.4);
        assert!(grey(both(40.0)).detail() < 0.02);
        // Stripes have no detail along themselves, and a moved picture has none along its movement.
        assert!(grey(wave(4.0)).detail() < 0.01);
        assert_eq!(grey(|_| 7.0).detail(), 0.0);
    }

    #[test]
    fn an_even_place_shows_nothing() {
        let half = grey(|at| if at % SIDE < SIDE / 2 { 90.0 } else { wave(8.0)(at) });
        let down = (10.0, 60.0);
        assert!(half.shown((5.0, 40.0), down).is_some_and(|shown| shown < 0.01));
        assert!(half.shown((50.0, 90.0), down).is_some_and(|shown| shown > 0.8));
        assert_eq!(half.shown((-20.0, -5.0), down), None);
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
