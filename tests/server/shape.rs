//! Compares answers with snapshots. Values that differ each time are checked, then hidden.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bioserver::sign::{attached, verify};
use chrono::DateTime;
use face::image;
use face::values::template::Template;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::app::{Reply, TestApp};

/// Headers that are part of an answer's shape.
const HEADERS: [&str; 7] =
    ["allow", "cache-control", "content-type", "location", "preference-applied", "retry-after", "www-authenticate"];

/// Compares an answer with `snapshots/<name>.snap`.
pub fn assert_shape(app: &TestApp, name: &str, reply: &Reply) {
    let headers = HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), header(name, reply.header(name)?))));
    let headers: Map<String, Value> = headers.collect();
    let shown = json!({ "status": reply.status, "headers": headers, "body": body(app, reply) });
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, shown));
}

/// Checks and hides the ids in a `Location`.
fn header(name: &str, value: &str) -> Value {
    if name != "location" {
        return value.into();
    }
    let steps: Vec<&str> = value.split('/').collect();
    let shown = match steps.as_slice() {
        ["", "v2", "bio-sessions", session] if is_id(session) => "/v2/bio-sessions/[uuid]",
        ["", "v2", "bio-sessions", session, "faces", face] if is_id(session) && is_id(face) => {
            "/v2/bio-sessions/[uuid]/faces/[uuid]"
        }
        _ => panic!("{value} is no place"),
    };
    shown.into()
}

/// True if it is an id in the form that answers use.
fn is_id(text: &str) -> bool {
    Uuid::parse_str(text).is_ok_and(|id| id.to_string() == text)
}

fn body(app: &TestApp, reply: &Reply) -> Value {
    if reply.body.is_empty() {
        return Value::Null;
    }
    let content_type = reply.header("content-type").expect("what has a body has a type");
    if let Some(kind) = content_type.strip_prefix("image/") {
        let format = image::format(&reply.body).map(|format| format!("{format:?}").to_lowercase());
        assert_eq!(format.as_deref(), Some(kind), "its bytes are what its type says");
        return format!("[{kind}]").into();
    }
    if content_type != "application/json" {
        let text = String::from_utf8(reply.body.to_vec()).expect("it is text");
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("-----END CERTIFICATE-----\n"));
        return "[certificate]".into();
    }
    let mut shown = reply.json();
    let text = std::str::from_utf8(&reply.body).expect("JSON is UTF-8");
    match &mut shown {
        Value::Array(items) => {
            for item in items {
                let text = item.to_string();
                assert!(reply.body.windows(text.len()).any(|window| window == text.as_bytes()), "it is read as sent");
                verify_and_hide(app, item, &text);
            }
        }
        answer => verify_and_hide(app, answer, text),
    }
    hide(&mut shown);
    shown
}

fn verify_and_hide(app: &TestApp, answer: &mut Value, text: &str) {
    if let Some(signature) = answer.get("signature").and_then(Value::as_str) {
        assert_signs(app, signature, text);
        answer["signature"] = "[jws]".into();
    }
}

/// Asserts that the signature covers this very text without the signature itself.
fn assert_signs(app: &TestApp, signature: &str, text: &str) {
    let signed = text.replace(&format!(r#","signature":"{signature}""#), "");
    let attached = attached(signature, signed.as_bytes());
    let jws = attached.as_deref().unwrap_or(signature);
    let payload = verify(jws, &app.deps.signer.jwks()).expect("the signature verifies");
    assert_eq!(signed.as_bytes(), payload);
}

/// Hides the ids in a sentence.
fn without_ids(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(['.', ',']);
        if is_id(bare) { word.replace(bare, "[uuid]") } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &member) {
                    ("id" | "bestImageId" | "session" | "face", Value::String(id)) => {
                        assert!(is_id(id), "an id is a UUID");
                        *member = "[uuid]".into();
                    }
                    ("seed", Value::Number(_)) => *member = "[i32]".into(),
                    ("serverRandom", Value::String(text)) => {
                        assert_eq!(STANDARD.decode(text).expect("base64").len(), 32);
                        *member = "[32 bytes]".into();
                    }
                    ("certificates", Value::Array(list)) => {
                        assert!(list.iter().all(|one| STANDARD.decode(one.as_str().expect("text")).is_ok()));
                        *member = format!("[{} certificates]", list.len()).into();
                    }
                    ("token", Value::String(text)) => {
                        assert!(text.starts_with("cap_"));
                        *member = "cap_[sealed]".into();
                    }
                    ("key", Value::String(key)) => {
                        let steps: Vec<&str> = key.split('/').collect();
                        assert!(
                            matches!(steps.as_slice(), [owner, "sessions", session, _] if is_id(owner) && is_id(session)),
                            "{key}"
                        );
                        *member = "[uuid]/sessions/[uuid]/[name]".into();
                    }
                    ("hash", Value::String(hash)) => {
                        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
                        *member = "[sha-256]".into();
                    }
                    ("message", Value::String(text)) => *member = without_ids(text).into(),
                    ("created" | "expires" | "erased" | "keyExpires", Value::String(time)) => {
                        assert!(time.len() == 24 && time.ends_with('Z') && DateTime::parse_from_rfc3339(time).is_ok());
                        *member = "[time]".into();
                    }
                    ("template", Value::String(text)) => {
                        let template = Template::decode(text).expect("a template");
                        *member = format!("[{} values]", template.values().len()).into();
                    }
                    ("kid" | "x" | "y", Value::String(text)) => {
                        assert_eq!(URL_SAFE_NO_PAD.decode(text).expect("base64url").len(), 32);
                        *member = "[32 bytes]".into();
                    }
                    _ => hide(member),
                }
            }
        }
        _ => {}
    }
}
