//! Sessions end on time, and nothing of them stays.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bioserver::domain::SessionId;
use bioserver::service::sessions;
use bioserver::{store, tasks};
use chrono::TimeDelta;
use face::calibration::Origin;
use face::values::score::Score;
use face::{AgeEstimate, ComparedFace, DescribedFace, Error, FaceEngine, LivenessCapture, Picture, Verdict, spoof};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::json;
use testkit::script::Script;

use crate::app::TestApp;
use crate::both::on_both;
use crate::faces::upload;
use crate::session_faces::JPEG;
use crate::sessions::open;

on_both!(
    what_has_ended_is_erased_whole,
    a_sweep_that_died_half_way_is_ended_by_another,
    a_deleted_session_is_erased_at_once,
    media_that_no_session_leads_to_are_erased,
    more_than_one_batch_is_swept,
);

/// Files anywhere under a folder.
pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
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

/// A session that keeps images, with a face made from one.
async fn with_image(app: &TestApp, ttl_seconds: i64) -> String {
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
    app.deps.clock.advance(TimeDelta::seconds(59));
    settle(&app).await;
    assert!(is_in_store(&app, session_id(&short)).await);
    assert_eq!(files(&app.media_folder).len(), 2);
    app.deps.clock.advance(TimeDelta::seconds(1));
    assert_eq!(app.get(&short).send().await.status, 404, "at once, though not yet swept");
    settle(&app).await;
    assert!(!is_in_store(&app, session_id(&short)).await);
    assert!(is_in_store(&app, session_id(&long)).await);
    assert_eq!(files(&app.media_folder).len(), 1);
    assert_eq!(app.get(&long).send().await.status, 200);
}

async fn a_sweep_that_died_half_way_is_ended_by_another(app: TestApp) {
    let session = with_image(&app, 60).await;
    app.deps.clock.advance(TimeDelta::seconds(60));
    // Keys are destroyed, and the node dies before anything is erased.
    let taken = sessions::take_ended(&app.deps, app.deps.clock.now(), 10).await.expect("it takes");
    assert_eq!(taken.len(), 1);
    settle(&app).await;
    assert!(is_in_store(&app, session_id(&session)).await, "it is left to the node that took it");
    app.deps.clock.advance(TimeDelta::seconds(60));
    settle(&app).await;
    assert!(!is_in_store(&app, session_id(&session)).await);
    assert!(files(&app.media_folder).is_empty());
    // Or it dies after the media are gone, and before the rows are.
    let session = with_image(&app, 60).await;
    app.deps.clock.advance(TimeDelta::seconds(60));
    sessions::take_ended(&app.deps, app.deps.clock.now(), 10).await.expect("it takes");
    std::fs::remove_dir_all(app.media_folder.join("sessions")).expect("it is there");
    app.deps.clock.advance(TimeDelta::seconds(60));
    settle(&app).await;
    assert!(!is_in_store(&app, session_id(&session)).await);
}

async fn a_deleted_session_is_erased_at_once(app: TestApp) {
    let session = with_image(&app, 60).await;
    assert_eq!(app.delete(&session).send().await.status, 204);
    assert!(!is_in_store(&app, session_id(&session)).await);
    assert!(files(&app.media_folder).is_empty());
    assert_eq!(app.delete(&session).send().await.status, 404);
}

async fn media_that_no_session_leads_to_are_erased(app: TestApp) {
    with_image(&app, 60).await;
    let stray = format!("sessions/{}/{}", SessionId::new(), SessionId::new());
    app.deps.media.put(&stray, JPEG.into()).await.expect("it is put");
    assert_eq!(files(&app.media_folder).len(), 2);
    settle(&app).await;
    assert_eq!(files(&app.media_folder).len(), 1);
    assert_eq!(app.deps.media.get(&stray).await.expect("it reads"), None);
}

async fn more_than_one_batch_is_swept(app: TestApp) {
    for _ in 0..130 {
        open(&app, &json!({ "ttlSeconds": 60 })).await;
    }
    app.deps.clock.advance(TimeDelta::seconds(69));
    let lag = async || app.request(Method::GET, "/health/ready").send().await.ok()["sweepLagSeconds"].clone();
    assert!((9..60).contains(&lag().await.as_i64().expect("a number")), "nobody has swept for 9 seconds");
    settle(&app).await;
    assert_eq!(lag().await, 0);
}

/// Finds a face in every picture; meanwhile, something happens, once.
#[derive(Default)]
pub struct Slow {
    script: Script,
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Slow {
    pub fn meanwhile(&self, happens: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().expect("nobody panicked") = Some(happens.boxed());
    }
}

impl FaceEngine for Slow {
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>> {
        let meanwhile = self.meanwhile.lock().expect("nobody panicked").take();
        async move {
            if let Some(happens) = meanwhile {
                happens.await;
            }
            self.script.describe(picture).await
        }
        .boxed()
    }

    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>> {
        self.script.estimate_age(picture)
    }

    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>> {
        self.script.check_liveness(capture)
    }

    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score {
        self.script.score(reference, candidate)
    }

    fn pack(&self) -> &str {
        self.script.pack()
    }

    fn template_version(&self) -> u16 {
        self.script.template_version()
    }

    fn calibration(&self) -> Option<&Origin> {
        self.script.calibration()
    }

    fn spoof(&self) -> Option<&spoof::Origin> {
        self.script.spoof()
    }
}

#[tokio::test]
async fn a_face_whose_session_ends_meanwhile_is_refused_and_leaves_nothing() {
    let slow = Arc::new(Slow::default());
    let app = TestApp::with(slow.clone()).await;
    let refused = async |session: &str| {
        let reply = app.post(&format!("{session}/faces")).form(upload(JPEG)).await;
        assert_eq!(reply.refusal().1, "SESSION_NOT_FOUND");
        settle(&app).await;
        assert!(!is_in_store(&app, session_id(session)).await);
        assert!(files(&app.media_folder).is_empty(), "an image stayed behind");
    };
    // Its time is over.
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 60 })).await;
    let deps = app.deps.clone();
    slow.meanwhile(async move { deps.clock.advance(TimeDelta::seconds(60)) });
    refused(&session).await;
    // Its time is over, and it is swept.
    let session = open(&app, &json!({ "imageStorageEnabled": true, "ttlSeconds": 60 })).await;
    let deps = app.deps.clone();
    slow.meanwhile(async move {
        deps.clock.advance(TimeDelta::seconds(60));
        tasks::settle(&deps).await.expect("every step succeeds");
    });
    refused(&session).await;
}
