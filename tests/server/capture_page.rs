//! Tests what the capture page needs besides the check: attempts, reasons for the person, the page's look and its
//! redirects.

use bioserver::domain::{Limits, Permission};
use bioserver::service::{looks, origins};
use chrono::TimeDelta;
use face::values::liveness::Reason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PREFIX, Request, TestApp};
use crate::both::on_both;
use crate::ending::settle;
use crate::liveness::{Sealed, begin, state, status_path, tell};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(
    a_check_that_failed_is_tried_again_as_often_as_that_is_allowed,
    a_passed_check_or_an_attack_allows_no_further_attempt,
    a_capture_that_did_not_come_leaves_the_next_attempt,
    the_person_is_told_what_helps_and_nothing_else,
    the_page_looks_as_the_provider_wants,
    the_page_leads_back_to_allowed_origins_alone,
);

/// Sends requests with a capture token for the session.
struct Bearer<'a> {
    app: &'a TestApp,
    session: &'a str,
    token: String,
}

impl<'a> Bearer<'a> {
    async fn of(app: &'a TestApp, session: &'a str) -> Self {
        let made = app.post(&format!("{session}/capture-token")).send().await.ok();
        Self { app, session, token: format!("Bearer {}", made["token"].as_str().expect("it is there")) }
    }

    fn ask(&self, method: Method, path: &str) -> Request<'a> {
        self.app.request(method, &format!("{PREFIX}{path}")).header("authorization", &self.token)
    }

    fn of_session(&self, method: Method, path: &str) -> Request<'a> {
        self.ask(method, &format!("{}/{path}", self.session))
    }

    async fn attempt(&self) -> crate::app::Reply {
        self.of_session(Method::POST, "liveness-attempts").send().await
    }

    /// Sends a capture for these parameters, and waits until it is judged.
    async fn capture(&self, parameters: &Value) -> Value {
        let sent = Sealed::of(parameters).sent(self.of_session(Method::POST, "replay-liveness")).await;
        assert_eq!(sent.status, 202);
        settle(self.app).await;
        self.ask(Method::GET, &status_path(self.session)).send().await.ok()
    }
}

async fn a_check_that_failed_is_tried_again_as_often_as_that_is_allowed(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    let asked = json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 3, "attemptsMax": 2, "id": "mine", "imageRetrievalDisabled": false });
    let first = begin(&app, &session, &asked).await;
    assert_eq!((&first["attempt"], &first["attemptsMax"]), (&json!(1), &json!(2)));
    let bearer = Bearer::of(&app, &session).await;
    assert_eq!(bearer.attempt().await.refusal().1, "NO_ATTEMPT_LEFT", "the first one waits for its capture");
    tell(&app, &[Reason::PoorQuality]);
    let failed = bearer.capture(&first).await;
    assert_eq!(
        (&failed["status"], &failed["attempt"], &failed["attemptsMax"]),
        (&json!("FAILED"), &json!(1), &json!(2))
    );

    let reply = bearer.attempt().await;
    assert_shape(&app, "liveness-attempt", &reply);
    let second = reply.ok();
    for kept in ["type", "nbChallenge", "securityLevel", "imageRetrievalDisabled", "attemptsMax"] {
        assert_eq!(second[kept], first[kept], "{kept}");
    }
    assert_eq!(second["attempt"], 2);
    for own in ["id", "serverRandom"] {
        assert_ne!(second[own], first[own], "{own}");
    }
    assert_eq!(state(&app, &session).await["status"], "INITIALIZED");
    // The capture of the first attempt is no longer accepted.
    let old = Sealed::of(&first).sent(bearer.of_session(Method::POST, "replay-liveness")).await;
    assert_eq!(old.refusal().1, "CAPTURE_OF_ANOTHER_REPLAY");
    let failed = bearer.capture(&second).await;
    assert_eq!((&failed["id"], &failed["attempt"]), (&second["id"], &json!(2)));
    let reply = bearer.attempt().await;
    assert_shape(&app, "no-attempt-left", &reply);

    let used = app.used().await;
    assert!(used.contains(&("initLivenessParameters".to_owned(), 2)), "{used:?}");
    assert!(used.contains(&("replayLiveness".to_owned(), 2)), "{used:?}");
    // A new check by the provider starts with all its attempts.
    begin(&app, &session, &asked).await;
    assert_eq!(state(&app, &session).await["attempt"], 1);
}

async fn a_passed_check_or_an_attack_allows_no_further_attempt(app: TestApp) {
    let other = open(&app, &json!({})).await;
    for (reasons, status) in [(vec![], "SUCCESS"), (vec![Reason::FlatMotion], "SPOOF")] {
        let session = open(&app, &json!({})).await;
        tell(&app, &reasons);
        let asked = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE", "attemptsMax": 5 })).await;
        let bearer = Bearer::of(&app, &session).await;
        assert_eq!(bearer.capture(&asked).await["status"], status);
        assert_eq!(bearer.attempt().await.refusal().1, "NO_ATTEMPT_LEFT", "{status}");
        assert_eq!(state(&app, &session).await["status"], status, "the result stands");
        let elsewhere = bearer.ask(Method::POST, &format!("{other}/liveness-attempts")).send().await;
        assert_eq!(elsewhere.refusal().0, 403);
    }
    // Without a request for more there is one attempt, and answers do not mention attempts.
    tell(&app, &[Reason::NoFace]);
    let session = open(&app, &json!({})).await;
    let asked = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    assert_eq!((asked.get("attempt"), asked.get("attemptsMax")), (None, None));
    let bearer = Bearer::of(&app, &session).await;
    assert_eq!(bearer.capture(&asked).await.get("attempt"), None);
    assert_eq!(bearer.attempt().await.refusal().0, 409);
    for wrong in [0, 6] {
        let path = format!("{session}/init-liveness-parameters");
        let refused = app.post(&path).json(&json!({ "type": "LIVENESS_PASSIVE", "attemptsMax": wrong })).await;
        assert_eq!(refused.refusal().1, "INVALID_PARAMETER");
    }
    let missing = app.post(&format!("{other}/liveness-attempts")).send().await;
    assert_eq!(missing.refusal().1, "LIVENESS_NOT_INITIALIZED");
    let key = app.make_key("provider", &[Permission::Session], None).await;
    let unlike = app.request(Method::POST, &format!("{PREFIX}{session}/liveness-attempts")).header("apikey", &key);
    assert_eq!(unlike.send().await.refusal().0, 403);
}

async fn a_capture_that_did_not_come_leaves_the_next_attempt(app: TestApp) {
    let about = json!({ "livenessMode": "LIVENESS_PASSIVE", "attemptsMax": "3" });
    let reply = app.post("/v2/init-liveness-session").json(&about).await;
    let older = reply.header("location").expect("it says where").to_owned();
    assert_eq!(state(&app, &older).await["attemptsMax"], 3);

    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE", "attemptsMax": 3 })).await;
    let bearer = Bearer::of(&app, &session).await;
    for attempt in [2, 3] {
        app.deps.clock.advance(TimeDelta::minutes(6));
        // The result is the same before and after the sweep.
        if attempt == 3 {
            settle(&app).await;
        }
        assert_eq!(state(&app, &session).await["status"], "TIMEOUT");
        assert_eq!(bearer.attempt().await.ok()["attempt"], attempt);
        assert_eq!(state(&app, &session).await["status"], "INITIALIZED");
    }
}

async fn the_person_is_told_what_helps_and_nothing_else(app: TestApp) {
    app.limit(Limits { liveness_reasons: Some(true), ..Limits::default() }).await;
    for (reasons, told) in [
        (vec![Reason::PoorQuality], Some("POOR_QUALITY")),
        (vec![Reason::ChallengeNotPerformed], Some("CHALLENGE_NOT_PERFORMED")),
        (vec![Reason::Frozen, Reason::EyesClosed], Some("EYES_CLOSED")),
        (vec![Reason::LightNotReflected], None),
        (vec![Reason::Injected], None),
        (vec![Reason::SpoofNetwork, Reason::PoorQuality], None),
    ] {
        let session = open(&app, &json!({})).await;
        tell(&app, &reasons);
        let asked = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
        let bearer = Bearer::of(&app, &session).await;
        let seen = bearer.capture(&asked).await;
        assert_eq!(seen.get("reason").and_then(Value::as_str), told, "{reasons:?}");
        assert_eq!(seen.get("measures"), None);
        // The provider gets the most serious reason.
        assert_eq!(state(&app, &session).await["reason"], reasons[0].name());
    }
}

async fn the_page_looks_as_the_provider_wants(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let asked = begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let bearer = Bearer::of(&app, &session).await;
    let plain = bearer.of_session(Method::GET, "capture-page").send().await.ok();
    assert_eq!(plain["imageStorageEnabled"], true);
    assert_eq!(plain["expires"], app.get(&session).send().await.ok()["expires"]);
    assert_eq!(plain.as_object().map(serde_json::Map::len), Some(2), "{plain}");

    let text = "name = 'Bank'\ncolour = '#0b4f8a'\ntext_colour = '#ffffff'\n[consent]\nversion = '7'\ntexts = { en = 'I agree.' }";
    let look = looks::read(text, |_| unreachable!("it names no file")).expect("it is whole");
    assert!(looks::set(&app.deps.store, "provider", Some(&look)).await.expect("it can be kept"));
    let reply = bearer.of_session(Method::GET, "capture-page").send().await;
    assert_shape(&app, "capture-page", &reply);
    assert_eq!((&reply.ok()["name"], &reply.ok()["consent"]["version"]), (&json!("Bank"), &json!("7")));
    assert_eq!(app.get(&format!("{session}/capture-page")).send().await.ok(), reply.ok(), "a key sees the same");

    // The version of the consent text is part of the signed result, but is hidden from the holder of the token.
    let mut sealed = Sealed::of(&asked);
    for (agreed, told) in [(None, "no-consent"), (Some("6"), "outdated-consent")] {
        sealed.capture.consent_version = agreed.map(str::to_owned);
        let reply = sealed.sent(bearer.of_session(Method::POST, "replay-liveness")).await;
        assert_shape(&app, told, &reply);
        assert_eq!(state(&app, &session).await["status"], "INITIALIZED", "another capture may be sent");
    }
    // The provider's own key may leave the version out, but not name an old one.
    assert_eq!(sealed.to(&app, &session).await.refusal().1, "CAPTURE_CONSENT_NOT_CURRENT");
    let other = open(&app, &json!({})).await;
    let asked_of_other = begin(&app, &other, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    assert_eq!(Sealed::of(&asked_of_other).to(&app, &other).await.status, 202);
    sealed.capture.consent_version = Some("7".to_owned());
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    settle(&app).await;
    assert_eq!(state(&app, &session).await["consentVersion"], "7");
    assert_eq!(bearer.ask(Method::GET, &status_path(&session)).send().await.ok().get("consentVersion"), None);

    assert!(looks::set(&app.deps.store, "provider", None).await.expect("it can be taken away"));
    assert_eq!(bearer.of_session(Method::GET, "capture-page").send().await.ok(), plain);
    assert!(!looks::set(&app.deps.store, "nobody", None).await.expect("it can be asked"));
}

async fn the_page_leads_back_to_allowed_origins_alone(app: TestApp) {
    let session = open(&app, &json!({})).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let bank = ["https://bank.example".to_owned()];
    origins::change(&app.deps.store, "provider", &bank, &[]).await.expect("it is an origin");
    let path = format!("{session}/capture-token");
    let url = format!("https://bank.example/back?{}", "x".repeat(900));
    let made = app.post(&path).json(&json!({ "returnUrl": url })).await.ok();
    let token = format!("Bearer {}", made["token"].as_str().expect("it is there"));
    let page = app.request(Method::GET, &format!("{PREFIX}{session}/capture-page")).header("authorization", &token);
    assert_eq!(page.send().await.ok()["returnUrl"], url);
    for wrong in ["https://other.example/", "http://bank.example/", "https://bank.example@other.example/"] {
        let reply = app.post(&path).json(&json!({ "returnUrl": wrong })).await;
        assert_shape(&app, "return-url-not-allowed", &reply);
    }
    for disguised in ["https://u:p@bank.example/", "https://bank.example.other.example/", "https://bank.example:8443/"]
    {
        let refused = app.post(&path).json(&json!({ "returnUrl": disguised })).await;
        assert_eq!(refused.refusal().1, "RETURN_URL_NOT_ALLOWED", "{disguised}");
    }
    let refused = app.post(&path).json(&json!({ "returnUrl": "javascript:alert(1)" })).await;
    assert_eq!(refused.refusal().1, "INVALID_PARAMETER");
    for nothing in [json!({}), json!({ "returnUrl": "" }), json!({ "returnUrl": null })] {
        let made = app.post(&path).json(&nothing).await.ok();
        let token = format!("Bearer {}", made["token"].as_str().expect("it is there"));
        let page = app.request(Method::GET, &format!("{PREFIX}{session}/capture-page")).header("authorization", &token);
        assert_eq!(page.send().await.ok().get("returnUrl"), None);
    }
}
