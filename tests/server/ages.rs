//! Tests `POST /v2/ages`.

use std::time::Duration;

use face::values::picture::{Quality, QualityReason};
use face::{AgeEstimate, AgedFace, Error};
use reqwest::multipart::Form;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::script;

use crate::app::{IMAGE_BYTES_MAX, TestApp};
use crate::both::on_both;
use crate::faces::file;
use crate::shape::assert_shape;

on_both!(
    an_age_is_answered_whole_and_signed,
    what_is_stated_is_what_is_compared,
    nobody_and_somebody_poorly_seen_have_no_age,
    a_signature_can_be_declined,
    names_of_the_callers_own_are_taken_wherever_they_stand,
    parameters_are_named_with_what_they_allow,
    an_image_that_gives_no_answer_is_refused,
    a_busy_server_says_when_to_come_back,
    bodies_that_cannot_be_read_are_refused,
    forms_as_clients_send_them,
    usage_is_counted,
);

/// A form with an image and a threshold of 18 years.
pub fn upload(image: &[u8]) -> Form {
    upload_as(image, &json!({ "threshold": 18 }))
}

pub fn upload_as(image: &[u8], age: &Value) -> Form {
    Form::new().text("age", age.to_string()).part("image", file(image))
}

/// Scripts a face that looks this old, in a picture with these bytes.
fn looks(app: &TestApp, image: &'static [u8], years: f32, quality: Quality) {
    app.script.tell_age(image, Ok(AgeEstimate { face: Some(AgedFace { quality, years }), ..script::aged(image) }));
}

fn good() -> Quality {
    Quality { value: 212, reasons: vec![] }
}

async fn an_age_is_answered_whole_and_signed(app: TestApp) {
    looks(&app, b"face", 23.14, good());
    let about = json!({ "threshold": 21, "imageType": "VIDEO_FRAME", "imageRotationEnabled": true });
    let reply = app.post("/v2/ages").form(upload_as(b"face", &about)).await;
    let age = reply.ok();
    assert_eq!(age["digest"], format!("{:x}", Sha256::digest(b"face")));
    assert_eq!((&age["ageEstimated"], &age["threshold"]), (&json!(23.1), &json!(21)));
    assert_shape(&app, "age", &reply);
    // The default image type is a selfie. Each answer has an id of its own.
    let again = app.post("/v2/ages").form(upload(b"face")).await.ok();
    assert_eq!(again["imageType"], "SELFIE");
    assert_ne!(again["id"], age["id"]);
    let null = json!({ "threshold": 18, "imageType": null, "imageRotationEnabled": null, "signatureDisabled": null });
    let again = app.post("/v2/ages").form(upload_as(b"face", &null)).await.ok();
    assert_eq!(again["imageType"], "SELFIE");
    assert!(again.get("signature").is_some());
}

async fn what_is_stated_is_what_is_compared(app: TestApp) {
    for (years, stated, is_above) in [(17.94, 17.9, false), (17.96, 18.0, true), (18.0, 18.0, true), (0.0, 0.0, false)]
    {
        looks(&app, b"face", years, good());
        let age = app.post("/v2/ages").form(upload(b"face")).await.ok();
        assert_eq!((&age["ageEstimated"], &age["aboveThreshold"]), (&json!(stated), &json!(is_above)), "{years}");
    }
    for (threshold, is_above) in [(json!(0), true), (json!("17"), true), (json!(18.0), false), (json!(130), false)] {
        looks(&app, b"face", 17.5, good());
        let about = json!({ "threshold": threshold });
        let age = app.post("/v2/ages").form(upload_as(b"face", &about)).await.ok();
        assert_eq!(age["aboveThreshold"], is_above, "{threshold}");
        assert!(age["threshold"].is_i64(), "{age}");
    }
}

async fn nobody_and_somebody_poorly_seen_have_no_age(app: TestApp) {
    app.script.tell_age(&b"nobody"[..], Ok(AgeEstimate { face: None, ..script::aged(b"nobody") }));
    let reply = app.post("/v2/ages").form(upload(b"nobody")).await;
    assert_eq!(reply.ok()["quality"], -10000);
    assert_shape(&app, "age-of-nobody", &reply);

    let poor = |value| Quality { value, reasons: vec![QualityReason::Blurred, QualityReason::TooDark] };
    looks(&app, b"poor", 40.0, poor(-1));
    let reply = app.post("/v2/ages").form(upload(b"poor")).await;
    assert_eq!(reply.ok()["quality"], -1);
    assert_shape(&app, "age-of-low-quality", &reply);
    looks(&app, b"poor", 40.0, poor(0));
    assert_eq!(app.post("/v2/ages").form(upload(b"poor")).await.ok()["aboveThreshold"], true);
}

async fn a_signature_can_be_declined(app: TestApp) {
    for (value, is_signed) in
        [(json!(true), false), (json!("true"), false), (json!(false), true), (json!("false"), true)]
    {
        let about = json!({ "threshold": 18, "signatureDisabled": value });
        let age = app.post("/v2/ages").form(upload_as(b"face", &about)).await.ok();
        assert_eq!(age.get("signature").is_some(), is_signed, "{value}");
    }
}

async fn names_of_the_callers_own_are_taken_wherever_they_stand(app: TestApp) {
    let parts =
        upload(b"face").text("correlationId", "\"c5a0aec2-1262-41b6-82bd-e9d60da92ef2\"").text("evidenceId", "e");
    app.post("/v2/ages").form(parts).await.ok();
    let inside = json!({ "threshold": 18, "correlationId": "c", "evidenceId": null, "clientsOwn": [1] });
    app.post("/v2/ages").form(upload_as(b"face", &inside)).await.ok();
    let long = upload(b"face").text("correlationId", "x".repeat(300));
    let (status, code, message) = app.post("/v2/ages").form(long).await.refusal();
    assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"));
    assert!(message.starts_with("correlationId") && message.contains("256"), "{message}");
}

async fn parameters_are_named_with_what_they_allow(app: TestApp) {
    let cases = [
        (json!({}), "age.threshold", "required"),
        (json!({ "threshold": null }), "age.threshold", "whole number"),
        (json!({ "threshold": -1 }), "age.threshold", "at least 0"),
        (json!({ "threshold": 131 }), "age.threshold", "at most 130"),
        (json!({ "threshold": 18.5 }), "age.threshold", "whole number"),
        (json!({ "threshold": "adult" }), "age.threshold", "whole number"),
        (json!({ "threshold": 18, "imageType": "ID_DOCUMENT" }), "age.imageType", "SELFIE, VIDEO_FRAME"),
        (json!({ "threshold": 18, "imageRotationEnabled": "perhaps" }), "age.imageRotationEnabled", "true"),
        (json!({ "threshold": 18, "signatureDisabled": 2 }), "age.signatureDisabled", "true"),
        (json!(18), "age", "object"),
    ];
    for (about, named, allowed) in cases {
        let (status, code, message) = app.post("/v2/ages").form(upload_as(b"face", &about)).await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{about}");
        assert!(message.starts_with(named) && message.contains(allowed), "{about}: {message}");
    }
    let forms = [
        (Form::new().text("age", r#"{"threshold":18}"#), "image"),
        (Form::new().part("image", file(b"face")), "age"),
        (upload(b""), "image"),
        (upload(b"face").text("age", "{}"), "age"),
    ];
    for (form, part) in forms {
        let (status, code, message) = app.post("/v2/ages").form(form).await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{part}");
        assert!(message.starts_with(part), "{message}");
    }
}

async fn an_image_that_gives_no_answer_is_refused(app: TestApp) {
    let cases = [
        ("MULTIPLE_FACES", Error::MultipleFaces(3)),
        ("UNDECODABLE_IMAGE", Error::Undecodable("it ends early".to_owned())),
        ("IMAGE_TOO_LARGE", Error::TooManyPixels { pixels: 60_000_000, pixels_max: 50_000_000 }),
    ];
    for (expected, error) in cases {
        app.script.tell_age(&b"poor"[..], Err(error));
        let (status, code, message) = app.post("/v2/ages").form(upload(b"poor")).await.refusal();
        assert_eq!((status, code.as_str()), (400, expected));
        assert!(message.starts_with("image: "), "{message}");
    }
    app.script.tell_age(&b"poor"[..], Err(Error::Failed("a secret of the house".to_owned())));
    let reply = app.post("/v2/ages").form(upload(b"poor")).await;
    assert_shape(&app, "internal-error", &reply);
}

async fn a_busy_server_says_when_to_come_back(app: TestApp) {
    app.script.tell_age(&b"face"[..], Err(Error::Busy { retry_after: Duration::from_millis(2100) }));
    let reply = app.post("/v2/ages").form(upload(b"face")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3")));
    assert_shape(&app, "busy", &reply);
}

async fn bodies_that_cannot_be_read_are_refused(app: TestApp) {
    let large = upload(&vec![0; IMAGE_BYTES_MAX + 1]);
    assert_shape(&app, "body-too-large", &app.post("/v2/ages").form(large).await);
    let reply = app.post("/v2/ages").json(&json!({ "age": { "threshold": 18 } })).await;
    assert_shape(&app, "unsupported-media-type", &reply);
    let json = "--B\nContent-Disposition: form-data; name=\"age\"\n\n{\"threshold\":\n--B--\n";
    let (status, code, message) = app.post("/v2/ages").wire("multipart/form-data; boundary=B", json).await.refusal();
    assert_eq!((status, code.as_str()), (400, "MALFORMED_BODY"));
    assert!(message.starts_with("age"), "{message}");
}

/// The image comes first, every part has the same unspecific type, names are quoted; in both kinds of form.
async fn forms_as_clients_send_them(app: TestApp) {
    let part = |kind: &str, name: &str, value: &str| {
        let head = format!("--B\nContent-Disposition: {kind}; name=\"{name}\"; filename=\"{name}\"");
        format!("{head}\nContent-Type: application/octet-stream\n\n{value}\n")
    };
    for (form, kind) in [("form-data", "form-data"), ("mixed", "attachment")] {
        let body = [
            part(kind, "image", "JPEG"),
            part(kind, "age", "{\"threshold\" : \"18\", \"signatureDisabled\": \"true\"\n}\n"),
            part(kind, "correlationId", "\"c5a0aec2\"\n"),
            part(kind, "unknown", "ignored"),
            "--B--\n".to_owned(),
        ];
        let reply = app.post("/v2/ages").wire(&format!("multipart/{form}; boundary=B"), &body.concat()).await;
        let age = reply.ok();
        assert_eq!((&age["threshold"], age.get("signature")), (&json!(18), None), "{form}");
    }
}

async fn usage_is_counted(app: TestApp) {
    for image in [&b"face"[..], b"other"] {
        app.post("/v2/ages").form(upload(image)).await.ok();
    }
    // The answer that nobody is there counts, too.
    app.script.tell_age(&b"nobody"[..], Ok(AgeEstimate { face: None, ..script::aged(b"nobody") }));
    app.post("/v2/ages").form(upload(b"nobody")).await.ok();
    app.script.tell_age(&b"many"[..], Err(Error::MultipleFaces(2)));
    app.post("/v2/ages").form(upload(b"many")).await.refusal();
    assert_eq!(app.used().await, [("createDirectAgeFromImage".to_owned(), 3)], "a refusal is not billed");
}
