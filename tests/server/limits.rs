//! Tests the limits of a provider on concurrent requests and on requests per minute.

use bioserver::domain::{Limits, Permission};
use bioserver::service::Policy;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::faces::upload;
use crate::liveness::{begin, send, status_path};
use crate::sessions::open;
use crate::shape::assert_shape;

on_both!(a_minutes_requests_are_counted, a_token_has_a_budget_of_its_own);

const CAPABILITIES: &str = "/v2/capabilities";

async fn a_minutes_requests_are_counted(app: TestApp) {
    app.limit(Limits { requests_per_minute: Some(6), ..Limits::default() }).await;
    let ask = async || app.get(CAPABILITIES).send().await;
    for _ in 0..6 {
        assert_eq!(ask().await.status, 200);
    }
    let reply = ask().await;
    assert_eq!(reply.status, 429);
    let wait: i64 = reply.header("retry-after").expect("it says when").parse().expect("a number of seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    // All keys of a provider count together; other providers are separate.
    let own = app.make_key("provider", &Permission::ALL, None).await;
    let stranger = app.make_key("stranger", &Permission::ALL, None).await;
    let with = async |key: &str| {
        let request = app.request(Method::GET, &format!("{PREFIX}{CAPABILITIES}"));
        request.header("apikey", key).send().await.status
    };
    assert_eq!((with(&own).await, with(&stranger).await), (429, 200));
    app.deps.clock.advance(TimeDelta::seconds(wait));
    assert_eq!(ask().await.status, 200);
    assert_eq!(ask().await.status, 429);
}

async fn a_token_has_a_budget_of_its_own(app: TestApp) {
    let session = open(&app, &json!({})).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let reply = app.post(&format!("{session}/capture-token")).send().await;
    let token = format!("Bearer {}", reply.ok()["token"].as_str().expect("it is there"));
    app.limit(Limits { requests_per_minute: Some(6), ..Limits::default() }).await;
    let bearing =
        |method: Method, path: &str| app.request(method, &format!("{PREFIX}{path}")).header("authorization", &token);
    // Refused captures count towards the few that a token allows.
    let capture =
        async || send(bearing(Method::POST, &format!("{session}/replay-liveness")), "no capture".into()).await;
    for _ in 0..6 {
        assert_eq!(capture().await.refusal().1, "CAPTURE_MALFORMED");
    }
    let reply = capture().await;
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").is_some());
    // Status requests of a token are counted separately, and both are separate from its provider's.
    let mut answered = 0;
    while bearing(Method::GET, &status_path(&session)).send().await.status == 200 {
        answered += 1;
        assert!(answered < 1000, "there is no end");
    }
    assert!(answered >= 80, "{answered}");
    for _ in 0..6 {
        assert_eq!(app.get(CAPABILITIES).send().await.status, 200);
    }
    assert_eq!(app.get(CAPABILITIES).send().await.status, 429);
    // Requests with a key count towards its provider's limits.
    app.limit(Limits::default()).await;
    for _ in 0..9 {
        let reply = send(app.post(&format!("{session}/replay-liveness")), "no capture".into()).await;
        assert_eq!(reply.refusal().1, "CAPTURE_MALFORMED");
    }
}

#[tokio::test]
async fn requests_under_way_are_counted() {
    let limits = Limits { requests_at_once: Some(1), ..Limits::default() };
    let app = TestApp::with_policy(Policy { limits, ..Policy::default() }).await;
    let (coding, is_coding) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = tokio::sync::oneshot::channel();
    app.script.meanwhile(async move {
        coding.send(()).expect("the test waits");
        may_go_on.await.expect("the test lets it go on");
    });
    let first = app.post("/v2/faces").form(upload(b"face"));
    let others = async {
        is_coding.await.expect("it is being described");
        let reply = app.get(CAPABILITIES).send().await;
        assert_shape(&app, "too-much-at-once", &reply);
        go_on.send(()).expect("it waits");
        reply.status
    };
    let (first, other) = tokio::join!(first, others);
    assert_eq!((first.status, other), (200, 429));
    assert_eq!(app.get(CAPABILITIES).send().await.status, 200, "the first has ended");
}
