//! Compares a report with the limits of a published profile, line by line.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::measure::interval::Interval;
use crate::measure::number::{dash, grouped, hundredths, hundredths_of};
use crate::measure::table::Table;
use crate::report::Report;

/// A published set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Profile {
    /// NIST SP 800-63A-4, comparison of a live picture with the picture of the evidence: at a false match rate of one
    /// in 10,000, at most one in 100 genuine pairs may fail, in every group of people.
    #[strum(serialize = "800-63A")]
    Nist80063A,
}

face::named!(Profile);

/// The false match rate and the false non-match rate of SP 800-63A-4.
const FMR: f64 = 1e-4;
const FNMR_MAX: f64 = 0.01;

/// The verdict of the figures on a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Verdict {
    /// The whole interval is within the limit.
    Met,
    /// The whole interval is beyond the limit.
    Missed,
    /// The interval contains the limit: more people are needed.
    Open,
    /// No pairs can decide.
    NoData,
}

/// One limit and the figures for it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The people whose pairs these are.
    pub whom: String,
    pub genuine_pairs: usize,
    pub fnmr: Option<f64>,
    pub interval: Option<Interval>,
    pub verdict: Verdict,
}

impl Profile {
    /// Returns a line for all pairs and one for each group, at the thresholds where all pairs together keep to the
    /// rate.
    pub fn lines(self, report: &Report) -> Vec<Line> {
        let all = report.all.at_far.iter().find(|row| is_rate(row.far));
        let missed = |rate: f64| 1.0 - rate;
        let of_all = Line::new(
            "all".into(),
            report.all.genuine_pairs,
            all.and_then(|row| row.tar).map(missed),
            all.and_then(|row| row.tar_by_people.or(row.tar_by_pairs))
                .map(|tar| Interval { low: missed(tar.high), high: missed(tar.low) }),
        );
        let groups = report.groups.iter().flat_map(|column| {
            column.groups.iter().map(|group| {
                let errors = group.at_far.iter().find(|row| is_rate(row.far)).map(|row| &row.errors);
                let interval = errors.and_then(|errors| errors.fnmr_by_people.or(errors.fnmr_by_pairs));
                let whom = format!("{} {}", column.name, group.value);
                Line::new(whom, group.genuine_pairs, errors.and_then(|errors| errors.fnmr), interval)
            })
        });
        std::iter::once(of_all).chain(groups).collect()
    }

    /// Returns the verdicts as a table.
    pub fn table(self, lines: &[Line]) -> Table {
        let row = |line: &Line| {
            vec![
                line.whom.clone(),
                grouped(line.genuine_pairs as u64),
                line.fnmr.map_or_else(dash, hundredths),
                line.interval.map_or_else(dash, hundredths_of),
                hundredths(FNMR_MAX),
                match line.verdict {
                    Verdict::Met => "met",
                    Verdict::Missed => "missed",
                    Verdict::Open => "open: the interval holds the limit",
                    Verdict::NoData => "no data",
                }
                .into(),
            ]
        };
        let title = format!("NIST SP {self}-4: FNMR at FMR {FMR:.0e}, and the highest that it allows");
        let head = vec!["whom", "pairs of one person", "FNMR %", "95 %", "limit %", "verdict"];
        Table { title, head, rows: lines.iter().map(row).collect() }
    }

    /// States in words the requirements that no figure of a report can show.
    pub fn caveats(self) -> &'static str {
        "The profile applies to live pictures against pictures of identity evidence, in the population of the service: \
         figures on other pictures and people are only an indication. It also requires presentation attack detection, \
         which this report does not measure."
    }
}

impl Line {
    fn new(whom: String, genuine_pairs: usize, fnmr: Option<f64>, interval: Option<Interval>) -> Self {
        let verdict = match interval {
            None => Verdict::NoData,
            Some(interval) if interval.high <= FNMR_MAX => Verdict::Met,
            Some(interval) if interval.low > FNMR_MAX => Verdict::Missed,
            Some(_) => Verdict::Open,
        };
        Self { whom, genuine_pairs, fnmr, interval, verdict }
    }
}

fn is_rate(far: f64) -> bool {
    (far / FMR - 1.0).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;

    #[test]
    fn verdicts_follow_from_the_interval() {
        let verdict = |interval: Option<[f64; 2]>| {
            let interval = interval.map(|[low, high]| Interval { low, high });
            Line::new(String::new(), 1, None, interval).verdict
        };
        assert_eq!(verdict(Some([0.001, 0.01])), Verdict::Met);
        assert_eq!(verdict(Some([0.011, 0.02])), Verdict::Missed);
        assert_eq!(verdict(Some([0.005, 0.02])), Verdict::Open);
        assert_eq!(verdict(None), Verdict::NoData);
    }

    #[test]
    fn every_group_has_a_line() {
        let (collection, descriptions) = report::tests::toy();
        let report = Report::new(&collection, &descriptions, report::tests::tested());
        let lines = Profile::Nist80063A.lines(&report);
        let whom: Vec<&str> = lines.iter().map(|line| line.whom.as_str()).collect();
        assert_eq!(whom, ["all", "number high", "number low"]);
        // 3,000 impostor pairs cannot support a rate of one in 10,000.
        assert!(lines.iter().all(|line| line.verdict == Verdict::NoData), "{lines:?}");
        assert_eq!(Profile::Nist80063A.table(&lines).rows.len(), 3);
    }
}
