//! The text form of a report on ages.

use std::fmt;

use crate::ages::{Buffer, Decade, Errors, Rate, Report};
use crate::measure::interval::Interval;
use crate::measure::number::{grouped, percent};

/// The text shows this many failures; the JSON has all of them.
const FAILURES_SHOWN: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: usize| percent(count as f64 / self.pictures.max(1) as f64);
        writeln!(f, "Ages by pack {}, on {}: {} pictures", self.pack, self.data, grouped(self.pictures as u64))?;
        let time = &self.time;
        writeln!(
            f,
            "{:.1} ms per picture and thread, {} threads, {:.0} s in all",
            time.ms_per_picture, time.threads, time.seconds
        )?;
        writeln!(f, "A face was found in {} ({} %)", grouped(self.found as u64), share(self.found))?;
        writeln!(f, "An age is stated for {} ({} %); not for", grouped(self.answered as u64), share(self.answered))?;
        for failure in self.failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "  {}: {}", failure.picture, failure.reason)?;
        }
        if let Some(more) = self.failures.len().checked_sub(FAILURES_SHOWN).filter(|more| *more > 0) {
            writeln!(f, "  and {} more", grouped(more as u64))?;
        }
        writeln!(
            f,
            "\n{:>16}  {:>8}  {:>18}  {:>21}",
            "true age", "pictures", "mean error, years", "estimate less truth"
        )?;
        errors(f, "all stated", &self.errors)?;
        errors(f, "all found", &self.errors_of_found)?;
        for Decade { from, to, errors: own } in &self.by_decade {
            errors(f, &format!("{from} to {to}"), own)?;
        }
        thresholds(f, self)?;
        writeln!(f)?;
        self.caveats.iter().try_for_each(|caveat| writeln!(f, "{caveat}"))
    }
}

fn errors(f: &mut fmt::Formatter<'_>, title: &str, errors: &Errors) -> fmt::Result {
    let figure = |value: Option<f64>, bounds: Option<Interval>| {
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        bounds.map_or_else(|| value.clone(), |i| format!("{value} [{:.2}, {:.2}]", i.low, i.high))
    };
    let (mae, bias) = (figure(errors.mae, errors.mae_interval), figure(errors.bias, errors.bias_interval));
    writeln!(f, "{title:>16}  {:>8}  {mae:>18}  {bias:>21}", grouped(errors.pictures as u64))
}

fn thresholds(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let threshold = &report.threshold;
    let years = threshold.years;
    writeln!(
        f,
        "\nAt least {years}? {} people are younger (and {} without an answer), {} are not (and {}).",
        grouped(threshold.younger as u64),
        grouped(threshold.younger_unanswered as u64),
        grouped(threshold.older as u64),
        grouped(threshold.older_unanswered as u64),
    )?;
    let (younger, before) = (format!("younger than {years} pass"), "of them, 13 to 17");
    writeln!(f, "{:>16}  {younger:>30}  {before:>30}  {:>30}", "must look", "others do not pass")?;
    for Buffer { required, false_accepts, false_accepts_of_13_to_17, false_rejects } in &threshold.buffers {
        let [accepts, before, rejects] = [false_accepts, false_accepts_of_13_to_17, false_rejects].map(rate);
        writeln!(f, "{required:>16}  {accepts:>30}  {before:>30}  {rejects:>30}")?;
    }
    Ok(())
}

/// Writes a rate as `131: 6.5 % [5.46, 7.67]`.
fn rate(rate: &Rate) -> String {
    match (rate.rate, rate.interval) {
        (Some(share), Some(Interval { low, high })) => {
            let count = grouped(rate.count as u64);
            format!("{count}: {} % [{}, {}]", percent(share), percent(low), percent(high))
        }
        _ => "-".to_owned(),
    }
}
