//! Tests readiness, part by part, and background work that panics.

use std::time::Duration;

use bioserver::service::{Policy, time};
use bioserver::tasks::{self, self_test};
use chrono::TimeDelta;
use face::{Error, samples};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::app::{Reply, TestApp};
use crate::both::{Database, Subject, on_both};
use crate::liveness::{Sealed, begin};
use crate::sessions::open;

on_both!(
    each_part_has_a_name,
    media_that_cannot_be_written_are_reported,
    networks_that_fail_are_reported,
    a_sweep_that_lags_is_reported,
    tasks_that_have_stopped_are_reported,
);

async fn ready(app: &TestApp) -> Reply {
    // The cached result of a moment ago expires.
    app.deps.clock.advance(TimeDelta::seconds(5));
    app.request(Method::GET, "/health/ready").send().await
}

fn part(reply: &Reply, name: &str) -> Value {
    let parts = reply.json()["checks"].as_array().expect("there are some").clone();
    parts.into_iter().find(|part| part["name"] == name).expect("it is named")
}

/// Asserts that this part alone is down, with these words.
async fn is_down(app: &TestApp, name: &str, words: &str) {
    let reply = ready(app).await;
    let (status, code, message) = reply.refusal();
    assert_eq!((status, code.as_str(), message), (503, "NOT_READY", format!("Not ready: {name} {words}.")));
    assert_eq!(part(&reply, name), json!({ "name": name, "status": "DOWN", "detail": words }));
}

async fn each_part_has_a_name(app: TestApp) {
    let reply = ready(&app).await.ok();
    let parts = reply["checks"].as_array().expect("there are some");
    let names: Vec<_> = parts.iter().map(|part| part["name"].as_str().expect("it is text")).collect();
    assert_eq!(names, ["database", "media", "sweep", "callbacks", "clock", "tasks", "workers", "inference"]);
    assert!(parts.iter().all(|part| part["status"] == "UP"), "{reply}");
}

async fn media_that_cannot_be_written_are_reported(app: TestApp) {
    std::fs::remove_dir(&app.media_folder).expect("it is empty");
    std::fs::write(&app.media_folder, "in the way").expect("it can be written");
    is_down(&app, "media", "can be neither written nor read").await;
    std::fs::remove_file(&app.media_folder).expect("it is there");
    ready(&app).await.ok();
    assert!(!app.media_folder.join("probes").exists(), "something stayed behind");
}

async fn networks_that_fail_are_reported(app: TestApp) {
    app.script.tell(samples::PORTRAIT, Err(Error::Busy { retry_after: Duration::from_secs(1) }));
    self_test::step(&app.deps).await.expect("it ends");
    ready(&app).await.ok();
    app.script.tell(samples::PORTRAIT, Err(Error::NoFace));
    self_test::step(&app.deps).await.expect("it ends");
    is_down(&app, "inference", "does not find the face in a portrait").await;
    app.script.tell(samples::PORTRAIT, Ok(testkit::script::face(samples::PORTRAIT)));
    self_test::step(&app.deps).await.expect("it ends");
    ready(&app).await.ok();
}

async fn a_sweep_that_lags_is_reported(app: TestApp) {
    open(&app, &json!({ "ttlSeconds": 10 })).await;
    app.deps.clock.advance(TimeDelta::seconds(200));
    let reply = ready(&app).await;
    assert!(reply.ok()["sweepLagSeconds"].as_i64().expect("a number") >= 190);
    let sweep = part(&reply, "sweep");
    assert_eq!(sweep["status"], "DEGRADED");
    assert!(sweep["detail"].as_str().expect("it is said").ends_with(" s behind"), "{sweep}");
    tasks::settle(&app.deps).await.expect("it settles");
    let reply = ready(&app).await;
    assert_eq!((&reply.ok()["sweepLagSeconds"], &part(&reply, "sweep")["status"]), (&json!(0), &json!("UP")));
}

async fn tasks_that_have_stopped_are_reported(app: TestApp) {
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(tasks::run(app.deps.clone(), stopped));
    while app.deps.clock.monotonic() < Duration::from_secs(1) {
        tokio::task::yield_now().await;
    }
    ready(&app).await.ok();
    stop.send(true).expect("it runs");
    running.await.expect("it ended");
    app.deps.clock.advance(TimeDelta::hours(3));
    let reply = ready(&app).await;
    assert_eq!(reply.refusal().0, 503);
    let detail = part(&reply, "tasks")["detail"].as_str().expect("it is said").to_owned();
    for task in ["deliver", "erase", "liveness", "self-test", "strays", "sweep", "time", "usage"] {
        assert!(detail.contains(task), "{detail}");
    }
}

#[tokio::test]
async fn a_step_that_panics_is_counted_and_its_task_goes_on() {
    let policy = Policy { check_lease: Duration::from_secs(1), ..Policy::default() };
    let app = TestApp::with_policy(policy).await;
    app.script.meanwhile(async { panic!("as told") });
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    let sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
    assert_eq!(sealed.to(&app, &session).await.status, 202);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(tasks::run(app.deps.clone(), stopped));
    while app.deps.vitals.panics() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The lease of the attempt that panicked expires, and another attempt follows.
    let path = format!("{}/replay-liveness-metadata", session.replace("/v2/", "/v3/"));
    while app.get(&path).send().await.ok()["status"] == "IN_PROGRESS" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(app.get(&path).send().await.ok()["status"], "SUCCESS");
    let reply = ready(&app).await;
    reply.ok();
    assert_eq!(part(&reply, "tasks")["detail"], "have panicked 1 times and were restarted");
    drop(stop);
    running.await.expect("no panic ends it");
}

#[tokio::test]
async fn a_clock_that_is_wrong_ends_no_session_where_the_database_has_its_own() {
    let app = TestApp::on(Database::postgres()).await;
    let session = open(&app, &json!({ "ttlSeconds": 300 })).await;
    time::follow(&app.deps.store, &app.deps.clock).await.expect("it answers");
    for minutes in [10, -20] {
        app.deps.clock.set(TimeDelta::minutes(minutes));
        let reply = ready(&app).await;
        reply.ok();
        let clock = part(&reply, "clock");
        let words = if minutes > 0 { "s ahead of the database's" } else { "s behind the database's" };
        assert_eq!(clock["status"], "DEGRADED");
        assert!(clock["detail"].as_str().expect("it is said").contains(words), "{clock}");
        tasks::settle(&app.deps).await.expect("it settles");
        assert_eq!(app.get(&session).send().await.status, 200);
    }
    // The session expires.
    app.deps.clock.advance(TimeDelta::seconds(300));
    tasks::settle(&app.deps).await.expect("it settles");
    assert_eq!(app.get(&session).send().await.status, 404);
}
