//! Tests `/v2/bio-sessions/{bioSessionId}/faces/{referenceFaceId}/matches`.

use face::values::score::Score;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both::on_both;
use crate::session_faces::add;
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(a_face_is_compared_with_all_others, a_face_alone_has_no_matches, matches_are_counted);

fn ids(matches: &Value) -> Vec<&str> {
    matches.as_array().expect("a list").iter().map(|found| found["candidate"]["id"].as_str().expect("an id")).collect()
}

async fn a_face_is_compared_with_all_others(app: TestApp) {
    let session = open(&app, &json!({ "correlationId": "c-1", "evidenceId": "e-1" })).await;
    let reference = add(&app, &session, b"one").await;
    let mut others = Vec::new();
    for image in [&b"other"[..], b"one", b"third", b"fourth"] {
        others.push(add(&app, &session, image).await);
    }
    let reply = app.get(&format!("{reference}/matches")).send().await;
    let matches = reply.ok();
    assert_eq!(matches.as_array().map(Vec::len), Some(4), "however low they score");
    let found = ids(&matches);
    assert!(others[1].ends_with(found[0]), "the same picture comes first");
    assert!(!found.iter().any(|id| reference.ends_with(id)), "the reference is left out");
    let session = app.get(&session).send().await.ok();
    let mut last = f64::INFINITY;
    for found in matches.as_array().expect("a list") {
        let score = found["score"].as_f64().expect("a number");
        assert!(score <= last, "best first");
        last = score;
        assert_eq!(found["falseAcceptanceRate"], json!(Score(score).false_acceptance_rate_percent()));
        assert!(reference.ends_with(found["reference"]["id"].as_str().expect("it has an id")));
        for face in ["reference", "candidate"] {
            assert!(found[face].get("template").is_none());
            assert_eq!(found[face]["expires"], session["expires"]);
        }
        assert_eq!((&found["correlationId"], &found["evidenceId"]), (&json!("c-1"), &json!("e-1")));
        assert_eq!(found["expires"], session["expires"]);
    }
    assert_shape(&app, "matches", &reply);
}

async fn a_face_alone_has_no_matches(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let face = add(&app, &session, b"one").await;
    assert_eq!(app.get(&format!("{face}/matches")).send().await.ok(), json!([]));
    assert_eq!(app.delete(&face).send().await.status, 204);
    assert_eq!(app.get(&format!("{face}/matches")).send().await.refusal().1, "FACE_NOT_FOUND");
}

async fn matches_are_counted(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let face = add(&app, &session, b"one").await;
    let known = app.get(&face).send().await.ok();
    assert_eq!(app.post(&format!("{session}/faces")).json(&known).await.status, 201);
    for _ in 0..3 {
        app.get(&format!("{face}/matches")).send().await.ok();
    }
    let counted = app.used().await;
    let expected = [("createBioSession", 1), ("createFaceFromImage", 1), ("createFaceFromJson", 1), ("getMatches", 3)];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)));
}
