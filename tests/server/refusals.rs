//! Tests every code that a client can get, including the framework's own refusals.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

use crate::app::{IMAGE_BYTES_MAX, TestApp};
use crate::both::on_both;
use crate::faces::{file, upload, upload_as};
use crate::shape::assert_shape;

on_both!(
    an_image_that_gives_no_face_is_refused,
    a_busy_server_says_when_to_come_back,
    a_failure_says_nothing_of_itself,
    parameters_are_named_with_what_they_allow,
    what_is_too_large_is_refused,
    bodies_of_another_kind_are_refused,
    broken_bodies_are_refused,
    unknown_paths_and_methods_are_refused,
);

async fn an_image_that_gives_no_face_is_refused(app: TestApp) {
    let cases = [
        ("no-face", face::Error::NoFace),
        ("multiple-faces", face::Error::MultipleFaces(3)),
        ("undecodable-image", face::Error::Undecodable("it ends early".to_owned())),
        ("image-too-large", face::Error::TooManyPixels { pixels: 60_000_000, pixels_max: 50_000_000 }),
    ];
    for (name, error) in cases {
        app.script.tell(&b"poor"[..], Err(error));
        let reply = app.post("/v2/faces").form(upload(b"poor")).await;
        assert_eq!(reply.refusal().0, 400, "{name}");
        assert_shape(&app, name, &reply);
    }
}

async fn a_busy_server_says_when_to_come_back(app: TestApp) {
    let retry_after = Duration::from_millis(2100);
    app.script.tell(&b"face"[..], Err(face::Error::Busy { retry_after }));
    let reply = app.post("/v2/faces").form(upload(b"face")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3")));
    assert_shape(&app, "busy", &reply);
    let images = crate::matches::two(b"face", b"other");
    assert_eq!(app.post("/v2/match/images").form(images).await.status, 429);
}

async fn a_failure_says_nothing_of_itself(app: TestApp) {
    app.script.tell(&b"face"[..], Err(face::Error::Failed("a secret of the house".to_owned())));
    let reply = app.post("/v2/faces").form(upload(b"face")).await;
    assert_eq!(reply.refusal().1, "INTERNAL_ERROR");
    assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    assert_shape(&app, "internal-error", &reply);
}

async fn parameters_are_named_with_what_they_allow(app: TestApp) {
    let faces = async |about: serde_json::Value| app.post("/v2/faces").form(upload_as(b"face", &about)).await.refusal();
    let cases = [
        (json!({}), "face.imageType", "ID_DOCUMENT, SELFIE, VIDEO_FRAME"),
        (json!({ "imageType": "PORTRAIT" }), "face.imageType", "ID_DOCUMENT, SELFIE, VIDEO_FRAME"),
        (json!({ "imageType": "SELFIE", "mode": "F7" }), "face.mode", "F5_1_VID0, F5_2_VID75, F5_3_VID60, F6_4_VID60X"),
        (json!({ "imageType": "SELFIE", "friendlyName": 7 }), "face.friendlyName", "string"),
        (json!({ "imageType": "SELFIE", "friendlyName": "x".repeat(300) }), "face.friendlyName", "256"),
        (json!({ "imageType": "SELFIE", "imageRotationEnabled": "perhaps" }), "face.imageRotationEnabled", "true"),
        (json!([]), "face", "object"),
    ];
    for (about, named, allowed) in cases {
        let (status, code, message) = faces(about.clone()).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{about}");
        assert!(message.starts_with(named) && message.contains(allowed), "{about}: {message}");
    }
    let reply = app.post("/v2/faces").form(upload_as(b"face", &json!({ "imageType": "PORTRAIT" }))).await;
    assert_shape(&app, "invalid-parameter", &reply);

    let without = |part: &str| {
        let mut form = Form::new();
        for name in ["referenceImage", "candidateImage"].iter().filter(|name| **name != part) {
            form = form.part(*name, file(b"face"));
        }
        for name in ["referenceImageType", "candidateImageType"].iter().filter(|name| **name != part) {
            form = form.text(*name, "SELFIE");
        }
        form
    };
    for part in ["referenceImage", "candidateImage", "referenceImageType", "candidateImageType"] {
        let (status, code, message) = app.post("/v2/match/images").form(without(part)).await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{part}");
        assert!(message.starts_with(part), "{message}");
    }
}

async fn what_is_too_large_is_refused(app: TestApp) {
    assert_eq!(app.post("/v2/faces").form(upload(&vec![0; IMAGE_BYTES_MAX])).await.status, 200);
    let reply = app.post("/v2/faces").form(upload(&vec![0; IMAGE_BYTES_MAX + 1])).await;
    assert_eq!(reply.refusal().0, 413);
    assert_shape(&app, "body-too-large", &reply);
    // Bytes beyond the limit are never kept, whatever the name of the part.
    let unknown = upload(b"face").part("unknown", file(&vec![0; 3 * IMAGE_BYTES_MAX]));
    assert_eq!(app.post("/v2/faces").form(unknown).await.refusal().1, "BODY_TOO_LARGE");
}

async fn bodies_of_another_kind_are_refused(app: TestApp) {
    for content_type in ["application/json", "text/plain", "multipart/related; boundary=B", "nonsense"] {
        let reply = app.post("/v2/faces").wire(content_type, "{}").await;
        assert_eq!(reply.refusal().1, "UNSUPPORTED_MEDIA_TYPE", "{content_type}");
    }
    let reply = app.post("/v2/faces").send().await;
    assert_eq!(reply.status, 415);
    assert_shape(&app, "unsupported-media-type", &reply);
}

async fn broken_bodies_are_refused(app: TestApp) {
    let cases = [
        ("multipart/form-data", ""),
        ("multipart/form-data; boundary=B", ""),
        ("multipart/form-data; boundary=B", "--B\nContent-Disposition: form-data; name=\"image\"\n\ncut"),
        ("multipart/form-data; boundary=B", "--B\nContent-Disposition: form-data\n\nnameless\n--B--\n"),
    ];
    for (content_type, body) in cases {
        let (status, code, _) = app.post("/v2/faces").wire(content_type, body).await.refusal();
        assert_eq!((status, code.as_str()), (400, "MALFORMED_BODY"), "{content_type}: {body}");
    }
    let reply = app.post("/v2/faces").wire("multipart/form-data", "").await;
    assert_shape(&app, "malformed-body", &reply);
    let json = "--B\nContent-Disposition: form-data; name=\"face\"\n\n{\"imageType\":\n--B\nContent-Disposition: form-data; name=\"image\"\n\nJPEG\n--B--\n";
    let (status, _, message) = app.post("/v2/faces").wire("multipart/form-data; boundary=B", json).await.refusal();
    assert_eq!(status, 400);
    assert!(message.contains("face"), "{message}");
}

async fn unknown_paths_and_methods_are_refused(app: TestApp) {
    for path in ["/v2", "/bioserver-app", "/bioserver-app/v2/unknown", "/bioserver-app/v2/faces/7"] {
        assert_eq!(app.request(Method::GET, path).send().await.refusal().1, "NOT_FOUND", "{path}");
    }
    let reply = app.get("/v2/unknown").send().await;
    assert_shape(&app, "not-found", &reply);
    let reply = app.get("/v2/faces").send().await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_shape(&app, "method-not-allowed", &reply);
    let reply = app.request(Method::DELETE, "/.well-known/jwks.json").send().await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
}
