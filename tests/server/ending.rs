//! Sessions end on time, and nothing of them remains.

use std::path::{Path, PathBuf};

use bioserver::domain::{Limits, OwnerId, SessionId};
use bioserver::service::strays::{self, Strays};
use bioserver::service::{Deps, sessions};
use bioserver::{store, tasks};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;
use crate::both::{Database, Subject, on_both};
use crate::faces::upload;
use crate::session_faces::{JPEG, add};
use crate::sessions::open;

on_both!(
    what_has_ended_is_erased_whole,
    what_a_dead_node_was_to_erase_is_erased_by_another,
    a_deleted_session_is_erased_at_once,
    no_session_waits_for_a_place_of_media_that_is_away,
    a_face_is_deleted_while_the_place_of_media_is_away,
    media_that_no_session_leads_to_are_erased_when_they_are_old,
    many_strays_are_left_to_the_operator,
    another_servers_media_are_left_alone,
    more_than_one_batch_is_swept,
);

/// Lists the files anywhere under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Counts the images that are kept.
pub fn images(app: &TestApp) -> usize {
    files(&app.media_folder).iter().filter(|path| path.components().any(|part| part.as_os_str() == "sessions")).count()
}

/// Makes the media unavailable until [`Away::end`]: nothing can be put, read or erased there.
pub struct Away {
    folder: PathBuf,
    aside: PathBuf,
}

impl Away {
    pub fn begin(app: &TestApp) -> Self {
        let folder = app.media_folder.clone();
        let aside = folder.with_extension("aside");
        std::fs::rename(&folder, &aside).expect("it is there");
        std::fs::write(&folder, "no folder").expect("it can be written");
        Self { folder, aside }
    }

    pub fn end(self) {
        std::fs::remove_file(&self.folder).expect("it is there");
        std::fs::rename(&self.aside, &self.folder).expect("it is there");
    }
}

pub fn session_id(path: &str) -> SessionId {
    SessionId(path.split("/bio-sessions/").nth(1).expect("it is a session's path").parse().expect("it ends in an id"))
}

async fn is_in_store(app: &TestApp, session: SessionId) -> bool {
    let mut tx = app.deps.store.read().await.expect("it reads");
    let faces = store::faces::count(&mut tx, session).await.expect("it reads");
    let exists = store::sessions::exists(&mut tx, session).await.expect("it reads");
    assert!(exists || faces == 0, "a face without its session");
    exists
}

/// Opens a session that keeps images, and adds a face from an image.
pub async fn with_image(app: &TestApp, ttl_seconds: i64) -> String {
    let session = open(app, &json!({ "imageStorageEnabled": true, "ttlSeconds": ttl_seconds })).await;
    let reply = app.post(&format!("{session}/faces")).form(upload(JPEG)).await;
    assert_eq!(reply.status, 201);
    session
}

pub async fn settle(app: &TestApp) {
    tasks::settle(&app.deps).await.expect("every step succeeds");
}

async fn what_has_ended_is_erased_whole(app: TestApp) {
    let (short, long) = (with_image(&app, 60).await, with_image(&app, 90).await);
    // Time also passes by itself: a busy machine may need some seconds for this.
    app.deps.clock.advance(TimeDelta::seconds(40));
    settle(&app).await;
    assert!(is_in_store(&app, session_id(&short)).await);
    assert_eq!(images(&app), 2);
    app.deps.clock.advance(TimeDelta::seconds(20));
    assert_eq!(app.get(&short).send().await.status, 404, "at once, though not yet swept");
    settle(&app).await;
    assert!(!is_in_store(&app, session_id(&short)).await);
    assert!(is_in_store(&app, session_id(&long)).await);
    assert_eq!(images(&app), 1);
    assert_eq!(app.get(&long).send().await.status, 200);
}

async fn what_a_dead_node_was_to_erase_is_erased_by_another(app: TestApp) {
    let session = with_image(&app, 60).await;
    app.deps.clock.advance(TimeDelta::seconds(60));
    // The row is gone, and the node crashes before the image is erased.
    let ended = sessions::end(&app.deps, session_id(&session), app.deps.clock.now()).await.expect("it ends");
    assert_eq!(ended.map(|ended| ended.id), Some(session_id(&session)));
    assert!(!is_in_store(&app, session_id(&session)).await);
    // Another node takes the erasure, and crashes, too.
    let now = app.deps.clock.now();
    let mut tx = app.deps.store.begin().await.expect("it begins");
    let taken = store::erasures::take(&mut tx, now, now.plus(TimeDelta::seconds(60)), 10).await.expect("it takes");
    tx.commit().await.expect("it commits");
    assert_eq!(taken.len(), 1);
    settle(&app).await;
    assert_eq!(images(&app), 1, "it is left to the node that took it");
    app.deps.clock.advance(TimeDelta::seconds(60));
    settle(&app).await;
    assert_eq!(images(&app), 0);
}

async fn a_deleted_session_is_erased_at_once(app: TestApp) {
    let session = with_image(&app, 60).await;
    assert_eq!(app.delete(&session).send().await.status, 204);
    assert!(!is_in_store(&app, session_id(&session)).await);
    assert_eq!(app.delete(&session).send().await.status, 404);
    settle(&app).await;
    assert_eq!(images(&app), 0);
}

/// Does the same as [`settle`] while the media are unavailable: the only failure is that strays cannot be listed.
pub async fn settle_without_media(app: &TestApp) {
    let error = tasks::settle(&app.deps).await.expect_err("nothing can be listed there");
    assert!(error.to_string().contains("/media: "), "{error}");
}

/// Advances the clock by a minute, and runs every task.
async fn a_minute_later(app: &TestApp) {
    app.deps.clock.advance(TimeDelta::minutes(1));
    settle(app).await;
}

async fn no_session_waits_for_a_place_of_media_that_is_away(app: TestApp) {
    let kept = with_image(&app, 60).await;
    let deleted = with_image(&app, 3600).await;
    let plain = open(&app, &json!({ "ttlSeconds": 60 })).await;
    let away = Away::begin(&app);
    assert_eq!(app.delete(&deleted).send().await.status, 204);
    for _ in 0..3 {
        app.deps.clock.advance(TimeDelta::minutes(1));
        settle_without_media(&app).await;
    }
    for session in [&kept, &deleted, &plain] {
        assert!(!is_in_store(&app, session_id(session)).await);
    }
    away.end();
    assert_eq!(images(&app), 2);
    a_minute_later(&app).await;
    assert_eq!(images(&app), 0);
}

async fn a_face_is_deleted_while_the_place_of_media_is_away(app: TestApp) {
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 3600 })).await;
    let [one, other] = [add(&app, &session, JPEG).await, add(&app, &session, b"\xff\xd8\xff, another").await];
    let away = Away::begin(&app);
    for _ in 0..2 {
        assert_eq!(app.delete(&one).send().await.status, 204, "it can be repeated");
        settle_without_media(&app).await;
    }
    assert_eq!(app.delete(&format!("{session}/faces")).send().await.status, 204);
    assert_eq!(app.delete(&other).send().await.status, 204);
    assert_eq!(app.get(&one).send().await.refusal().1, "FACE_NOT_FOUND");
    away.end();
    assert_eq!(images(&app), 2);
    a_minute_later(&app).await;
    assert_eq!((images(&app), app.get(&session).send().await.status), (0, 200));
    let never = format!("{session}/faces/{}", SessionId::new());
    assert_eq!(app.delete(&never).send().await.refusal().1, "FACE_NOT_FOUND");
}

/// Puts an image of a session that is not in the database.
async fn stray(app: &TestApp, owner: OwnerId) -> String {
    let name = format!("{owner}/sessions/{}/{}", SessionId::new(), SessionId::new());
    app.deps.media.put(&name, JPEG.into()).await.expect("it is put");
    name
}

/// Returns the time after which every session that is alive now has ended.
fn longest_life(app: &TestApp) -> TimeDelta {
    TimeDelta::seconds(app.deps.policy().ttl_seconds_max) + TimeDelta::hours(3)
}

async fn media_that_no_session_leads_to_are_erased_when_they_are_old(app: TestApp) {
    let stray = stray(&app, app.deps.owner).await;
    settle(&app).await;
    assert_eq!(images(&app), 1, "its session may be about to be written");
    // A provider may be allowed longer sessions.
    let a_week = 7 * 86_400;
    app.limit(Limits { ttl_seconds_max: Some(a_week), ..Limits::default() }).await;
    app.deps.clock.advance(longest_life(&app));
    let alive = with_image(&app, a_week).await;
    settle(&app).await;
    assert_eq!(images(&app), 2);
    app.limit(Limits::default()).await;
    settle(&app).await;
    assert_eq!(app.deps.media.get(&stray).await.expect("it reads"), None);
    app.deps.clock.advance(longest_life(&app));
    settle(&app).await;
    assert_eq!((images(&app), app.get(&alive).send().await.status), (1, 200), "it is in the database");
}

async fn many_strays_are_left_to_the_operator(app: TestApp) {
    for _ in 0..11 {
        stray(&app, app.deps.owner).await;
    }
    app.deps.clock.advance(longest_life(&app));
    let found = strays::look(&app.deps).await.expect("it looks");
    settle(&app).await;
    assert_eq!((found, images(&app)), (Strays::TooMany(11), 11));
}

async fn another_servers_media_are_left_alone(app: TestApp) {
    with_image(&app, 60).await;
    stray(&app, app.deps.owner).await;
    // Another server with its own database shares the media.
    let other = Deps { owner: OwnerId::new(), ..app.deps.clone() };
    let empty = TestApp::on(Database::sqlite()).await;
    let other = Deps { store: empty.deps.store.clone(), ..other };
    other.clock.advance(longest_life(&app));
    tasks::settle(&other).await.expect("every step succeeds");
    assert_eq!(images(&app), 2);
}

async fn more_than_one_batch_is_swept(app: TestApp) {
    for _ in 0..130 {
        open(&app, &json!({ "ttlSeconds": 60 })).await;
    }
    app.deps.clock.advance(TimeDelta::seconds(69));
    let lag = async || app.request(Method::GET, "/health/ready").send().await.ok()["sweepLagSeconds"].clone();
    assert!((9..60).contains(&lag().await.as_i64().expect("a number")), "nobody has swept for 9 seconds");
    settle(&app).await;
    // A finding of a moment ago is out of date.
    app.deps.clock.advance(TimeDelta::seconds(1));
    assert_eq!(lag().await, 0);
}

#[tokio::test]
async fn a_face_whose_session_ends_meanwhile_is_refused_and_leaves_nothing() {
    let app = TestApp::on(Database::sqlite()).await;
    let refused = async |session: &str| {
        let reply = app.post(&format!("{session}/faces")).form(upload(JPEG)).await;
        assert_eq!(reply.refusal().1, "SESSION_NOT_FOUND");
        settle(&app).await;
        assert!(!is_in_store(&app, session_id(session)).await);
        assert_eq!(images(&app), 0, "an image stayed behind");
    };
    // The session's time is over.
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 60 })).await;
    let deps = app.deps.clone();
    app.script.meanwhile(async move { deps.clock.advance(TimeDelta::seconds(60)) });
    refused(&session).await;
    // The session's time is over, and it is swept.
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 60 })).await;
    let deps = app.deps.clone();
    app.script.meanwhile(async move {
        deps.clock.advance(TimeDelta::seconds(60));
        tasks::settle(&deps).await.expect("every step succeeds");
    });
    refused(&session).await;
}
