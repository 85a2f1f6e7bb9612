//! An attacker who can write to the database, but has no key, cannot get anything false signed.

use bioserver::domain::Permission;
use bioserver::domain::liveness::LivenessStatus;
use bioserver::seal::Key;
use bioserver::service::attestations;
use bioserver::service::liveness::captures;
use bioserver::sign::Algorithm;
use bioserver::store;
use bioserver::store::sessions::StoredSession;
use chrono::TimeDelta;
use face::values::liveness::Reason;
use serde_json::json;

use crate::app::TestApp;
use crate::attestation::{self, BackEnd};
use crate::both::on_both;
use crate::ending::{images, session_id, settle};
use crate::liveness::{Sealed, begin, state, status_path, tell};
use crate::session_faces::{JPEG, add};
use crate::sessions::open;

on_both!(
    a_decision_that_was_written_into_the_database_is_not_signed,
    the_result_of_another_check_is_not_signed,
    keys_that_were_written_into_the_database_attest_nobody,
    a_session_whose_row_was_changed_is_not_signed,
    a_session_from_before_there_were_epochs_works_until_it_ends,
);

const PASSIVE: &str = "LIVENESS_PASSIVE";

async fn spoof(app: &TestApp, session: &str) {
    tell(app, &[Reason::SpoofNetwork]);
    Sealed::of(&begin(app, session, &json!({ "type": PASSIVE })).await).to(app, session).await;
    settle(app).await;
    assert_eq!(state(app, session).await["status"], "SPOOF");
}

/// Reading the stored data is now an internal error, and the answer reveals nothing.
async fn is_refused(app: &TestApp, path: &str) {
    let reply = app.get(path).send().await;
    assert_eq!((reply.status, reply.refusal().1.as_str()), (500, "INTERNAL_ERROR"), "{path}");
    assert!(reply.json().get("signature").is_none());
}

async fn a_decision_that_was_written_into_the_database_is_not_signed(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    spoof(&app, &session).await;
    for forged in [
        "UPDATE replays SET status = 'SUCCESS'",
        "UPDATE replays SET status = 'FAILED'",
        "UPDATE replays SET status = 'ERROR'",
        "UPDATE replays SET status = 'TIMEOUT'",
        "UPDATE replays SET status = 'INITIALIZED'",
        "UPDATE replays SET status = 'IN_PROGRESS'",
    ] {
        app.tamper(forged).await;
        is_refused(&app, &status_path(&session)).await;
        is_refused(&app, &format!("{session}/liveness-challenge-result")).await;
    }
    app.tamper("UPDATE replays SET status = 'SPOOF'").await;
    assert_eq!(state(&app, &session).await["status"], "SPOOF", "it is as it was");
    // There is no result.
    for forged in ["UPDATE replays SET status = 'SUCCESS', result_sealed = NULL", "UPDATE replays SET status = 'ERROR'"]
    {
        app.tamper(forged).await;
        is_refused(&app, &status_path(&session)).await;
    }
    app.tamper("UPDATE replays SET status = 'TIMEOUT'").await;
    is_refused(&app, &status_path(&session)).await;
    // The due time is later than the check allows.
    begin(&app, &session, &json!({ "type": PASSIVE })).await;
    app.tamper(
        app.dialect("UPDATE replays SET due = due + 1000", "UPDATE replays SET due = due + interval '1 second'"),
    )
    .await;
    is_refused(&app, &status_path(&session)).await;
    is_refused(&app, &format!("{session}/liveness-parameters")).await;
}

async fn the_result_of_another_check_is_not_signed(app: TestApp) {
    let session = open(&app, &json!({ "ttlSeconds": 3600 })).await;
    let id = session_id(&session);
    tell(&app, &[]);
    Sealed::of(&begin(&app, &session, &json!({ "type": PASSIVE })).await).to(&app, &session).await;
    let first = captures::take(&app.deps).await.expect("it takes").expect("one waits");
    captures::perform(&app.deps, &first).await.expect("it is looked at");
    assert_eq!(state(&app, &session).await["status"], "SUCCESS");
    let mut tx = app.deps.store.read().await.expect("it reads");
    let result = store::liveness::find(&mut tx, id).await.expect("it reads").expect("it is there").result_sealed;
    drop(tx);
    let result = result.expect("it has one");

    // An attacker puts the result in place of the next check's, and the capture in place of the next one's.
    tell(&app, &[Reason::SpoofNetwork]);
    Sealed::of(&begin(&app, &session, &json!({ "type": PASSIVE })).await).to(&app, &session).await;
    let mut second = captures::take(&app.deps).await.expect("it takes").expect("one waits");
    second.capture_sealed.clone_from(&first.capture_sealed);
    captures::perform(&app.deps, &second).await.expect_err("it is the capture of another check");
    let mut tx = app.deps.store.begin().await.expect("it begins");
    assert!(store::liveness::finish(&mut tx, &second, LivenessStatus::Success, &result).await.expect("it writes"));
    tx.commit().await.expect("it commits");
    is_refused(&app, &status_path(&session)).await;
}

async fn keys_that_were_written_into_the_database_attest_nobody(app: TestApp) {
    let (ours, theirs) = (BackEnd::new(&app, Algorithm::Es256, "ours"), BackEnd::new(&app, Algorithm::Es256, "theirs"));
    app.make_key("attacker", &Permission::ALL, None).await;
    attestation::register(&app, "provider", &[&ours.jwk], true).await;
    attestation::register(&app, "attacker", &[&theirs.jwk], false).await;
    app.tamper(
        "UPDATE providers SET attestation_sealed =
             (SELECT attestation_sealed FROM providers WHERE name = 'attacker') WHERE name = 'provider'",
    )
    .await;
    let session = attestation::send(&app, |payload| Some(theirs.attests(&payload))).await;
    for _ in 0..4 {
        settle(&app).await;
        app.deps.clock.advance(TimeDelta::seconds(2));
    }
    let status = state(&app, &session).await;
    assert_eq!((&status["status"], status.get("attestation")), (&json!("ERROR"), None));
    // The operator registers the keys again.
    attestations::remove(&app.deps.store, &app.deps.master, "provider", app.deps.clock.now()).await.expect("they go");
    attestation::register(&app, "provider", &[&ours.jwk], true).await;
    let session = attestation::send(&app, |payload| Some(ours.attests(&payload))).await;
    settle(&app).await;
    assert_eq!(state(&app, &session).await["attestation"]["attested"], true);
}

async fn a_session_whose_row_was_changed_is_not_signed(app: TestApp) {
    let about = json!({ "ttlSeconds": 3600, "correlationId": "mine" });
    let session = open(&app, &about).await;
    let face = add(&app, &session, JPEG).await;
    tell(&app, &[]);
    Sealed::of(&begin(&app, &session, &json!({ "type": PASSIVE })).await).to(&app, &session).await;
    settle(&app).await;
    let all = [session.clone(), face.clone(), format!("{face}/matches"), status_path(&session)];
    let longer = app.dialect(
        "UPDATE sessions SET expires = expires + 1000",
        "UPDATE sessions SET expires = expires + interval '1 second'",
    );
    let back = app.dialect(
        "UPDATE sessions SET expires = expires - 1000",
        "UPDATE sessions SET expires = expires - interval '1 second'",
    );
    let flip = app.dialect(
        "UPDATE sessions SET image_storage_enabled = 1 - image_storage_enabled",
        "UPDATE sessions SET image_storage_enabled = NOT image_storage_enabled",
    );
    let earlier = app.dialect(
        "UPDATE sessions SET created = created - 1000",
        "UPDATE sessions SET created = created - interval '1 second'",
    );
    let later = app.dialect(
        "UPDATE sessions SET created = created + 1000",
        "UPDATE sessions SET created = created + interval '1 second'",
    );
    for (forged, undone) in [(longer, back), (flip, flip), (earlier, later)] {
        app.tamper(forged).await;
        for path in &all {
            is_refused(&app, path).await;
        }
        app.tamper(undone).await;
        for path in &all {
            assert_eq!(app.get(path).send().await.status, 200, "{path}");
        }
    }
    // Plain-text names, from before epochs, are ignored.
    app.tamper("UPDATE sessions SET correlation_id = 'forged'").await;
    assert_eq!(app.get(&session).send().await.ok()["correlationId"], "mine");
    app.tamper("UPDATE sessions SET about_sealed = NULL").await;
    is_refused(&app, &session).await;
    app.tamper("UPDATE sessions SET epoch = NULL").await;
    is_refused(&app, &session).await;
    app.deps.clock.advance(TimeDelta::hours(2));
    settle(&app).await;
    assert_eq!(app.get(&session).send().await.status, 404, "it ends all the same");
}

async fn a_session_from_before_there_were_epochs_works_until_it_ends(app: TestApp) {
    let (now, provider) = (app.deps.clock.now(), app.caller().await.provider);
    let new = crate::store::sessions::session(provider, now, now.plus(TimeDelta::hours(1)));
    let key_sealed = app.deps.master.wrap(&format!("sessions/{}/key", new.id), &Key::make());
    let old = StoredSession { owner: None, has_callback: false, callback_url: None, key_sealed, ..new };
    let mut tx = app.deps.store.begin().await.expect("it begins");
    store::sessions::insert(&mut tx, &old).await.expect("it writes");
    tx.commit().await.expect("it commits");
    let session = format!("/v2/bio-sessions/{}", old.id);
    assert_eq!(app.get(&session).send().await.ok()["correlationId"], "correlation");
    let face = add(&app, &session, JPEG).await;
    assert_eq!(app.get(&format!("{face}/image")).send().await.body, JPEG);
    tell(&app, &[]);
    Sealed::of(&begin(&app, &session, &json!({ "type": PASSIVE })).await).to(&app, &session).await;
    settle(&app).await;
    assert_eq!(state(&app, &session).await["status"], "SUCCESS");
    assert_eq!(images(&app), 2);
    app.deps.clock.advance(TimeDelta::hours(1));
    settle(&app).await;
    assert_eq!((images(&app), app.get(&session).send().await.status), (0, 404));
}
