//! Measures whether a face reflects the colours that a screen before it shows.
//!
//! A screen lights the face before it and hardly the room behind. So the face's colour follows the colours that only
//! this check asks for. The colour in a film made before does not, and a display outshines what it reflects. Skin that
//! faces the screen reflects most, and skin at the sides of the face less; a print reflects the same everywhere.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use crate::liveness::colours::{Colours, linear};
use crate::liveness::track::Shot;
use crate::values::lights::{LIGHT_MS, LIGHTS, Light, ShownLight};

/// Keeps the logarithm of black finite.
const BLACK: f32 = 0.002;
/// Delays from a colour's time to the first frame that shows it, in milliseconds: screens, cameras and browsers take
/// that long.
const DELAYS_MS: [u32; 10] = [0, 50, 100, 150, 200, 250, 300, 350, 400, 450];
/// The fewest frames that each colour needs.
const FRAMES_MIN: usize = 2;

/// The agreement of a face's colour with the colours that were shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reflection {
    /// The correlation of the face's colours with those shown, at the delay where it is highest; -1 to 1.
    pub correlation: f32,
    /// The share of all sequences that could have been asked for that fit the face at least as well; above 0, at most
    /// 1.
    pub chance: f32,
    /// The light that the sides reflect as a share of the front's, and the standard error of that share.
    pub sides: f32,
    pub sides_error: f32,
}

/// Returns a colour's hue as two numbers: red minus green and blue minus green.
fn hue(colour: [f32; 3]) -> [f64; 2] {
    [f64::from(colour[0] - colour[1]), f64::from(colour[2] - colour[1])]
}

/// Returns the hue of skin against the background, in logarithms: neither exposure nor white balance changes it.
fn skin_hue(skin: [f32; 3], behind: Option<[f32; 3]>) -> [f64; 2] {
    let log = |colour: [f32; 3]| colour.map(|value| (value + BLACK).ln());
    let behind = behind.map_or([0.0; 3], log);
    let skin = log(skin);
    hue(std::array::from_fn(|channel| skin[channel] - behind[channel]))
}

/// Measures how well the face follows `shown`, which must hold [`LIGHTS`] colours; `None` if a colour was seen in too
/// few frames. `colours` are those of `shots`.
pub fn reflection(shots: &[Shot], colours: &[Colours], shown: &[ShownLight]) -> Option<Reflection> {
    if shown.len() != LIGHTS {
        return None;
    }
    // The background is used only if every frame has one: one that comes and goes would add jumps of its own.
    let is_compared = colours.iter().all(|colours| colours.behind.is_some());
    let of = |skin: fn(&Colours) -> [f32; 3]| {
        move |place: &usize| skin_hue(skin(&colours[*place]), colours[*place].behind.filter(|_| is_compared))
    };
    let (front, sides) = (of(|colours| colours.front), of(|colours| colours.sides));
    let asked: Vec<usize> = shown.iter().map(|shown| place(shown.light)).collect();
    let mut best: Option<(f64, Fit, Vec<usize>)> = None;
    let mut fits = vec![];
    for delay_ms in DELAYS_MS {
        let (places, blocks) = lit(shots, shown, delay_ms);
        let Some(fit) = Fit::new(&blocks, &places.iter().map(front).collect::<Vec<_>>()) else { continue };
        let correlation = fit.correlation(&asked);
        if best.as_ref().is_none_or(|(known, ..)| correlation > *known) {
            best = Some((correlation, fit.clone(), places));
        }
        fits.push(fit);
    }
    let (correlation, fit, places) = best?;
    let (gain, error) = fit.gain(&asked);
    let side = Fit::new(&fit.blocks, &places.iter().map(sides).collect::<Vec<_>>())?;
    let (side_gain, side_error) = side.gain(&asked);
    let share = side_gain / gain;
    let share_error = (side_error.powi(2) + (share * error).powi(2)).sqrt() / gain.abs();
    Some(Reflection {
        correlation: correlation as f32,
        chance: chance(&fits, correlation) as f32,
        sides: share as f32,
        sides_error: share_error as f32,
    })
}

/// Returns the shots that a colour lights, and the place of that colour for each of them.
fn lit(shots: &[Shot], shown: &[ShownLight], delay_ms: u32) -> (Vec<usize>, Vec<usize>) {
    let block = |shot: &Shot| {
        let since = |shown: &ShownLight| {
            shot.t_ms.checked_sub(shown.from_ms.saturating_add(delay_ms)).filter(|ms| *ms < LIGHT_MS)
        };
        shown.iter().rposition(|shown| since(shown).is_some())
    };
    shots.iter().enumerate().filter_map(|(place, shot)| Some((place, block(shot)?))).unzip()
}

fn place(light: Light) -> usize {
    Light::ALL.iter().position(|known| *known == light).unwrap_or_default()
}

/// The hues of a face over time, without mean and drift, with all that is needed to correlate them with any sequence.
#[derive(Clone)]
struct Fit {
    /// The place of the colour that lights each frame.
    blocks: Vec<usize>,
    /// The sum of squares of the hues.
    square: f64,
    /// The sum of the hues over each colour's frames.
    sums: [[f64; 2]; LIGHTS],
    /// Products of the frames that two colours light, as vectors of zeros and ones without mean and drift.
    products: [[f64; LIGHTS]; LIGHTS],
    /// The hue of each light.
    hues: [[f64; 2]; Light::ALL.len()],
}

impl Fit {
    /// Returns `None` if a colour lights too few frames.
    fn new(blocks: &[usize], hues: &[[f64; 2]]) -> Option<Self> {
        let counts: [usize; LIGHTS] =
            std::array::from_fn(|light| blocks.iter().filter(|block| **block == light).count());
        if counts.iter().any(|count| *count < FRAMES_MIN) {
            return None;
        }
        let count = blocks.len();
        let line = DMatrix::from_fn(count, 2, |row, column| if column == 0 { 1.0 } else { row as f64 / count as f64 });
        // The residual of a column after the best line through it.
        let onto = (line.transpose() * &line).try_inverse()? * line.transpose();
        let without = |column: DVector<f64>| &column - &line * (&onto * &column);
        let hues = [0, 1].map(|side| without(DVector::from_fn(count, |row, _| hues[row][side])));
        let lit: [DVector<f64>; LIGHTS] = std::array::from_fn(|light| {
            without(DVector::from_fn(count, |row, _| if blocks[row] == light { 1.0 } else { 0.0 }))
        });
        Some(Self {
            blocks: blocks.to_vec(),
            square: hues.iter().map(DVector::norm_squared).sum(),
            sums: std::array::from_fn(|light| std::array::from_fn(|side| lit[light].dot(&hues[side]))),
            products: std::array::from_fn(|one| std::array::from_fn(|other| lit[one].dot(&lit[other]))),
            hues: Light::ALL.map(|light| hue(light.srgb().map(linear))),
        })
    }

    /// Returns the product of the face's hues with those of a sequence, and of the latter with themselves.
    fn against(&self, sequence: &[usize]) -> (f64, f64) {
        let hues = |light: usize| self.hues[sequence[light]];
        let dot = |one: [f64; 2], other: [f64; 2]| one[0] * other[0] + one[1] * other[1];
        let (mut both, mut own) = (0.0, 0.0);
        for one in 0..LIGHTS {
            both += dot(self.sums[one], hues(one));
            for other in 0..LIGHTS {
                own += self.products[one][other] * dot(hues(one), hues(other));
            }
        }
        (both, own)
    }

    fn correlation(&self, sequence: &[usize]) -> f64 {
        let (both, own) = self.against(sequence);
        let scale = (own * self.square).sqrt();
        if scale > 1e-12 { both / scale } else { 0.0 }
    }

    /// Returns the change of the hues for that of a colour, by least squares, and its standard error.
    fn gain(&self, sequence: &[usize]) -> (f64, f64) {
        let (both, own) = self.against(sequence);
        let gain = both / own;
        // The degrees of freedom: two hues a frame, less their means and drifts and the gain.
        let free = (2 * self.blocks.len()).saturating_sub(5).max(1) as f64;
        let rest = (self.square - both * gain).max(0.0);
        (gain, (rest / free / own).sqrt())
    }
}

/// Returns the share of all sequences, no two colours alike in a row, that reach this correlation at some delay.
fn chance(fits: &[Fit], correlation: f64) -> f64 {
    let kinds = Light::ALL.len();
    let (mut as_good, mut count) = (0_u32, 0_u32);
    let mut sequence = [0; LIGHTS];
    for mut number in 0..kinds.pow(LIGHTS as u32) {
        for light in &mut sequence {
            (*light, number) = (number % kinds, number / kinds);
        }
        if sequence.windows(2).any(|pair| pair[0] == pair[1]) {
            continue;
        }
        count += 1;
        as_good += u32::from(fits.iter().any(|fit| fit.correlation(&sequence) >= correlation - 1e-9));
    }
    f64::from(as_good) / f64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::lights::schedule;

    const SKIN: [f32; 3] = [0.4, 0.25, 0.18];

    /// Makes a film of a face that follows `shown`, at ten frames a second. `side` is the share that its sides reflect.
    fn film(shown: &[ShownLight], side: f32) -> Vec<(Shot, Colours)> {
        let frame = |number: usize| {
            let t_ms = 100 * number as u32;
            let light = shown.iter().rfind(|shown| shown.from_ms + 130 <= t_ms);
            let light = light.map_or([0.0; 3], |shown| shown.light.srgb().map(linear));
            // Noise, and a camera whose white balance drifts.
            let noise = 0.004 * (number as f32 * 12.9898).sin();
            let drift = [1.0 + 0.01 * number as f32, 1.0, 1.0 - 0.004 * number as f32];
            let lit = |share: f32| {
                std::array::from_fn(|channel| {
                    SKIN[channel] * drift[channel] * (1.0 + 0.1 * share * light[channel] + noise)
                })
            };
            let behind = drift.map(|value| 0.3 * value);
            let colours = Colours { front: lit(1.0), sides: lit(side), behind: Some(behind) };
            let shot = Shot {
                frame: number,
                t_ms,
                yaw: 0.0,
                pitch: 0.0,
                roll: 0.0,
                eyes: 0.3,
                mouth: 0.0,
                iod: 90.0,
                points: vec![],
            };
            (shot, colours)
        };
        (0..50).map(frame).collect()
    }

    fn shown(seed: i32) -> Vec<ShownLight> {
        schedule(seed, &[3; 32])
    }

    fn measured(film: &[(Shot, Colours)], shown: &[ShownLight]) -> Option<Reflection> {
        let (shots, colours): (Vec<Shot>, Vec<Colours>) = film.iter().cloned().unzip();
        reflection(&shots, &colours, shown)
    }

    #[test]
    fn a_face_follows_its_own_lights_and_no_others() {
        let own = measured(&film(&shown(1), 0.5), &shown(1)).expect("each colour was seen");
        assert!(own.correlation > 0.9 && own.chance < 0.001, "{own:?}");
        assert!((own.sides - 0.5).abs() < 0.05 && own.sides_error < 0.05, "{own:?}");
        // Films made for other checks fit by luck as rarely as the chance says.
        let lucky = (2..202).filter(|seed| {
            let other = measured(&film(&shown(*seed), 0.5), &shown(1)).expect("each colour was seen");
            other.chance <= 0.05
        });
        assert!(lucky.count() <= 20);
    }

    #[test]
    fn a_flat_thing_is_as_bright_at_its_sides() {
        let flat = measured(&film(&shown(1), 1.0), &shown(1)).expect("each colour was seen");
        assert!((flat.sides - 1.0).abs() < 0.05, "{flat:?}");
    }

    #[test]
    fn nothing_is_measured_where_nothing_was_shown() {
        let film = film(&shown(1), 0.5);
        assert_eq!(measured(&film, &[]), None);
        assert_eq!(measured(&film[..30], &shown(1)), None);
        let late: Vec<ShownLight> = shown(1).iter().map(|shown| ShownLight { from_ms: u32::MAX, ..*shown }).collect();
        assert_eq!(measured(&film, &late), None);
    }
}
