//! The document for generators of client code: the same operations, written with the part of OpenAPI that all
//! generators know.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The extension that names an operation with each kind of body, if it takes several kinds.
const OPERATION_IDS: &str = "x-operation-ids";

/// Replaces content types that generators do not know: they would skip the operation, or fail at its answer.
const BYTES: &str = "application/octet-stream";

/// Rewrites the authored document:
///
/// - The only server is `/` and paths are whole. Generators skip the servers of single paths, or take them for hosts.
/// - An operation takes one kind of body. One that takes several becomes several operations, each with its own name.
/// - Pictures and captures are bytes.
/// - A choice of one object or a list of it becomes the object. Neither Java nor TypeScript has a type for the choice.
/// - A reference stands alone, without the description that the document gives it in that place.
/// - There are no links.
pub fn flavour(mut document: Value) -> Value {
    let prefix = document["servers"][0]["url"].as_str().unwrap_or_default().to_owned();
    document["servers"] = json!([{ "url": "/" }]);
    let mut paths = Map::new();
    for (path, mut item) in members(document["paths"].take()) {
        let is_root = item.as_object_mut().is_some_and(|item| item.shift_remove("servers").is_some());
        let path = if is_root { path } else { format!("{prefix}{path}") };
        for operation in operations(&mut item) {
            plain_contents(operation);
        }
        paths.extend(split(path, item));
    }
    document["paths"] = paths.into();
    let chosen = choose(&mut document["components"]["schemas"]);
    plain_references(&mut document, &chosen);
    document
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn operations(item: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    item.as_object_mut().into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

/// Keeps one kind of multipart body and one kind of bytes, and removes the links.
fn plain_contents(operation: &mut Map<String, Value>) {
    if let Some(content) = operation.get_mut("requestBody").and_then(|body| body["content"].as_object_mut()) {
        content.shift_remove("multipart/mixed");
        content.shift_remove("application/jose");
    }
    for answer in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        let Some(answer) = answer.as_object_mut() else { continue };
        answer.shift_remove("links");
        let Some(content) = answer.get_mut("content").and_then(Value::as_object_mut) else { continue };
        let picture = content.iter().find(|(content_type, _)| content_type.starts_with("image/"));
        if let Some(picture) = picture.map(|(_, media)| media.clone()) {
            *content = Map::from_iter([(BYTES.to_owned(), picture)]);
        }
    }
}

/// Returns a path, and one more path for each further kind of body. A fragment tells them apart; clients do not send
/// it.
fn split(path: String, mut item: Value) -> Vec<(String, Value)> {
    let shared = item.get("parameters").cloned();
    let mut more = Vec::new();
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        let Some(ids) = operation.as_object_mut().and_then(|operation| operation.shift_remove(OPERATION_IDS)) else {
            continue;
        };
        let whole = operation.clone();
        for (index, (content_type, id)) in ids.as_object().into_iter().flatten().enumerate() {
            let mut one = whole.clone();
            one["operationId"] = id.clone();
            let content = &whole["requestBody"]["content"][content_type];
            one["requestBody"]["content"] = json!({ content_type: content });
            if index == 0 {
                *operation = one;
                continue;
            }
            let mut beside = json!({ method: one });
            if let Some(shared) = &shared {
                beside["parameters"] = shared.clone();
            }
            let kind = content_type.rsplit('/').next().unwrap_or_default();
            more.push((format!("{path}#{kind}"), beside));
        }
    }
    [(path, item)].into_iter().chain(more).collect()
}

/// Removes the schemas that are a choice, and returns the reference that replaces each of them, by the reference to it.
fn choose(schemas: &mut Value) -> HashMap<String, Value> {
    let mut chosen = HashMap::new();
    let Some(schemas) = schemas.as_object_mut() else { return chosen };
    schemas.retain(|name, schema| {
        let Some(first) = schema.pointer("/oneOf/0/$ref") else { return true };
        chosen.insert(format!("#/components/schemas/{name}"), first.clone());
        false
    });
    chosen
}

fn plain_references(value: &mut Value, chosen: &HashMap<String, Value>) {
    if let Some([one]) = value.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        *value = one.clone();
    }
    if let Some(first) = value.get("$ref").and_then(Value::as_str).and_then(|reference| chosen.get(reference)) {
        value["$ref"] = first.clone();
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| plain_references(member, chosen)),
        Value::Array(items) => items.iter_mut().for_each(|item| plain_references(item, chosen)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::docs;

    /// Returns the path and the operation with this `id`.
    fn operation(document: &Value, id: &str) -> (String, Value) {
        let paths = document["paths"].as_object().expect("a document has paths");
        let mut all = paths.iter().flat_map(|(path, item)| {
            item.as_object().into_iter().flat_map(Map::values).map(move |operation| (path.clone(), operation.clone()))
        });
        all.find(|(_, operation)| operation["operationId"] == id).unwrap_or_else(|| panic!("{id} is not there"))
    }

    fn content_types(content: &Value) -> Vec<&str> {
        content.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    #[test]
    fn paths_are_whole_and_there_is_one_server() {
        let derived = flavour(docs::json("/x"));
        assert_eq!(derived["servers"], json!([{ "url": "/" }]));
        let (path, _) = operation(&derived, "getBioSession");
        assert_eq!(path, "/x/v2/bio-sessions/{bioSessionId}");
        let (path, _) = operation(&derived, "initLivenessSession");
        assert_eq!(path, "/video-server/init-liveness-session");
        assert!(derived["paths"][path].get("servers").is_none());
    }

    #[test]
    fn there_is_an_operation_for_each_kind_of_body() {
        let (authored, derived) = (docs::json(""), flavour(docs::json("")));
        let faces = "/v2/bio-sessions/{bioSessionId}/faces";
        for (id, path, content_type) in [
            ("createFaceFromImage", faces.to_owned(), "multipart/form-data"),
            ("createFaceFromJson", format!("{faces}#json"), "application/json"),
            ("createDirectFaceFromImage", "/v2/faces".to_owned(), "multipart/form-data"),
            ("replayLiveness", "/v2/bio-sessions/{bioSessionId}/replay-liveness".to_owned(), BYTES),
        ] {
            let (found, operation) = operation(&derived, id);
            assert_eq!(
                (found, content_types(&operation["requestBody"]["content"])),
                (path, vec![content_type]),
                "{id}"
            );
            assert!(operation.get(OPERATION_IDS).is_none());
        }
        let beside = &derived["paths"][format!("{faces}#json")];
        assert_eq!(beside["parameters"], authored["paths"][faces]["parameters"]);
        assert_eq!(beside.get("get"), None, "the others stay where they are");
        let count = |document: &Value| document["paths"].as_object().map(Map::len);
        assert_eq!(count(&derived), count(&authored).map(|count| count + 1));
    }

    #[test]
    fn pictures_are_bytes() {
        let (_, image) = operation(&flavour(docs::json("")), "getFaceImage");
        assert_eq!(content_types(&image["responses"]["200"]["content"]), [BYTES]);
    }

    #[test]
    fn references_are_plain_and_nothing_is_a_choice() {
        let derived = flavour(docs::json(""));
        let text = derived.to_string();
        for word in ["oneOf", "allOf", "\"links\"", "NewLivenessParameters\""] {
            assert!(!text.contains(word), "{word}");
        }
        let mode = json!({ "$ref": "#/components/schemas/Mode" });
        assert_eq!(derived["components"]["schemas"]["Face"]["properties"]["mode"], mode);
        let (_, begin) = operation(&derived, "initLivenessParameters");
        let asked = &begin["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(*asked, json!({ "$ref": "#/components/schemas/NewLivenessParameter" }));
    }
}
