//! What a provider may ask for at once, and in a minute.

use std::sync::Arc;

use bioserver::domain::{Limits, Permission};
use bioserver::service::Policy;
use chrono::TimeDelta;
use reqwest::Method;

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::ending::Slow;
use crate::faces::upload;
use crate::shape::assert_shape;

on_both!(a_minutes_requests_are_counted);

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
    // All keys of a provider count together; others do not.
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

#[tokio::test]
async fn requests_under_way_are_counted() {
    let limits = Limits { requests_at_once: Some(1), ..Limits::default() };
    let slow = Arc::new(Slow::default());
    let app = TestApp::start_with(slow.clone(), Policy { limits, ..Policy::default() }).await;
    let (coding, is_coding) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = tokio::sync::oneshot::channel();
    slow.meanwhile(async move {
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
