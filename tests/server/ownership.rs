//! Resources of another provider do not exist for a key, and an operation without permission is refused.

use bioserver::domain::Permission;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::app::{PREFIX, Reply, Request, TestApp};
use crate::both::on_both;
use crate::faces::upload;
use crate::operations::documented;
use crate::session_faces::add;
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    another_providers_session_does_not_exist,
    an_expired_session_does_not_exist,
    a_session_that_never_existed_is_unknown,
    a_key_without_the_permission_is_told_which,
);

/// Returns the permission that each operation needs.
fn permission(operation: &str) -> Permission {
    match operation {
        "createBioSession" | "getBioSession" | "deleteBioSession" => Permission::Session,
        "createFace" | "getFaces" | "getFace" | "deleteFace" | "deleteFaces" | "createDirectFaceFromImage" => {
            Permission::Face
        }
        "getFaceImage" => Permission::Image,
        "getMatches" | "matchImages" | "match" => Permission::Match,
        "createDirectAgeFromImage" => Permission::Age,
        "initLivenessParameters"
        | "getLivenessParameters"
        | "replayLiveness"
        | "createCaptureToken"
        | "beginLivenessAttempt"
        | "getCapturePage"
        | "getReplayStatus"
        | "getReplayStatusV2"
        | "initLivenessSession"
        | "initLivenessSessionV2"
        | "getLivenessChallengeResult"
        | "getLivenessChallengeResultOfMode"
        | "getLivenessChallengeResultOfLevel" => Permission::Liveness,
        unknown => panic!("{unknown} is documented, and nobody knows what it needs"),
    }
}

/// Fills the ids of sessions and of faces into a path.
fn filled(path: &str, session: &str, face: &str) -> String {
    let path = path.replace("{livenessMode}", "LIVENESS_PASSIVE").replace("{securityLevel}", "HIGH");
    let path = path.replace("{bioSessionId}", session).replace("{faceId}", face).replace("{referenceFaceId}", face);
    assert!(!path.contains('{'), "{path} has an id that nobody knows");
    path
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().expect("it ends in an id")
}

async fn ask(app: &TestApp, request: Request<'_>, operation: &str) -> Reply {
    match operation {
        "createFace" | "createDirectFaceFromImage" => request.form(upload(b"face")).await,
        "createDirectAgeFromImage" => request.form(crate::ages::upload(b"face")).await,
        "matchImages" => request.form(crate::matches::two(b"one", b"other")).await,
        "initLivenessParameters" => request.json(&json!({ "type": "LIVENESS_PASSIVE" })).await,
        "initLivenessSession" | "initLivenessSessionV2" => {
            request.json(&json!({ "livenessMode": "LIVENESS_PASSIVE" })).await
        }
        "replayLiveness" => request.header("content-type", "application/jose").send().await,
        "match" => request.form(crate::matches::former(app, b"one", b"other").await).await,
        _ => request.send().await,
    }
}

/// Calls every operation that has an id in its path, with this key; all must answer 404.
async fn assert_unknown(app: &TestApp, key: &str, session: &str, face: &str) {
    let mut asked = 0;
    for (method, path, operation, _) in documented(app).into_iter().filter(|(_, path, ..)| path.contains('{')) {
        let request = app.request(method, &filled(&path, session, face)).header("apikey", key);
        let reply = ask(app, request, &operation).await;
        assert_eq!(reply.refusal().1, "SESSION_NOT_FOUND", "{operation}");
        assert_shape(app, "session-not-found", &reply);
        // The body makes no difference, not even a known face.
        if operation == "createFace" {
            let known = app.post("/v2/faces").form(upload(b"face")).await.ok();
            let request = app.request(Method::POST, &filled(&path, session, face)).header("apikey", key);
            assert_eq!(request.json(&known).await.refusal().1, "SESSION_NOT_FOUND");
        }
        asked += 1;
    }
    assert!(asked >= 9, "{asked} operations have an id");
}

async fn another_providers_session_does_not_exist(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let face = add(&app, &session, crate::session_faces::JPEG).await;
    let stranger = app.make_key("stranger", &Permission::ALL, None).await;
    assert_unknown(&app, &stranger, id(&session), id(&face)).await;
    assert_eq!(app.get(&face).send().await.status, 200, "nothing happened to it");
    // Another key of the same provider has access.
    let own = app.make_key("provider", &Permission::ALL, None).await;
    let reply = app.request(Method::GET, &format!("{PREFIX}{face}")).header("apikey", &own).send().await;
    assert_eq!(reply.status, 200);
    // A face of another session of the same provider is not a face of this session.
    let other = open(&app, &json!({})).await;
    let elsewhere = format!("{other}/faces/{}", id(&face));
    for path in [elsewhere.clone(), format!("{elsewhere}/image"), format!("{elsewhere}/matches")] {
        assert_shape(&app, "face-not-found", &app.get(&path).send().await);
    }
    assert_shape(&app, "face-not-found", &app.delete(&elsewhere).send().await);
}

async fn an_expired_session_does_not_exist(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 60, "imageStorageEnabled": true })).await;
    let face = add(&app, &session, crate::session_faces::JPEG).await;
    app.deps.clock.advance(TimeDelta::seconds(60));
    assert_unknown(&app, &app.key, id(&session), id(&face)).await;
}

async fn a_session_that_never_existed_is_unknown(app: TestApp) {
    let (session, face) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    assert_unknown(&app, &app.key, &session, &face).await;
}

async fn a_key_without_the_permission_is_told_which(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let face = add(&app, &session, b"face").await;
    for (method, path, operation, wants_key) in documented(&app) {
        if !wants_key {
            continue;
        }
        let needed = permission(&operation);
        let others: Vec<_> = Permission::ALL.into_iter().filter(|other| *other != needed).collect();
        let key = app.make_key("provider", &others, None).await;
        let request = app.request(method, &filled(&path, id(&session), id(&face))).header("apikey", &key);
        let reply = ask(&app, request, &operation).await;
        let (status, code, message) = reply.refusal();
        assert_eq!((status, code.as_str()), (403, "FORBIDDEN"), "{operation}");
        assert!(message.contains(&format!("'{needed}'")), "{operation}: {message}");
        assert_shape(&app, &format!("forbidden-{needed}"), &reply);
    }
}
