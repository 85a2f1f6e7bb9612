//! Compares values with the expected ones.
//!
//! | expected | means |
//! |---|---|
//! | `$text`, `$number`, `$flag` | a text that is not empty, a number, true or false |
//! | `$uuid`, `$time` | a UUID, a UTC time with milliseconds |
//! | `$at-least N`, `$at-most N` | a number in that range |
//! | `$absent` | the member is missing; null does not count as missing |
//! | `{ $each: V }` | a list that is not empty, each item of which is a V |

use chrono::NaiveDateTime;
use serde_json::Value;
use uuid::Uuid;

const EACH: &str = "$each";
const ABSENT: &str = "$absent";

/// Returns the faults of `value`, each with its place; empty if it is as expected.
pub fn faults(wanted: &Value, value: &Value) -> Vec<String> {
    let mut faults = vec![];
    compare(wanted, value, "", &mut faults);
    faults
}

fn compare(wanted: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let wrong =
        |expected: &str| format!("{}: expected {expected}", if place.is_empty() { "the answer" } else { place });
    match (wanted, value) {
        (Value::Object(wanted), _) if wanted.contains_key(EACH) => match value.as_array() {
            Some(items) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    compare(&wanted[EACH], item, &format!("{place}[{at}]"), faults);
                }
            }
            _ => faults.push(wrong("a list that is not empty")),
        },
        (Value::Object(wanted), Value::Object(value)) => {
            for (name, wanted) in wanted {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                match value.get(name) {
                    None if wanted == ABSENT => {}
                    None => faults.push(format!("{place}: is missing")),
                    Some(_) if wanted == ABSENT => faults.push(format!("{place}: should not be there")),
                    Some(value) => compare(wanted, value, &place, faults),
                }
            }
        }
        (Value::Array(wanted), Value::Array(value)) if wanted.len() == value.len() => {
            for (at, (wanted, value)) in wanted.iter().zip(value).enumerate() {
                compare(wanted, value, &format!("{place}[{at}]"), faults);
            }
        }
        (Value::Array(wanted), _) => faults.push(wrong(&format!("a list of {}", wanted.len()))),
        (Value::String(wanted), value) if wanted.starts_with('$') => {
            if !is_a(wanted, value) {
                faults.push(wrong(wanted));
            }
        }
        (Value::Number(wanted), value) if wanted.as_f64() == value.as_f64() => {}
        (wanted, value) if wanted == value => {}
        (wanted, _) => faults.push(wrong(&wanted.to_string())),
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    let bound = |name: &str| kind.strip_prefix(name)?.trim().parse::<f64>().ok();
    match kind {
        "$text" => value.as_str().is_some_and(|text| !text.is_empty()),
        "$number" => value.is_number(),
        "$flag" => value.is_boolean(),
        "$uuid" => value.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok()),
        "$time" => value.as_str().is_some_and(is_time),
        _ => match (bound("$at-least"), bound("$at-most"), value.as_f64()) {
            (Some(least), _, Some(value)) => value >= least,
            (_, Some(most), Some(value)) => value <= most,
            _ => false,
        },
    }
}

fn is_time(text: &str) -> bool {
    const LEN: usize = "2017-11-14T14:31:42.228Z".len();
    text.len() == LEN && NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3fZ").is_ok()
}

/// True if a header is as expected; `wanted` may end with `$uuid`.
pub fn is_header(wanted: &str, value: &str) -> bool {
    match wanted.strip_suffix("$uuid") {
        Some(before) => value.strip_prefix(before).is_some_and(|id| Uuid::parse_str(id).is_ok()),
        // A content type may carry a charset.
        None => value == wanted || value.split(';').next() == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use face::values::score::Score;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let value = json!({ "id": "0991cedc-9111-4b9d-9e4e-8d6eb4db488f", "at": "2017-11-14T14:31:42.228Z", "n": 3, "o": { "l": [1, "x"] } });
        let fine = json!({ "id": "$uuid", "at": "$time", "n": "$at-least 3", "gone": "$absent", "o": { "l": ["$number", "x"] } });
        assert_eq!(faults(&fine, &value), Vec::<String>::new());
        for (wanted, fault) in [
            (json!({ "n": "$at-most 2" }), "n: expected $at-most 2"),
            (json!({ "n": "$text" }), "n: expected $text"),
            (json!({ "id": "$time" }), "id: expected $time"),
            (json!({ "at": "$uuid" }), "at: expected $uuid"),
            (json!({ "id": "$absent" }), "id: should not be there"),
            (json!({ "o": { "m": 1 } }), "o.m: is missing"),
            (json!({ "o": { "l": { "$each": "$number" } } }), "o.l[1]: expected $number"),
            (json!({ "o": { "l": [1] } }), "o.l: expected a list of 1"),
            (json!({ "n": { "$each": "$number" } }), "n: expected a list that is not empty"),
            (json!([]), "the answer: expected a list of 0"),
            (json!({ "n": 4 }), "n: expected 4"),
        ] {
            assert_eq!(faults(&wanted, &value), [fault]);
        }
    }

    #[test]
    fn headers_and_rates_are_the_contracts() {
        assert!(is_header("/v2/$uuid", "/v2/0991cedc-9111-4b9d-9e4e-8d6eb4db488f"));
        assert!(!is_header("/v2/$uuid", "/v2/0991cedc-9111-4b9d-9e4e-8d6eb4db488f/"));
        assert!(is_header("application/json", "application/json; charset=utf-8") && !is_header("a", "b"));
        let rate = |score| Score(score).false_acceptance_rate_percent();
        assert_eq!(rate(10269.438178710938), 1e-15);
        assert!((rate(7771.43408203125) / 2.8650475616752694e-11 - 1.0).abs() < 1e-9);
    }
}
