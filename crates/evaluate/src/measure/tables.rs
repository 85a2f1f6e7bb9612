//! The tables of an evaluation report, independent of the output format.

use crate::measure::degraded::Degraded;
use crate::measure::discard::Discard;
use crate::measure::enrolment::Enrolment;
use crate::measure::figures::{AtFar, AtScore, Figures};
use crate::measure::groups::{Column, Group};
use crate::measure::interval::Interval;
use crate::measure::number::{dash, grouped, hundredths, hundredths_of, percent, percents};
use crate::measure::reliability::Point;
use crate::measure::table::Table;

/// Shares of rejected pairs, in percent, that the table of discards shows.
const DISCARDS_SHOWN: [usize; 6] = [0, 5, 10, 20, 30, 50];

/// States the number of pairs of each kind in words.
pub fn pairs(figures: &Figures) -> String {
    format!("{} of one person, {} of two", grouped(figures.genuine_pairs as u64), grouped(figures.impostor_pairs))
}

pub fn by_far(title: String, rows: &[AtFar]) -> Table {
    let row = |row: &AtFar| {
        vec![
            format!("{:.0e}", row.far),
            row.tar.map_or_else(dash, hundredths),
            row.tar_by_pairs.map_or_else(dash, hundredths_of),
            row.tar_by_people.map_or_else(dash, hundredths_of),
            row.cosine.map_or_else(dash, |cosine| format!("{cosine:.4}")),
        ]
    };
    let head = vec!["FAR", "TAR %", "by pairs", "by people", "cosine"];
    Table { title, head, rows: rows.iter().map(row).collect() }
}

/// `whom` names the people of the pairs.
pub fn by_score(whom: &str, figures: &Figures) -> Table {
    let row = |AtScore { score, stated_fmr, errors }: &AtScore| {
        vec![
            score.to_string(),
            percent(*stated_fmr),
            errors.fmr.map_or_else(dash, percent),
            grouped(errors.false_matches),
            errors.fmr.map_or_else(dash, |fmr| format!("{:.2}", fmr / stated_fmr)),
            errors.fmr_by_pairs.map_or_else(dash, percents),
            errors.fmr_by_people.map_or_else(dash, percents),
            errors.fnmr.map_or_else(dash, hundredths),
            errors.fnmr_by_pairs.map_or_else(dash, hundredths_of),
            errors.fnmr_by_people.map_or_else(dash, hundredths_of),
        ]
    };
    let people = figures.people.map_or_else(String::new, |people| format!("{} people, ", grouped(people as u64)));
    let head = vec![
        "score",
        "stated %",
        "FMR %",
        "pairs",
        "ratio",
        "by pairs",
        "by people",
        "FNMR %",
        "by pairs",
        "by people",
    ];
    let title = format!("{whom}: {people}{}", pairs(figures));
    Table { title, head, rows: figures.at_score.iter().map(row).collect() }
}

pub fn enrolment(found: &Enrolment) -> Table {
    let row = vec![
        grouped(found.pictures as u64),
        grouped(found.failures as u64),
        percent(found.rate),
        found.rate_by_pictures.map_or_else(dash, percents),
        found.rate_by_people.map_or_else(dash, percents),
    ];
    let head = vec!["pictures", "without template", "%", "by pictures", "by people"];
    Table { title: "Failure to enrol".into(), head, rows: vec![row] }
}

pub fn discard(found: &Discard) -> Table {
    let row = |rejected: usize| Some(vec![rejected.to_string(), hundredths(found.fnmr_at(rejected)?)]);
    let title = format!(
        "FNMR without the pairs of lowest quality, at the threshold of FAR {:.0e} (cosine {:.4}): {} pairs of one person",
        found.far,
        found.cosine,
        grouped(found.pairs as u64)
    );
    Table { title, head: vec!["rejected %", "FNMR %"], rows: DISCARDS_SHOWN.into_iter().filter_map(row).collect() }
}

/// States in words the effect of rejecting a tenth of the pairs.
pub fn fall(found: &Discard) -> String {
    let people =
        found.fall_at_tenth_by_people.map_or_else(String::new, |i| format!(", {} by people", hundredths_of(i)));
    format!(
        "Rejecting a tenth of the pairs lowers FNMR by {} percentage points{people}.",
        hundredths(found.fall_at_tenth)
    )
}

/// Shows the error rates of poor pictures by kind of degradation: of two people against each other, and of one person
/// against the good picture.
pub fn degraded(rows: &[Degraded]) -> Table {
    let row = |row: &Degraded| {
        let share = |part: usize, of: usize| if of == 0 { dash() } else { hundredths(part as f64 / of as f64) };
        let found = row.people - row.lost;
        let mut cells = vec![
            format!("{} {}", row.kind, row.grade),
            share(row.lost, row.people),
            row.median_quality.map_or_else(dash, |quality| quality.to_string()),
            share(row.refused, found),
            grouped(row.impostor_pairs),
        ];
        for at in &row.at_score {
            cells.push(at.fmr.map_or_else(dash, percent));
            cells.push(at.fmr.map_or_else(dash, |fmr| format!("{:.2}", fmr / at.stated_fmr)));
        }
        cells.push(row.at_score.last().and_then(|at| at.fnmr_against_good).map_or_else(dash, hundredths));
        cells
    };
    let head = vec![
        "degradation",
        "no face %",
        "median quality",
        "below 0 %",
        "pairs of two people",
        "FMR at 2500 %",
        "ratio",
        "at 3000 %",
        "ratio",
        "at 3500 %",
        "ratio",
        "FNMR at 3500 against the good picture %",
    ];
    let title =
        "Degraded pictures: for two people, both pictures in the same way; for one person, against the good picture"
            .into();
    Table { title, head, rows: rows.iter().map(row).collect() }
}

pub fn groups(column: &Column) -> Table {
    let row = |group: &Group, at: usize| {
        let row = &group.at_far[at];
        let errors = &row.errors;
        let (none, people) = (|| String::from("-"), group.people.map_or_else(dash, |people| grouped(people as u64)));
        let either = |people: Option<Interval>, pairs: Option<Interval>, write: fn(Interval) -> String| {
            let by_pairs = || pairs.map_or_else(none, |interval| format!("{} by pairs", write(interval)));
            people.map_or_else(by_pairs, write)
        };
        vec![
            group.value.clone(),
            format!("{:.0e}", row.far),
            people,
            grouped(group.impostor_pairs),
            errors.fmr.map_or_else(dash, percent),
            either(errors.fmr_by_people, errors.fmr_by_pairs, percents),
            grouped(group.genuine_pairs as u64),
            errors.fnmr.map_or_else(dash, hundredths),
            either(errors.fnmr_by_people, errors.fnmr_by_pairs, hundredths_of),
        ]
    };
    let rows = column.groups.iter().flat_map(|group| (0..group.at_far.len()).map(move |at| row(group, at)));
    let head = vec![
        "group",
        "FAR of all",
        "people",
        "pairs of two",
        "FMR %",
        "by people",
        "pairs of one",
        "FNMR %",
        "by people",
    ];
    let title = format!("By {}: pairs within a group, at the thresholds of all", column.name);
    Table { title, head, rows: rows.collect() }
}

pub fn reliability(title: String, points: &[Point]) -> Table {
    let row = |point: &Point| {
        vec![
            point.score.to_string(),
            percent(point.stated),
            percent(point.observed),
            grouped(point.pairs),
            format!("{:.2}", point.observed / point.stated),
            point.observed_by_people.map_or_else(dash, percents),
        ]
    };
    let head = vec!["score", "stated %", "observed %", "pairs", "ratio", "by people"];
    Table { title, head, rows: points.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::comparison::{Comparison, Listed};
    use crate::measure::figures::Errors;
    use crate::measure::groups::AtFarOfAll;

    #[test]
    fn a_group_shows_the_interval_it_has() {
        let pair = |same| Listed { same, cosine: Some(0.5), quality: 0 };
        let comparison = Comparison::listed(&[pair(true), pair(true), pair(false)], 6);
        let errors = Errors::at(&comparison, &[0.6]).remove(0);
        let group = Group {
            value: "18-30".into(),
            people: None,
            templates: 6,
            genuine_pairs: 2,
            impostor_pairs: 1,
            at_far: vec![AtFarOfAll { far: 1e-3, errors }],
        };
        let table = groups(&Column { name: "age".into(), groups: vec![group] });
        let row: Vec<&str> = table.rows[0].iter().map(String::as_str).collect();
        assert_eq!(&row[..5], ["18-30", "1e-3", "-", "1", "0"]);
        assert_eq!(&row[5..], ["[0, 97.5] by pairs", "2", "100.00", "[15.81, 100.00] by pairs"]);
        assert!(table.title.starts_with("By age:"));
    }
}
