//! JSON bodies, whole and damaged.

use serde_json::{Value, json};
use testkit::disorder::Disorder;

/// Values that clients seldom send on purpose.
const STRANGE: [&str; 14] = [
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "-0.0",
    "9223372036854775808",
    "1e-400",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[[[[[[[[{\"a\":[]}]]]]]]]]",
];

/// Returns a path and a body for it.
pub fn json(disorder: &mut Disorder, session: &str, face: &Value) -> (String, Vec<u8>) {
    let (path, whole) = match disorder.below(5) {
        0 => (
            "/v2/bio-sessions".to_owned(),
            json!({ "ttlSeconds": 60, "correlationId": "c", "evidenceId": "e", "imageStorageEnabled": true,
                    "callbackURL": "https://example.com/callback" }),
        ),
        1 => (format!("{session}/faces"), face.clone()),
        2 => (
            "/v2/init-liveness-session".to_owned(),
            json!({ "livenessMode": "LIVENESS_ACTIVE", "numberOfChallenge": 2, "securityLevel": "HIGH", "ageThreshold": 18 }),
        ),
        _ => (
            format!("{session}/init-liveness-parameters"),
            json!([{ "type": "LIVENESS_ACTIVE", "securityLevel": "LOW", "nbChallenge": 3, "id": "i",
                     "imageRetrievalDisabled": "false" }]),
        ),
    };
    let mut text = whole.to_string();
    for _ in 0..disorder.below(4) {
        text = changed(disorder, &text);
    }
    let body = if disorder.below(3) == 0 { disorder.damaged(text.as_bytes()) } else { text.into_bytes() };
    (path, body)
}

/// Replaces one value by another, or adds a name or a level.
fn changed(disorder: &mut Disorder, text: &str) -> String {
    let places: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
    let Some(&at) = (!places.is_empty()).then(|| &places[disorder.below(places.len())]) else { return text.to_owned() };
    let end = text[at..].find([',', '}', ']']).map_or(text.len(), |len| at + len);
    let value = match disorder.below(12) {
        0 => "[".repeat(disorder.below(2000)),
        1 => format!("\"{}\"", "a".repeat(disorder.below(3000))),
        2 => format!("{},\"{}\":1", &text[at..end], ["id", "type", "mode", "template"][disorder.below(4)]),
        3 => "9".repeat(1 + disorder.below(400)),
        _ => STRANGE[disorder.below(STRANGE.len())].to_owned(),
    };
    format!("{}{value}{}", &text[..at], &text[end..])
}
