//! The page of trials of liveness.

use face::values::liveness::LivenessType;

use crate::Error;
use crate::input::recordings::BONA_FIDE;
use crate::liveness::errors::{self, Point};
use crate::liveness::{Refused, Report};
use crate::report::charts;
use crate::report::html::Page;
use crate::report::made::Made;

/// Returns the page; its drawing needs data that a report does not keep in its JSON.
pub fn page(report: &Report, made: &Made) -> Result<String, Error> {
    let mut page = Page::new(format!("Liveness by pack {}, {}", report.pack, report.data));
    page.list(&report.notes());
    page.heading("Figures");
    page.table(&report.table());
    let curves = LivenessType::ALL.map(|liveness_type| (liveness_type.name(), worst(report, liveness_type)));
    let curves: Vec<_> = curves.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    if !curves.is_empty() {
        page.heading("Thresholds");
        page.figure(
            &charts::attacks(&curves),
            "These are the errors of the networks alone, without the other measures of a check.",
        )?;
    }
    Ok(page.finish(made))
}

/// Returns the curve of the species with the largest equal error rate.
fn worst(report: &Report, liveness_type: LivenessType) -> Vec<Point> {
    let rows: Vec<&Refused> = report.rows.iter().filter(|row| row.liveness_type == liveness_type.name()).collect();
    let people = rows.iter().find(|row| row.species == BONA_FIDE).map(|row| errors::reals(&row.evidence));
    let equal = |row: &&&Refused| row.equal_error.unwrap_or(-1.0);
    let attack = rows.iter().filter(|row| row.species != BONA_FIDE).max_by(|a, b| equal(a).total_cmp(&equal(b)));
    people
        .zip(attack)
        .map(|(people, attack)| errors::points(&people, &errors::reals(&attack.evidence)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use face::liveness::judge::Evidence;

    use super::*;
    use crate::report::html::{self, assert_whole};

    #[test]
    fn the_page_is_whole() {
        let row = |species: &str, real: f32| Refused {
            liveness_type: LivenessType::Passive.name().to_owned(),
            species: species.to_owned(),
            trials: 1,
            refused: [0; 3],
            error: [Some(0.0); 3],
            error_interval: [None; 3],
            unjudged: [0; 3],
            impostors: None,
            equal_error: None,
            reasons: vec![],
            frames: 1.0,
            took_ms: 1.0,
            evidence: vec![Evidence { real: Some(real), ..Evidence::default() }],
        };
        let rows = vec![row(BONA_FIDE, 0.9), row("print & paste", 0.2)];
        let (kind, pack, data) = ("liveness".into(), "mine".into(), "toys".into());
        let html = page(&Report { kind, pack, data, rows, caveats: vec![] }, &html::made()).expect("it can be drawn");
        assert_whole(&html, 1);
        assert!(html.contains("print &amp; paste"));
    }
}
