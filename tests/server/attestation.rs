//! Tests attested capture clients: the form of an attestation, the word for each fault, and the provider's policy.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bioserver::domain::{Limits, Permission};
use bioserver::service::attestations::{self, Change};
use bioserver::sign::key::Key;
use bioserver::sign::{self, Algorithm};
use chrono::TimeDelta;
use face::values::liveness::Reason;
use serde_json::{Value, json};

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::ending::settle;
use crate::liveness::{Sealed, begin, state, status_path, tell};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_genuine_client_is_attested,
    each_fault_has_its_word,
    an_attack_is_worse_than_a_missing_attestation,
    a_capture_may_wait_longer_than_its_attestation_lasts,
    two_keys_serve_during_a_rotation,
    without_keys_nothing_is_verified,
);

/// A back end that attests its clients.
pub struct BackEnd {
    key: Private,
    pub jwk: Value,
}

enum Private {
    Ours(Key),
    Ed25519(Ed25519KeyPair),
}

impl BackEnd {
    pub fn new(app: &TestApp, algorithm: Algorithm, kid: &str) -> Self {
        let key = Key::make(algorithm, app.deps.clock.now()).expect("a key can be made");
        let mut jwk = key.jwk().clone();
        jwk["kid"] = json!(kid);
        Self { key: Private::Ours(key), jwk }
    }

    fn with_ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key can be made");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        Self { key: Private::Ed25519(pair), jwk: json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x }) }
    }

    /// Signs the payload, whatever the header says about it.
    fn sign(&self, header: &Value, payload: &Value) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{payload}");
        let signature = match &self.key {
            Private::Ours(key) => key.sign(signed.as_bytes()).expect("it signs"),
            Private::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn attests(&self, payload: &Value) -> String {
        let alg = match &self.key {
            Private::Ours(key) => key.algorithm().name(),
            Private::Ed25519(_) => "EdDSA",
        };
        self.sign(&json!({ "alg": alg, "kid": self.jwk["kid"] }), payload)
    }
}

/// Makes the payload of a valid attestation for the check of a session.
pub fn claims(app: &TestApp, session: &str, parameters: &Value) -> Value {
    let now = app.deps.clock.now().utc().timestamp();
    json!({
        "sessionId": session.rsplit('/').next(),
        "serverRandom": parameters["serverRandom"],
        "platform": "app-attest",
        "iat": now,
        "exp": now + 300,
    })
}

/// Registers these keys, in place of those before.
pub async fn register(app: &TestApp, provider: &str, keys: &[&Value], is_required: bool) {
    let keys = attestations::read(&json!({ "keys": keys }).to_string()).expect("they are keys");
    let change = Change { keys: Some(keys), is_required: Some(is_required) };
    let (store, master, now) = (&app.deps.store, &app.deps.master, app.deps.clock.now());
    attestations::change(store, master, provider, change, now).await.expect("they are registered");
}

/// Sends a capture with the attestation that `make` makes of a valid payload; returns the path of the session.
pub async fn send(app: &TestApp, make: impl FnOnce(Value) -> Option<String>) -> String {
    let session = open(app, &json!({ "ttlSeconds": 3600 })).await;
    let parameters = begin(app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let mut sealed = Sealed::of(&parameters);
    sealed.capture.attestation = make(claims(app, &session, &parameters));
    assert_eq!(sealed.to(app, &session).await.status, 202);
    session
}

/// Sends a capture as [`send`] does; returns the result of the check.
async fn check(app: &TestApp, make: impl FnOnce(Value) -> Option<String>) -> Value {
    let session = send(app, make).await;
    settle(app).await;
    state(app, &session).await
}

fn with(mut payload: Value, name: &str, value: Value) -> Value {
    payload[name] = value;
    payload
}

/// The payload with times this many seconds from now.
fn within(payload: &Value, from: i64, to: i64) -> Value {
    let now = payload["iat"].as_i64().expect("it is a number");
    let end = |seconds: i64| json!(now.saturating_add(seconds));
    with(with(payload.clone(), "iat", end(from)), "exp", end(to))
}

async fn a_genuine_client_is_attested(app: TestApp) {
    let kid = URL_SAFE_NO_PAD.encode([7; 32]);
    let back_end = BackEnd::new(&app, Algorithm::Es256, &kid);
    for is_required in [false, true] {
        register(&app, "provider", &[&back_end.jwk], is_required).await;
        let session = send(&app, |payload| Some(back_end.attests(&payload))).await;
        settle(&app).await;
        let reply = app.get(&status_path(&session)).send().await;
        let status = reply.ok();
        assert_eq!(status["status"], "SUCCESS");
        let expected = json!({ "attested": true, "platform": "app-attest", "kid": kid });
        assert_eq!(status["attestation"], expected);
        let measures = status["measures"].as_array().expect("there are some");
        assert_eq!(measures.contains(&json!("ATTESTATION")), is_required);
        assert_eq!(status["deviceInfo"], json!({ "deviceModel": "A phone" }), "the token is not repeated");
        assert_shape(&app, if is_required { "replay-attestation-required" } else { "replay-attested" }, &reply);

        // The signature covers what was found.
        let mut payload = status.clone();
        payload.as_object_mut().expect("it is an object").shift_remove("signature");
        let signature = status["signature"].as_str().expect("it is signed");
        let whole =
            |payload: &Value| sign::attached(signature, payload.to_string().as_bytes()).expect("it is detached");
        let jwks = app.deps.signer.jwks();
        assert!(sign::verify(&whole(&payload), &jwks).is_ok());
        payload["attestation"]["attested"] = json!(false);
        assert!(sign::verify(&whole(&payload), &jwks).is_err());

        // The holder of a capture token learns nothing of it.
        let token = app.post(&format!("{session}/capture-token")).send().await.ok();
        let bearer = format!("Bearer {}", token["token"].as_str().expect("it is there"));
        let path = format!("{PREFIX}{}", status_path(&session));
        let bare = app.request(reqwest::Method::GET, &path).header("authorization", &bearer).send().await.ok();
        assert_eq!((&bare["status"], bare.get("attestation"), bare.get("measures")), (&json!("SUCCESS"), None, None));
    }
    // Times may differ a little (a unit test has the exact limits), and an attestation may have further members and a short
    // name for its platform.
    for (from, to) in [(30, 300), (-300, -30), (-300, 300), (0, 600)] {
        let status = check(&app, |payload| Some(back_end.attests(&within(&payload, from, to)))).await;
        assert_eq!(
            (&status["status"], &status["attestation"]["attested"]),
            (&json!("SUCCESS"), &json!(true)),
            "{from}"
        );
    }
    let more = |payload| with(with(payload, "jti", json!("1")), "platform", json!("Play_Integrity.2"));
    let status = check(&app, |payload| Some(back_end.attests(&more(payload)))).await;
    assert_eq!(status["attestation"]["platform"], "Play_Integrity.2");
}

/// Makes an attestation with a fault from a valid payload.
type Fault<'a> = Box<dyn Fn(Value) -> Option<String> + 'a>;

/// Returns the faults of a client without an attestation of this check: the reason, the attestation, and whether the
/// result names the key.
fn faults<'a>(
    back_end: &'a BackEnd,
    stranger: &'a BackEnd,
    impostor: &'a BackEnd,
) -> Vec<(&'static str, Fault<'a>, bool)> {
    let header = |alg: &str| json!({ "alg": alg, "kid": back_end.jwk["kid"] });
    let none = header("none");
    let hmac_header = header("HS256");
    let secret = back_end.jwk.to_string();
    let by_hmac = move |payload: Value| {
        let [header, payload] = [&hmac_header, &payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{payload}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
    };
    let unsigned = move |payload: Value| {
        let [header, payload] = [&none, &payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        Some(format!("{header}.{payload}."))
    };
    let signed =
        |change: fn(Value) -> Value| -> Fault<'a> { Box::new(move |payload| Some(back_end.attests(&change(payload)))) };
    let other_random = |payload| with(payload, "serverRandom", json!(URL_SAFE_NO_PAD.encode([7; 32])));
    let without_end = |mut payload: Value| {
        payload.as_object_mut().expect("it is an object").remove("exp");
        payload
    };
    vec![
        ("MISSING", Box::new(|_| None), false),
        ("TOO_LONG", Box::new(|_| Some("a".repeat(8193))), false),
        ("MALFORMED", Box::new(|_| Some(String::new())), false),
        ("MALFORMED", Box::new(|_| Some("a.b.c".to_owned())), false),
        ("MALFORMED", Box::new(|payload| Some(back_end.sign(&json!({ "alg": "ES256" }), &payload))), false),
        ("MALFORMED", signed(without_end), true),
        ("MALFORMED", signed(|payload| with(payload, "platform", json!("x".repeat(65)))), true),
        ("MALFORMED", signed(|payload| with(payload, "platform", json!("a <platform>"))), true),
        ("MALFORMED", signed(|payload| with(payload, "platform", json!(""))), true),
        ("MALFORMED", signed(|payload| with(payload, "exp", json!("tomorrow"))), true),
        ("MALFORMED", signed(|_| json!("an attestation")), true),
        ("UNKNOWN_KEY", Box::new(|payload| Some(stranger.attests(&payload))), false),
        ("WRONG_ALGORITHM", Box::new(unsigned), true),
        ("WRONG_ALGORITHM", Box::new(by_hmac), true),
        ("WRONG_SIGNATURE", Box::new(|payload| Some(impostor.attests(&payload))), true),
        (
            "OTHER_CHECK",
            signed(|payload| with(payload, "sessionId", json!("01a2d3c4-5b6f-7a80-9c1d-2e3f4a5b6c7d"))),
            true,
        ),
        ("OTHER_CHECK", signed(other_random), true),
        ("LIFETIME_TOO_LONG", signed(|payload| within(&payload, 0, 601)), true),
        ("LIFETIME_TOO_LONG", signed(|payload| within(&payload, 0, -1)), true),
        ("LIFETIME_TOO_LONG", signed(|payload| within(&payload, i64::MIN, i64::MAX)), true),
        ("NOT_YET_VALID", signed(|payload| within(&payload, 200, 300)), true),
        ("EXPIRED", signed(|payload| within(&payload, -300, -200)), true),
    ]
}

async fn each_fault_has_its_word(app: TestApp) {
    app.limit(Limits { liveness_reasons: Some(true), ..Limits::default() }).await;
    let back_end = BackEnd::new(&app, Algorithm::Es256, "ours");
    let (stranger, impostor) =
        (BackEnd::new(&app, Algorithm::Es256, "another"), BackEnd::new(&app, Algorithm::Es256, "ours"));
    let faults = faults(&back_end, &stranger, &impostor);
    for is_required in [false, true] {
        register(&app, "provider", &[&back_end.jwk], is_required).await;
        for (word, fault, is_of_key) in &faults {
            let status = check(&app, fault).await;
            let attestation = &status["attestation"];
            assert_eq!((&attestation["attested"], &attestation["reason"]), (&json!(false), &json!(word)));
            assert_eq!(attestation.get("kid"), is_of_key.then(|| json!("ours")).as_ref(), "{word}");
            let is_signed = ["OTHER_CHECK", "LIFETIME_TOO_LONG", "NOT_YET_VALID", "EXPIRED"].contains(word);
            assert_eq!(attestation.get("platform"), is_signed.then(|| json!("app-attest")).as_ref(), "{word}");
            let (state, reason) = if is_required { ("FAILED", Some("NOT_ATTESTED")) } else { ("SUCCESS", None) };
            assert_eq!((status["status"].as_str(), status["reason"].as_str()), (Some(state), reason), "{word}");
            assert_eq!(status.get("bestImageId").is_some(), !is_required, "{word}");
        }
    }
    let used = app.used().await;
    assert!(used.contains(&("replayLiveness/NOT_ATTESTED".to_owned(), faults.len() as i64)), "{used:?}");
    let session = send(&app, |_| None).await;
    settle(&app).await;
    assert_shape(&app, "replay-not-attested", &app.get(&status_path(&session)).send().await);
    let older = app.get(&format!("{session}/liveness-challenge-result")).send().await.ok();
    assert_eq!((&older["livenessStatus"], &older["diagnostic"]), (&json!("FAILED"), &json!("NOT_ATTESTED")));
}

async fn an_attack_is_worse_than_a_missing_attestation(app: TestApp) {
    app.limit(Limits { liveness_reasons: Some(true), ..Limits::default() }).await;
    let back_end = BackEnd::new(&app, Algorithm::Es256, "ours");
    register(&app, "provider", &[&back_end.jwk], true).await;
    for (reasons, state, reason) in [
        (vec![Reason::SpoofNetwork, Reason::TooShort], "SPOOF", "SPOOF_NETWORK"),
        (vec![Reason::Frozen, Reason::TooShort], "FAILED", "NOT_ATTESTED"),
    ] {
        tell(&app, &reasons);
        let status = check(&app, |_| None).await;
        assert_eq!((&status["status"], &status["reason"]), (&json!(state), &json!(reason)));
        let status = check(&app, |payload| Some(back_end.attests(&payload))).await;
        assert_eq!((&status["status"], &status["reason"]), (&json!(state), &json!(reasons[0].name())));
    }
}

async fn a_capture_may_wait_longer_than_its_attestation_lasts(app: TestApp) {
    let back_end = BackEnd::new(&app, Algorithm::Rs256, "ours");
    register(&app, "provider", &[&back_end.jwk], true).await;
    let session = send(&app, |payload| Some(back_end.attests(&within(&payload, 0, 1)))).await;
    app.deps.clock.advance(TimeDelta::minutes(20));
    settle(&app).await;
    assert_eq!(state(&app, &session).await["status"], "SUCCESS", "it was valid when the capture arrived");
}

async fn two_keys_serve_during_a_rotation(app: TestApp) {
    let old = BackEnd::new(&app, Algorithm::Rs256, "old");
    let new = BackEnd::with_ed25519("new");
    let found = async |back_end: &BackEnd| {
        let status = check(&app, |payload| Some(back_end.attests(&payload))).await;
        let text = |name: &str| status["attestation"][name].as_str().map(str::to_owned);
        (status["status"].as_str().map(str::to_owned), text("kid"), text("reason"))
    };
    let attested = |kid: &str| (Some("SUCCESS".to_owned()), Some(kid.to_owned()), None);
    let unknown = (Some("FAILED".to_owned()), None, Some("UNKNOWN_KEY".to_owned()));
    register(&app, "provider", &[&old.jwk], true).await;
    assert_eq!(found(&old).await, attested("old"));
    assert_eq!(found(&new).await, unknown);
    register(&app, "provider", &[&old.jwk, &new.jwk], true).await;
    assert_eq!(found(&old).await, attested("old"));
    assert_eq!(found(&new).await, attested("new"));
    register(&app, "provider", &[&new.jwk], true).await;
    assert_eq!(found(&old).await, unknown);
    assert_eq!(found(&new).await, attested("new"));
}

async fn without_keys_nothing_is_verified(app: TestApp) {
    let back_end = BackEnd::new(&app, Algorithm::Es256, "ours");
    let is_left_out = async || {
        for attestation in [None, Some("rubbish".to_owned()), Some("a".repeat(100_000))] {
            let status = check(&app, |_| attestation).await;
            assert_eq!((&status["status"], status.get("attestation")), (&json!("SUCCESS"), None));
        }
    };
    is_left_out().await;
    // The keys of one provider say nothing about the clients of another.
    app.make_key("other", &Permission::ALL, None).await;
    register(&app, "other", &[&back_end.jwk], true).await;
    is_left_out().await;
    register(&app, "provider", &[&back_end.jwk], true).await;
    assert_eq!(check(&app, |_| None).await["status"], "FAILED");
    let (store, master) = (&app.deps.store, &app.deps.master);
    attestations::remove(store, master, "provider", app.deps.clock.now()).await.expect("they are removed");
    is_left_out().await;
}
