//! Compares the served document with the framework's own view of the code and with its own examples.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;

use bioserver::api::{Api, docs, routes};
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use crate::conformance;

const PREFIX: &str = "/bioserver-app";
const SECTIONS: [&str; 3] = ["responses", "parameters", "headers"];

/// The routes in the framework's terms, before any is served: neither store nor networks are needed.
struct Told<T>(PhantomData<fn() -> T>);

fn told_of<T: OpenApi>(_: fn(&Api) -> T) -> Told<T> {
    Told(PhantomData)
}

impl<T: OpenApi> OpenApi for Told<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// Returns the document that the framework derives from the generated code.
fn framework() -> Value {
    let (title, version) = (routes::TITLE, routes::VERSION);
    let prefixed = OpenApiService::new(told_of(routes::prefixed_routes::<Api>), title, version);
    let root = OpenApiService::new(told_of(routes::root_routes::<Api>), title, version);
    let parse = |text: String| serde_json::from_str::<Value>(&text).expect("the framework writes JSON");
    let (mut all, root) = (parse(prefixed.spec()), parse(root.spec()));
    for place in ["/paths", "/components/schemas", "/components/securitySchemes"] {
        let more = root.pointer(place).and_then(Value::as_object).cloned().unwrap_or_default();
        all.pointer_mut(place).and_then(Value::as_object_mut).expect("both have it").extend(more);
    }
    // Each service names all tags.
    assert_eq!(all["tags"], root["tags"]);
    all
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
    if SECTIONS.iter().any(|section| reference.starts_with(&format!("#/components/{section}/"))) {
        return document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    value
}

/// Rewrites parts that both documents may write differently with the same meaning. Parts that the framework does not
/// carry are named here, one line each; nothing else may differ.
fn canonical(document: &Value, value: &Value) -> Value {
    let value = resolve(document, value);
    match value {
        // 8 and 8.0 are the same number.
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(|item| canonical(document, item)).collect(),
        Value::Object(members) => {
            let mut written = Map::new();
            for (name, member) in members {
                let is_media = members.contains_key("schema");
                let member = match (name.as_str(), member) {
                    // The framework does not carry examples and encodings of media types, headers and parameters.
                    ("example" | "examples" | "encoding", _) if is_media => continue,
                    // The framework does not carry links, the names of operations in client code by body, and the codes
                    // of refusals.
                    ("links" | "x-operation-ids" | "x-error-code" | "x-refused-words", _) => continue,
                    // Only one document writes out defaults.
                    ("deprecated" | "required" | "nullable", Value::Bool(false)) | ("explode", Value::Bool(true)) => {
                        continue;
                    }
                    // The order of required members, and of ways to send a key, has no meaning.
                    ("required" | "security", Value::Array(items)) => sorted(items),
                    // Header names are case-insensitive.
                    ("headers", Value::Object(headers)) => lower_case(document, headers),
                    // The framework trims descriptions.
                    ("description", Value::String(text)) => text.trim().into(),
                    (_, member) => canonical(document, member),
                };
                written.insert(name.clone(), member);
            }
            Value::Object(written)
        }
        other => other.clone(),
    }
}

fn sorted(items: &[Value]) -> Value {
    let mut items = items.to_vec();
    items.sort_by_key(Value::to_string);
    items.into()
}

fn lower_case(document: &Value, headers: &Map<String, Value>) -> Value {
    headers.iter().map(|(name, header)| (name.to_lowercase(), canonical(document, header))).collect()
}

/// Returns every operation with everything that it inherits from its path and from the document.
fn operations(document: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("a document has paths") {
        let shared = item.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        for (method, operation) in item.as_object().expect("a path is an object") {
            if ["parameters", "servers"].contains(&method.as_str()) {
                continue;
            }
            let mut operation = operation.clone();
            let own = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
            operation["parameters"] = shared.iter().chain(&own).cloned().collect();
            if operation.get("security").is_none() {
                operation["security"] = document.get("security").cloned().unwrap_or_else(|| json!([]));
            }
            found.insert(format!("{method} {path}"), canonical(document, &operation));
        }
    }
    found
}

fn differences(at: &str, authored: &Value, served: &Value, found: &mut Vec<String>) {
    match (authored, served) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for name in names {
                let (one, other) = (one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null));
                differences(&format!("{at}/{name}"), one, other, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{at}/{index}"), one, other, found);
            }
        }
        _ if authored == served => {}
        _ => found.push(format!("{at}: authored {authored}, in the code {served}")),
    }
}

#[test]
fn the_code_does_what_the_document_says() {
    let (authored, code) = (docs::json(PREFIX), framework());
    let mut found = Vec::new();
    let as_value = |document: &Value| json!(operations(document));
    differences("operations", &as_value(&authored), &as_value(&code), &mut found);
    for place in ["/components/schemas", "/components/securitySchemes"] {
        let part = |document: &Value| canonical(document, document.pointer(place).expect("both have it"));
        differences(place, &part(&authored), &part(&code), &mut found);
    }
    // The framework sorts tags by name.
    let tags = |document: &Value| sorted(document["tags"].as_array().expect("both have it"));
    differences("tags", &tags(&authored), &tags(&code), &mut found);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// The test above would also pass on two empty documents.
#[test]
fn the_comparison_sees_a_difference() {
    let authored = docs::json(PREFIX);
    let changed = |place: &str, value: Value| {
        let mut document = authored.clone();
        *document.pointer_mut(place).expect("it is there") = value;
        let mut found = Vec::new();
        let canonical = |document: &Value| canonical(document, &document["components"]["schemas"]);
        differences("schemas", &canonical(&authored), &canonical(&document), &mut found);
        differences("operations", &json!(operations(&authored)), &json!(operations(&document)), &mut found);
        found.len()
    };
    assert_eq!(changed("/components/schemas/Face/properties/friendlyName/maxLength", json!(255)), 1);
    assert_eq!(changed("/components/schemas/Face/required", json!(["id", "mode"])), 1);
    assert_eq!(changed("/paths/~1v2~1faces/post/responses/401", json!({"description": "x"})), 3);
    assert_eq!(changed("/components/responses/TooManyRequests/headers", json!({})), 29);
    assert!(operations(&authored).len() >= 9);
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = docs::json(PREFIX);
    let mut checked = 0;
    let mut problems = Vec::new();
    examples("", &document, &mut |place, schema, example| {
        checked += 1;
        if let Err(problem) = conformance::validate(&document, schema, example) {
            problems.push(format!("{place}: {problem}"));
        }
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(checked >= 90, "only {checked} examples were found");
}

/// Calls `check` for every example beside or in a schema.
fn examples(place: &str, value: &Value, check: &mut dyn FnMut(&str, &Value, &Value)) {
    match value {
        Value::Object(members) => {
            let schema = members.get("schema").unwrap_or(value);
            let is_schema = ["type", "allOf", "schema"].iter().any(|word| members.contains_key(*word));
            if let Some(example) = members.get("example").filter(|_| is_schema) {
                check(place, schema, example);
            }
            for example in members.get("examples").and_then(Value::as_object).into_iter().flat_map(Map::values) {
                check(place, schema, &example["value"]);
            }
            for (name, member) in members.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str())) {
                examples(&format!("{place}/{name}"), member, check);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                examples(&format!("{place}/{index}"), item, check);
            }
        }
        _ => {}
    }
}

mod conformance_itself {
    use poem::http::{HeaderMap, HeaderValue};

    use super::conformance::check;
    use super::{PREFIX, docs};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (name.parse().expect("a header name"), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    const JSON: (&str, &str) = ("content-type", "application/json");
    const ERROR: &[u8] = br#"{"id":"a5ac0455-8d99-4d73-835c-c656b5aba41e","message":"m","code":"C"}"#;

    #[test]
    fn a_documented_answer_passes() {
        let document = docs::json(PREFIX);
        let capabilities = br#"{"version":"1","currentMode":["F6_4_VID60X"],"pack":"p","templateVersion":1}"#;
        for path in ["/v2/capabilities", "/bioserver-app/v2/capabilities?x=1"] {
            assert_eq!(check(&document, "GET", path, 200, &headers(&[JSON]), capabilities), Ok(()));
        }
        let busy = headers(&[JSON, ("retry-after", "3")]);
        assert_eq!(check(&document, "post", "/v2/faces", 429, &busy, ERROR), Ok(()));
        assert_eq!(check(&document, "GET", "/nowhere", 404, &headers(&[JSON]), ERROR), Ok(()));
        let allow = headers(&[JSON, ("allow", "POST")]);
        assert_eq!(check(&document, "PUT", "/v2/faces", 405, &allow, ERROR), Ok(()));
        assert_eq!(check(&document, "HEAD", "/health/live", 200, &headers(&[JSON]), b""), Ok(()));
    }

    #[test]
    fn an_undocumented_answer_is_refused() {
        let document = docs::json(PREFIX);
        let refused = |method, path, status, headers: HeaderMap, body: &[u8], why: &str| {
            let problem = check(&document, method, path, status, &headers, body).expect_err(why);
            assert!(problem.contains(why), "{problem}");
        };
        refused("post", "/v2/faces", 418, headers(&[JSON]), ERROR, "the status is not documented");
        refused("post", "/v2/faces", 429, headers(&[JSON]), ERROR, "header Retry-After is missing");
        refused("post", "/v2/faces", 429, headers(&[JSON, ("retry-after", "0")]), ERROR, "header Retry-After is 0");
        refused(
            "post",
            "/v2/faces",
            413,
            headers(&[("content-type", "text/plain")]),
            b"x",
            "text/plain is not documented",
        );
        refused("post", "/v2/faces", 413, headers(&[]), b"x", "has no Content-Type");
        refused("post", "/v2/faces", 413, headers(&[JSON]), b"x", "the body is not JSON");
        refused("post", "/v2/faces", 413, headers(&[JSON]), br#"{"id":"x"}"#, "\"message\" is a required property");
        let more = br#"{"id":"a5ac0455-8d99-4d73-835c-c656b5aba41e","message":"m","code":"C","more":1}"#;
        refused("post", "/v2/faces", 413, headers(&[JSON]), more, "'more' was unexpected");
        let null = br#"{"id":"a5ac0455-8d99-4d73-835c-c656b5aba41e","message":"m","code":null}"#;
        refused("post", "/v2/faces", 413, headers(&[JSON]), null, "null, not left out");
        refused("put", "/v2/faces", 405, headers(&[JSON]), ERROR, "header Allow is missing");
        refused("get", "/nowhere", 200, headers(&[JSON]), ERROR, "no such path");
        refused("get", "/nowhere", 404, headers(&[("content-type", "text/plain")]), b"not found", "a refusal is JSON");
    }
}
