//! A calibration with its evidence: the curves, and their error rates on people who were not in the fit.

use std::fmt;

use face::curves::{Curves, Types};
use face::discount::Discounts;
use face::values::score::Score;

use crate::Error;
use crate::fit::calibrate::{self, Fit};
use crate::fit::discounts;
use crate::input::collection::{Collection, Half};
use crate::input::descriptions::Descriptions;
use crate::input::worse::Worse;
use crate::measure::comparison::Comparison;
use crate::measure::det::{self, Curve};
use crate::measure::figures::Figures;
use crate::measure::histogram::Histogram;
use crate::measure::interval::Interval;
use crate::measure::number::{self, dash, grouped};
use crate::measure::part::{self, Part};
use crate::measure::rates::{Intervals, Marks};
use crate::measure::reliability::{self, Point};
use crate::measure::table::Table;
use crate::measure::tables;

/// Shares of the pairs of two people whose cosines are reported.
const SHARES: [f64; 8] = [0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/// Curves fitted to one half of the people of a collection, and checked on the other half.
pub struct Fitting {
    /// Describes the pictures in words.
    pub data: String,
    pub caveats: Vec<String>,
    pub general: Fitted,
    /// The pairs of types that occur, each with its curve, or with the reason why it has none and uses the general
    /// curve.
    pub by_types: Vec<(Types, Result<Fitted, Error>)>,
    /// Lower the cosines of poor pictures.
    pub discounts: Discounts,
}

/// One curve.
pub struct Fitted {
    pub fit: Fit,
    pub on: Figures,
    pub held_out: Figures,
    /// Quantiles of the people that the curve was fitted to.
    pub quantiles: Vec<Quantile>,
    pub histogram: Histogram,
    /// Error curves of the people that it was fitted to, and of the held-out people.
    pub curves: [Curve; 2],
    /// Reliability on the held-out people.
    pub reliability: Vec<Point>,
}

/// The cosine that a share of the pairs of two people reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    pub share: f64,
    pub cosine: f64,
    /// `None` below the highest twentieth of many pairs, where pairs are not known one by one, and where too few pairs
    /// reach it.
    pub by_people: Option<Interval>,
}

impl Fitting {
    /// Fits the general curve, and one for each pair of types that has enough pairs.
    ///
    /// `worse` are degraded copies of pictures of the people that it is fitted on.
    pub fn new(collection: &Collection, descriptions: &Descriptions, worse: &[Worse]) -> Result<Self, Error> {
        let fitted = |types: Option<Types>| {
            let [on, held_out] = [Half::Fitted, Half::HeldOut]
                .map(|half| part::compare(collection, descriptions, Part { half: Some(half), group: None, types }));
            let of = types.map_or_else(String::new, |types| format!("; pairs of {types}"));
            let data = format!("{}; half of the people ({}){of}", collection.data, Half::Fitted);
            Fitted::new(&on, &held_out, data)
        };
        let general = fitted(None)?;
        Ok(Self {
            data: collection.data.clone(),
            caveats: collection.caveats.clone(),
            discounts: discounts::fit(&general.fit.calibration, worse)?,
            general,
            by_types: part::types(collection).into_iter().map(|types| (types, fitted(Some(types)))).collect(),
        })
    }

    /// Returns the curves for a pack's manifest.
    pub fn curves(&self) -> Curves {
        let by_types = self.by_types.iter().filter_map(|(types, fitted)| {
            let fitted = fitted.as_ref().ok()?;
            Some((*types, fitted.fit.calibration.clone()))
        });
        Curves {
            general: self.general.fit.calibration.clone(),
            by_types: by_types.collect(),
            discounts: self.discounts.clone(),
        }
    }
}

impl Fitted {
    fn new(on: &Comparison, held_out: &Comparison, data: String) -> Result<Self, Error> {
        let fit = calibrate::fit(on, data)?;
        let curve = Some(&fit.calibration);
        Ok(Self {
            on: Figures::new(on, curve),
            held_out: Figures::new(held_out, curve),
            quantiles: quantiles(on),
            histogram: Histogram::new(on, curve),
            curves: [("fitted", on), ("heldOut", held_out)]
                .map(|(name, people)| Curve { name, points: det::points(people, curve) }),
            reliability: reliability::points(held_out, &fit.calibration),
            fit,
        })
    }

    /// Describes in words how the tail was made and how well it fits.
    pub fn tail(&self) -> String {
        let Fit { calibration, tail_pairs, tail_gap, .. } = &self.fit;
        let tail = &calibration.origin().tail;
        let (first, second) = (calibrate::TAIL_PAIRS, calibrate::TAIL_SHARE_MAX);
        format!(
            "The tail consists of the {first} highest pairs of two people, or of one in {second} if these are fewer: \
             it begins at cosine {:.4} and has {tail_pairs} pairs. Its law is a generalised Pareto distribution of \
             shape {:.3} and scale {:.5}. The Kolmogorov-Smirnov distance between the law and the pairs is \
             {tail_gap:.3} (by chance alone, one in twenty such sets would be further than about {:.3} from a law that \
             was not fitted to it). Measured down to a rate of {} % (three divided by the number of pairs of people); \
             {} knots.",
            tail.cosine,
            tail.shape,
            tail.scale,
            // The 95th percentile of Kolmogorov's distribution, for large samples.
            1.358 / (*tail_pairs as f64).sqrt(),
            number::percent(calibration.origin().measured_to_percent / 100.0),
            calibration.knots().len(),
        )
    }

    /// Returns the tables of the curve's figures. `whom` names the pairs, if they are not all pairs.
    pub fn tables(&self, whom: &str) -> Vec<Table> {
        let title = |people: &str, half| format!("{people}{whom} ({half})");
        let row = |found: &Quantile| {
            vec![
                number::percent(found.share),
                format!("{:.4}", found.cosine),
                found.by_people.map_or_else(dash, |i| format!("[{:.4}, {:.4}]", i.low, i.high)),
                format!("{:.0}", self.fit.calibration.score(found.cosine).0),
                format!("{:.0}", Score::from_far_percent(100.0 * found.share).0),
            ]
        };
        let quantiles = Table {
            title: format!("Quantiles of {} pairs of two people{whom}", grouped(self.on.impostor_pairs)),
            head: vec!["share beyond, %", "cosine", "by people", "score", "the share's own"],
            rows: self.quantiles.iter().map(row).collect(),
        };
        vec![
            quantiles,
            tables::by_score(&title("Fitted on", Half::Fitted), &self.on),
            tables::by_score(&title("Held out", Half::HeldOut), &self.held_out),
        ]
    }
}

fn quantiles(comparison: &Comparison) -> Vec<Quantile> {
    let marks = Marks { fars: SHARES.to_vec(), cosines: Vec::new() };
    let intervals = Intervals::by_people(comparison, &marks).thresholds;
    let quantile = |(share, by_people): (&f64, Option<Interval>)| {
        Some(Quantile { share: *share, cosine: comparison.impostors.cosine_at(*share)?, by_people })
    };
    SHARES.iter().zip(intervals).filter_map(quantile).collect()
}

impl fmt::Display for Fitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Calibrated on {}", self.data)?;
        for caveat in &self.caveats {
            writeln!(f, "Note: {caveat}")?;
        }
        let show = |f: &mut fmt::Formatter<'_>, fitted: &Fitted, whom: &str| {
            writeln!(f, "\n{}", fitted.tail())?;
            fitted.tables(whom).iter().try_for_each(|table| {
                writeln!(f)?;
                table.text(f)
            })
        };
        show(f, &self.general, "")?;
        for (types, fitted) in &self.by_types {
            match fitted {
                Ok(fitted) => show(f, fitted, &format!(", {types}"))?,
                Err(error) => writeln!(f, "\n{types}: no separate curve: {error}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests;
