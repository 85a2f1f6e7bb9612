//! The page of a calibration and its evidence.

use crate::Error;
use crate::fit::fitting::{Fitted, Fitting};
use crate::measure::tables;
use crate::report::charts;
use crate::report::html::Page;
use crate::report::made::Made;

/// Returns the page of a fitting of the pack with this name.
pub fn page(pack: &str, fitting: &Fitting, made: &Made) -> Result<String, Error> {
    let mut page = Page::new(format!("Calibration of {pack} on {}", fitting.data));
    page.text(
        "Curves are fitted to the pairs of two people within one half of the people, and tested on the other half. \
         Intervals have 95 % confidence; those by people come from a bootstrap with 200 draws of people.",
    );
    page.list(&fitting.caveats);
    page.heading("All pairs");
    curve(&mut page, &fitting.general, "")?;
    for (types, fitted) in &fitting.by_types {
        page.heading(&types.to_string());
        match fitted {
            Ok(fitted) => curve(&mut page, fitted, &format!(", {types}"))?,
            Err(error) => page.text(&format!("There is no separate curve: {error}. The curve of all pairs is used.")),
        }
    }
    Ok(page.finish(made))
}

fn curve(page: &mut Page, fitted: &Fitted, whom: &str) -> Result<(), Error> {
    page.text(&fitted.tail());
    for table in fitted.tables(whom) {
        page.table(&table);
    }
    page.figure(&charts::histogram(&fitted.histogram), "The people that the curve was fitted on.")?;
    page.figure(&charts::tail(&fitted.fit.tail), "The pairs beyond the tail's beginning, and the law fitted to them.")?;
    page.figure(&charts::det(&fitted.curves), charts::bands(&fitted.curves))?;
    let held_out = charts::bars("The held-out people", &fitted.reliability);
    page.figure(&charts::reliability(&fitted.reliability), &held_out)?;
    page.table(&tables::reliability(format!("Held out{whom}: stated and observed"), &fitted.reliability));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::fitting;
    use crate::report::html;

    #[test]
    fn the_page_shows_every_curve() {
        let (collection, descriptions) = fitting::tests::typed(250);
        let fitting = Fitting::new(&collection, &descriptions, &[]).expect("there are enough");
        let html = page("toy & co", &fitting, &html::made()).expect("it can be drawn");
        // There are four curves with four drawings each.
        html::assert_whole(&html, 16);
        for words in [
            "toy &amp; co",
            "typed toys",
            "ID_DOCUMENT SELFIE",
            "generalised Pareto",
            "held-out people",
            "no separate curve",
        ] {
            assert!(html.contains(words), "{words}");
        }
    }
}
