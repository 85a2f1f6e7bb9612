//! Tests `POST /v2/faces`.

use face::DescribedFace;
use face::values::picture::{Landmarks, Quality, QualityReason};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::script;

use crate::app::TestApp;
use crate::both::on_both;
use crate::shape::assert_shape;

on_both!(
    a_face_is_answered_whole_and_signed,
    a_signature_can_be_declined,
    what_was_not_said_is_left_out,
    usage_is_counted
);

pub fn file(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("image.jpg")
}

/// A form with a selfie, without further details.
pub fn upload(image: &[u8]) -> Form {
    upload_as(image, &json!({ "imageType": "SELFIE" }))
}

pub fn upload_as(image: &[u8], face: &Value) -> Form {
    Form::new().text("face", face.to_string()).part("image", file(image))
}

async fn a_face_is_answered_whole_and_signed(app: TestApp) {
    let about = json!({
        "imageType": "ID_DOCUMENT", "friendlyName": "A card", "mode": "F5_3_VID60", "imageRotationEnabled": true,
    });
    let reply = app.post("/v2/faces").form(upload_as(b"face", &about)).await;
    let face = reply.ok();
    assert_eq!(face["digest"], format!("{:x}", Sha256::digest(b"face")));
    assert_shape(&app, "direct-face", &reply);

    let described = DescribedFace {
        quality: Quality { value: -20, reasons: vec![QualityReason::Blurred, QualityReason::TooDark] },
        landmarks: Landmarks::default(),
        ..script::face(b"poor")
    };
    app.script.tell(&b"poor"[..], Ok(described));
    let reply = app.post("/v2/faces").form(upload(b"poor")).await;
    assert_eq!(reply.ok()["landmarks"], json!({}));
    assert_shape(&app, "direct-face-of-low-quality", &reply);
}

async fn a_signature_can_be_declined(app: TestApp) {
    for (value, is_signed) in
        [(json!(true), false), (json!("true"), false), (json!(false), true), (json!("false"), true)]
    {
        let about = json!({ "imageType": "SELFIE", "signatureDisabled": value });
        let face = app.post("/v2/faces").form(upload_as(b"face", &about)).await.ok();
        assert_eq!(face.get("signature").is_some(), is_signed, "{value}");
    }
}

async fn what_was_not_said_is_left_out(app: TestApp) {
    let face = app.post("/v2/faces").form(upload(b"face")).await.ok();
    for absent in ["friendlyName", "imageRotationEnabled", "expires", "qualityReasons"] {
        assert!(face.get(absent).is_none(), "{absent}");
    }
    assert_eq!(face["mode"], "F6_4_VID60X");
    let about = json!({ "imageType": "SELFIE", "friendlyName": null, "mode": null, "imageRotationEnabled": null });
    let again = app.post("/v2/faces").form(upload_as(b"face", &about)).await.ok();
    assert_ne!(face["id"], again["id"]);
    assert_eq!(face["template"], again["template"]);
}

async fn usage_is_counted(app: TestApp) {
    for _ in 0..3 {
        app.post("/v2/faces").form(upload(b"face")).await.ok();
    }
    app.script.tell(&b"nobody"[..], Err(face::Error::NoFace));
    app.post("/v2/faces").form(upload(b"nobody")).await.refusal();
    let used = app.used().await;
    assert_eq!(used, [("createDirectFaceFromImage".to_owned(), 3)], "a refusal is not billed");
}
