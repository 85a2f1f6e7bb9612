//! Serves the document as it was authored, its flavour for SDK generators, and Swagger UI that shows it.

use poem::http::{HeaderValue, header};
use poem::{Route, get};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use crate::api::file::File;

pub mod sdk;

const AUTHORED_YAML: &str = include_str!("../../openapi/bioserver.yaml");
const AUTHORED_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/contract.json"));
/// The line of the authored document that names its server.
const AUTHORED_SERVER: &str = "  - url: /bioserver-app\n";

/// The paths that this module serves.
pub const PATHS: [&str; 4] = ["/docs", "/openapi.json", "/openapi.yaml", "/openapi-sdk.json"];

/// The policy of the Swagger UI page: script, style and document stand in the page, and it talks to this server alone.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob: 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns the authored document, with `prefix` as its server.
pub fn json(prefix: &str) -> Value {
    let mut document: Value = serde_json::from_str(AUTHORED_JSON).expect("build.rs wrote it");
    document["servers"][0]["url"] = prefix.into();
    document
}

/// Returns the authored text, with `prefix` as its server.
pub fn yaml(prefix: &str) -> String {
    AUTHORED_YAML.replacen(AUTHORED_SERVER, &format!("  - url: {}\n", json!(prefix)), 1)
}

/// The page has two things that Swagger UI lacks: a field for the key, and dark colours.
const HEAD: &str = include_str!("docs/head.html");
const KEY: &str = include_str!("docs/key.html");

/// Returns the authored document as the page shows it.
fn shown(prefix: &str) -> Value {
    let mut document = json(prefix);
    // Swagger UI would send the example with every request, and the server would take the second request for a
    // repetition.
    if let Some(key) = document.pointer_mut("/components/parameters/IdempotencyKey").and_then(Value::as_object_mut) {
        key.remove("example");
    }
    document
}

/// Returns the Swagger UI page with the authored document in place of the framework's.
pub fn page(prefix: &str) -> String {
    let stub = OpenApiService::new((), "stub", "0");
    // A `<` inside a script element could end the element.
    let document = shown(prefix).to_string().replace('<', "\\u003c");
    let (start, title) = ("<html charset=\"UTF-8\">", "<title>Swagger UI</title>");
    let page = stub.swagger_ui_html().replacen(&stub.spec(), &document, 1);
    page.trim_start()
        .replacen(start, "<!doctype html>\n<html lang=\"en\">", 1)
        .replacen(title, &format!("<title>BioServer</title>\n{HEAD}"), 1)
        .replacen("<div id=\"ui\"></div>", &format!("{KEY}<div id=\"ui\"></div>"), 1)
        .replacen("    SwaggerUIBundle({", "    globalThis.ui = SwaggerUIBundle({", 1)
}

pub fn routes(prefix: &str) -> Route {
    let page = File::new("text/html; charset=utf-8", page(prefix))
        .with(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    let [docs, json_path, yaml_path, sdk_path] = PATHS;
    Route::new()
        .at(docs, get(page))
        .at(json_path, get(File::new("application/json", json(prefix).to_string())))
        .at(yaml_path, get(File::new("application/yaml", yaml(prefix))))
        .at(sdk_path, get(File::new("application/json", sdk::flavour(json(prefix)).to_string())))
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
    fn the_page_holds_the_authored_document() {
        let page = page("/faces");
        assert!(page.contains("createDirectFaceFromImage"));
        assert!(!page.contains("\"stub\""));
        for part in
            ["<!doctype html>", "<html lang=\"en\">", "id=\"apikey\"", "globalThis.ui =", "prefers-color-scheme"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(json("/faces")["components"]["parameters"]["IdempotencyKey"].get("example").is_some());
        assert!(shown("/faces")["components"]["parameters"]["IdempotencyKey"].get("example").is_none());
    }
}
