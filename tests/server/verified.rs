//! Tests faces that are sent as JSON: `verified` is true only if this server signed them.

use bioserver::service::Policy;
use bioserver::sign::key::Key;
use bioserver::sign::{Algorithm, Signer};
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both::on_both;
use crate::faces::{file, upload};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(a_forged_face_is_signed_as_such, a_match_says_whether_its_reference_is_verified);

async fn answered(app: &TestApp, image: &[u8]) -> Value {
    app.post("/v2/faces").form(upload(image)).await.ok()
}

/// Changes the JSON of a face.
fn with(face: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = face.clone();
    change(&mut changed);
    changed
}

fn without_signature(face: &Value) -> Value {
    with(face, |face| drop(face.as_object_mut().expect("it is an object").shift_remove("signature")))
}

/// Replaces the signature by one made with another key.
fn signed_by_another(app: &TestApp, face: &Value) -> Value {
    let key = Key::make(Algorithm::Es256, app.deps.clock.now()).expect("a key can be made");
    let jws = Signer::new(key, vec![]).sign(without_signature(face).to_string().as_bytes()).expect("it signs");
    with(face, |face| face["signature"] = jws.into())
}

/// Adds the face to a session; returns the session's face.
async fn kept(app: &TestApp, face: &Value) -> Value {
    let session = open(app, &json!({})).await;
    let reply = app.post(&format!("{session}/faces")).json(face).await;
    app.get(reply.header("location").expect("it is made")).send().await.ok()
}

fn forged(app: &TestApp, face: &Value, other: &Value) -> Vec<(&'static str, Value)> {
    let changed = |member: &str, value: Value| with(face, |face| face[member] = value);
    vec![
        ("no signature", without_signature(face)),
        ("another's signature", with(face, |face| face["signature"] = other["signature"].clone())),
        ("a signature of another key", signed_by_another(app, face)),
        ("no JWS", changed("signature", json!("nonsense"))),
        ("the quality", changed("quality", json!(900))),
        ("the digest", changed("digest", json!("0".repeat(64)))),
        ("the kind of picture", changed("imageType", json!("ID_DOCUMENT"))),
        ("the landmarks", with(face, |face| face["landmarks"]["eyes"]["x1"] = json!(1.0))),
        ("the template", changed("template", other["template"].clone())),
        ("one more member", changed("friendlyName", json!("Somebody else"))),
    ]
}

async fn a_forged_face_is_signed_as_such(app: TestApp) {
    let (face, other) = (answered(&app, b"one").await, answered(&app, b"other").await);
    assert_eq!(kept(&app, &face).await["verified"], true);
    // Members may come in another order, and some may be missing.
    let sparse = json!({ "template": face["template"], "imageType": "SELFIE", "signature": face["signature"] });
    assert_eq!(kept(&app, &sparse).await["verified"], true);
    for (name, forged) in forged(&app, &face, &other) {
        let laundered = kept(&app, &forged).await;
        assert_eq!(laundered["verified"], false, "{name}");
        // This server has signed the answer, which says that the face is not verified.
        assert_eq!(kept(&app, &laundered).await["verified"], false, "{name}, twice");
        let claimed = with(&laundered, |face| face["verified"] = true.into());
        assert_eq!(kept(&app, &claimed).await["verified"], false, "{name}, and a lie");
    }
    assert!(face.get("verified").is_none(), "of a face from an image there is nothing to verify");
}

async fn matched(app: &TestApp, reference: &Value) -> crate::app::Reply {
    let form = Form::new()
        .text("referenceFace", reference.to_string())
        .text("candidateImageType", "SELFIE")
        .part("candidateImage", file(b"one"));
    app.post("/v2/match").form(form).await
}

async fn a_match_says_whether_its_reference_is_verified(app: TestApp) {
    let face = answered(&app, b"one").await;
    // Clients generated for Java send a face in this form.
    let padded = with(&face, |face| {
        face["qualityReasons"] = json!([]);
        face["friendlyName"] = json!(null);
    });
    for (sent, verified) in [(&face, true), (&padded, true), (&without_signature(&face), false)] {
        let found = matched(&app, sent).await.ok();
        assert_eq!((&found["reference"]["verified"], found["candidate"].get("verified")), (&json!(verified), None));
    }
}

#[tokio::test]
async fn an_operator_may_demand_verified_faces() {
    let app = TestApp::with_policy(Policy { verified_faces_only: true, ..Policy::default() }).await;
    let face = answered(&app, b"one").await;
    let session = open(&app, &json!({})).await;
    let faces = format!("{session}/faces");
    let reply = app.post(&faces).json(&without_signature(&face)).await;
    assert_shape(&app, "face-not-verified", &reply);
    assert_eq!(matched(&app, &without_signature(&face)).await.refusal().1, "FACE_NOT_VERIFIED");
    assert_eq!(app.get(&faces).send().await.ok(), json!([]));
    assert_eq!(app.post(&faces).json(&face).await.status, 201);
    assert_eq!(matched(&app, &face).await.status, 200);
}
