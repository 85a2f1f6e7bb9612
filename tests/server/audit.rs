//! Tests the audit log: its entries, their order, and their deletion.

use bioserver::domain::audit::Entry;
use bioserver::service::audit::check::{self, Checked, Error, Means, Snapshot};
use bioserver::service::audit::export::{Export, Period};
use bioserver::service::audit::recorder;
use bioserver::store::{self, Store};
use bioserver::tasks;
use chrono::TimeDelta;
use face::values::liveness::Reason;
use serde_json::{Value, json};

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::ending::{session_id, settle, with_image};
use crate::liveness::{Sealed, begin, tell};
use crate::sessions::open;

on_both!(
    background_work_is_recorded,
    a_part_of_the_log_is_exported_and_verified,
    what_is_too_old_is_deleted_and_the_rest_is_verified,
    nothing_is_answered_that_cannot_be_recorded,
    a_flood_of_wrong_keys_does_not_fill_the_log,
);

async fn checked(app: &TestApp) -> Result<Checked, Error> {
    let deps = &app.deps;
    let jwks = deps.signer.jwks();
    let means = Means { store: &deps.store, master: &deps.master, media: &deps.media, owner: deps.owner, jwks: &jwks };
    Snapshot::take(&means).await?.check().await
}

async fn export(app: &TestApp, period: Period) -> String {
    settle(app).await;
    let checked = checked(app).await.expect("it is as it was written");
    let deps = &app.deps;
    let mut export = Export::begin(&deps.store, &deps.signer, &checked, period, deps.clock.now());
    let mut text = String::new();
    while let Some(page) = export.page().await.expect("it reads") {
        text.push_str(&page);
    }
    text
}

/// Returns the entries of an export.
fn entries(export: &str) -> Vec<Entry> {
    let lines = export.lines().filter(|line| !line.starts_with("{\"audit\""));
    lines.map(|line| serde_json::from_str(line).expect("it is an entry")).collect()
}

async fn background_work_is_recorded(app: TestApp) {
    let about = json!({ "imageStorageEnabled": true, "ttlSeconds": 3600 });
    let session = open(&app, &about).await;
    for reasons in [vec![], vec![Reason::NoFace]] {
        tell(&app, &reasons);
        let sealed = Sealed::of(&begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await);
        assert_eq!(sealed.to(&app, &session).await.status, 202);
        settle(&app).await;
    }
    begin(&app, &session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    app.deps.clock.advance(TimeDelta::minutes(5));
    settle(&app).await;
    app.deps.clock.advance(TimeDelta::hours(2));
    for _ in 0..3 {
        settle(&app).await;
        app.deps.clock.advance(TimeDelta::minutes(1));
    }
    let entries = entries(&export(&app, Period::default()).await);
    let id = Some(session_id(&session));
    let outcomes = |operation: &str| -> Vec<String> {
        let found = entries.iter().filter(|entry| entry.operation == operation);
        found
            .map(|entry| {
                assert!(entry.request.is_none() && (entry.session == id || operation == "epochKeyErased"), "{entry:?}");
                entry.outcome.clone()
            })
            .collect()
    };
    assert_eq!(outcomes("checkDecided"), ["SUCCESS", "FAILED", "TIMEOUT"]);
    assert_eq!(outcomes("sessionExpired"), ["erased"]);
    assert_eq!(outcomes("imagesErased"), ["erased"]);
    assert!(!outcomes("epochKeyErased").is_empty());
}

async fn a_part_of_the_log_is_exported_and_verified(app: TestApp) {
    let begun = app.deps.clock.now();
    let hour = |count| begun.plus(TimeDelta::hours(count));
    for _ in 0..4 {
        open(&app, &json!({})).await;
        app.deps.clock.advance(TimeDelta::hours(1));
    }
    let jwks = app.deps.signer.jwks();
    let period = |from, to| Period { from, to };
    for (period, count) in [
        (period(Some(hour(1)), None), 3),
        (period(None, Some(hour(3))), 3),
        (period(Some(hour(1)), Some(hour(2))), 1),
        (period(Some(hour(9)), None), 0),
        (period(None, Some(begun)), 0),
    ] {
        let text = export(&app, period).await;
        let sessions = entries(&text).iter().filter(|entry| entry.operation == "createBioSession").count();
        assert_eq!(sessions, count, "{period:?}");
        check::export(text.as_bytes(), &jwks).expect("it is as it was signed");
    }
    // Lines of one export do not fit into another.
    let (whole, part) = (export(&app, Period::default()).await, export(&app, period(Some(hour(2)), None)).await);
    let (whole, part): (Vec<_>, Vec<_>) = (whole.lines().collect(), part.lines().collect());
    let forged = [&whole[..3], &part[1..]].concat().join("\n") + "\n";
    assert!(check::export(forged.as_bytes(), &jwks).is_err());
}

async fn what_is_too_old_is_deleted_and_the_rest_is_verified(app: TestApp) {
    for _ in 0..3 {
        open(&app, &json!({})).await;
    }
    let before = entries(&export(&app, Period::default()).await).len() as i64;
    app.deps.clock.advance(TimeDelta::days(app.deps.policy().audit_days) + TimeDelta::hours(1));
    open(&app, &json!({})).await;
    settle(&app).await;
    let checked = checked(&app).await.expect("it is as it was written");
    assert!(checked.before.seq >= before && checked.last.seq > checked.before.seq, "{checked:?}");
    let text = export(&app, Period::default()).await;
    assert!(entries(&text).iter().any(|entry| entry.operation == "createBioSession"));
    check::export(text.as_bytes(), &app.deps.signer.jwks()).expect("it is as it was signed");
    app.tamper("UPDATE audit_chain SET pruned = head").await;
    assert!(matches!(self::checked(&app).await, Err(Error::Pruned(_))));
}

/// Renames a table; while `audit_events` has another name, no entry can be written.
async fn rename(app: &TestApp, from: &str, to: &str) {
    let statement = sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
    match &app.deps.store {
        Store::Postgres(pool, _) => drop(sqlx::query(statement).execute(pool).await.expect("it is SQL")),
        Store::Sqlite(pools) => drop(sqlx::query(statement).execute(&pools.writer).await.expect("it is SQL")),
    }
}

async fn nothing_is_answered_that_cannot_be_recorded(app: TestApp) {
    let session = with_image(&app, 3600).await;
    rename(&app, "audit_events", "elsewhere").await;
    let refused = app.get(&session).send().await;
    assert_eq!((refused.refusal().0, refused.refusal().1.as_str()), (503, "DATABASE_UNAVAILABLE"));
    assert!(app.delete(&session).send().await.status >= 500);
    let unknown = "/v2/bio-sessions/01a22800-0000-7000-8000-000000000000";
    assert_eq!(app.get(unknown).header("x-request-id", "in-vain").send().await.status, 404, "it tells nothing");
    rename(&app, "elsewhere", "audit_events").await;
    assert_eq!(app.get(&session).send().await.status, 200, "it was not deleted");
    let entries = entries(&export(&app, Period::default()).await);
    let of = |request: &str| entries.iter().filter(|entry| entry.request.as_deref() == Some(request)).count();
    assert_eq!(of("in-vain"), 1, "it is written as soon as that can be");
}

async fn a_flood_of_wrong_keys_does_not_fill_the_log(app: TestApp) {
    // Starts at the beginning of a minute, however slow the machine is.
    let left = 60_000 - app.deps.clock.now().utc().timestamp_millis() % 60_000;
    app.deps.clock.advance(TimeDelta::milliseconds(left));
    for _ in 0..100 {
        let wrong = app
            .request(reqwest::Method::GET, &format!("{PREFIX}/v2/bio-sessions/01a22800-0000-7000-8000-000000000000"))
            .header("apikey", "bio_1_wrong");
        assert_eq!(wrong.send().await.status, 401);
    }
    app.deps.clock.advance(TimeDelta::minutes(2));
    recorder::flush(&app.deps).await;
    let entries = entries(&export(&app, Period::default()).await);
    let refused: Vec<Value> = entries
        .iter()
        .filter(|entry| entry.outcome == "401")
        .map(|entry| serde_json::to_value(entry).expect("it is JSON"))
        .collect();
    assert!(refused.len() < 100 && refused.iter().all(|entry| entry["who"] == "unknown" && entry["key"].is_null()));
    let times: u64 = refused.iter().map(|entry| entry["times"].as_u64().unwrap_or(1)).sum();
    assert_eq!(times, 100);
    let mut tx = app.deps.store.read().await.expect("it reads");
    assert!(!store::audit::is_waiting(&mut tx).await.expect("it reads"));
    drop(tx);
    tasks::settle(&app.deps).await.expect("every step succeeds");
}
