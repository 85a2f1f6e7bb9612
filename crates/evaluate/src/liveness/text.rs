//! The text form of a report on trials of liveness.

use std::fmt;

use crate::liveness::{Refused, Report};
use crate::measure::number::{dash, percent};
use crate::measure::table::Table;

impl Report {
    pub fn table(&self) -> Table {
        Table {
            title: format!("Liveness by pack {}, {}", self.pack, self.data),
            head: vec![
                "type",
                "film",
                "trials",
                "error at LOW, %",
                "MEDIUM",
                "HIGH",
                "unjudged",
                "IAPMR at HIGH, %",
                "EER of the networks, %",
                "frames",
                "ms",
                "refused for, at HIGH",
            ],
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// Returns the notes that a reader of the table must know.
    pub fn notes(&self) -> Vec<String> {
        let errors =
            "The error of bona fide films is BPCER (refused), of attacks APCER (accepted), with 95 % intervals.";
        std::iter::once(errors.to_owned()).chain(self.caveats.iter().cloned()).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().text(f)?;
        writeln!(f)?;
        self.notes().iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

fn row(refused: &Refused) -> Vec<String> {
    let error = |level: usize| match (refused.error[level], refused.error_interval[level]) {
        (Some(error), Some(i)) => format!("{} [{}, {}]", percent(error), percent(i.low), percent(i.high)),
        _ => dash(),
    };
    let reasons = refused.reasons.iter().map(|(reason, count)| format!("{reason} {count}"));
    let share = |share: Option<f64>| share.map_or_else(dash, percent);
    let impostors = refused.impostors.map(|found| found.accepted[2] as f64 / found.trials.max(1) as f64);
    vec![
        refused.liveness_type.clone(),
        refused.species.clone(),
        refused.trials.to_string(),
        error(0),
        error(1),
        error(2),
        refused.unjudged[2].to_string(),
        share(impostors),
        share(refused.equal_error),
        format!("{:.0}", refused.frames),
        format!("{:.0}", refused.took_ms),
        reasons.collect::<Vec<_>>().join(", "),
    ]
}
