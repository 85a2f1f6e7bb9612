//! A report as people read it.

use std::fmt;

use crate::domain::score::Score;
use crate::evaluate::collection::Half;
use crate::evaluate::figures::AtFar;
use crate::evaluate::figures::AtScore;
use crate::evaluate::figures::Figures;
use crate::evaluate::interval::Interval;
use crate::evaluate::report::Report;

/// Longer lists of failures are cut; the JSON has them all.
const FAILURES_SHOWN: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = &self.time;
        writeln!(f, "Pack {}, template version {}", self.pack, self.template_version)?;
        writeln!(f, "{} pictures of {} people", grouped(self.pictures as u64), grouped(self.people as u64))?;
        writeln!(
            f,
            "{:.1} ms a picture and thread, {} threads, {:.0} s in all",
            time.ms_per_picture, time.threads, time.seconds
        )?;
        let share = self.failures.len() as f64 / self.pictures.max(1) as f64;
        writeln!(f, "Without a template: {} ({:.3} %)", self.failures.len(), 100.0 * share)?;
        for failure in self.failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "  {}: {}", failure.picture, failure.reason)?;
        }
        if let Some(folds) = &self.folds {
            let (mean, deviation) = (100.0 * folds.mean, 100.0 * folds.deviation);
            writeln!(f, "Accuracy over {} folds: {mean:.2} % ± {deviation:.2}", folds.folds)?;
        }
        writeln!(f, "\nAll pairs of pictures: {}", pairs(&self.all))?;
        by_far(f, &self.all.at_far)?;
        let Some(data) = &self.calibration else {
            return writeln!(
                f,
                "\nThe pack has no calibration: its scores mean nothing yet. `bioserver calibrate` makes one."
            );
        };
        writeln!(f, "\nScores, calibrated on: {data}")?;
        if let Some(measured_to) = self.calibration_measured_to {
            let score = Score::from_far_percent(100.0 * measured_to).0;
            writeln!(
                f,
                "Measured down to a rate of {} % (score {score:.0}); extrapolated below",
                percent(measured_to)
            )?;
        }
        let (fitted, held_out) = (Half::Fitted, Half::HeldOut);
        by_score(f, &format!("People that `calibrate` holds back ({held_out})"), &self.held_out)?;
        by_score(f, &format!("People that `calibrate` fits on ({fitted})"), &self.fitted)?;
        by_score(f, "All people", &self.all)?;
        writeln!(f, "\nIntervals hold 95 %: by pairs as if these were independent, by people from 200 draws of people.")
    }
}

fn pairs(figures: &Figures) -> String {
    format!("{} of one person, {} of two", grouped(figures.genuine_pairs as u64), grouped(figures.impostor_pairs))
}

fn by_far(f: &mut fmt::Formatter<'_>, rows: &[AtFar]) -> fmt::Result {
    writeln!(f, "  {:>6}  {:>8}  {:>16}  {:>7}", "FAR", "TAR %", "by people", "cosine")?;
    for row in rows {
        let tar = row.tar.map_or_else(dash, |tar| format!("{:.2}", 100.0 * tar));
        let by_people =
            row.tar_by_people.map_or_else(dash, |i| format!("[{:.2}, {:.2}]", 100.0 * i.low, 100.0 * i.high));
        let cosine = row.cosine.map_or_else(dash, |cosine| format!("{cosine:.4}"));
        writeln!(f, "  {:>6}  {tar:>8}  {by_people:>16}  {cosine:>7}", format!("{:.0e}", row.far))?;
    }
    Ok(())
}

/// The table of one set of people, under a title that says whom it shows.
pub fn by_score(f: &mut dyn fmt::Write, title: &str, figures: &Figures) -> fmt::Result {
    writeln!(f, "\n{title}: {} people, {}", grouped(figures.people as u64), pairs(figures))?;
    writeln!(
        f,
        "  {:>5}  {:>7}  {:>8}  {:>10}  {:>7}  {:>20}  {:>20}  {:>7}  {:>16}",
        "score", "stated %", "FMR %", "pairs", "ratio", "by pairs", "by people", "FNMR %", "by people"
    )?;
    for row in &figures.at_score {
        let AtScore { score, stated_fmr, fmr, false_matches, fnmr, .. } = row;
        let ratio = fmr.map_or_else(dash, |fmr| format!("{:.2}", fmr / stated_fmr));
        let fnmr = fnmr.map_or_else(dash, |fnmr| format!("{:.2}", 100.0 * fnmr));
        let fnmr_by_people =
            row.fnmr_by_people.map_or_else(dash, |i| format!("[{:.2}, {:.2}]", 100.0 * i.low, 100.0 * i.high));
        writeln!(
            f,
            "  {score:>5}  {:>8}  {:>8}  {:>10}  {ratio:>7}  {:>20}  {:>20}  {fnmr:>7}  {fnmr_by_people:>16}",
            percent(*stated_fmr),
            fmr.map_or_else(dash, percent),
            grouped(*false_matches),
            row.fmr_by_pairs.map_or_else(dash, percents),
            row.fmr_by_people.map_or_else(dash, percents),
        )?;
    }
    Ok(())
}

fn dash() -> String {
    String::from("-")
}

fn percents(interval: Interval) -> String {
    format!("[{}, {}]", percent(interval.low), percent(interval.high))
}

/// A share in percent, with three significant digits.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 {
        return String::from("0");
    }
    let decimals = (2.0 - percent.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{percent:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// With a comma before every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(["0", "999", "1,000", "29,640,749"].map(String::from), [0, 999, 1000, 29_640_749].map(grouped));
        for (share, text) in
            [(0.0, "0"), (1.0, "100"), (0.01, "1"), (0.012345, "1.23"), (1.31e-6, "0.000131"), (0.99999, "100")]
        {
            assert_eq!(percent(share), text);
        }
    }
}
