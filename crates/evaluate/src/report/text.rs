//! The text form of a report for a terminal.

use std::fmt;

use face::values::score::Score;

use crate::input::collection::Half;
use crate::measure::number::{grouped, percent};
use crate::measure::table::Table;
use crate::measure::tables;
use crate::report::Report;

/// The text shows this many failures; the JSON has all of them.
const FAILURES_SHOWN: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = &self.time;
        writeln!(f, "Pack {}, template version {}, on {}", self.pack, self.template_version, self.data)?;
        writeln!(f, "{}", self.size())?;
        writeln!(
            f,
            "{:.1} ms per picture and thread, {} threads, {:.0} s in all",
            time.ms_per_picture, time.threads, time.seconds
        )?;
        for caveat in &self.caveats {
            writeln!(f, "Note: {caveat}")?;
        }
        if let Some(folds) = &self.folds {
            let (mean, deviation) = (100.0 * folds.mean, 100.0 * folds.deviation);
            writeln!(f, "Accuracy over {} folds: {mean:.2} % ± {deviation:.2}", folds.folds)?;
        }
        for table in self.tables() {
            writeln!(f)?;
            table.text(f)?;
        }
        for failure in self.failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "Without template: {}: {}", failure.picture, failure.reason)?;
        }
        if let Some(discard) = &self.discard {
            writeln!(f, "{}", tables::fall(discard))?;
        }
        writeln!(f, "\n{}\n{}", self.meaning(), self.intervals())
    }
}

impl Report {
    /// States in words the number of pictures and people.
    pub fn size(&self) -> String {
        let of = self.people.map_or_else(String::new, |people| format!(" of {} people", grouped(people as u64)));
        format!("{} pictures{of}", grouped(self.pictures as u64))
    }

    /// Returns all figures of the report.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = vec![tables::enrolment(&self.enrolment)];
        let title = format!("All pairs of pictures: {}", tables::pairs(&self.all));
        tables.push(tables::by_far(title, &self.all.at_far));
        let held_out = format!("People that `calibrate` holds back ({})", Half::HeldOut);
        let fitted = format!("People that `calibrate` fits on ({})", Half::Fitted);
        let sets =
            [(held_out.as_str(), self.held_out.as_ref()), (&fitted, self.fitted.as_ref()), ("All", Some(&self.all))];
        let scored = sets.into_iter().filter_map(|(whom, figures)| Some((whom, figures?)));
        let scored = scored.filter(|(_, figures)| !figures.at_score.is_empty());
        tables.extend(scored.map(|(whom, figures)| tables::by_score(whom, figures)));
        tables.extend(self.discard.as_ref().map(tables::discard));
        tables.extend(self.groups.iter().map(tables::groups));
        tables.extend((!self.degraded.is_empty()).then(|| tables::degraded(&self.degraded)));
        tables
    }

    /// States in words what the meaning of scores is based on.
    pub fn meaning(&self) -> String {
        let Some(data) = &self.calibration else {
            return "The pack has no calibration, so its scores have no meaning yet. Run `bioserver calibrate`.".into();
        };
        let measured = self.calibration_measured_to.map_or_else(String::new, |measured_to| {
            let score = Score::from_far_percent(100.0 * measured_to).0;
            format!("; measured down to a rate of {} % (score {score:.0}), extrapolated below", percent(measured_to))
        });
        format!("Scores are calibrated on: {data}{measured}.")
    }

    /// States in words how intervals were made.
    pub fn intervals(&self) -> &'static str {
        if self.people.is_some() {
            "Intervals have 95 % confidence: by pairs, as if they were independent (Clopper and Pearson; Wilson for \
             many pairs); by people, from a bootstrap with 200 draws of people."
        } else {
            "Intervals have 95 % confidence, as if pairs were independent (Clopper and Pearson; Wilson for many \
             pairs): the people are unknown, so a bootstrap by people is not possible."
        }
    }
}
