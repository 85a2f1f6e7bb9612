//! The document as it was authored, its flavour for SDK generators, and Swagger UI on it.

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Response, Route, get};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

pub mod sdk;

const AUTHORED_YAML: &str = include_str!("../../openapi/bioserver.yaml");
const AUTHORED_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/contract.json"));
/// The document's server, as it is authored.
const AUTHORED_SERVER: &str = "  - url: /bioserver-app\n";

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
        .at(sdk_path, get(text("application/json", sdk::flavour(json(prefix)).to_string())))
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
    fn the_page_holds_the_authored_document() {
        let page = page("/faces");
        assert!(page.contains("createDirectFaceFromImage"));
        assert!(!page.contains("\"stub\""));
    }
}
