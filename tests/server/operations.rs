//! Calls every documented operation, and checks that its answers and its refusals are as documented.

use std::collections::BTreeSet;

use face::values::liveness::Reason;
use reqwest::Method;
use serde_json::json;

use crate::ages;
use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::ending::settle;
use crate::faces::upload;
use crate::liveness::{begin, capture_of, tell};
use crate::matches::{former, two};
use crate::session_faces::{JPEG, add};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    every_operation_answers_as_documented,
    every_secured_operation_wants_a_key,
    every_secured_operation_says_that_the_database_is_away,
);

const NOBODYS: &str = "0991cedc-9111-4b9d-9e4e-8d6eb4db488f";

/// Returns each operation's method, path from the root of the host, id, and whether it needs a key.
pub fn documented(app: &TestApp) -> Vec<(Method, String, String, bool)> {
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
        // Each operation gets its own session and face, because some operations delete them.
        let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
        let face = add(&app, &session, JPEG).await;
        let last = |path: &str| path.rsplit('/').next().expect("it ends in an id").to_owned();
        let path = path.replace("{bioSessionId}", &last(&session));
        if id != "initLivenessParameters" {
            begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
        }
        if id == "beginLivenessAttempt" {
            begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE", "attemptsMax": 2 })).await;
            tell(&app, &[Reason::NoFace]);
            capture_of(&app, &session).await.to(&app, &session).await;
            settle(&app).await;
        }
        let path = path.replace("{livenessMode}", "LIVENESS_PASSIVE").replace("{securityLevel}", "HIGH");
        let path = path.replace("{faceId}", &last(&face)).replace("{referenceFaceId}", &last(&face));
        let request = app.request(method, &path).header("apikey", &app.key);
        // The client checks each answer against the document.
        let (reply, status) = match id.as_str() {
            "createBioSession" => (request.json(&json!({})).await, 201),
            "initLivenessSession" | "initLivenessSessionV2" => {
                (request.json(&json!({ "livenessMode": "LIVENESS_PASSIVE_VIDEO" })).await, 201)
            }
            "initLivenessParameters" => (request.json(&json!({ "type": "LIVENESS_ACTIVE" })).await, 200),
            "replayLiveness" => (capture_of(&app, &session).await.sent(request).await, 202),
            "createFace" => (request.form(upload(JPEG)).await, 201),
            "deleteBioSession" | "deleteFace" | "deleteFaces" => (request.send().await, 204),
            "createDirectFaceFromImage" => (request.form(upload(b"face")).await, 200),
            "createDirectAgeFromImage" => (request.form(ages::upload(b"face")).await, 200),
            "matchImages" => (request.form(two(b"one", b"other")).await, 200),
            "match" => (request.form(former(&app, b"one", b"other").await).await, 200),
            "beginLivenessAttempt"
            | "createCaptureToken"
            | "getCapturePage"
            | "getLivenessParameters"
            | "getReplayStatus"
            | "getReplayStatusV2"
            | "getVideoServerCapabilities"
            | "getLivenessChallengeResult"
            | "getLivenessChallengeResultOfMode"
            | "getLivenessChallengeResultOfLevel" => (request.send().await, 200),
            "getBioSession" | "getFaces" | "getFace" | "getFaceImage" | "getMatches" | "getCapabilities"
            | "getCertificate" | "getMonitor" | "getJwks" | "getLiveness" | "getReadiness" => {
                (request.send().await, 200)
            }
            unknown => panic!("{unknown} is documented, and nothing asks it here"),
        };
        assert_eq!(reply.status, status, "{id}");
        asked.insert(id);
    }
    assert_eq!(asked.len(), documented(&app).len());
}

async fn every_secured_operation_wants_a_key(app: TestApp) {
    for (method, path, id, wants_key) in documented(&app) {
        // The key is checked first, even if the path leads nowhere.
        let reply = app.request(method, &nobodys(&path)).send().await;
        assert_eq!(reply.status == 401, wants_key, "{id}: {}", reply.status);
        if wants_key {
            assert_shape(&app, "unauthorized", &reply);
        }
    }
}

async fn every_secured_operation_says_that_the_database_is_away(app: TestApp) {
    app.deps.store.close().await;
    for (method, path, id, wants_key) in documented(&app) {
        let reply = app.request(method, &nobodys(&path)).header("apikey", &app.key).send().await;
        if wants_key || id == "getCapabilities" || id == "getVideoServerCapabilities" {
            assert_eq!(reply.status, 503, "{id}");
            assert_shape(&app, "database-unavailable", &reply);
        }
    }
}

fn nobodys(path: &str) -> String {
    let steps = path.split('/').map(|step| if step.starts_with('{') { NOBODYS } else { step });
    steps.collect::<Vec<_>>().join("/")
}
