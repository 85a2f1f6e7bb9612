//! Every documented operation is asked, and answers as documented; so do its refusals.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::app::PREFIX;
use crate::app::TestApp;
use crate::app::on_both;
use crate::faces::upload;
use crate::matches::former;
use crate::matches::two;

on_both!(every_operation_answers_as_documented, every_secured_operation_wants_a_key);

/// Method, path from the root of the host, whether it wants a key.
fn documented(app: &TestApp) -> Vec<(Method, String, String, bool)> {
    let mut found = Vec::new();
    for (path, item) in app.document["paths"].as_object().expect("it has paths") {
        let prefix = if item.get("servers").is_some() { "" } else { PREFIX };
        for (method, operation) in item.as_object().expect("it has operations") {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            let Some(id) = operation["operationId"].as_str() else { continue };
            let security = operation.get("security").unwrap_or(&app.document["security"]);
            let is_open = security
                .as_array()
                .is_some_and(|ways| ways.iter().any(|way| way == &serde_json::json!({})) || ways.is_empty());
            found.push((method, format!("{prefix}{path}"), id.to_owned(), !is_open));
        }
    }
    assert!(found.len() > 8);
    found
}

async fn every_operation_answers_as_documented(app: TestApp) {
    let mut asked = BTreeSet::new();
    for (method, path, id, _) in documented(&app) {
        let request = app.request(method, &path).header("apikey", &app.key);
        // The client checks each answer against the document.
        let reply = match id.as_str() {
            "createDirectFaceFromImage" => request.form(upload(b"face")).await,
            "matchImages" => request.form(two(b"one", b"other")).await,
            "match" => request.form(former(&app, b"one", b"other").await).await,
            "getCapabilities" | "getCertificate" | "getMonitor" | "getJwks" | "getLiveness" | "getReadiness" => {
                request.send().await
            }
            unknown => panic!("{unknown} is documented, and nothing asks it here"),
        };
        assert_eq!(reply.status, 200, "{id}");
        asked.insert(id);
    }
    assert_eq!(asked.len(), documented(&app).len());
}

async fn every_secured_operation_wants_a_key(app: TestApp) {
    for (method, path, id, wants_key) in documented(&app) {
        let status = app.request(method, &path).send().await.status;
        assert_eq!(status == 401, wants_key, "{id}: {status}");
    }
}
