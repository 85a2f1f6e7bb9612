//! The document as it was authored, its flavour for SDK generators, and Swagger UI on it.

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Response, Route, get};
use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

const AUTHORED_YAML: &str = include_str!("../../openapi/bioserver.yaml");
const AUTHORED_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/contract.json"));
/// The document's server, as it is authored.
const AUTHORED_SERVER: &str = "  - url: /bioserver-app\n";

/// What an operation is called with each kind of body, where there are several.
const OPERATION_IDS: &str = "x-operation-ids";

/// The paths that this module serves.
pub const PATHS: [&str; 4] = ["/docs", "/openapi.json", "/openapi.yaml", "/openapi-sdk.json"];

/// Swagger UI is one page: its script, its style and the document stand in it. It talks to this server alone.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob: 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The authored document, with `prefix` for its server.
pub fn json(prefix: &str) -> Value {
    let mut document: Value = serde_json::from_str(AUTHORED_JSON).expect("build.rs wrote it");
    document["servers"][0]["url"] = prefix.into();
    document
}

/// The authored text, with `prefix` for its server.
pub fn yaml(prefix: &str) -> String {
    AUTHORED_YAML.replacen(AUTHORED_SERVER, &format!("  - url: {}\n", json!(prefix)), 1)
}

/// The document for generators of client code, which take one content type for a body and stumble over the second.
/// An operation that takes several kinds becomes one for each, with a name of its own.
pub fn sdk(prefix: &str) -> Value {
    let mut document = json(prefix);
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    document["paths"] = paths.into_iter().flat_map(|(path, item)| split(path, item)).collect::<Map<_, _>>().into();
    let items = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in items.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) {
            content.remove("multipart/mixed");
        }
    }
    document
}

/// A path, and beside it one for each further kind of body, told apart by a fragment: servers never see it.
fn split(path: String, mut item: Value) -> Vec<(String, Value)> {
    let shared = item.get("parameters").cloned();
    let mut more = Vec::new();
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        let Some(ids) = operation.as_object_mut().and_then(|operation| operation.remove(OPERATION_IDS)) else {
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

/// Swagger UI, showing the authored document in place of the framework's.
pub fn page(prefix: &str) -> String {
    let stub = OpenApiService::new((), "stub", "0");
    // Inside a script element, `<` could end it.
    let document = json(prefix).to_string().replace('<', "\\u003c");
    stub.swagger_ui_html()
        .replacen(&stub.spec(), &document, 1)
        .replace("<title>Swagger UI</title>", "<title>BioServer</title>")
}

pub fn routes(prefix: &str) -> Route {
    let page = page(prefix);
    let page = make_sync(move |_| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
            .body(page.clone())
    });
    let [docs, json_path, yaml_path, sdk_path] = PATHS;
    Route::new()
        .at(docs, get(page))
        .at(json_path, get(text("application/json", json(prefix).to_string())))
        .at(yaml_path, get(text("application/yaml", yaml(prefix))))
        .at(sdk_path, get(text("application/json", sdk(prefix).to_string())))
}

fn text(content_type: &'static str, body: String) -> impl poem::Endpoint<Output = Response> {
    make_sync(move |_| Response::builder().content_type(content_type).body(body.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_configured_one() {
        assert_eq!(json("/faces")["servers"][0]["url"], "/faces");
        assert!(yaml("/faces").contains("\nservers:\n  - url: \"/faces\"\n"));
        assert_eq!(yaml("/faces").len() + "/bioserver-app".len(), AUTHORED_YAML.len() + "\"/faces\"".len());
    }

    #[test]
    fn client_generators_see_one_content_type() {
        let content = |document: &Value| {
            let content = &document["paths"]["/v2/faces"]["post"]["requestBody"]["content"];
            content.as_object().map(|content| content.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(content(&json("/x")), Some(vec!["multipart/form-data".to_owned(), "multipart/mixed".to_owned()]));
        assert_eq!(content(&sdk("/x")), Some(vec!["multipart/form-data".to_owned()]));
    }

    #[test]
    fn client_generators_see_an_operation_for_each_kind_of_body() {
        let (authored, derived) = (json("/x"), sdk("/x"));
        let kinds = |path: &str| {
            let operation = &derived["paths"][path]["post"];
            assert!(operation.get(OPERATION_IDS).is_none());
            let content = operation["requestBody"]["content"].as_object();
            let kinds = content.map(|content| content.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
            (operation["operationId"].clone(), kinds)
        };
        let faces = "/v2/bio-sessions/{bioSessionId}/faces";
        assert_eq!(kinds(faces), (json!("createFaceFromImage"), vec!["multipart/form-data".to_owned()]));
        let beside = format!("{faces}#json");
        assert_eq!(kinds(&beside), (json!("createFaceFromJson"), vec!["application/json".to_owned()]));
        assert_eq!(derived["paths"][&beside]["parameters"], authored["paths"][faces]["parameters"]);
        assert_eq!(derived["paths"][&beside].get("get"), None, "the others stay where they are");
        assert_eq!(derived["paths"][faces]["get"], authored["paths"][faces]["get"]);
        assert_eq!(authored["paths"][faces]["post"]["operationId"], "createFace");
        let count = |document: &Value| document["paths"].as_object().map(Map::len);
        assert_eq!(count(&derived), count(&authored).map(|count| count + 1));
    }

    #[test]
    fn the_page_holds_the_authored_document() {
        let page = page("/faces");
        assert!(page.contains("createDirectFaceFromImage"));
        assert!(!page.contains("\"stub\""));
    }
}
