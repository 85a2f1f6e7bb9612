//! Reports the outcome of the kit: on a terminal, as a page, and for build servers.

use std::time::Duration;

use evaluate::measure::table::Table;
use evaluate::report::html::Page;
use serde::Serialize;

use crate::cli::output::table;
use crate::cli::source::made_by;

/// The outcome of a scenario.
pub struct Outcome {
    pub name: String,
    pub about: String,
    /// The number of exchanges that were made: none follows one that failed.
    pub exchanges: usize,
    /// The faults, each after the request that it belongs to.
    pub faults: Vec<String>,
    pub took: Duration,
}

impl Outcome {
    fn word(&self) -> &'static str {
        if self.faults.is_empty() { "passed" } else { "FAILED" }
    }
}

/// Returns a table of the scenarios, followed by the faults.
pub fn text(outcomes: &[Outcome]) -> String {
    let row = |outcome: &Outcome| [outcome.name.clone(), outcome.exchanges.to_string(), outcome.word().to_owned()];
    let mut text = table(["SCENARIO", "EXCHANGES>", "RESULT"], outcomes.iter().map(row));
    for outcome in outcomes.iter().filter(|outcome| !outcome.faults.is_empty()) {
        text += &["\n", &outcome.name, ": ", &outcome.about, "\n"].concat();
        text.extend(outcome.faults.iter().map(|fault| format!("  {fault}\n")));
    }
    text + "\n" + &sum(outcomes) + "\n"
}

fn sum(outcomes: &[Outcome]) -> String {
    let passed = outcomes.iter().filter(|outcome| outcome.faults.is_empty()).count();
    format!("{passed} of {} scenarios passed.", outcomes.len())
}

/// Returns a page of HTML that needs no other file.
pub fn html(url: &str, outcomes: &[Outcome]) -> String {
    let mut page = Page::new("Conformance".to_owned());
    page.text(&format!("{url}: {}", sum(outcomes)));
    let row = |outcome: &Outcome| {
        let Outcome { name, about, exchanges, .. } = outcome;
        vec![name.clone(), about.clone(), exchanges.to_string(), outcome.word().to_owned()]
    };
    page.table(&Table {
        title: "Scenarios".to_owned(),
        head: vec!["scenario", "the contract", "exchanges", "result"],
        rows: outcomes.iter().map(row).collect(),
    });
    for outcome in outcomes.iter().filter(|outcome| !outcome.faults.is_empty()) {
        page.heading(&outcome.name);
        page.list(&outcome.faults);
    }
    page.finish(&made_by(format!("bioserver conformance --url {url}")))
}

/// The XML of `JUnit`, which build servers read.
#[derive(Serialize)]
#[serde(rename = "testsuite")]
struct Suite<'a> {
    #[serde(rename = "@name")]
    name: &'static str,
    #[serde(rename = "@tests")]
    tests: usize,
    #[serde(rename = "@failures")]
    failures: usize,
    testcase: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct Case<'a> {
    #[serde(rename = "@classname")]
    class_name: &'static str,
    #[serde(rename = "@name")]
    name: &'a str,
    /// The time in seconds.
    #[serde(rename = "@time")]
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure<'a>>,
}

impl<'a> Case<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let is_failed = !outcome.faults.is_empty();
        let failure = is_failed.then(|| Failure { message: &outcome.about, faults: outcome.faults.join("\n") });
        Self { class_name: NAME, name: &outcome.name, time: format!("{:.3}", outcome.took.as_secs_f64()), failure }
    }
}

#[derive(Serialize)]
struct Failure<'a> {
    #[serde(rename = "@message")]
    message: &'a str,
    #[serde(rename = "$text")]
    faults: String,
}

/// Returns the outcomes as XML of `JUnit`.
///
/// # Errors
/// A text contains a character that XML cannot hold.
pub fn junit(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let failures = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).count();
    let suite =
        Suite { name: NAME, tests: outcomes.len(), failures, testcase: outcomes.iter().map(Case::of).collect() };
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", quick_xml::se::to_string(&suite)?))
}

const NAME: &str = "conformance";

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let of = |name: &str, faults: &[&str]| Outcome {
            name: name.to_owned(),
            about: "A < B.".to_owned(),
            exchanges: 2,
            faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            took: Duration::from_millis(1500),
        };
        vec![of("one", &[]), of("two", &["GET /a: the status is 500, not 200 & \"so\""])]
    }

    #[test]
    fn every_form_says_what_failed() {
        let outcomes = outcomes();
        assert!(text(&outcomes).ends_with("\n1 of 2 scenarios passed.\n"));
        assert!(text(&outcomes).contains("two               2  FAILED\n"), "{}", text(&outcomes));
        assert!(html("http://h", &outcomes).contains("GET /a: the status is 500, not 200 &amp;"));
        let xml = junit(&outcomes).expect("it can be written");
        assert!(xml.contains(r#"<testsuite name="conformance" tests="2" failures="1">"#), "{xml}");
        assert!(xml.contains(r#"<testcase classname="conformance" name="one" time="1.500"/>"#), "{xml}");
        assert!(xml.contains("A &lt; B.") && xml.contains("not 200 &amp;"), "{xml}");
    }
}
