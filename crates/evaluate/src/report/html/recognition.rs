//! The page of a recognition evaluation.

use crate::Error;
use crate::measure::tables;
use crate::report::html::Page;
use crate::report::made::Made;
use crate::report::{Report, charts};

/// Returns the page; its drawings need data that a report does not keep in its JSON.
pub fn page(report: &Report, made: &Made) -> Result<String, Error> {
    let mut page = Page::new(format!("{} on {}", report.pack, report.data));
    page.text(&format!(
        "Pack {}, template version {}. {}, {:.1} ms per picture and thread.",
        report.pack,
        report.template_version,
        report.size(),
        report.time.ms_per_picture
    ));
    page.text(&report.meaning());
    page.list(&report.caveats);
    if let Some(folds) = &report.folds {
        let (mean, deviation) = (100.0 * folds.mean, 100.0 * folds.deviation);
        page.text(&format!("Accuracy over {} folds: {mean:.2} % ± {deviation:.2}.", folds.folds));
    }

    page.heading("Figures");
    for table in report.tables() {
        page.table(&table);
    }
    page.text(report.intervals());

    page.heading("Scores");
    if let Some(histogram) = &report.histogram {
        page.figure(&charts::histogram(histogram), "All pairs, except those with a picture without a template.")?;
    }
    page.figure(&charts::det(&report.curves), charts::bands(&report.curves))?;
    if !report.reliability.is_empty() {
        let whom = if report.people.is_some() { "People that `calibrate` holds back" } else { "All pairs" };
        page.heading("Reliability");
        page.figure(&charts::reliability(&report.reliability), &charts::bars(whom, &report.reliability))?;
        page.table(&tables::reliability(format!("{whom}: stated and observed"), &report.reliability));
    }
    if !report.degraded.is_empty() {
        page.heading("Poor pictures");
        page.figure(&charts::degraded(&report.degraded), "The table above names the kind of each point.")?;
    }
    if let Some(discard) = &report.discard {
        page.heading("Quality");
        page.figure(&charts::discard(discard), &tables::fall(discard))?;
    }
    if !report.failures.is_empty() {
        page.heading("Pictures without template");
        let failures: Vec<String> =
            report.failures.iter().map(|failure| format!("{}: {}", failure.picture, failure.reason)).collect();
        page.list(&failures);
    }
    Ok(page.finish(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::degraded::{AtScore, Degraded};
    use crate::report::tests::{tested, toy};
    use crate::report::{Tested, html};

    #[test]
    fn its_page_shows_all_of_it() {
        let (collection, descriptions) = toy();
        let report = Report::new(&collection, &descriptions, tested());
        let shown = page(&report, &html::made()).expect("it can be drawn");
        html::assert_whole(&shown, 4);
        for words in ["It is a toy.", "P39_1: no face", "Failure to enrol", "discarded pairs", "By number:", "score"] {
            assert!(shown.contains(words), "{words}");
        }
        let at_score = AtScore {
            score: 2500,
            stated_fmr: 0.01,
            false_matches: 5,
            fmr: Some(0.005),
            fmr_by_pairs: None,
            fnmr_against_good: None,
        };
        let blurred = Degraded {
            kind: "blurred".into(),
            grade: 2.0,
            people: 10,
            lost: 0,
            refused: 1,
            median_quality: Some(-5),
            impostor_pairs: 1000,
            at_score: vec![at_score],
        };
        let poor = page(&Report { degraded: vec![blurred], ..report }, &html::made()).expect("it can be drawn");
        html::assert_whole(&poor, 5);
        assert!(poor.contains("Poor pictures"));
        let bare = Report::new(&collection, &descriptions, Tested { calibration: None, ..tested() });
        html::assert_whole(&page(&bare, &html::made()).expect("it can be drawn"), 3);
    }
}
