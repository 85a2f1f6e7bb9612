//! Tells new pictures from the first one sent again.
//!
//! Whoever injects a photograph in the place of a camera encodes it again and again. That changes each pixel by a
//! little and the means of blocks by next to nothing. A living person moves by a pixel at least, and then blocks on
//! contours change by several levels of brightness.

use crate::image::View;

/// Pixels on a side of a block, as in JPEG.
const SIDE: usize = 8;
/// Frames that come sooner after the first one may show the same picture; milliseconds.
const APART_MS: u32 = 300;
/// The share of blocks that do not exceed the measured change. More blocks than the rest lie on contours of head and
/// shoulders.
const SHARE: f32 = 0.99;

/// The mean brightness of each block of a picture, 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocks {
    across: usize,
    means: Vec<f32>,
}

/// The change of a film's pictures from its first one on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Renewal {
    first: Option<(u32, Blocks)>,
    change: Option<f32>,
}

impl Blocks {
    pub fn of(view: View<'_>) -> Self {
        let (across, down) = (view.width / SIDE, view.height / SIDE);
        let mean = |place: usize| {
            let (left, top) = (SIDE * (place % across), SIDE * (place / across));
            let luma = (0..SIDE * SIDE).map(|at| view.luma(left + at % SIDE, top + at / SIDE));
            luma.sum::<f32>() / (SIDE * SIDE) as f32
        };
        Self { across, means: (0..across * down).map(mean).collect() }
    }

    /// Returns the change that [`SHARE`] of the blocks do not exceed, in levels of brightness. A change of the whole
    /// picture's exposure does not count. `None` for pictures of different sizes.
    fn change(&self, other: &Self) -> Option<f32> {
        if self.across != other.across || self.means.len() != other.means.len() || self.means.is_empty() {
            return None;
        }
        let exposure = quantile(&other.means, 0.5) / quantile(&self.means, 0.5).max(1.0);
        let pairs = self.means.iter().zip(&other.means);
        let changes: Vec<f32> = pairs.map(|(one, other)| (one * exposure - other).abs()).collect();
        Some(quantile(&changes, SHARE))
    }
}

fn quantile(values: &[f32], share: f32) -> f32 {
    let mut values = values.to_vec();
    let place = ((values.len() - 1) as f32 * share) as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

impl Renewal {
    /// Adds the next frame's picture.
    pub fn add(&mut self, t_ms: u32, view: View<'_>) {
        let blocks = Blocks::of(view);
        match &self.first {
            None => self.first = Some((t_ms, blocks)),
            // A picture of another size is another picture.
            Some((_, first)) => self.tell(t_ms, first.change(&blocks).unwrap_or(f32::MAX)),
        }
    }

    /// Adds a frame whose picture is the same as in the frame before, byte for byte.
    pub fn add_same(&mut self, t_ms: u32) {
        self.tell(t_ms, 0.0);
    }

    fn tell(&mut self, t_ms: u32, change: f32) {
        if self.first.as_ref().is_some_and(|(first_ms, _)| t_ms.saturating_sub(*first_ms) >= APART_MS) {
            self.change = Some(self.change.map_or(change, |most| most.max(change)));
        }
    }

    /// Returns the greatest change, in levels of brightness; `None` if the film is too short.
    pub fn change(&self) -> Option<f32> {
        self.change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    /// Makes a bright disc before a dark wall, moved by `moved` pixels, at the exposure `light`, with `noise` levels of
    /// noise.
    fn picture(moved: f32, light: f32, noise: f32) -> Image {
        let pixel = |place: usize| {
            let (x, y) = ((place % 240) as f32 - 120.0 - moved, (place / 240) as f32 - 160.0);
            let edge = (60.0 - x.hypot(y)).clamp(0.0, 2.0) / 2.0;
            let grain = noise * (12.9898 * place as f32 + 78.233 * (light + moved)).sin();
            [((60.0 + 120.0 * edge) * light + grain).round() as u8; 3]
        };
        Image::new(240, 320, (0..240 * 320).flat_map(pixel).collect())
    }

    fn change(of: &Image) -> Option<f32> {
        let mut renewal = Renewal::default();
        renewal.add(0, picture(0.0, 1.0, 0.0).view());
        renewal.add(500, of.view());
        renewal.change()
    }

    #[test]
    fn what_moves_by_a_pixel_changes_and_what_is_only_encoded_again_does_not() {
        assert!(change(&picture(1.5, 1.0, 0.0)).expect("it is long enough") > 4.0);
        for again in [picture(0.0, 1.0, 2.0), picture(0.0, 1.05, 2.0), picture(0.0, 0.95, 0.0)] {
            assert!(change(&again).expect("it is long enough") < 1.0);
        }
        assert_eq!(change(&Image::new(16, 16, vec![0; 768])), Some(f32::MAX));
    }

    #[test]
    fn nothing_is_told_of_a_moment() {
        let mut renewal = Renewal::default();
        renewal.add(0, picture(0.0, 1.0, 0.0).view());
        renewal.add(APART_MS - 1, picture(0.0, 1.0, 0.0).view());
        assert_eq!(renewal.change(), None);
    }
}
