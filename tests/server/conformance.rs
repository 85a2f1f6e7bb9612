//! Checks that an answer conforms to the document.

use poem::http::HeaderMap;
use serde_json::{Map, Value, json};

/// Checks an answer of `method` (any case) on `path` (a template of the document, or a real path under its server): the
/// status is documented, and headers, content type and body are as documented.
///
/// A method that the path does not have must be refused with 405 and `Allow`, a path that the document does not have
/// with 404, both in the form of every refusal. HEAD answers as GET does, without a body.
///
/// # Errors
/// The deviation from the document, with its place.
pub fn check(
    document: &Value,
    method: &str,
    path: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), String> {
    let place = format!("{} {path}: {status}", method.to_uppercase());
    let is_head = method.eq_ignore_ascii_case("head");
    let check = || match answer_to(document, if is_head { "get" } else { method }, path, status)? {
        Some(_) if is_head => content_type(headers).map(|_| ()),
        Some(answer) => check_answer(document, answer, headers, body),
        None if status == 405 && !headers.contains_key("allow") => Err("header Allow is missing".to_owned()),
        None => check_refusal(document, headers, body),
    };
    check().map_err(|problem| format!("{place}: {problem}"))
}

/// Returns the documented answer; `None` if there is no such operation and the status says so.
fn answer_to<'a>(document: &'a Value, method: &str, path: &str, status: u16) -> Result<Option<&'a Value>, String> {
    let Some(item) = item(document, path) else {
        return if status == 404 { Ok(None) } else { Err("the document has no such path".to_owned()) };
    };
    let Some(operation) = item.get(method.to_lowercase()) else {
        return if status == 405 { Ok(None) } else { Err("the path has no such method".to_owned()) };
    };
    let answer = operation["responses"].get(status.to_string()).ok_or("the status is not documented")?;
    Ok(Some(resolve(document, answer)))
}

fn item<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let prefix = document["servers"][0]["url"].as_str().unwrap_or_default();
    let mut paths = document["paths"].as_object()?.iter();
    let fits = |template: &str, path: &str| {
        template.split('/').count() == path.split('/').count()
            && template.split('/').zip(path.split('/')).all(|(step, taken)| step.starts_with('{') || step == taken)
    };
    let path = path.split('?').next().unwrap_or_default();
    let (_, item) = paths.find(|(template, item)| {
        let under = if item.get("servers").is_some() { Some(path) } else { path.strip_prefix(prefix) };
        fits(template, path) || under.is_some_and(|path| fits(template, path))
    })?;
    Some(item)
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    reference.and_then(|reference| document.pointer(reference.strip_prefix('#')?)).unwrap_or(value)
}

fn check_answer(document: &Value, answer: &Value, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    for (name, header) in answer.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let header = resolve(document, header);
        match headers.get(name).map(|value| value.to_str()) {
            Some(Ok(value)) => check_header(document, &header["schema"], value),
            Some(Err(_)) => Err("is not text".to_owned()),
            None if header["required"] == true => Err("is missing".to_owned()),
            None => Ok(()),
        }
        .map_err(|problem| format!("header {name} {problem}"))?;
    }
    let Some(content) = answer.get("content").and_then(Value::as_object) else {
        return if body.is_empty() { Ok(()) } else { Err("has a body, none is documented".to_owned()) };
    };
    let content_type = content_type(headers)?;
    let media = content.get(content_type).ok_or_else(|| format!("the type {content_type} is not documented"))?;
    if content_type == "application/json" { check_json(document, &media["schema"], body) } else { not_empty(body) }
}

fn check_header(document: &Value, schema: &Value, value: &str) -> Result<(), String> {
    let typed = match value.parse::<i64>() {
        Ok(number) if schema["type"] == "integer" => number.into(),
        _ => Value::from(value),
    };
    validate(document, schema, &typed).map_err(|problem| format!("is {value}: {problem}"))
}

fn check_refusal(document: &Value, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    match content_type(headers)? {
        "application/json" => check_json(document, &json!({ "$ref": "#/components/schemas/ApiError" }), body),
        other => Err(format!("a refusal is JSON, not {other}")),
    }
}

fn content_type(headers: &HeaderMap) -> Result<&str, String> {
    let value = headers.get("content-type").ok_or("has no Content-Type")?;
    value.to_str().map_err(|error| error.to_string())
}

fn not_empty(body: &[u8]) -> Result<(), String> {
    if body.is_empty() { Err("the body is empty".to_owned()) } else { Ok(()) }
}

fn check_json(document: &Value, schema: &Value, body: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    if has_null(&value) {
        return Err(format!("something without a value is null, not left out: {value}"));
    }
    validate(document, schema, &value)
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// Validates against a schema of the document. Members that the document does not name are errors too: an answer
/// contains nothing undocumented.
pub fn validate(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let mut schema = json_schema(schema);
    let definitions: Map<String, Value> = match document["components"]["schemas"].as_object() {
        Some(schemas) => schemas.iter().map(|(name, schema)| (name.clone(), json_schema(schema))).collect(),
        None => Map::new(),
    };
    schema["components"] = json!({ "schemas": definitions });
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
    let validator = validator.map_err(|error| format!("the schema itself: {error}"))?;
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// Converts a schema of OpenAPI 3.0 to JSON Schema: `nullable` becomes an alternative, objects are closed.
fn json_schema(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(json_schema).collect(),
        Value::Object(members) => {
            let mut written: Map<String, Value> = Map::new();
            for (name, member) in members {
                match name.as_str() {
                    "nullable" | "example" => {}
                    "properties" => {
                        let properties = member.as_object().into_iter().flatten();
                        let properties = properties.map(|(name, schema)| (name.clone(), json_schema(schema)));
                        written.insert(name.clone(), Value::Object(properties.collect()));
                    }
                    _ => {
                        written.insert(name.clone(), json_schema(member));
                    }
                }
            }
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                written.insert("additionalProperties".to_owned(), false.into());
            }
            let written = Value::Object(written);
            if members.get("nullable") == Some(&true.into()) {
                return json!({ "anyOf": [written, { "type": "null" }] });
            }
            written
        }
        other => other.clone(),
    }
}
