//! Tests `/v2/bio-sessions/{bioSessionId}/…liveness…`, and the older paths.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::capture::{self, Capture};
use bioserver::domain::liveness::{DeviceInfo, SdkInfo};
use bioserver::domain::{Limits, Permission};
use bytes::Bytes;
use chrono::TimeDelta;
use face::Verdict;
use face::values::liveness::{Frame, Measure, Reason};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PREFIX, Reply, Request, TestApp};
use crate::both::on_both;
use crate::ending::settle;
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_check_begins_with_what_a_capture_client_needs,
    a_capture_becomes_a_verdict_and_a_face,
    a_camera_that_says_that_it_is_none_is_refused,
    a_reason_is_shown_to_providers_that_may_know_it,
    a_session_whose_capture_is_looked_at_is_not_ended,
    a_token_captures_for_one_session_and_no_more,
    older_clients_find_what_they_know,
);

/// Makes a picture that differs for each number.
pub fn frame(number: u8) -> Bytes {
    let mut jpeg = vec![];
    let mut encoder = JpegEncoder::new(&mut jpeg);
    encoder.encode(&[number; 64], 8, 8, ExtendedColorType::L8).expect("memory takes it");
    jpeg.into()
}

/// Begins a check; returns the parameters that a capture client gets.
pub async fn begin(app: &TestApp, session: &str, about: &Value) -> Value {
    app.post(&format!("{session}/init-liveness-parameters")).json(about).await.ok()
}

/// A capture, and the certificates that it may be sealed for.
pub struct Sealed {
    pub capture: Capture,
    pub certificates: Vec<Vec<u8>>,
}

impl Sealed {
    pub fn of(parameters: &Value) -> Self {
        let text = |name: &str| parameters[name].as_str().expect("it is said").to_owned();
        let decoded = |text: &str| STANDARD.decode(text).expect("it is base64");
        let certificates = parameters["certificates"].as_array().expect("there are some");
        let capture = Capture {
            id: text("id"),
            server_random: decoded(&text("serverRandom")).try_into().expect("32 bytes"),
            liveness_type: text("type").parse().expect("it is a type"),
            sdk: Some(SdkInfo { sdk_version: Some("1.2.3".to_owned()) }),
            device: Some(DeviceInfo { device_model: Some("A phone".to_owned()), ..DeviceInfo::default() }),
            attestation: None,
            consent_version: None,
            frames: (0..3).map(|number| Frame { t_ms: u32::from(number) * 100, jpeg: frame(number) }).collect(),
            lights: vec![],
            video: None,
        };
        let certificates = certificates.iter().map(|der| decoded(der.as_str().expect("text"))).collect();
        Self { capture, certificates }
    }

    pub fn text(&self) -> String {
        capture::seal(&self.certificates[0], &self.capture).expect("it can be sealed")
    }

    pub async fn sent(&self, request: Request<'_>) -> Reply {
        send(request, self.text()).await
    }

    pub async fn to(&self, app: &TestApp, session: &str) -> Reply {
        self.sent(app.post(&format!("{session}/replay-liveness"))).await
    }
}

pub async fn send(request: Request<'_>, text: String) -> Reply {
    request.header("content-type", "application/jose").with(|builder| builder.body(text)).send().await
}

/// Makes a capture for the session's check.
pub async fn capture_of(app: &TestApp, session: &str) -> Sealed {
    Sealed::of(&app.get(&format!("{session}/liveness-parameters")).send().await.ok())
}

pub async fn state(app: &TestApp, session: &str) -> Value {
    app.get(&status_path(session)).send().await.ok()
}

pub fn status_path(session: &str) -> String {
    format!("{}/replay-liveness-metadata", session.replace("/v2/", "/v3/"))
}

/// Scripts this verdict for the first frame of [`Sealed::of`].
pub fn tell(app: &TestApp, reasons: &[Reason]) {
    let best = testkit::script::verdict(&frame(0)).best;
    app.script.tell_replay(
        frame(0),
        Ok(Verdict { reasons: reasons.to_vec(), measures: vec![Measure::Face, Measure::Life], best }),
    );
}

async fn a_check_begins_with_what_a_capture_client_needs(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let path = format!("{session}/init-liveness-parameters");
    let missing = app.get(&format!("{session}/liveness-parameters")).send().await;
    assert_shape(&app, "liveness-not-initialized", &missing);
    assert_eq!(app.get(&status_path(&session)).send().await.refusal().1, "LIVENESS_NOT_INITIALIZED");

    let reply = app.post(&path).json(&json!({ "type": "LIVENESS_PASSIVE_VIDEO" })).await;
    assert_shape(&app, "liveness-parameters", &reply);
    let begun = reply.ok();
    assert_eq!(app.get(&format!("{session}/liveness-parameters")).send().await.ok()["id"], begun["id"]);
    assert_eq!(state(&app, &session).await["status"], "INITIALIZED");

    // A list is answered with a list, and a new check replaces the one before.
    let asked = json!([{
        "type": "LIVENESS_ACTIVE", "nbChallenge": "3", "securityLevel": "LOW", "imageRetrievalDisabled": false, "id": "mine",
    }]);
    let reply = app.post(&path).json(&asked).await;
    let list = reply.ok();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list[0]["id"], &list[0]["nbChallenge"], &list[0]["securityLevel"], &list[0]["imageRetrievalDisabled"]),
        (&json!("mine"), &json!(3), &json!("LOW"), &json!(false)),
    );
    assert_ne!(list[0]["serverRandom"], begun["serverRandom"]);

    let high = begin(&app, &session, &json!({ "type": "LIVENESS_HIGH" })).await;
    assert_eq!((&high["type"], &high["nbChallenge"]), (&json!("LIVENESS_ACTIVE"), &json!(2)));
    // Only active liveness has challenges.
    let passive = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE", "nbChallenge": 4 })).await;
    assert_eq!(passive.get("nbChallenge"), None);

    for gone in ["NO_LIVENESS", "LIVENESS_MEDIUM"] {
        let reply = app.post(&path).json(&json!({ "type": gone })).await;
        assert!(reply.refusal().2.starts_with("type: must be one of LIVENESS_ACTIVE, "), "{gone}");
        assert_shape(&app, &format!("liveness-type-{}", gone.to_lowercase().replace('_', "-")), &reply);
    }
    for wrong in [
        json!({}),
        json!([]),
        json!([{ "type": "LIVENESS_PASSIVE" }, { "type": "LIVENESS_PASSIVE" }]),
        json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 0 }),
        json!({ "type": "LIVENESS_ACTIVE", "securityLevel": "EXTREME" }),
        json!({ "type": "LIVENESS_ACTIVE", "lightChallenge": true }),
        json!({ "type": "LIVENESS_PASSIVE", "lightChallenge": true }),
        json!({ "type": "OTHER" }),
        json!("LIVENESS_ACTIVE"),
    ] {
        assert_eq!(app.post(&path).json(&wrong).await.refusal().1, "INVALID_PARAMETER", "{wrong}");
    }
}

async fn a_capture_becomes_a_verdict_and_a_face(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let asked = json!({ "type": "LIVENESS_PASSIVE_VIDEO", "imageRetrievalDisabled": false, "id": "replay-id" });
    let sealed = Sealed::of(&begin(&app, &session, &asked).await);
    let reply = sealed.to(&app, &session).await;
    assert_shape(&app, "capture-taken", &reply);
    assert_eq!(state(&app, &session).await["status"], "IN_PROGRESS");
    settle(&app).await;

    let reply = app.get(&status_path(&session)).send().await;
    let status = reply.ok();
    assert_eq!(status["status"], "SUCCESS");
    assert_eq!(status["id"], "replay-id");
    assert_eq!(status["image"], STANDARD.encode(frame(0)));
    assert_eq!(status["deviceInfo"], json!({ "deviceModel": "A phone" }));
    assert_eq!(status["sdkInfo"], json!({ "sdkVersion": "1.2.3" }));
    assert!(status["signature"].as_str().is_some_and(|jws| jws.contains("..")), "it is detached");
    let older = app.get(&format!("{session}/replay-liveness-metadata")).send().await.ok();
    assert_eq!((&older["status"], &older["bestImageId"]), (&status["status"], &status["bestImageId"]));

    // The best frame is a face of the session like any other.
    let face = format!("{session}/faces/{}", status["bestImageId"].as_str().expect("it has an id"));
    let reply = app.get(&face).send().await;
    assert_eq!(reply.ok()["imageType"], "VIDEO_FRAME");
    assert_eq!(reply.ok()["landmarks"], status["landmarks"]);
    assert_eq!(app.get(&format!("{face}/image")).send().await.status, 204, "the session keeps none");
    assert_eq!(app.get(&format!("{face}/matches")).send().await.ok(), json!([]));

    // The status has no image unless it is requested.
    let other = open(&app, &json!({})).await;
    let about = json!({ "type": "LIVENESS_ACTIVE" });
    Sealed::of(&begin(&app, &other, &about).await).to(&app, &other).await;
    settle(&app).await;
    let reply = app.get(&status_path(&other)).send().await;
    assert_shape(&app, "replay-success", &reply);
    assert_eq!(reply.ok().get("image"), None);
    let used = app.used().await;
    assert!(used.contains(&("replayLiveness".to_owned(), 2)), "{used:?}");
    assert!(used.contains(&("initLivenessParameters".to_owned(), 2)), "{used:?}");
}

async fn a_camera_that_says_that_it_is_none_is_refused(app: TestApp) {
    for (camera, state_is) in [("FaceTime HD Camera", "SUCCESS"), ("OBS Virtual Camera", "FAILED")] {
        let session = open(&app, &json!({})).await;
        let mut sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
        sealed.capture.device = Some(DeviceInfo { camera: Some(camera.to_owned()), ..DeviceInfo::default() });
        sealed.to(&app, &session).await;
        settle(&app).await;
        let status = app.get(&status_path(&session)).send().await.ok();
        assert_eq!((&status["status"], &status["deviceInfo"]["camera"]), (&json!(state_is), &json!(camera)));
        assert!(status["measures"].as_array().expect("there are some").contains(&json!("CAMERA")));
    }
}

async fn a_reason_is_shown_to_providers_that_may_know_it(app: TestApp) {
    for (reasons, status) in [
        (vec![Reason::ChallengeNotPerformed], "FAILED"),
        (vec![Reason::FlatMotion, Reason::PoorQuality], "SPOOF"),
        (vec![Reason::PoorQuality, Reason::SpoofNetwork], "SPOOF"),
    ] {
        tell(&app, &reasons);
        for given in [None, Some(true)] {
            app.limit(Limits { liveness_reasons: given, ..Limits::default() }).await;
            let session = open(&app, &json!({})).await;
            Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &session).await;
            settle(&app).await;
            let answer = state(&app, &session).await;
            assert_eq!(answer["status"], status);
            assert_eq!(answer.get("reason"), given.map(|_| json!(reasons[0].name())).as_ref());
            let older = app.get(&format!("{session}/liveness-challenge-result")).send().await.ok();
            let word = given.map(|_| reasons[0].name());
            let word = word.or_else(|| (status == "FAILED").then_some("The capture does not show what was asked for"));
            assert_eq!(older.get("diagnostic"), word.map(|word| json!(word)).as_ref());
            // A check without success makes no face, since the person may be a picture.
            assert_eq!(answer.get("bestImageId"), None);
            assert_eq!(app.get(&format!("{session}/faces")).send().await.ok(), json!([]));
        }
    }
    let session = open(&app, &json!({})).await;
    tell(&app, &[Reason::FlatMotion]);
    Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &session).await;
    settle(&app).await;
    assert_shape(&app, "replay-spoof", &app.get(&status_path(&session)).send().await);
    let used = app.used().await;
    let counted: Vec<_> =
        used.iter().filter_map(|(name, count)| Some((name.strip_prefix("replayLiveness/")?, *count))).collect();
    let expected = [
        ("CHALLENGE_NOT_PERFORMED", 2),
        ("FAILED", 2),
        ("FLAT_MOTION", 3),
        ("POOR_QUALITY", 4),
        ("SPOOF", 5),
        ("SPOOF_NETWORK", 2),
    ];
    assert_eq!(counted, expected);
}

async fn a_session_whose_capture_is_looked_at_is_not_ended(app: TestApp) {
    let session = open(&app, &json!({})).await;
    let sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    sealed.to(&app, &session).await;
    let refused = app.delete(&session).send().await;
    assert_shape(&app, "replay-in-progress", &refused);
    let path = format!("{session}/init-liveness-parameters");
    let refused = app.post(&path).json(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    assert_eq!(refused.refusal().1, "REPLAY_IN_PROGRESS");
    settle(&app).await;
    assert_eq!(app.delete(&session).send().await.status, 204);
}

async fn a_token_captures_for_one_session_and_no_more(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    let refused = app.post(&format!("{session}/capture-token")).send().await;
    assert_eq!(refused.refusal().1, "LIVENESS_NOT_INITIALIZED");
    let asked = json!({ "type": "LIVENESS_PASSIVE", "imageRetrievalDisabled": false });
    begin(&app, &session, &asked).await;
    let reply = app.post(&format!("{session}/capture-token")).send().await;
    assert_shape(&app, "capture-token", &reply);
    let token = format!("Bearer {}", reply.ok()["token"].as_str().expect("it is there"));
    let bearing =
        |method: Method, path: &str| app.request(method, &format!("{PREFIX}{path}")).header("authorization", &token);
    let parameters = bearing(Method::GET, &format!("{session}/liveness-parameters")).send().await.ok();
    let sent = Sealed::of(&parameters).sent(bearing(Method::POST, &format!("{session}/replay-liveness"))).await;
    assert_eq!(sent.status, 202);
    settle(&app).await;
    let status = bearing(Method::GET, &status_path(&session)).send().await.ok();
    assert_eq!(status["status"], "SUCCESS");
    for kept_back in ["image", "landmarks", "bestImageId", "deviceInfo"] {
        assert_eq!(status.get(kept_back), None, "{kept_back}");
    }
    // The token allows nothing else, and no other session.
    let other = open(&app, &json!({})).await;
    begin(&app, &other, &asked).await;
    for (method, path) in [
        (Method::GET, session.clone()),
        (Method::DELETE, session.clone()),
        (Method::GET, format!("{session}/faces")),
        (Method::POST, format!("{session}/capture-token")),
        (Method::GET, format!("{other}/liveness-parameters")),
        (Method::GET, status_path(&other)),
    ] {
        assert_eq!(bearing(method, &path).send().await.refusal().0, 403, "{path}");
    }
    app.deps.clock.advance(TimeDelta::minutes(15));
    assert_eq!(bearing(Method::GET, &status_path(&session)).send().await.refusal().0, 401);
    let forged = app.request(Method::GET, &format!("{PREFIX}{}", status_path(&session)));
    assert_eq!(forged.header("authorization", "Bearer cap_AAAA").send().await.refusal().0, 401);
}

async fn older_clients_find_what_they_know(app: TestApp) {
    // Empty texts count as absent, and images are kept unless the request says otherwise.
    let about = json!({
        "livenessMode": "LIVENESS_PASSIVE_VIDEO", "correlationId": "c-1", "ageThreshold": 18, "securityLevel": "",
        "callbackURL": "", "numberOfChallenge": "", "imageStorageEnabled": null,
    });
    let at_root = app.request(Method::POST, "/video-server/init-liveness-session").header("apikey", &app.key);
    let reply = at_root.json(&about).await;
    assert_shape(&app, "liveness-session", &reply);
    let session = reply.header("location").expect("it says where").to_owned();
    assert_eq!(app.get(&session).send().await.ok()["correlationId"], "c-1");
    let result = format!("{session}/liveness-challenge-result");
    assert_shape(&app, "challenge-result-waiting", &app.get(&result).send().await);
    capture_of(&app, &session).await.to(&app, &session).await;
    settle(&app).await;
    let reply = app.get(&format!("{result}?numberOfChallenge=2")).send().await;
    assert_shape(&app, "challenge-result", &reply);
    for path in [format!("{result}/LIVENESS_PASSIVE_VIDEO"), format!("{result}/LIVENESS_PASSIVE_VIDEO/HIGH")] {
        assert_eq!(app.get(&path).send().await.ok(), reply.ok());
    }
    let face = format!("{session}/faces/{}", reply.ok()["bestImageId"].as_str().expect("it has an id"));
    assert_eq!(app.get(&face).send().await.ok()["imageType"], "VIDEO_FRAME");
    assert_eq!(app.get(&format!("{face}/image")).send().await.body, frame(0));
    assert_eq!(app.get(&format!("{face}/matches")).send().await.ok(), json!([]));
    let about = json!({ "livenessMode": "LIVENESS_PASSIVE_VIDEO", "ageThreshold": "", "imageStorageEnabled": "false" });
    let reply = app.post("/v2/init-liveness-session").json(&about).await;
    let session = reply.header("location").expect("it says where").to_owned();
    assert_eq!(app.get(&session).send().await.ok()["imageStorageEnabled"], false);

    let named =
        async |about: &Value| app.post("/v2/init-liveness-session").header("idempotency-key", "one").json(about).await;
    let prefixed = named(&json!({ "livenessMode": "LIVENESS_HIGH" })).await;
    assert_eq!(prefixed.status, 201);
    let again = named(&json!({ "livenessMode": "LIVENESS_HIGH" })).await;
    assert_eq!(again.header("location"), prefixed.header("location"), "it opened one session");
    assert_eq!(named(&about).await.refusal().1, "IDEMPOTENCY_KEY_REUSED");
    let refused = app.post("/v2/init-liveness-session").json(&json!({ "livenessMode": "NO_LIVENESS" })).await;
    assert_eq!(refused.refusal().1, "LIVENESS_TYPE_NOT_SUPPORTED");
    let open_to_all = app.request(Method::GET, "/video-server/v2/capabilities").send().await.ok();
    assert_eq!(open_to_all, app.get("/v2/capabilities").send().await.ok());
    // The key needs both permissions.
    for permission in [Permission::Session, Permission::Liveness] {
        let key = app.make_key("provider", &[permission], None).await;
        let request = app.request(Method::POST, "/video-server/init-liveness-session").header("apikey", &key);
        assert_eq!(request.json(&about).await.refusal().0, 403, "{permission}");
    }
}
