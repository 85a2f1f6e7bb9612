//! Fits discounts, which lower the cosines of poor pictures, to pairs of different people's poor pictures.

use std::collections::BTreeMap;

use face::calibration::Calibration;
use face::discount::{Discount, Discounts, Steps};
use face::values::score::Score;

use crate::Error;
use crate::fit::calibrate::{DIGITS, rounded};
use crate::input::worse::Worse;

/// The step between qualities of the better picture at which discounts begin, from the best down; good pictures need
/// none.
const STEP: i32 = 50;
const BEST: i32 = 100;
const WORST: i32 = -500;
/// Scores at which cosines are compared.
const SCORES: [f64; 4] = [2000.0, 2500.0, 3000.0, 3500.0];
/// The worst kind of degradation may have this many times the stated rate; all kinds together then keep to the stated
/// rate.
const WORST_RATE: f64 = 1.5;
/// A cosine is known only if at least this many pairs lie beyond it.
const EVENTS_MIN: f64 = 20.0;
/// A group counts if it holds at least this share of the pairs of its kind and grade. Qualities that such pictures
/// hardly ever have cannot raise the rate of all of them.
const SHARE_MIN: f64 = 0.1;
/// A group that raises every cosine by less than this needs no discount.
const LIFT_MIN: f64 = 0.005;

/// Fits the discounts to degraded copies of photographs of different people.
///
/// Pairs are grouped by the quality of their better picture, in steps of 50 from 100 down, and by the kind and grade of
/// degradation. In each group, the cosine that 1.5 times a stated share of the pairs reaches is compared with the
/// cosine at which the calibration states that share; the kind and grade that needs the highest cosine counts. Groups
/// that hold less than a tenth of the pairs of their kind and grade are left out. A rate with fewer than twenty expected
/// pairs takes the difference of the lowest rate that has enough. No quality needs a lower cosine than a better quality.
pub fn fit(general: &Calibration, worse: &[Worse]) -> Result<Discounts, Error> {
    let groups = groups(worse);
    let mut needed: Vec<f64> = SCORES.map(|score| general.cosine(Score(score))).into();
    let good = needed.clone();
    let mut discounts: Vec<Discount> = Vec::new();
    for below in (WORST..=BEST).rev().step_by(STEP as usize) {
        for cosines in groups.get(&below).into_iter().flatten() {
            lift(&mut needed, &good, cosines);
        }
        let lifted = needed.iter().zip(&good).any(|(needed, good)| needed - good > LIFT_MIN);
        if !lifted {
            continue;
        }
        let cosines =
            needed.iter().zip(&good).map(|(needed, good)| [needed, good].map(|cosine| rounded(*cosine, DIGITS)));
        let cosines: Vec<[f64; 2]> = cosines.take_while(|[needed, _]| *needed < 1.0).collect();
        if discounts.last().is_none_or(|last| last.cosines != cosines) && !cosines.is_empty() {
            discounts.push(Discount { below, cosines });
        }
    }
    Ok(Discounts { poor: Steps::try_from(discounts)?, ..Discounts::default() })
}

/// Groups the cosines of pairs, highest first, by the step of quality that they fall below; each kind and grade of
/// degradation has a group of its own.
fn groups(worse: &[Worse]) -> BTreeMap<i32, Vec<Vec<f64>>> {
    let mut groups: BTreeMap<i32, Vec<Vec<f64>>> = BTreeMap::new();
    for set in worse {
        for (step, cosines) in grouped(set) {
            groups.entry(step).or_default().push(cosines);
        }
    }
    groups
}

/// Groups the pairs of one kind and grade; leaves out groups with less than [`SHARE_MIN`] of them.
fn grouped(set: &Worse) -> BTreeMap<i32, Vec<f64>> {
    let faces: Vec<_> = set.faces.iter().filter_map(|face| face.worse.as_ref()).collect();
    let pairs = faces.len() * faces.len().saturating_sub(1) / 2;
    let mut groups: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
    for (at, one) in faces.iter().enumerate() {
        for other in &faces[..at] {
            let quality = one.quality.max(other.quality);
            if quality < BEST {
                let step = (quality.div_euclid(STEP) + 1) * STEP;
                groups.entry(step.max(WORST)).or_default().push(one.template.cosine(&other.template));
            }
        }
    }
    groups.retain(|_, cosines| cosines.len() as f64 >= SHARE_MIN * pairs as f64);
    for cosines in groups.values_mut() {
        cosines.sort_by(|a, b| b.total_cmp(a));
    }
    groups
}

/// Raises the needed cosines to those that these pairs of two people need, where there are enough of them.
fn lift(needed: &mut [f64], good: &[f64], cosines: &[f64]) {
    let mut lifted = None;
    for (at, score) in SCORES.iter().enumerate() {
        let events = WORST_RATE * cosines.len() as f64 * Score(*score).false_acceptance_rate_percent() / 100.0;
        if events >= EVENTS_MIN {
            lifted = Some(cosines[(events as usize).min(cosines.len() - 1)] - good[at]);
        }
        let Some(lifted) = lifted else { return };
        needed[at] = needed[at].max(good[at] + lifted);
    }
    // Cosines must rise: a lower rate is at least two units of the last digit above the one before.
    for at in 1..needed.len() {
        needed[at] = needed[at].max(needed[at - 1] + 2.0 / DIGITS);
    }
}

#[cfg(test)]
mod tests {
    use face::values::template::{Template, Traits};
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::degrade::Degradation;
    use crate::fit::calibrate;
    use crate::input::descriptions::Described;
    use crate::input::worse::Face;
    use crate::measure::comparison::{Comparison, Pairing, Sample};

    /// A face with a random direction in 32 dimensions, drawn towards one common direction by `blur`.
    fn face(random: &mut StdRng, blur: f32, quality: i32) -> Described {
        let mut values: Vec<f32> = (0..32).map(|_| (0..4).map(|_| random.random_range(-1.0..1.0f32)).sum()).collect();
        values[0] += blur;
        let template = Template::new(1, &values).expect("it is not zero").with(Traits::new(quality, None));
        Described { template, quality }
    }

    fn worse(how: Degradation, blur: f32, quality: i32, seed: u64) -> Worse {
        let mut random = StdRng::seed_from_u64(seed);
        let face = |_| Face { good: face(&mut random, 0.0, 300), worse: Some(face(&mut random, blur, quality)) };
        Worse { how, grade: 1.0, faces: (0..500).map(face).collect() }
    }

    fn general() -> Calibration {
        let mut random = StdRng::seed_from_u64(9);
        let sample =
            |person| Sample { person, template: Some(face(&mut random, 0.0, 300).template), ..Sample::default() };
        let comparison = Comparison::new(&(0..1000).map(sample).collect::<Vec<_>>(), Pairing::All);
        calibrate::fit(&comparison, "a test".into()).expect("there are enough").calibration
    }

    #[test]
    fn poor_pictures_keep_the_stated_rate() {
        let general = general();
        let sets = [worse(Degradation::Dark, 1.0, 40, 1), worse(Degradation::Blur, 4.0, -60, 2)];
        let discounts = fit(&general, &sets).expect("they fall");
        let others = [worse(Degradation::Dark, 1.0, 40, 3), worse(Degradation::Blur, 4.0, -60, 4)];
        for others in others {
            let faces: Vec<&Described> = others.faces.iter().filter_map(|face| face.worse.as_ref()).collect();
            let (mut as_it_is, mut discounted, mut pairs) = (0, 0, 0);
            let limit = general.cosine(Score(3000.0));
            for (at, one) in faces.iter().enumerate() {
                for other in &faces[..at] {
                    let cosine = one.template.cosine(&other.template);
                    let left = discounts.cosine(&one.template, &other.template);
                    as_it_is += usize::from(cosine >= limit);
                    discounted += usize::from(left >= limit);
                    pairs += 1;
                }
            }
            let ratio = |count: usize| count as f64 / f64::from(pairs) / 1e-3;
            assert!(ratio(as_it_is) > 1.2, "{}", ratio(as_it_is));
            assert!((0.3..2.0).contains(&ratio(discounted)), "{}", ratio(discounted));
        }
        // A pair of a good and a poor picture has no discount.
        assert_eq!(discounts.left(0.4, [300, -60].map(|quality| Traits::new(quality, None))), 0.4);
    }

    #[test]
    fn good_pictures_need_no_discount() {
        let discounts = fit(&general(), &[worse(Degradation::Dark, 0.0, 40, 5)]).expect("there is nothing wrong");
        let left = discounts.left(0.5, [Traits::new(40, None); 2]);
        assert!((0.47..=0.5).contains(&left), "{left}");
        assert_eq!(fit(&general(), &[]).expect("there is nothing"), Discounts::default());
    }
}
