//! The form in which a network takes its picture.

use serde::Deserialize;

use crate::resample::Planes;

/// The sides that a network's input may have, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 16..=1024;

/// Size, colours and range of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub width: usize,
    pub height: usize,
    pub colours: Colours,
    /// Subtracted from each colour's value, 0..255; in the order of `colours`.
    pub mean: [f32; 3],
    /// Divides the difference.
    pub scale: [f32; 3],
}

/// The order of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    Rgb,
    Bgr,
}

impl Input {
    /// Returns a fault of the input in words.
    pub fn check(&self) -> Result<(), String> {
        if self.width != self.height || !SIDES.contains(&self.width) {
            return Err(format!("its input must be a square of {} to {} pixels", SIDES.start(), SIDES.end()));
        }
        let fits = |mean: f32, scale: f32| mean.is_finite() && scale.is_normal();
        if !self.mean.into_iter().zip(self.scale).all(|(mean, scale)| fits(mean, scale)) {
            return Err("mean and scale must be finite, and no scale may be zero".into());
        }
        Ok(())
    }

    /// Returns the numbers that go into the network: `(colour - mean) / scale`, plane after plane.
    pub fn fill(&self, planes: &Planes) -> Vec<f32> {
        let plane = planes.width * planes.height;
        let order = match self.colours {
            Colours::Rgb => [0, 1, 2],
            Colours::Bgr => [2, 1, 0],
        };
        let mut filled = Vec::with_capacity(3 * plane);
        for ((channel, mean), scale) in order.into_iter().zip(self.mean).zip(self.scale) {
            filled.extend(planes.values[channel * plane..][..plane].iter().map(|value| (value - mean) / scale));
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_filled_as_the_manifest_says() {
        let planes = Planes { width: 1, height: 1, values: vec![10.0, 20.0, 30.0] };
        let input = Input { width: 1, height: 1, colours: Colours::Bgr, mean: [1.0, 2.0, 3.0], scale: [1.0, 2.0, 0.5] };
        assert_eq!(input.fill(&planes), [29.0, 9.0, 14.0]);
    }
}
