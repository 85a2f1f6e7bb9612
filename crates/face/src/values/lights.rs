//! The colours that a screen shows one after the other in a check by light.

use strum::{IntoStaticStr, VariantArray};

use crate::values::draws;

/// The number of colours in one check.
pub const LIGHTS: usize = 8;
/// The time that each colour is shown: two changes a second are below the three flashes that WCAG 2.3.1 allows.
pub const LIGHT_MS: u32 = 500;

/// The time at which clients show the first colour: the film begins before.
const FIRST_MS: u32 = 500;

const INFO: &str = "bioserver lights v1";

/// A colour that a screen shows. All are soft and about equally bright, and none is a saturated red, which WCAG 2.3.1
/// forbids to flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Light {
    Sky,
    Mint,
    Sun,
    Rose,
}

crate::named!(Light);

impl Light {
    /// Returns red, green and blue in sRGB.
    pub fn srgb(self) -> [u8; 3] {
        match self {
            Self::Sky => [0x66, 0xb3, 0xff],
            Self::Mint => [0x66, 0xff, 0x99],
            Self::Sun => [0xff, 0xd9, 0x66],
            Self::Rose => [0xff, 0x99, 0xcc],
        }
    }
}

/// A colour and when it came on, in milliseconds of the capture. It stays on for [`LIGHT_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownLight {
    pub from_ms: u32,
    pub light: Light,
}

/// Returns the [`LIGHTS`] colours of a check, no two alike in a row: see [`draws::drawn`]. The choices stand for `SKY`,
/// `MINT`, `SUN` and `ROSE`, from 0 on.
pub fn lights(seed: i32, server_random: &[u8; 32]) -> Vec<Light> {
    const KINDS: u8 = Light::ALL.len() as u8;
    draws::drawn(INFO, KINDS, seed, server_random, LIGHTS).into_iter().map(|choice| Light::ALL[choice]).collect()
}

/// Returns the colours with their times, as a client shows them that is never late.
pub fn schedule(seed: i32, server_random: &[u8; 32]) -> Vec<ShownLight> {
    let times = (FIRST_MS..).step_by(LIGHT_MS as usize);
    times.zip(lights(seed, server_random)).map(|(from_ms, light)| ShownLight { from_ms, light }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_from_seed_and_random_number() {
        let shown = lights(1_150_867_590, &[7; 32]);
        assert_eq!(shown.len(), LIGHTS);
        assert!(shown.windows(2).all(|pair| pair[0] != pair[1]));
        assert_ne!(lights(1_150_867_591, &[7; 32]), shown);
        assert_ne!(lights(1_150_867_590, &[8; 32]), shown);
        // `docs/capture.md` states these colours, computed by another implementation.
        let named = shown.iter().map(|light| format!("`{light}`")).collect::<Vec<_>>().join(", ");
        let page = include_str!("../../../../docs/capture.md");
        assert!(page.contains(&named), "{named}");
    }

    #[test]
    fn no_colour_may_harm() {
        for light in Light::ALL {
            let [red, green, blue] = light.srgb().map(f32::from);
            assert!(red / (red + green + blue) < 0.8, "{light} is a saturated red");
        }
    }
}
