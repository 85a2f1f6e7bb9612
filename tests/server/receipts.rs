//! Tests `Prefer: return=representation`: an erasure is answered with a signed receipt.

use bioserver::domain::liveness::Video;
use bioserver::sign::verify;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use crate::app::{Reply, TestApp};
use crate::both::on_both;
use crate::ending::{images, settle, with_image};
use crate::liveness::{Sealed, begin};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_session_is_ended_with_a_receipt,
    a_receipt_counts_what_a_check_has_left,
    faces_are_deleted_with_a_receipt,
    nothing_is_erased_that_may_not_be,
);

async fn delete(app: &TestApp, path: &str) -> Reply {
    app.delete(path).header("prefer", "return=representation").send().await
}

/// Returns the numbers of faces, images, videos, checks and callbacks.
fn counts(receipt: &Value) -> [i64; 5] {
    ["faces", "images", "videos", "checks", "callbacks"].map(|name| receipt[name].as_i64().expect("it is a number"))
}

async fn a_session_is_ended_with_a_receipt(app: TestApp) {
    let about = json!({ "consentReference": "consent-1", "imageStorageEnabled": true, "ttlSeconds": 3600 });
    let session = open(&app, &about).await;
    let read = app.get(&session).send().await.ok();
    assert_eq!(read["consentReference"], "consent-1");
    let reply = delete(&app, &session).await;
    assert_eq!(reply.header("preference-applied"), Some("return=representation"));
    assert_shape(&app, "session-receipt", &reply);
    let mut receipt = reply.ok();
    let signed = receipt["signature"].as_str().expect("it is signed").to_owned();
    receipt.as_object_mut().expect("it is an object").shift_remove("signature");
    let payload = verify(&signed, &app.deps.signer.jwks()).expect("the signature verifies");
    assert_eq!(payload, receipt.to_string().as_bytes());
    assert_eq!((&receipt["session"], &receipt["consentReference"]), (&read["id"], &json!("consent-1")));
    assert_eq!(counts(&receipt), [0; 5]);
    let time = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().expect("it is text")).expect("it is a time");
    let (expires, key_expires) = (time(&read["expires"]), time(&receipt["keyExpires"]));
    assert!(key_expires >= expires && key_expires - expires < TimeDelta::hours(1));
    assert_eq!(key_expires.timestamp() % 3600, 0);
    assert_eq!(delete(&app, &session).await.status, 404);
}

async fn a_receipt_counts_what_a_check_has_left(app: TestApp) {
    let about = json!({ "imageStorageEnabled": true, "ttlSeconds": 3600, "callbackURL": "http://127.0.0.1:1/none" });
    let session = open(&app, &about).await;
    let mut sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    sealed.capture.video = Some(Video { content_type: "video/mp4".to_owned(), bytes: Bytes::from_static(b"video") });
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    assert_eq!(delete(&app, &session).await.refusal().1, "REPLAY_IN_PROGRESS");
    settle(&app).await;
    app.deps.deliveries.idle().await;
    assert_eq!(counts(&delete(&app, &session).await.ok()), [1, 1, 1, 1, 1]);
    settle(&app).await;
    assert_eq!(images(&app), 0);
}

async fn faces_are_deleted_with_a_receipt(app: TestApp) {
    let session = with_image(&app, 3600).await;
    let faces = app.get(&format!("{session}/faces")).send().await.ok();
    let known = app.post(&format!("{session}/faces")).json(&faces[0]).await;
    let known = known.header("location").expect("it is made").to_owned();
    let receipt = delete(&app, &known).await;
    assert_shape(&app, "face-receipt", &receipt);
    let receipt = receipt.ok();
    assert_eq!(counts(&receipt), [1, 0, 0, 0, 0], "it was made of no image");
    assert!(known.ends_with(receipt["face"].as_str().expect("it names the face")));
    assert_eq!(counts(&delete(&app, &known).await.ok()), [0; 5], "once more is fine");
    let all = delete(&app, &format!("{session}/faces")).await.ok();
    assert_eq!((counts(&all), &all["face"]), ([1, 1, 0, 0, 0], &Value::Null));
    settle(&app).await;
    assert_eq!(images(&app), 0);
    // Other preferences are ignored.
    let reply = app.delete(&format!("{session}/faces")).header("prefer", "return=minimal").send().await;
    assert_eq!((reply.status, reply.header("preference-applied")), (204, None));
}

async fn nothing_is_erased_that_may_not_be(app: TestApp) {
    let session = with_image(&app, 3600).await;
    let unknown = format!("{session}/faces/01a22800-0000-7000-8000-000000000000");
    assert_eq!(delete(&app, &unknown).await.refusal().1, "FACE_NOT_FOUND");
    let other = app.make_key("another", &bioserver::domain::Permission::ALL, None).await;
    for path in [session.clone(), format!("{session}/faces")] {
        let request = app.request(reqwest::Method::DELETE, &format!("{}{path}", crate::app::PREFIX));
        let request = request.header("apikey", &other).header("prefer", "return=representation");
        assert_eq!(request.send().await.refusal().0, 404);
    }
    let faces = app.get(&format!("{session}/faces")).send().await.ok();
    assert_eq!(faces.as_array().expect("it is a list").len(), 1);
}
