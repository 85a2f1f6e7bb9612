//! Tests `POST /v2/bio-sessions/{bioSessionId}/replay-liveness`: the captures that it accepts, and their processing.

use bioserver::capture::key::{Algorithm, Key};
use bioserver::capture::{self, Capture};
use bioserver::domain::liveness::Video;
use bioserver::service::Policy;
use bytes::Bytes;
use chrono::TimeDelta;
use face::values::liveness::Frame;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::TestApp;
use crate::both::on_both;
use crate::ending::{Away, images, settle, settle_without_media};
use crate::liveness::{Sealed, begin, capture_of, frame, send, state, status_path, tell};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_check_has_one_capture_in_its_time,
    a_capture_of_another_check_is_refused,
    light_that_is_asked_for_is_never_left_out,
    each_broken_capture_is_told_apart,
    media_are_kept_where_that_is_asked_for,
    a_capture_that_fails_is_tried_three_times,
    a_capture_waits_for_a_place_of_media_that_is_away,
    nothing_of_a_capture_lies_in_the_open,
);

async fn a_check_has_one_capture_in_its_time(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    let sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    let again = sealed.to(&app, &session).await;
    assert_shape(&app, "capture-already-sent", &again);
    settle(&app).await;
    assert_eq!(sealed.to(&app, &session).await.refusal().1, "CAPTURE_ALREADY_SENT");

    let late = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    app.deps.clock.advance(TimeDelta::minutes(5));
    // The result is the same before and after the sweep.
    for _ in 0..2 {
        assert_eq!(state(&app, &session).await["status"], "TIMEOUT");
        let refused = late.to(&app, &session).await;
        assert_eq!(refused.refusal().0, 409);
        assert_shape(&app, "capture-too-late", &refused);
        settle(&app).await;
    }
}

async fn a_capture_of_another_check_is_refused(app: TestApp) {
    let (one, other) = (open(&app, &json!({})).await, open(&app, &json!({})).await);
    let about = json!({ "type": "LIVENESS_PASSIVE", "id": "same" });
    let first = Sealed::of(&begin(&app, &one, &about).await);
    begin(&app, &other, &about).await;
    assert_eq!(first.to(&app, &other).await.refusal().1, "CAPTURE_RANDOM_MISMATCH");
    begin(&app, &other, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    assert_eq!(first.to(&app, &other).await.refusal().1, "CAPTURE_OF_ANOTHER_REPLAY");
    // A new check in the same session makes the capture of the one before invalid.
    begin(&app, &one, &about).await;
    assert_eq!(first.to(&app, &one).await.refusal().1, "CAPTURE_RANDOM_MISMATCH");
    let mut wrong = capture_of(&app, &one).await;
    wrong.capture.liveness_type = "LIVENESS_ACTIVE".parse().expect("it is a type");
    assert_eq!(wrong.to(&app, &one).await.refusal().1, "CAPTURE_TYPE_MISMATCH");
    // None of the refused captures counts as the one that the check takes.
    assert_eq!(capture_of(&app, &one).await.to(&app, &one).await.status, 202);
}

async fn light_that_is_asked_for_is_never_left_out(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let asked = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE_VIDEO", "lightChallenge": true })).await;
    assert_eq!(asked["lightChallenge"], true);
    let mut sealed = Sealed::of(&asked);
    let frame = sealed.capture.frames[0].clone();
    sealed.capture.frames = (0..50).map(|number| Frame { t_ms: 100 * number, ..frame.clone() }).collect();
    let good: Vec<u32> = (500..4500).step_by(500).collect();
    let mut close = good.clone();
    close[3] = close[2] + 100;
    let late = good.iter().map(|ms| ms + 500).collect();
    for wrong in [vec![], good[..7].to_vec(), good.iter().rev().copied().collect(), close, late, vec![u32::MAX; 8]] {
        sealed.capture.lights.clone_from(&wrong);
        assert_eq!(sealed.to(&app, &session).await.refusal().1, "CAPTURE_LIGHTS_INVALID", "{wrong:?}");
    }
    sealed.capture.lights = good;
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    // Answers do not mention light that was not asked for.
    let plain = begin(&app, &open(&app, &json!({})).await, &json!({ "type": "LIVENESS_PASSIVE_VIDEO" })).await;
    assert_eq!(plain.get("lightChallenge"), None);
}

async fn each_broken_capture_is_told_apart(app: TestApp) {
    let session = open(&app, &json!({})).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let path = format!("{session}/replay-liveness");
    let good = capture_of(&app, &session).await;
    let code = async |text: String| send(app.post(&path), text).await.refusal().1;
    let changed = async |change: &dyn Fn(&mut Capture)| {
        let mut sealed = capture_of(&app, &session).await;
        change(&mut sealed.capture);
        code(sealed.text()).await
    };
    let stranger = Key::make(Algorithm::EcdhEs, app.deps.clock.now()).expect("a key can be made");
    let strangers = bioserver::sign::certificate::first(stranger.certificate_pem()).expect("it is PEM");
    assert_eq!(code(capture::seal(&strangers, &good.capture).expect("it seals")).await, "CAPTURE_KEY_UNKNOWN");
    let text = good.text();
    let cut = text.rsplit_once('.').expect("it has parts").0.to_owned() + ".AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(code(cut).await, "CAPTURE_NOT_DECRYPTED");
    assert_eq!(code("no capture".to_owned()).await, "CAPTURE_MALFORMED");
    let nonsense = capture::jwe::seal(&good.certificates[0], b"nonsense").expect("it seals");
    assert_eq!(code(nonsense).await, "CAPTURE_INVALID");
    assert_eq!(changed(&|capture| capture.frames.clear()).await, "CAPTURE_FRAME_COUNT");
    assert_eq!(changed(&|capture| capture.frames.swap(0, 1)).await, "CAPTURE_FRAMES_OUT_OF_ORDER");
    assert_eq!(changed(&|capture| capture.frames[2].t_ms = 60_000).await, "CAPTURE_TOO_LONG");
    let broken = |capture: &mut Capture| capture.frames[1].jpeg = Bytes::from_static(b"no picture");
    assert_eq!(changed(&broken).await, "CAPTURE_FRAME_INVALID");
    let video = |capture: &mut Capture| {
        capture.video = Some(Video { content_type: "text/html".to_owned(), bytes: Bytes::new() });
    };
    assert_eq!(changed(&video).await, "CAPTURE_VIDEO_TYPE");
    let reply = send(app.post(&path), "a".repeat(capture::SEALED_BYTES_MAX + 1)).await;
    assert_eq!((reply.status, reply.refusal().1.as_str()), (413, "BODY_TOO_LARGE"));
    let reply = app.post(&path).json(&json!({})).await;
    assert_eq!(reply.refusal().1, "UNSUPPORTED_MEDIA_TYPE");
    // Either certificate works.
    let rsa = capture::seal(&good.certificates[1], &good.capture).expect("it seals");
    assert_eq!(send(app.post(&path), rsa).await.status, 202);
}

async fn media_are_kept_where_that_is_asked_for(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE_VIDEO" })).await;
    let mut sealed = capture_of(&app, &session).await;
    sealed.capture.video = Some(Video { content_type: "video/webm".to_owned(), bytes: Bytes::from_static(b"a video") });
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    settle(&app).await;
    let reply = app.get(&status_path(&session)).send().await;
    assert_shape(&app, "replay-stored", &reply);
    let status = reply.ok();
    for (storage, content_type) in [("imageStorage", "image/jpeg"), ("videoStorage", "video/webm")] {
        let stored = &status[storage];
        assert_eq!(stored["contentType"], content_type);
        let path = app.media_folder.join(stored["key"].as_str().expect("it says where"));
        let bytes = std::fs::read(path).expect("it lies there");
        assert_eq!(stored["hash"], format!("{:x}", Sha256::digest(&bytes)));
        assert!(!bytes.windows(7).any(|window| window == b"a video"), "it is sealed");
    }
    let image = format!("{session}/faces/{}/image", status["bestImageId"].as_str().expect("it has an id"));
    assert_eq!(app.get(&image).send().await.body, frame(0));
    assert_eq!(app.delete(&session).send().await.status, 204);
    settle(&app).await;
    assert_eq!(images(&app), 0, "all is erased");
}

async fn a_capture_that_fails_is_tried_three_times(app: TestApp) {
    app.script.tell_replay(frame(0), Err(face::Error::Failed("as told".into())));
    let session = open(&app, &json!({})).await;
    Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &session).await;
    for _ in 0..3 {
        settle(&app).await;
        assert_eq!(state(&app, &session).await["status"], "IN_PROGRESS");
        app.deps.clock.advance(TimeDelta::seconds(2));
    }
    settle(&app).await;
    assert_eq!(state(&app, &session).await["status"], "ERROR");
    // Busy networks are not a failure.
    let busy = std::time::Duration::from_secs(1);
    app.script.tell_replay(frame(0), Err(face::Error::Busy { retry_after: busy }));
    Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &session).await;
    for _ in 0..5 {
        settle(&app).await;
        app.deps.clock.advance(TimeDelta::seconds(2));
    }
    tell(&app, &[]);
    settle(&app).await;
    assert_eq!(state(&app, &session).await["status"], "SUCCESS");
}

async fn a_capture_waits_for_a_place_of_media_that_is_away(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 3600 })).await;
    Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &session).await;
    let away = Away::begin(&app);
    for _ in 0..9 {
        settle_without_media(&app).await;
        assert_eq!(state(&app, &session).await["status"], "IN_PROGRESS");
        app.deps.clock.advance(TimeDelta::minutes(1));
    }
    away.end();
    settle(&app).await;
    assert_eq!((state(&app, &session).await["status"].as_str(), images(&app)), (Some("SUCCESS"), 1));
}

async fn nothing_of_a_capture_lies_in_the_open(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let asked = json!({ "type": "LIVENESS_PASSIVE", "imageRetrievalDisabled": false, "id": "a name to look for" });
    let sealed = Sealed::of(&begin(&app, &session, &asked).await);
    sealed.to(&app, &session).await;
    let jpeg = frame(0);
    // A dump of Postgres has bytes in hex.
    let hex = format!("{jpeg:x}");
    for _ in 0..2 {
        for file in app.database_at_rest() {
            for needle in [&jpeg[..], hex.as_bytes(), b"a name to look for"] {
                assert!(!file.windows(needle.len()).any(|window| window == needle));
            }
        }
        settle(&app).await;
    }
}

#[tokio::test]
async fn captures_that_would_wait_too_long_are_refused() {
    let policy = Policy { check_wait_max: std::time::Duration::from_secs(1), ..Policy::default() };
    let app = TestApp::with_policy(policy).await;
    let mut sent = vec![];
    for _ in 0..4 {
        let session = open(&app, &json!({})).await;
        let sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
        sent.push(sealed.to(&app, &session).await);
    }
    // Two run at once, each for a second: the fourth would wait for one and a half.
    assert_eq!(sent.iter().map(|reply| reply.status).collect::<Vec<_>>(), [202, 202, 202, 429]);
    assert_eq!(sent[3].header("retry-after"), Some("2"));
}
