//! Maps the cosine of two templates to a score that means a false acceptance rate.

use serde::{Deserialize, Serialize};

use crate::values::score::Score;

/// The curve from cosine to score, measured on pictures of different people.
///
/// Between knots the score is linear in the cosine; outside of them it is that of the nearest knot. A value that exists
/// has passed the checks of [`Fault`], so [`Calibration::score`] never falls as the cosine rises.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct Calibration {
    knots: Vec<Knot>,
    origin: Origin,
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knot {
    /// -1..1
    pub cosine: f64,
    pub score: f64,
}

/// The measurement that a calibration comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The pictures, in words.
    pub data: String,
    /// The number of people that they show.
    pub people: usize,
    /// The number of templates that were compared.
    pub templates: usize,
    /// The number of pairs of templates of different people.
    pub impostor_pairs: u64,
    /// The lowest false acceptance rate, in percent, that these people can support: three divided by the number of
    /// pairs of people (the "rule of three"; pictures of the same two people are not independent trials). Lower rates
    /// come from the tail alone.
    pub measured_to_percent: f64,
    pub tail: Tail,
}

/// The generalised Pareto distribution that the curve follows above `cosine`: among the pairs above it, the share above
/// `cosine + x` is `(1 + shape x / scale)^(-1 / shape)`, or `exp(-x / scale)` for a shape of zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// The cosine where the tail begins.
    pub cosine: f64,
    /// Never negative: such a tail could end before a cosine of one and declare everything beyond impossible.
    pub shape: f64,
    /// Above zero, in units of the cosine.
    pub scale: f64,
}

impl Tail {
    /// Returns the share of the tail's pairs that lie above `cosine`; 1 for a cosine below the tail.
    pub fn beyond(&self, cosine: f64) -> f64 {
        let x = (cosine - self.cosine).max(0.0) / self.scale;
        if self.shape == 0.0 { (-x).exp() } else { (1.0 + self.shape * x).powf(-1.0 / self.shape) }
    }
}

/// The reasons why a table is not a calibration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("a calibration needs at least two knots")]
    TooFewKnots,
    #[error("knot {0} of the calibration is not finite, or its cosine is not within -1..1")]
    Knot(usize),
    #[error("knot {0} of the calibration does not rise above the one before it")]
    NotRising(usize),
    #[error("measured_to_percent of the calibration must be above 0 and at most 100")]
    MeasuredTo,
    #[error("the calibration's tail needs a cosine within -1..1, a shape of zero or more and a scale above zero")]
    Tail,
}

impl Calibration {
    /// Checks that the curve rises strictly, and that every figure is finite and in its range.
    pub fn new(knots: Vec<Knot>, origin: Origin) -> Result<Self, Fault> {
        if knots.len() < 2 {
            return Err(Fault::TooFewKnots);
        }
        for (at, knot) in knots.iter().enumerate() {
            if !(-1.0..=1.0).contains(&knot.cosine) || !knot.score.is_finite() {
                return Err(Fault::Knot(at));
            }
        }
        let rises = |pair: &[Knot]| pair[0].cosine < pair[1].cosine && pair[0].score < pair[1].score;
        if let Some(at) = knots.windows(2).position(|pair| !rises(pair)) {
            return Err(Fault::NotRising(at + 1));
        }
        if !(origin.measured_to_percent > 0.0 && origin.measured_to_percent <= 100.0) {
            return Err(Fault::MeasuredTo);
        }
        let Tail { cosine, shape, scale } = origin.tail;
        let fits =
            (-1.0..=1.0).contains(&cosine) && (0.0..f64::MAX).contains(&shape) && scale > 0.0 && scale.is_finite();
        if fits { Ok(Self { knots, origin }) } else { Err(Fault::Tail) }
    }

    /// Returns the score of two templates with this cosine. A cosine that is not a number gets the lowest score.
    pub fn score(&self, cosine: f64) -> Score {
        let above = self.knots.partition_point(|knot| knot.cosine <= cosine);
        let last = self.knots.len() - 1;
        let score = match above {
            0 => self.knots[0].score,
            at if at > last => self.knots[last].score,
            at => {
                let (low, high) = (self.knots[at - 1], self.knots[at]);
                let share = (cosine - low.cosine) / (high.cosine - low.cosine);
                low.score + share * (high.score - low.score)
            }
        };
        Score(score)
    }

    /// Returns the lowest cosine that reaches `score`; infinity if none does.
    pub fn cosine(&self, score: Score) -> f64 {
        let above = self.knots.partition_point(|knot| knot.score < score.0);
        match above {
            0 => -1.0,
            at if at == self.knots.len() => f64::INFINITY,
            at => {
                let (low, high) = (self.knots[at - 1], self.knots[at]);
                let share = (score.0 - low.score) / (high.score - low.score);
                low.cosine + share * (high.cosine - low.cosine)
            }
        }
    }

    /// Returns the points of the curve, in rising order.
    pub fn knots(&self) -> &[Knot] {
        &self.knots
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The form in a pack's manifest.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Table {
    data: String,
    people: usize,
    templates: usize,
    impostor_pairs: u64,
    measured_to_percent: f64,
    tail_cosine: f64,
    tail_shape: f64,
    tail_scale: f64,
    /// Cosine and score of each knot.
    knots: Vec<[f64; 2]>,
}

impl TryFrom<Table> for Calibration {
    type Error = Fault;

    fn try_from(table: Table) -> Result<Self, Fault> {
        let knots = table.knots.into_iter().map(|[cosine, score]| Knot { cosine, score }).collect();
        let tail = Tail { cosine: table.tail_cosine, shape: table.tail_shape, scale: table.tail_scale };
        let origin = Origin {
            data: table.data,
            people: table.people,
            templates: table.templates,
            impostor_pairs: table.impostor_pairs,
            measured_to_percent: table.measured_to_percent,
            tail,
        };
        Self::new(knots, origin)
    }
}

impl From<Calibration> for Table {
    fn from(calibration: Calibration) -> Self {
        let Calibration { knots, origin } = calibration;
        Self {
            data: origin.data,
            people: origin.people,
            templates: origin.templates,
            impostor_pairs: origin.impostor_pairs,
            measured_to_percent: origin.measured_to_percent,
            tail_cosine: origin.tail.cosine,
            tail_shape: origin.tail.shape,
            tail_scale: origin.tail.scale,
            knots: knots.into_iter().map(|knot| [knot.cosine, knot.score]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        data = "a toy"
        people = 20
        templates = 40
        impostor_pairs = 760
        measured_to_percent = 0.39
        tail_cosine = 0.8
        tail_shape = 0.0
        tail_scale = 0.01
        knots = [[-1.0, 1500.0], [0.5, 2000.0], [0.75, 2500.0], [1.0, 7000.0]]
    "#;

    fn toy() -> Calibration {
        toml::from_str(TEXT).expect("it is a calibration")
    }

    #[test]
    fn the_score_is_a_line_between_knots_and_level_outside() {
        let toy = toy();
        for (cosine, score) in [(-2.0, 1500.0), (-1.0, 1500.0), (-0.25, 1750.0), (0.5, 2000.0), (0.625, 2250.0)] {
            assert!((toy.score(cosine).0 - score).abs() < 1e-9, "{cosine}");
        }
        assert_eq!(toy.score(0.75), Score(2500.0));
        assert_eq!(toy.score(1.0), Score(7000.0));
        assert_eq!(toy.score(1.5), Score(7000.0));
        assert_eq!(toy.score(f64::NAN), Score(1500.0));
        let scores: Vec<f64> = (-1000..=1000).map(|at| toy.score(f64::from(at) / 1000.0).0).collect();
        assert!(scores.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_cosine_is_the_inverse_of_the_score() {
        let toy = toy();
        for cosine in [-0.9, -0.25, 0.5, 0.6, 0.75, 0.99] {
            assert!((toy.cosine(toy.score(cosine)) - cosine).abs() < 1e-12, "{cosine}");
        }
        assert_eq!(toy.cosine(Score(1000.0)), -1.0);
        assert_eq!(toy.cosine(Score(7000.1)), f64::INFINITY);
    }

    #[test]
    fn it_survives_the_manifest() {
        let text = toml::to_string(&toy()).expect("it is a table");
        assert_eq!(toml::from_str::<Calibration>(&text).expect("it is a calibration"), toy());
    }

    #[test]
    fn what_does_not_rise_or_is_out_of_range_is_refused() {
        let refused = |from: &str, to: &str| {
            let changed = TEXT.replace(from, to);
            assert_ne!(changed, TEXT);
            toml::from_str::<Calibration>(&changed).expect_err(to).to_string()
        };
        assert!(refused("[0.5, 2000.0]", "[0.5, 1500.0]").contains("knot 1 of"));
        assert!(refused("[0.5, 2000.0]", "[0.75, 2000.0]").contains("knot 2 of"));
        assert!(refused("[0.5, 2000.0]", "[nan, 2000.0]").contains("knot 1 of"));
        assert!(refused("[1.0, 7000.0]", "[1.1, 7000.0]").contains("knot 3 of"));
        assert!(refused("[1.0, 7000.0]", "[1.0, inf]").contains("knot 3 of"));
        assert!(refused(", [0.5, 2000.0], [0.75, 2500.0], [1.0, 7000.0]", "").contains("two knots"));
        assert!(refused("= 0.39", "= 0.0").contains("measured_to"));
        assert!(refused("tail_shape = 0.0", "tail_shape = -0.1").contains("tail"));
        assert!(refused("tail_scale = 0.01", "tail_scale = 0.0").contains("tail"));
        assert!(refused("people = 20", "person = 20").contains("person"));
    }

    #[test]
    fn the_tail_falls_as_its_law_says() {
        let thin = Tail { cosine: 0.8, shape: 0.0, scale: 0.02 };
        assert_eq!(thin.beyond(0.7), 1.0);
        assert!((thin.beyond(0.82) - (-1f64).exp()).abs() < 1e-12);
        let thick = Tail { shape: 0.5, ..thin };
        assert!((thick.beyond(0.84) - 0.25).abs() < 1e-12);
    }
}
