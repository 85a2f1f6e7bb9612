//! Tests `/v2/bio-sessions/{bioSessionId}/faces`.

use std::time::Duration;

use bioserver::service::Policy;
use face::values::template::Template;
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::app::{IMAGE_BYTES_MAX, PREFIX, Reply, TestApp};
use crate::both::on_both;
use crate::ending::{images, settle};
use crate::faces::{file, upload, upload_as};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_face_is_made_from_an_image_and_read,
    a_face_is_made_from_one_that_was_answered,
    what_is_no_face_of_this_server_is_refused,
    faces_are_listed_and_deleted,
    images_are_kept_as_they_were_sent,
    images_are_compressed_when_that_is_asked_for,
    each_kind_of_body_has_its_limit,
    paths_are_told_apart_and_their_ids_named,
    an_image_that_gives_no_face_leaves_nothing,
    curl_and_browsers_send_what_they_send,
    a_named_request_makes_one_face,
    named_requests_at_once_make_one_face,
);

/// Scripted faces need only the first bytes of each format.
pub const JPEG: &[u8] = b"\xff\xd8\xff, more or less";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n, more or less";
const WEBP: &[u8] = b"RIFF1234WEBP, more or less";
const JP2: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n, more or less";
const J2C: &[u8] = b"\xff\x4f\xff\x51, more or less";

pub async fn add(app: &TestApp, session: &str, image: &[u8]) -> String {
    made(&app.post(&format!("{session}/faces")).form(upload(image)).await)
}

#[track_caller]
fn made(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
    reply.header("location").expect("it says where").to_owned()
}

async fn a_face_is_made_from_an_image_and_read(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let about = json!({
        "imageType": "ID_DOCUMENT", "friendlyName": "A card", "mode": "F5_3_VID60", "imageRotationEnabled": true,
    });
    let reply = app.post(&format!("{session}/faces")).form(upload_as(b"face", &about)).await;
    assert_shape(&app, "face-made", &reply);
    let path = made(&reply);
    let reply = app.get(&path).send().await;
    assert_shape(&app, "face", &reply);
    let (face, session) = (reply.ok(), app.get(&session).send().await.ok());
    assert!(path.ends_with(&format!("/faces/{}", face["id"].as_str().expect("it has an id"))));
    assert_eq!(face["expires"], session["expires"]);
    let direct = app.post("/v2/faces").form(upload(b"face")).await.ok();
    for member in ["template", "digest", "quality", "landmarks"] {
        assert_eq!(face[member], direct[member], "{member}");
    }
}

async fn a_face_is_made_from_one_that_was_answered(app: TestApp) {
    let about = json!({ "imageType": "ID_DOCUMENT", "friendlyName": "A card", "imageRotationEnabled": false });
    let direct = app.post("/v2/faces").form(upload_as(b"face", &about)).await.ok();
    let unsigned = {
        let mut face = direct.clone();
        face.as_object_mut().expect("it is an object").remove("signature");
        face["friendlyName"] = Value::Null;
        face
    };
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    let first = made(&app.post(&faces).json(&direct).await);
    let from_session = app.get(&first).send().await.ok();
    let other = open(&app, &json!({})).await;
    for (sent, verified) in [(&direct, true), (&unsigned, false), (&from_session, true)] {
        let reply = app.post(&format!("{other}/faces")).json(sent).await;
        let face = app.get(&made(&reply)).send().await.ok();
        assert_ne!(face["id"], sent["id"]);
        for member in [
            "digest",
            "mode",
            "imageType",
            "quality",
            "landmarks",
            "template",
            "templateVersion",
            "imageRotationEnabled",
        ] {
            assert_eq!(face[member], sent[member], "{member}");
        }
        assert_eq!(face.get("friendlyName"), sent.get("friendlyName").filter(|name| !name.is_null()));
        assert!(face["expires"].is_string());
        assert_eq!(face["verified"], verified);
    }
    assert_shape(&app, "face-from-json", &app.get(&first).send().await);
    let image = app.get(&format!("{first}/image")).send().await;
    assert_eq!(image.status, 204, "it was made from no image");
}

async fn what_is_no_face_of_this_server_is_refused(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let good = app.post("/v2/faces").form(upload(b"face")).await.ok();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut face = good.clone();
        change(&mut face);
        face
    };
    let text = good["template"].as_str().expect("it has a template");
    let another = Template::new(9, &[1.0; 32]).expect("it is not zero").encode();
    let cases = [
        (with(&|face| face["template"] = Value::Null), "TEMPLATE_INVALID"),
        (with(&|face| drop(face.as_object_mut().expect("an object").remove("template"))), "TEMPLATE_INVALID"),
        (with(&|face| face["template"] = json!(text.replace('A', "B"))), "TEMPLATE_INVALID"),
        (with(&|face| face["template"] = json!("no template!")), "TEMPLATE_INVALID"),
        (with(&|face| face["templateVersion"] = json!(1202)), "TEMPLATE_VERSION_MISMATCH"),
        (with(&|face| face["template"] = json!(another)), "TEMPLATE_VERSION_MISMATCH"),
        (with(&|face| face["imageType"] = json!("PORTRAIT")), "INVALID_PARAMETER"),
        (with(&|face| face["friendlyName"] = json!("x".repeat(257))), "INVALID_PARAMETER"),
        (json!([]), "INVALID_PARAMETER"),
    ];
    for (face, code) in cases {
        let (status, refused, _) = app.post(&format!("{session}/faces")).json(&face).await.refusal();
        assert_eq!((status, refused.as_str()), (400, code), "{face}");
    }
    assert_eq!(app.get(&format!("{session}/faces")).send().await.ok(), json!([]));
    let reply = app.post(&format!("{session}/faces")).wire("text/plain", "face").await;
    assert_shape(&app, "neither-form-nor-json", &reply);
}

async fn faces_are_listed_and_deleted(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    assert_shape(&app, "no-faces", &app.get(&faces).send().await);
    let [first, second, third] =
        [add(&app, &session, JPEG).await, add(&app, &session, PNG).await, add(&app, &session, WEBP).await];
    let reply = app.get(&faces).send().await;
    let ids: Vec<String> = reply
        .ok()
        .as_array()
        .expect("a list")
        .iter()
        .map(|face| format!("{faces}/{}", face["id"].as_str().unwrap()))
        .collect();
    assert_eq!(ids, [first.clone(), second.clone(), third.clone()]);
    assert_shape(&app, "faces", &reply);

    assert_shape(&app, "face-deleted", &app.delete(&second).send().await);
    assert_shape(&app, "face-not-found", &app.get(&second).send().await);
    assert_eq!(app.delete(&second).send().await.status, 204, "again");
    assert_eq!(app.get(&format!("{second}/image")).send().await.refusal().1, "FACE_NOT_FOUND");
    settle(&app).await;
    assert_eq!(images(&app), 2, "its image is erased with it");
    assert_eq!(app.get(&first).send().await.status, 200);
    assert_shape(&app, "faces-deleted", &app.delete(&faces).send().await);
    assert_eq!(app.get(&faces).send().await.ok(), json!([]));
    settle(&app).await;
    assert_eq!(images(&app), 0);
    assert_eq!(app.delete(&faces).send().await.status, 204, "none are left, and that is fine");
    assert_eq!(app.get(&session).send().await.status, 200);
}

async fn images_are_kept_as_they_were_sent(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let kinds =
        [(JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp"), (JP2, "image/jp2"), (J2C, "image/j2c")];
    for (image, content_type) in kinds {
        let face = add(&app, &session, image).await;
        for query in ["", "?compression=false", "?compression=False", "?compression=%22false%22", "?compression=0"] {
            let reply = app.get(&format!("{face}/image{query}")).send().await;
            assert_eq!((reply.status, reply.header("content-type")), (200, Some(content_type)));
            assert_eq!(reply.body, image);
        }
        let refused = app.get(&format!("{face}/image?compression=perhaps")).send().await;
        assert_shape(&app, "no-boolean", &refused);
    }
    // From a record of ISO/IEC 19794-5, the picture inside is kept.
    let length = (32 + JPEG.len() as u32).to_be_bytes();
    let record = [b"FAC\x00010\0", &[0; 6][..], &length, &[0; 28], JPEG].concat();
    let face = add(&app, &session, &record).await;
    let reply = app.get(&format!("{face}/image")).send().await;
    assert_eq!((reply.header("content-type"), reply.body.as_ref()), (Some("image/jpeg"), JPEG));
    let forgetful = open(&app, &json!({})).await;
    let face = add(&app, &forgetful, JPEG).await;
    assert_shape(&app, "no-image", &app.get(&format!("{face}/image")).send().await);
}

/// These files are real, since they are decoded.
async fn images_are_compressed_when_that_is_asked_for(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let files = [
        ("face-image-jpeg", &include_bytes!("../../crates/face/tests/pipeline/files/baseline.jpg")[..]),
        ("face-image-png", include_bytes!("../../crates/face/tests/pipeline/files/palette.png")),
        ("face-image-webp", include_bytes!("../../crates/face/tests/pipeline/files/lossy.webp")),
        ("face-image-jp2", include_bytes!("../../crates/face/tests/pipeline/files/portrait.jp2")),
        ("face-image-j2c", include_bytes!("../../crates/face/tests/pipeline/files/portrait.j2c")),
    ];
    for (name, file) in files {
        let face = add(&app, &session, file).await;
        let reply = app.get(&format!("{face}/image")).send().await;
        assert_eq!(reply.body, file);
        assert_shape(&app, name, &reply);
        let reply = app.get(&format!("{face}/image?compression=true")).send().await;
        assert_shape(&app, "face-image-compressed", &reply);
        assert!(name != "face-image-jpeg" || reply.body.len() <= file.len(), "a JPEG never grows");
    }
}

async fn each_kind_of_body_has_its_limit(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let faces = format!("{session}/faces");
    let large = json!({ "imageType": "SELFIE", "unknown": "x".repeat(300_000) });
    for path in [faces.as_str(), "/v2/bio-sessions"] {
        let reply = app.post(path).json(&large).await;
        assert_eq!(reply.status, 413, "{path}");
        assert_shape(&app, "json-too-large", &reply);
    }
    let reply = app.post(&faces).form(upload(&vec![0; IMAGE_BYTES_MAX + 1])).await;
    assert_shape(&app, "body-too-large", &reply);
}

async fn paths_are_told_apart_and_their_ids_named(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let face = format!("{session}/faces/no-id");
    for (path, named) in [
        ("/v2/bio-sessions/no-id/faces".to_owned(), "bioSessionId"),
        (face.clone(), "faceId"),
        (format!("{face}/image"), "faceId"),
        (format!("{face}/matches"), "referenceFaceId"),
    ] {
        let (status, code, message) = app.get(&path).send().await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{path}");
        assert!(message.starts_with(&format!("{named}: ")), "{message}");
    }
    for (path, allow) in [
        ("/v2/bio-sessions".to_owned(), "POST"),
        (session.clone(), "GET, DELETE, HEAD"),
        (format!("{session}/faces"), "GET, POST, DELETE, HEAD"),
        (face.clone(), "GET, DELETE, HEAD"),
        (format!("{face}/image"), "GET, HEAD"),
        (format!("{face}/matches"), "GET, HEAD"),
    ] {
        let reply = app.request(Method::PUT, &format!("{PREFIX}{path}")).header("apikey", &app.key).send().await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{path}");
    }
}

/// The refusal is the same as in a session that keeps no images.
async fn an_image_that_gives_no_face_leaves_nothing(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    for (name, error) in [
        ("no-face", face::Error::NoFace),
        ("multiple-faces", face::Error::MultipleFaces(3)),
        ("undecodable-image", face::Error::Undecodable("it ends early".to_owned())),
        ("image-too-large", face::Error::TooManyPixels { pixels: 60_000_000, pixels_max: 50_000_000 }),
        ("busy", face::Error::Busy { retry_after: Duration::from_millis(2100) }),
        ("internal-error", face::Error::Failed("a secret of the house".to_owned())),
    ] {
        app.script.tell(JPEG, Err(error));
        assert_shape(&app, name, &app.post(&faces).form(upload(JPEG)).await);
    }
    assert_eq!(app.get(&faces).send().await.ok(), json!([]));
    assert_eq!(images(&app), 0);
}

#[tokio::test]
async fn a_session_has_as_many_faces_as_the_operator_allows() {
    let app = TestApp::with_policy(Policy { faces_max: 2, ..Policy::default() }).await;
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    let first = add(&app, &session, JPEG).await;
    let uploads = futures_util::future::join_all((0..4).map(|_| app.post(&faces).form(upload(PNG)))).await;
    let accepted = uploads.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(accepted, 1, "however many come at once");
    settle(&app).await;
    assert_eq!(images(&app), 2, "those that were refused left no image");
    let reply = app.post(&faces).form(upload(PNG)).await;
    assert_eq!(reply.status, 409);
    assert_shape(&app, "too-many-faces", &reply);
    let known = app.get(&first).send().await.ok();
    assert_eq!(app.post(&faces).json(&known).await.refusal().1, "TOO_MANY_FACES");
    assert_eq!(app.delete(&first).send().await.status, 204);
    assert_eq!(app.post(&faces).json(&known).await.status, 201);
}

async fn curl_and_browsers_send_what_they_send(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let mixed = "--B\nContent-Disposition: attachment; name=\"image\"; filename=\"a.jpg\"\nContent-Type: application/octet-stream\n\nJPEG\n--B\nContent-Disposition: attachment; name=\"face\"; filename=\"face\"\nContent-Type: application/octet-stream\n\n{\"imageType\":\"SELFIE\",\"imageRotationEnabled\":\"true\",\"signatureDisabled\":\"true\",\"id\":7}\n--B--\n";
    let reply = app.post(&format!("{session}/faces")).wire("multipart/mixed; boundary=B", mixed).await;
    let face = app.get(&made(&reply)).header("content-type", "application/json").send().await.ok();
    assert_eq!((&face["imageType"], &face["imageRotationEnabled"]), (&json!("SELFIE"), &json!(true)));
    let blob = Form::new()
        .part("face", reqwest::multipart::Part::text(r#"{"imageType":"SELFIE"}"#).file_name("blob"))
        .part("image", file(b"JPEG").mime_str("text/plain").expect("it is a type"));
    made(&app.post(&format!("{session}/faces")).form(blob).await);
    let json = r#"{ "imageType": "SELFIE", "template": "TEMPLATE", "quality": "212", "unknown": {} }"#;
    let json = json.replace("TEMPLATE", face["template"].as_str().expect("it has one"));
    let reply = app.post(&format!("{session}/faces")).wire("application/json;charset=UTF-8", &json).await;
    let known = app.get(&made(&reply)).send().await.ok();
    assert_eq!((&known["quality"], &known["landmarks"]), (&json!(212), &json!({})));
}

async fn a_named_request_makes_one_face(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    let add =
        async |name: &str, image: &[u8]| app.post(&faces).header("idempotency-key", name).form(upload(image)).await;
    let first = made(&add("one", JPEG).await);
    assert_eq!(made(&add("one", JPEG).await), first, "another boundary, the same request");
    assert_eq!(add("one", PNG).await.refusal().1, "IDEMPOTENCY_KEY_REUSED");
    assert_ne!(made(&add("other", JPEG).await), first);
    let known = app.get(&first).send().await.ok();
    let again = async |name: &str| app.post(&faces).header("idempotency-key", name).json(&known).await;
    assert_eq!(again("one").await.status, 422);
    assert_eq!(made(&again("three").await), made(&again("three").await));
    assert_eq!(app.get(&faces).send().await.ok().as_array().map(Vec::len), Some(3));
    assert_eq!(images(&app), 2);
    let elsewhere = open(&app, &json!({})).await;
    let reply = app.post(&format!("{elsewhere}/faces")).header("idempotency-key", "one").form(upload(PNG)).await;
    assert_eq!(reply.status, 201, "names are each session's own");
}

async fn named_requests_at_once_make_one_face(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let faces = format!("{session}/faces");
    let add = || app.post(&faces).header("idempotency-key", "one").form(upload(JPEG));
    let replies = futures_util::future::join_all((0..8).map(|_| add())).await;
    let all: std::collections::BTreeSet<_> = replies.iter().map(made).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(app.get(&faces).send().await.ok().as_array().map(Vec::len), Some(1));
    settle(&app).await;
    assert_eq!(images(&app), 1, "those that came late left no image");
}
