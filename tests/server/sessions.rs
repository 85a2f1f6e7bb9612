//! Tests `/v2/bio-sessions`.

use bioserver::domain::{Limits, Permission};
use bioserver::service::Policy;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::shape::assert_shape;

on_both!(
    a_session_is_opened_read_and_ended,
    a_session_lives_as_long_as_was_asked,
    a_time_to_live_is_bounded,
    a_callback_is_checked_when_it_is_given,
    clients_differ_and_are_all_understood,
    a_named_request_opens_one_session,
    a_name_that_cannot_be_read_is_refused,
    a_name_counts_while_its_session_lives,
    named_requests_at_once_open_one_session,
);

const SESSIONS: &str = "/v2/bio-sessions";

/// Opens a session; returns its path.
pub async fn open(app: &TestApp, about: &Value) -> String {
    let reply = app.post(SESSIONS).json(about).await;
    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
    reply.header("location").expect("it says where").to_owned()
}

async fn a_session_is_opened_read_and_ended(app: TestApp) {
    let about = json!({
        "correlationId": "c-1", "evidenceId": "e-1", "consentReference": "consent-1", "imageStorageEnabled": true,
        "ttlSeconds": 60,
        "callbackURL": "https://service/callback",
    });
    let reply = app.post(SESSIONS).json(&about).await;
    assert_shape(&app, "session-opened", &reply);
    let location = reply.header("location").expect("it says where");
    let reply = app.get(location).send().await;
    assert_shape(&app, "session", &reply);
    assert_eq!(location, format!("{SESSIONS}/{}", reply.ok()["id"].as_str().expect("it has an id")));
    let reply = app.delete(location).send().await;
    assert_shape(&app, "session-ended", &reply);
    let reply = app.get(location).send().await;
    assert_shape(&app, "session-not-found", &reply);
    assert_eq!(app.delete(location).send().await.refusal().1, "SESSION_NOT_FOUND");

    let reply = app.get(&open(&app, &json!({})).await).send().await;
    assert_eq!(reply.ok()["imageStorageEnabled"], false);
    assert_shape(&app, "session-by-default", &reply);
}

fn millis(session: &Value, member: &str) -> i64 {
    let time = session[member].as_str().expect("it is said");
    chrono::DateTime::parse_from_rfc3339(time).expect("it is a time").timestamp_millis()
}

async fn a_session_lives_as_long_as_was_asked(app: TestApp) {
    for (about, seconds) in [(json!({}), 300), (json!({ "ttlSeconds": 60 }), 60), (json!({ "ttlSeconds": "61" }), 61)] {
        let path = open(&app, &about).await;
        let session = app.get(&path).send().await.ok();
        assert_eq!(millis(&session, "expires") - millis(&session, "created"), seconds * 1000, "{about}");
        let about_now = app.deps.clock.now().utc().timestamp_millis() - millis(&session, "created");
        assert!((0..60_000).contains(&about_now));
        // Time also passes by itself: a busy machine may need some seconds from here to the next request.
        app.deps.clock.advance(TimeDelta::seconds(seconds - 20));
        assert_eq!(app.get(&path).send().await.status, 200);
        app.deps.clock.advance(TimeDelta::seconds(20));
        assert_eq!(app.get(&path).send().await.status, 404);
    }
}

async fn a_time_to_live_is_bounded(app: TestApp) {
    for seconds in [json!(0), json!(-5), json!(86_401), json!(i64::MAX), json!("long"), json!(1.5)] {
        let (status, code, message) = app.post(SESSIONS).json(&json!({ "ttlSeconds": seconds })).await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{seconds}");
        assert!(message.starts_with("ttlSeconds: must be"), "{message}");
    }
    let reply = app.post(SESSIONS).json(&json!({ "ttlSeconds": 86_401 })).await;
    assert_shape(&app, "time-to-live", &reply);
    open(&app, &json!({ "ttlSeconds": 86_400 })).await;
    // A provider's own limit takes precedence over the operator's.
    app.limit(Limits { ttl_seconds_max: Some(120), ..Limits::default() }).await;
    assert!(app.post(SESSIONS).json(&json!({ "ttlSeconds": 121 })).await.refusal().2.contains("at most 120"));
    let session = app.get(&open(&app, &json!({})).await).send().await.ok();
    assert_eq!(millis(&session, "expires") - millis(&session, "created"), 120_000, "the default is not longer");
}

#[tokio::test]
async fn the_operator_sets_the_default_lifetime() {
    let app = TestApp::with_policy(Policy { ttl_seconds: 7, ttl_seconds_max: 9, ..Policy::default() }).await;
    let session = app.get(&open(&app, &json!({})).await).send().await.ok();
    assert_eq!(millis(&session, "expires") - millis(&session, "created"), 7000);
    assert!(app.post(SESSIONS).json(&json!({ "ttlSeconds": 10 })).await.refusal().2.contains("at most 9"));
}

async fn a_callback_is_checked_when_it_is_given(app: TestApp) {
    let inside = ["https://localhost:9943/callback", "https://10.0.0.1/", "https://[::1]/", "https://2130706433/"];
    for url in ["http://service/callback", "service", "https://user:password@service/"].into_iter().chain(inside) {
        let (status, code, message) = app.post(SESSIONS).json(&json!({ "callbackURL": url })).await.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{url}");
        assert!(message.starts_with("callbackURL: must"), "{message}");
    }
    open(&app, &json!({ "callbackURL": "https://service.example:8443/callback?case=1" })).await;
    // The operator of this server allows this host.
    open(&app, &json!({ "callbackURL": "http://127.0.0.1:9943/callback" })).await;
}

async fn clients_differ_and_are_all_understood(app: TestApp) {
    let opened = async |content_type: &str, body: &str| app.post(SESSIONS).wire(content_type, body).await;
    for (content_type, body) in [
        ("application/json", "{}"),
        ("application/json; charset=utf-8", r#"{"imageStorageEnabled":"true","ttlSeconds":"60","unknown":[1]}"#),
        ("Application/JSON", r#"{"correlationId":null,"evidenceId":null,"ttlSeconds":null,"callbackURL":null}"#),
        ("application/json", ""),
    ] {
        assert_eq!(opened(content_type, body).await.status, 201, "{body}");
    }
    assert_eq!(app.post(SESSIONS).send().await.status, 201, "no body at all");
    let odd = r#"{"correlationId":"","callbackURL":"","ttlSeconds":"","theirs":["\ud800",1e999]}"#;
    assert_eq!(opened("application/json", odd).await.status, 201, "nobody reads what cannot be read");
    for (content_type, body, code) in [
        ("text/plain", "{}", "UNSUPPORTED_MEDIA_TYPE"),
        ("application/json", "{", "MALFORMED_BODY"),
        ("application/json", "[]", "INVALID_PARAMETER"),
        ("application/json", r#"{"correlationId":7}"#, "INVALID_PARAMETER"),
        ("application/json", r#"{"imageStorageEnabled":"perhaps"}"#, "INVALID_PARAMETER"),
        ("application/json", r#"{"correlationId":"\ud800"}"#, "INVALID_PARAMETER"),
        ("application/json", r#"{"ttlSeconds":1e999}"#, "INVALID_PARAMETER"),
    ] {
        assert_eq!(opened(content_type, body).await.refusal().1, code, "{body}");
    }
    assert_shape(&app, "no-json", &opened("text/plain", "{}").await);
    assert_shape(&app, "malformed-json", &opened("application/json", "{").await);
    let path = open(&app, &json!({})).await;
    assert_eq!(app.get(&path).header("content-type", "application/json").send().await.status, 200);
    assert_eq!(app.get(&format!("{SESSIONS}/no-id")).send().await.refusal().1, "INVALID_PARAMETER");
    assert_shape(&app, "no-uuid", &app.get(&format!("{SESSIONS}/no-id")).send().await);
}

async fn a_named_request_opens_one_session(app: TestApp) {
    let open = async |key: &str, name: &str, body: &str| {
        let request = app.request(Method::POST, &format!("{PREFIX}{SESSIONS}")).header("apikey", key);
        request.header("idempotency-key", name).wire("application/json", body).await
    };
    let at = |reply: &crate::app::Reply| reply.header("location").expect("it says where").to_owned();
    let first = open(&app.key, "one", r#"{"correlationId":"a","ttlSeconds":60}"#).await;
    assert_eq!(first.status, 201);
    // The same request may have its members in another order and other forms.
    let again = open(&app.key, "one", r#"{ "ttlSeconds": "60", "correlationId": "a" }"#).await;
    assert_eq!(at(&first), at(&again));
    let other = open(&app.key, "other", r#"{"correlationId":"a","ttlSeconds":60}"#).await;
    assert_ne!(at(&first), at(&other));
    let changed = open(&app.key, "one", r#"{"correlationId":"b","ttlSeconds":60}"#).await;
    assert_eq!(changed.status, 422);
    assert_shape(&app, "idempotency-key-reused", &changed);
    // Each provider has its own idempotency keys.
    let stranger = app.make_key("stranger", &Permission::ALL, None).await;
    assert_ne!(at(&open(&stranger, "one", r#"{"correlationId":"b","ttlSeconds":60}"#).await), at(&first));
}

/// A key that was ignored would open another session with every retry.
async fn a_name_that_cannot_be_read_is_refused(app: TestApp) {
    let long = "x".repeat(256);
    let legacy = json!({ "livenessMode": "LIVENESS_HIGH" });
    let root = format!("{PREFIX}/v2");
    let paths = [(format!("{root}/bio-sessions"), &json!({})), (format!("{root}/init-liveness-session"), &legacy)];
    for (path, body) in paths.iter().chain([&("/video-server/init-liveness-session".to_owned(), &legacy)]) {
        for name in ["", "two words", "schlüssel", "\u{1f511}", long.as_str()] {
            let request = app.request(Method::POST, path).header("apikey", &app.key);
            let named = request.with(|request| request.header("idempotency-key", name.as_bytes()));
            let (status, code, message) = named.json(body).await.refusal();
            assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{path}: {name:?}");
            assert!(message.starts_with("Idempotency-Key: must have 1 to 255"), "{message}");
        }
    }
    let twice = app.post(SESSIONS).header("idempotency-key", "one").header("idempotency-key", "other");
    assert_eq!(twice.json(&json!({})).await.refusal().1, "MALFORMED_REQUEST");
    assert!(app.used().await.is_empty(), "nothing was opened");
}

async fn a_name_counts_while_its_session_lives(app: TestApp) {
    let open = async || {
        let reply = app.post(SESSIONS).header("idempotency-key", "one").json(&json!({ "ttlSeconds": 60 })).await;
        reply.header("location").expect("it says where").to_owned()
    };
    let first = open().await;
    app.deps.clock.advance(TimeDelta::seconds(60));
    let second = open().await;
    assert_ne!(first, second, "the first is over");
    assert_eq!(app.delete(&second).send().await.status, 204);
    let third = open().await;
    assert_ne!(second, third);
    assert_eq!(app.get(&third).send().await.status, 200);
}

async fn named_requests_at_once_open_one_session(app: TestApp) {
    let about = json!({});
    let open = || app.post(SESSIONS).header("idempotency-key", "one").json(&about);
    let replies = futures_util::future::join_all((0..12).map(|_| open())).await;
    let made: std::collections::BTreeSet<_> =
        replies.iter().map(|reply| reply.header("location").expect("it says where").to_owned()).collect();
    assert_eq!(made.len(), 1, "{made:?}");
}
