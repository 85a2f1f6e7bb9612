//! Compares two answers to one request, and adds up the differences. It keeps no answer: only numbers, statuses and
//! names of members.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// Scores at which providers decide: false acceptance rates of 0.1, 0.01 and 0.001 %.
const DECISIONS: [f64; 3] = [3000.0, 3500.0, 4000.0];
/// The most times that are kept of an operation; later ones are dropped.
const TIMES_MAX: usize = 10_000;

/// The compared parts of an answer.
pub struct Answer {
    pub status: u16,
    /// `None` if the body is not JSON.
    pub json: Option<Value>,
    pub took_ms: f64,
}

/// The sums over all answers so far.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub operations: BTreeMap<String, Operation>,
    pub scores: Scores,
    /// Requests that only the upstream server can understand: captures, and its own templates.
    pub not_comparable: u64,
    /// Requests that were not compared, because too many others waited.
    pub passed_over: u64,
    /// Requests that the other server did not answer.
    pub unanswered: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub requests: u64,
    /// Pairs of different statuses, `upstream/ours`, with their counts.
    pub statuses: BTreeMap<String, u64>,
    /// Members that only one of the answers has, or whose types differ, with their counts.
    pub members: BTreeMap<String, u64>,
    #[serde(skip)]
    upstream_ms: Vec<f64>,
    #[serde(skip)]
    own_ms: Vec<f64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    pub pairs: u64,
    pub mean_difference: f64,
    pub largest_difference: f64,
    /// Pairs that one server accepts and the other refuses, at each score of [`DECISIONS`].
    pub decided_otherwise: [u64; DECISIONS.len()],
}

impl Totals {
    /// Adds two answers to one request; `same_id` returns our id for one of theirs.
    pub fn add(&mut self, operation: &str, upstream: &Answer, own: &Answer, same_id: impl Fn(&str) -> Option<String>) {
        let kept = self.operations.entry(operation.to_owned()).or_default();
        kept.requests += 1;
        for (times, answer) in [(&mut kept.upstream_ms, upstream), (&mut kept.own_ms, own)] {
            if times.len() < TIMES_MAX {
                times.push(answer.took_ms);
            }
        }
        if upstream.status != own.status {
            *kept.statuses.entry(format!("{}/{}", upstream.status, own.status)).or_default() += 1;
            return;
        }
        let (Some(theirs), Some(ours)) = (&upstream.json, &own.json) else { return };
        for difference in differences(theirs, ours) {
            *kept.members.entry(difference).or_default() += 1;
        }
        for (theirs, ours) in scores(theirs, ours, same_id) {
            self.scores.add(theirs, ours);
        }
    }
}

impl Operation {
    /// Returns the median time of each server's answers, in milliseconds.
    pub fn medians_ms(&self) -> [f64; 2] {
        [&self.upstream_ms, &self.own_ms].map(|times| {
            let mut times = times.clone();
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or_default()
        })
    }
}

impl Scores {
    fn add(&mut self, theirs: f64, ours: f64) {
        let difference = (theirs - ours).abs();
        self.pairs += 1;
        self.mean_difference += (difference - self.mean_difference) / self.pairs as f64;
        self.largest_difference = self.largest_difference.max(difference);
        for (count, least) in self.decided_otherwise.iter_mut().zip(DECISIONS) {
            *count += u64::from((theirs >= least) != (ours >= least));
        }
    }
}

/// Collects the members of an answer with their types; all items of a list share one place.
fn members(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(object) => {
            for (name, value) in object {
                members(value, &if place.is_empty() { name.clone() } else { format!("{place}.{name}") }, found);
            }
            return;
        }
        Value::Array(items) => {
            for item in items {
                members(item, &format!("{place}[]"), found);
            }
            return;
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "flag",
        Value::Null => "null",
    };
    found.insert(format!("{place} ({kind})"));
}

fn differences(theirs: &Value, ours: &Value) -> Vec<String> {
    let [theirs, ours] = [theirs, ours].map(|value| {
        let mut found = BTreeSet::new();
        members(value, "", &mut found);
        found
    });
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>, whose: &str| -> Vec<String> {
        one.difference(other).map(|member| format!("{member}: {whose} only")).collect()
    };
    [only(&theirs, &ours, "upstream"), only(&ours, &theirs, "ours")].concat()
}

/// Returns the two scores of each pair that both answers contain.
fn scores(theirs: &Value, ours: &Value, same_id: impl Fn(&str) -> Option<String>) -> Vec<(f64, f64)> {
    let score = |value: &Value| value["score"].as_f64();
    match (theirs, ours) {
        (Value::Array(theirs), Value::Array(ours)) => {
            let pair = |their: &Value| {
                let id = same_id(their["candidate"]["id"].as_str()?)?;
                let our = ours.iter().find(|our| our["candidate"]["id"] == id)?;
                score(their).zip(score(our))
            };
            theirs.iter().filter_map(pair).collect()
        }
        (theirs, ours) => score(theirs).zip(score(ours)).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, json: Value) -> Answer {
        Answer { status, json: Some(json), took_ms: 2.0 }
    }

    #[test]
    fn what_differs_is_counted() {
        let mut totals = Totals::default();
        let same = |id: &str| id.strip_prefix("their-").map(|id| format!("our-{id}"));
        let mut add = |theirs: Answer, ours: Answer| totals.add("GET /m", &theirs, &ours, same);
        add(answer(200, json!({ "score": 3600.0, "x": 1 })), answer(200, json!({ "score": 3400.0, "x": "1" })));
        add(answer(200, json!({ "score": 100 })), answer(403, json!({ "code": "FORBIDDEN" })));
        let list = |whose: &str, scores: [(&str, f64); 2]| {
            let item =
                |(id, score): (&str, f64)| json!({ "candidate": { "id": format!("{whose}-{id}") }, "score": score });
            answer(200, scores.map(item).to_vec().into())
        };
        add(list("their", [("a", 5000.0), ("b", 1000.0)]), list("our", [("b", 1100.0), ("a", 4900.0)]));
        let operation = &totals.operations["GET /m"];
        assert_eq!((operation.requests, operation.medians_ms()), (3, [2.0, 2.0]));
        assert_eq!(operation.statuses, BTreeMap::from([("200/403".to_owned(), 1)]));
        let named: Vec<&str> = operation.members.keys().map(String::as_str).collect();
        assert_eq!(named, ["x (number): upstream only", "x (text): ours only"]);
        let Scores { pairs, largest_difference, decided_otherwise, mean_difference } = totals.scores;
        assert_eq!((pairs, largest_difference, decided_otherwise), (3, 200.0, [0, 1, 0]));
        assert!((mean_difference - 400.0 / 3.0).abs() < 1e-9);
    }
}
