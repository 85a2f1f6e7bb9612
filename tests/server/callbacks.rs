//! Tests the callbacks that a provider receives once a liveness check has ended.

use std::time::Duration;

use bioserver::domain::callback::CallbackStatus;
use bioserver::service::callbacks;
use chrono::TimeDelta;
use face::Verdict;
use face::values::liveness::Reason;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::TestApp;
use crate::both::on_both;
use crate::ending::settle;
use crate::liveness::{Sealed, begin, frame};
use crate::sessions::open;

on_both!(
    a_provider_is_told_of_every_end,
    a_receiver_that_fails_is_told_again_and_later,
    nobody_is_told_of_a_session_that_has_ended,
    a_receiver_that_wants_no_more_is_told_no_more,
);

/// The time to wait for a call; a later call counts as missing.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers each call with the next of these statuses; returns the calls that it received.
async fn receiver(statuses: &'static [u16]) -> (String, JoinHandle<Vec<(String, Value)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}/callback", listener.local_addr().expect("it has an address"));
    let receiving = tokio::spawn(async move {
        let mut told = vec![];
        for status in statuses {
            let called = tokio::time::timeout(PATIENCE, listener.accept()).await.expect("somebody calls in time");
            let (mut stream, _) = called.expect("somebody calls");
            let mut text = vec![];
            while !text.ends_with(b"}") {
                let mut part = [0; 1024];
                let len = stream.read(&mut part).await.expect("it reads");
                text.extend_from_slice(&part[..len]);
            }
            let text = String::from_utf8(text).expect("it is text");
            let (head, body) = text.split_once("\r\n\r\n").expect("it has a body");
            told.push((head.to_owned(), serde_json::from_str(body).expect("it is JSON")));
            let answer = format!("HTTP/1.1 {status} As told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("it writes");
        }
        told
    });
    (url, receiving)
}

fn id(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("webhook-id: ")).expect("it has an id")
}

async fn standing(app: &TestApp) -> Vec<(CallbackStatus, i64)> {
    let listed = callbacks::list(&app.deps.store).await.expect("it reads");
    listed.into_iter().map(|callback| (callback.status, callback.attempts)).collect()
}

/// Opens a session and sends its capture.
async fn captured(app: &TestApp, url: &str) -> String {
    let session = open(app, &json!({ "callbackURL": url, "ttlSeconds": 3600 })).await;
    let sealed = Sealed::of(&begin(app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    assert_eq!(sealed.to(app, &session).await.status, 202);
    session
}

async fn a_provider_is_told_of_every_end(app: TestApp) {
    let (url, receiving) = receiver(&[204, 200, 204]).await;
    let mut sessions = vec![captured(&app, &url).await];
    settle(&app).await;
    let refused = Verdict { reasons: vec![Reason::FlatMotion], measures: vec![], best: None };
    app.script.tell_replay(frame(0), Ok(refused));
    sessions.push(captured(&app, &url).await);
    settle(&app).await;
    // A capture that never arrives.
    let session = open(&app, &json!({ "callbackURL": url, "ttlSeconds": 3600 })).await;
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    app.deps.clock.advance(TimeDelta::minutes(5));
    settle(&app).await;
    settle(&app).await;
    sessions.push(session);
    let told = receiving.await.expect("it ended");
    for (session, (head, body)) in sessions.iter().zip(&told) {
        assert!(head.starts_with("POST /callback HTTP/1.1"), "{head}");
        let about = session.rsplit('/').next().expect("it ends in an id");
        assert_eq!(body, &json!({ "sessionId": about }));
    }
    assert_eq!(standing(&app).await, [(CallbackStatus::Delivered, 1); 3]);
    // A session without a URL causes no callback.
    let silent = open(&app, &json!({})).await;
    Sealed::of(&begin(&app, &silent, &json!({ "type": "LIVENESS_PASSIVE" })).await).to(&app, &silent).await;
    settle(&app).await;
    assert_eq!(standing(&app).await.len(), 3);
}

async fn a_receiver_that_fails_is_told_again_and_later(app: TestApp) {
    let (url, receiving) = receiver(&[500, 302, 204]).await;
    captured(&app, &url).await;
    settle(&app).await;
    // The retry does not follow at once.
    settle(&app).await;
    assert_eq!(standing(&app).await, [(CallbackStatus::Owed, 1)]);
    for attempts in 2..=3 {
        app.deps.clock.advance(TimeDelta::seconds(3));
        settle(&app).await;
        assert_eq!(standing(&app).await[0].1, attempts);
    }
    let told = receiving.await.expect("it ended");
    assert_eq!(standing(&app).await, [(CallbackStatus::Delivered, 3)]);
    assert!(told.iter().all(|(head, body)| id(head) == id(&told[0].0) && *body == told[0].1), "it is the same one");
    // An operator may retry a callback.
    let (url, receiving) = receiver(&[204]).await;
    captured(&app, &url).await;
    settle(&app).await;
    receiving.await.expect("it ended");
    let listed = callbacks::list(&app.deps.store).await.expect("it reads");
    let now = app.deps.clock.now();
    assert_eq!(callbacks::retry(&app.deps.store, Some(listed[0].id), now).await.expect("it writes"), 1);
    assert_eq!(standing(&app).await[0], (CallbackStatus::Owed, 0));
}

async fn nobody_is_told_of_a_session_that_has_ended(app: TestApp) {
    let (url, receiving) = receiver(&[503]).await;
    let session = captured(&app, &url).await;
    settle(&app).await;
    receiving.await.expect("it ended");
    assert_eq!(standing(&app).await, [(CallbackStatus::Owed, 1)]);
    assert_eq!(app.delete(&session).send().await.status, 204);
    settle(&app).await;
    assert_eq!(standing(&app).await, []);
}

async fn a_receiver_that_wants_no_more_is_told_no_more(app: TestApp) {
    let (url, receiving) = receiver(&[410]).await;
    captured(&app, &url).await;
    settle(&app).await;
    receiving.await.expect("it ended");
    app.deps.clock.advance(TimeDelta::minutes(10));
    settle(&app).await;
    assert_eq!(standing(&app).await, [(CallbackStatus::Dead, 1)]);
    let now = app.deps.clock.now();
    assert_eq!(callbacks::retry(&app.deps.store, None, now).await.expect("it writes"), 1);
    assert_eq!(standing(&app).await, [(CallbackStatus::Owed, 0)]);
}
