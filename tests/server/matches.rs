//! Tests `POST /v2/match/images` and `POST /v2/match`.

use face::values::score::Score;
use face::values::template::Template;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both::on_both;
use crate::faces::{file, upload};
use crate::shape::assert_shape;

on_both!(
    two_images_are_compared,
    a_former_face_is_compared,
    the_rate_follows_from_the_score,
    an_image_is_named_when_it_is_at_fault,
    another_template_is_refused,
);

pub fn two(reference: &[u8], candidate: &[u8]) -> Form {
    Form::new()
        .part("referenceImage", file(reference))
        .part("candidateImage", file(candidate))
        .text("referenceImageType", "ID_DOCUMENT")
        .text("candidateImageType", "SELFIE")
}

/// A form with the server's own answer for the face of `reference`, and an image.
pub async fn former(app: &TestApp, reference: &[u8], candidate: &[u8]) -> Form {
    let face = app.post("/v2/faces").form(upload(reference)).await.ok();
    with_face(&face, candidate)
}

fn with_face(reference: &Value, candidate: &[u8]) -> Form {
    Form::new()
        .text("referenceFace", reference.to_string())
        .part("candidateImage", file(candidate))
        .text("candidateImageType", "SELFIE")
}

async fn two_images_are_compared(app: TestApp) {
    let form =
        two(b"one", b"one").text("correlationId", "c-1").text("evidenceId", "e-1").text("imageRotationEnabled", "true");
    let reply = app.post("/v2/match/images").form(form).await;
    let found = reply.ok();
    for face in ["reference", "candidate"] {
        assert!(found[face].get("template").is_none(), "a match names its faces without templates");
        assert_eq!(found[face]["imageRotationEnabled"], true);
    }
    assert_shape(&app, "match-images", &reply);
    let unsigned =
        app.post("/v2/match/images").form(two(b"one", b"other").text("signatureDisabled", "true")).await.ok();
    assert!(unsigned.get("signature").is_none());
    assert!(unsigned["score"].as_f64() < found["score"].as_f64());
}

async fn a_former_face_is_compared(app: TestApp) {
    let about = json!({ "imageType": "ID_DOCUMENT", "friendlyName": "A card" });
    let face = app.post("/v2/faces").form(crate::faces::upload_as(b"one", &about)).await.ok();
    let reply = app.post("/v2/match").form(with_face(&face, b"one").text("correlationId", "\"c-2\"")).await;
    let found = reply.ok();
    assert_eq!(found["reference"]["id"], face["id"]);
    assert_eq!(found["correlationId"], "c-2");
    assert_shape(&app, "match", &reply);
    // The score is the same as for the two images.
    let images = app.post("/v2/match/images").form(two(b"one", b"one")).await.ok();
    assert_eq!(found["score"], images["score"]);
    // The face has no signature, and has members that only the client knows.
    let mut bare = face.clone();
    bare["clientsOwn"] = json!({ "x": 1 });
    bare.as_object_mut().expect("it is an object").remove("signature");
    assert_eq!(app.post("/v2/match").form(with_face(&bare, b"one")).await.ok()["score"], found["score"]);
}

async fn the_rate_follows_from_the_score(app: TestApp) {
    for candidate in [b"one", b"two", b"six"] {
        let found = app.post("/v2/match/images").form(two(b"one", candidate)).await.ok();
        let score = Score(found["score"].as_f64().expect("it is a number"));
        assert_eq!(found["falseAcceptanceRate"].as_f64(), Some(score.false_acceptance_rate_percent()));
    }
}

async fn an_image_is_named_when_it_is_at_fault(app: TestApp) {
    app.script.tell(&b"nobody"[..], Err(face::Error::NoFace));
    for (reference, candidate, named) in
        [(&b"nobody"[..], &b"one"[..], "referenceImage"), (b"one", b"nobody", "candidateImage")]
    {
        let (status, code, message) = app.post("/v2/match/images").form(two(reference, candidate)).await.refusal();
        assert_eq!((status, code.as_str()), (400, "NO_FACE"));
        assert!(message.starts_with(named), "{message}");
    }
    let (_, _, message) = app.post("/v2/match").form(former(&app, b"one", b"nobody").await).await.refusal();
    assert!(message.starts_with("candidateImage"), "{message}");
}

async fn another_template_is_refused(app: TestApp) {
    let face = app.post("/v2/faces").form(upload(b"one")).await.ok();
    let with = async |change: fn(&mut Value)| {
        let mut face = face.clone();
        change(&mut face);
        app.post("/v2/match").form(with_face(&face, b"one")).await
    };
    let values: Vec<f32> = (1_u8..=32).map(f32::from).collect();
    let reply = with(|face| face["templateVersion"] = 1202.into()).await;
    assert_eq!(reply.refusal().1, "TEMPLATE_VERSION_MISMATCH");
    assert_shape(&app, "template-of-another-version", &reply);

    // The version inside the template's text counts too.
    let other = Template::new(7, &values).expect("it has a length").encode();
    let mut changed = face.clone();
    changed["template"] = other.into();
    changed.as_object_mut().expect("it is an object").remove("templateVersion");
    let (status, code, message) = app.post("/v2/match").form(with_face(&changed, b"one")).await.refusal();
    assert_eq!((status, code.as_str()), (400, "TEMPLATE_VERSION_MISMATCH"));
    assert!(message.contains('7'), "{message}");

    let reply = with(|face| {
        let text = face["template"].as_str().expect("it has one").replace('B', "E");
        face["template"] = text.into();
    });
    let reply = reply.await;
    assert_eq!(reply.refusal().1, "TEMPLATE_INVALID");
    assert_shape(&app, "template-damaged", &reply);

    let gone = |face: &mut Value| drop(face.as_object_mut().expect("it is an object").remove("template"));
    assert_eq!(with(gone).await.refusal().1, "TEMPLATE_INVALID");
    let short = Template::new(face["templateVersion"].as_u64().expect("a number") as u16, &values[..8]);
    changed["template"] = short.expect("it has a length").encode().into();
    assert_eq!(app.post("/v2/match").form(with_face(&changed, b"one")).await.refusal().1, "TEMPLATE_INVALID");
}
