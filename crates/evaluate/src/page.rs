//! Makes a page of figures from the JSON of evaluations; nothing on it is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::measure::number::{dash, hundredths, hundredths_of};
use crate::measure::table::Table;
use crate::measure::tables;
use crate::report::{self, Report};
use crate::{Error, ages, liveness};

/// One evaluation.
#[derive(Debug)]
pub enum Evaluation {
    Recognition(Box<Report>),
    Ages(Box<ages::Report>),
    Liveness(Box<liveness::Report>),
}

/// The kind of evaluation that a file holds.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

impl Evaluation {
    /// Reads the JSON of `evaluate --json`; `path` is for error messages.
    pub fn parse(path: &Path, json: &str) -> Result<Self, Error> {
        let wrong = |fault: serde_json::Error| Error::Data { path: path.to_owned(), fault: fault.to_string() };
        let Kind { kind } = serde_json::from_str(json).map_err(wrong)?;
        match kind.as_str() {
            report::KIND => Ok(Self::Recognition(Box::new(serde_json::from_str(json).map_err(wrong)?))),
            ages::KIND => Ok(Self::Ages(Box::new(serde_json::from_str(json).map_err(wrong)?))),
            liveness::KIND => Ok(Self::Liveness(Box::new(serde_json::from_str(json).map_err(wrong)?))),
            _ => Err(Error::Data { path: path.to_owned(), fault: format!("'{kind}' is no kind of evaluation") }),
        }
    }
}

/// Returns the page in Markdown: a comparison of the packs measured on the same pictures, then each evaluation in full.
pub fn markdown(evaluations: &[Evaluation]) -> Result<String, std::fmt::Error> {
    let mut page = String::from(
        "# Accuracy\n\nMade by `bioserver accuracy` of what `bioserver evaluate --json` measured; not written by hand.\n",
    );
    for table in comparisons(evaluations) {
        write!(page, "\n{}", table.markdown())?;
    }
    for evaluation in evaluations {
        match evaluation {
            Evaluation::Recognition(report) => recognition(&mut page, report)?,
            Evaluation::Ages(report) => {
                writeln!(page, "\n## Ages: pack {}, on {}\n\n```text", report.pack, report.data)?;
                // The first lines are the report's name and its duration.
                for line in report.to_string().lines().skip(2) {
                    writeln!(page, "{line}")?;
                }
                writeln!(page, "```")?;
            }
            Evaluation::Liveness(report) => {
                writeln!(page, "\n## Liveness: pack {}, on {}", report.pack, report.data)?;
                for note in report.notes() {
                    writeln!(page, "\n- {note}")?;
                }
                write!(page, "\n{}", report.table().markdown())?;
            }
        }
    }
    Ok(page)
}

/// Returns a table for every set of pictures on which several packs were measured.
fn comparisons(evaluations: &[Evaluation]) -> Vec<Table> {
    let reports: Vec<&Report> = evaluations
        .iter()
        .filter_map(|evaluation| match evaluation {
            Evaluation::Recognition(report) => Some(&**report),
            Evaluation::Ages(_) | Evaluation::Liveness(_) => None,
        })
        .collect();
    let mut sets: Vec<&str> = reports.iter().map(|report| report.data.as_str()).collect();
    sets.sort_unstable();
    sets.dedup();
    let of = |data: &&str| -> Vec<&Report> { reports.iter().filter(|report| report.data == *data).copied().collect() };
    sets.iter().map(of).filter(|alike| alike.len() > 1).map(|alike| comparison(&alike)).collect()
}

fn comparison(reports: &[&Report]) -> Table {
    let row = |report: &&Report| {
        let accuracy = report
            .folds
            .map_or_else(dash, |folds| format!("{:.2} ± {:.2}", 100.0 * folds.mean, 100.0 * folds.deviation));
        let tars = report.all.at_far.iter().map(|row| {
            let tar = row.tar.map_or_else(dash, hundredths);
            row.tar_by_people.map_or_else(|| tar.clone(), |interval| format!("{tar} {}", hundredths_of(interval)))
        });
        [report.pack.clone(), accuracy].into_iter().chain(tars).collect()
    };
    let head = vec!["pack", "accuracy %", "TAR % at 1e-2", "1e-3", "1e-4", "1e-5"];
    let whole = &reports[0];
    let title = format!("{}: {}; intervals by people", whole.data, tables::pairs(&whole.all));
    Table { title, head, rows: reports.iter().map(row).collect() }
}

fn recognition(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## Recognition: pack {}, on {}\n", report.pack, report.data)?;
    writeln!(page, "{}, template version {}. {}", report.size(), report.template_version, report.meaning())?;
    if let Some(folds) = &report.folds {
        let (mean, deviation) = (100.0 * folds.mean, 100.0 * folds.deviation);
        writeln!(page, "\nAccuracy over {} folds: {mean:.2} % ± {deviation:.2}.", folds.folds)?;
    }
    for caveat in &report.caveats {
        writeln!(page, "\n- {caveat}")?;
    }
    for table in report.tables() {
        write!(page, "\n{}", table.markdown())?;
    }
    if let Some(discard) = &report.discard {
        writeln!(page, "\n{}", tables::fall(discard))?;
    }
    writeln!(page, "\n{}", report.intervals())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_kind() {
        let parse = |json: &str| Evaluation::parse(Path::new("a.json"), json);
        let fault = |json: &str| parse(json).expect_err(json).to_string();
        assert!(fault("{}").contains("a.json") && fault("{}").contains("kind"));
        assert!(fault(r#"{"kind": "spoofs"}"#).contains("'spoofs'"));
        assert!(fault(r#"{"kind": "recognition"}"#).contains("pack"));
        assert!(fault(r#"{"kind": "ages"}"#).contains("data"));
        assert!(fault(r#"{"kind": "liveness"}"#).contains("pack"));
    }
}
