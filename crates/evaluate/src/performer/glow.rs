//! The light of a screen on the scene before it.

use face::values::lights::{LIGHT_MS, ShownLight};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::performer::Performance;

/// The delay from the start of a colour to its light on a frame, in milliseconds.
const DELAY_MS: u32 = 120;
/// The light of a white screen on skin that faces it, relative to the room's: a phone of 500 candela per square metre
/// at 0.3 m gives about 50 lux, and rooms have 150 to 500.
const STRENGTH: std::ops::Range<f32> = 0.1..0.3;
/// The exponent of a display's transfer function.
const GAMMA: f32 = 2.2;

/// A screen's colours over time.
pub struct Glow {
    lights: Vec<ShownLight>,
    strength: f32,
}

/// The light at one moment, relative to the room's: linear red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lit([f32; 3]);

impl Glow {
    pub fn new(performance: &Performance) -> Self {
        let strength = StdRng::seed_from_u64(performance.seed ^ 0x5c4e_e111).random_range(STRENGTH);
        Self { lights: performance.asked.lights.clone(), strength }
    }

    /// Returns the light at a time; dark if no colour is shown.
    pub fn at(&self, t_ms: u32) -> Lit {
        let since = |shown: &&ShownLight| t_ms.checked_sub(shown.from_ms + DELAY_MS).is_some_and(|ms| ms < LIGHT_MS);
        let srgb = self.lights.iter().rfind(since).map_or([0; 3], |shown| shown.light.srgb());
        Lit(srgb.map(|value| self.strength * (f32::from(value) / 255.0).powf(GAMMA)))
    }
}

impl Lit {
    /// Adds this light to a colour of the picture (0..255); `facing` is the share of the light that arrives there,
    /// 0..1.
    pub fn on(self, colour: [f32; 3], facing: f32) -> [f32; 3] {
        if self == Self::default() {
            return colour;
        }
        std::array::from_fn(|channel| colour[channel] * (1.0 + self.0[channel] * facing).powf(1.0 / GAMMA))
    }
}
