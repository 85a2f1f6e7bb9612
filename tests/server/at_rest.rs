//! Data at rest is unreadable without the session's key, and the key is deleted first.

use std::sync::Arc;

use bioserver::domain::Moment;
use bioserver::service::sessions::{self, NewSession};
use bioserver::service::{Deps, Policy};
use bioserver::store::sessions::StoredSession;
use bioserver::{store, tasks};
use bytes::Bytes;
use chrono::TimeDelta;
use face::values::template::Template;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both::on_both;
use crate::ending::{files, session_id};
use crate::faces::upload_as;
use crate::sessions::open;

on_both!(
    nothing_about_a_person_can_be_read_at_rest,
    an_old_copy_of_the_database_opens_nothing_once_the_epoch_is_over,
    nodes_that_begin_an_epoch_at_once_have_one_key,
    sessions_are_opened_though_the_key_of_the_hour_was_lost,
);

const FRIENDLY_NAME: &str = "Ludmilla Zweistein";
const CORRELATION: &str = "correlation-3735928559";
const EVIDENCE: &str = "evidence-4276993775";
const CONSENT: &str = "consent-3203383023";
const CALLBACK: &str = "https://93.184.216.34/callback-3405691582";

/// Returns everything that is stored on disk: the database, its log, images.
fn at_rest(app: &TestApp) -> Vec<Bytes> {
    let mut found: Vec<Bytes> =
        files(&app.media_folder).iter().map(|path| std::fs::read(path).expect("it can be read").into()).collect();
    found.extend(app.database_at_rest());
    found
}

fn is_among(found: &[Bytes], needle: &[u8]) -> bool {
    // pg_dump writes bytes in hex.
    let hex = needle.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let holds = |bytes: &Bytes, needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    found.iter().any(|bytes| holds(bytes, needle) || holds(bytes, hex.as_bytes()))
}

/// The values that must not be found, by name.
fn secrets(face: &Value, image: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = face["template"].as_str().expect("it has a template");
    let template = Template::decode(text).expect("it is a template");
    let values = |bytes: fn(f32) -> Vec<u8>| template.values().iter().take(8).flat_map(|value| bytes(*value)).collect();
    let digest = face["digest"].as_str().expect("it has a digest");
    vec![
        ("the template's text", text.as_bytes()[16..48].to_vec()),
        ("the template's values", values(|value| value.to_le_bytes().to_vec())),
        ("the image", image[200..232].to_vec()),
        ("the image's digest", digest.as_bytes()[..32].to_vec()),
        ("the correlation id", CORRELATION.into()),
        ("the evidence id", EVIDENCE.into()),
        ("the consent reference", CONSENT.into()),
        ("the callback URL", CALLBACK.into()),
        ("the friendly name", FRIENDLY_NAME.as_bytes().to_vec()),
        ("the friendly name in part", FRIENDLY_NAME.as_bytes()[..8].to_vec()),
    ]
}

async fn nothing_about_a_person_can_be_read_at_rest(app: TestApp) {
    let about = json!({
        "imageStorageEnabled": true, "correlationId": CORRELATION, "evidenceId": EVIDENCE, "callbackURL": CALLBACK,
        "consentReference": CONSENT,
    });
    let session = open(&app, &about).await;
    let mut image = b"\xff\xd8\xff".to_vec();
    image.extend((0..5000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8));
    let form = upload_as(&image, &json!({ "imageType": "SELFIE", "friendlyName": FRIENDLY_NAME }));
    let made = app.post(&format!("{session}/faces")).form(form).await;
    let face = app.get(made.header("location").expect("it is made")).send().await.ok();
    let mut tx = app.deps.store.read().await.expect("it reads");
    let now = app.deps.clock.now();
    let provider = app.caller().await.provider;
    let live = store::sessions::find(&mut tx, provider, session_id(&session), now).await.expect("it reads");
    drop(tx);
    let key_sealed = live.expect("it is alive").key_sealed;

    let living = at_rest(&app);
    assert!(living.len() > 1);
    assert!(is_among(&living, &key_sealed), "what is not sealed is found: the search works");
    for (name, secret) in secrets(&face, &image) {
        assert!(!is_among(&living, &secret), "{name} can be read while the session lives");
    }

    assert_eq!(app.delete(&session).send().await.status, 204);
    tasks::settle(&app.deps).await.expect("every step succeeds");
    let ended = at_rest(&app);
    assert!(!is_among(&ended, &key_sealed), "the session's sealed key has outlived it");
    for (name, secret) in secrets(&face, &image) {
        assert!(!is_among(&ended, &secret), "{name} has outlived its session");
    }
}

/// Reads a session as an attacker could who has a copy of its row, the master key, and the media in their current
/// state.
async fn read(app: &TestApp, copy: &StoredSession) -> Result<Vec<u8>, &'static str> {
    let (id, epoch) = (copy.id, copy.epoch.expect("it has one"));
    let sealed = app.deps.media.get(&format!("{}/keys/{epoch}", app.deps.owner)).await.expect("it reads");
    let sealed = sealed.ok_or("the key of the epoch is gone")?;
    let hour_ms = 3_600_000;
    let ends_ms = (copy.expires.utc().timestamp_millis() + hour_ms - 1) / hour_ms * hour_ms;
    let ends = Moment::new(chrono::DateTime::from_timestamp_millis(ends_ms).expect("it is a time"));
    let epoch_key = app.deps.master.unwrap(&format!("epochs/{epoch}/key?{ends}"), &sealed).expect("it opens");
    let key = epoch_key.unwrap(&format!("sessions/{id}/key"), &copy.key_sealed).expect("it opens");
    let StoredSession { provider, image_storage_enabled, created, expires, .. } = copy;
    let place = format!("sessions/{id}/about?{}/{image_storage_enabled}/{created}/{expires}", provider.0);
    Ok(key.open(&place, copy.about_sealed.as_deref().expect("it is there")).expect("it opens"))
}

async fn an_old_copy_of_the_database_opens_nothing_once_the_epoch_is_over(app: TestApp) {
    let about = json!({ "correlationId": CORRELATION, "ttlSeconds": 7200 });
    let session = open(&app, &about).await;
    let mut tx = app.deps.store.read().await.expect("it reads");
    let (provider, now) = (app.caller().await.provider, app.deps.clock.now());
    let copy = store::sessions::find(&mut tx, provider, session_id(&session), now).await.expect("it reads");
    drop(tx);
    let copy = copy.expect("it is alive");
    assert!(app.deps.master.unwrap(&format!("sessions/{}/key", copy.id), &copy.key_sealed).is_err());
    let text = String::from_utf8(read(&app, &copy).await.expect("it is alive")).expect("it is text");
    assert!(text.contains(CORRELATION), "{text}");

    assert_eq!(app.delete(&session).send().await.status, 204);
    tasks::settle(&app.deps).await.expect("every step succeeds");
    assert!(read(&app, &copy).await.is_ok(), "the hour is not over, and others may end in it");
    // Covers the latest start within the hour, and the largest difference between nodes' clocks.
    app.deps.clock.advance(TimeDelta::hours(3) + TimeDelta::minutes(2));
    // A live session keeps its own epoch.
    let alive = open(&app, &about).await;
    tasks::settle(&app.deps).await.expect("every step succeeds");
    assert_eq!(read(&app, &copy).await, Err("the key of the epoch is gone"));
    let other = Deps { epochs: Arc::default(), ..app.deps.clone() };
    let found = sessions::get(&other, &app.caller().await, session_id(&alive)).await.expect("it reads");
    assert_eq!(found.correlation_id.as_deref(), Some(CORRELATION));
}

async fn nodes_that_begin_an_epoch_at_once_have_one_key(app: TestApp) {
    let caller = app.caller().await;
    let node = |deps: Deps| {
        let (deps, caller) = (Deps { epochs: Arc::default(), ..deps }, caller.clone());
        async move {
            let new = NewSession {
                correlation_id: Some(CORRELATION.to_owned()),
                evidence_id: None,
                consent_reference: None,
                image_storage_enabled: false,
                ttl_seconds: Some(9000),
                callback_url: None,
            };
            sessions::create(&deps, &caller, new, None).await.expect("it is made")
        }
    };
    let nodes: Vec<_> = (0..8).map(|_| tokio::spawn(node(app.deps.clone()))).collect();
    for made in nodes {
        let id = made.await.expect("nobody panicked");
        let reader = Deps { epochs: Arc::default(), ..app.deps.clone() };
        let found = sessions::get(&reader, &caller, id).await.expect("it reads");
        assert_eq!(found.correlation_id.as_deref(), Some(CORRELATION));
    }
    tasks::settle(&app.deps).await.expect("every step succeeds");
    // One key is for this hour, and two were prepared by the task.
    let keys = app.deps.media.names(&format!("{}/keys", app.deps.owner)).await.expect("it lists");
    assert!(keys.len() <= 3, "a key that lost stays: {keys:?}");
}

async fn sessions_are_opened_though_the_key_of_the_hour_was_lost(app: TestApp) {
    let lost = open(&app, &json!({ "ttlSeconds": 7200 })).await;
    std::fs::remove_dir_all(app.media_folder.join(app.deps.owner.to_string()).join("keys")).expect("it is there");
    let node = Deps { epochs: Arc::default(), ..app.deps.clone() };
    let caller = app.caller().await;
    let new = || NewSession {
        correlation_id: Some(CORRELATION.to_owned()),
        evidence_id: None,
        consent_reference: None,
        image_storage_enabled: false,
        ttl_seconds: Some(7200),
        callback_url: None,
    };
    let [one, other] = [(), ()].map(|()| sessions::create(&node, &caller, new(), None));
    let (one, other) = (one.await.expect("it is made"), other.await.expect("it is made"));
    let reader = Deps { epochs: Arc::default(), ..app.deps.clone() };
    for id in [one, other] {
        sessions::get(&reader, &caller, id).await.expect("it reads");
    }
    let refused = sessions::get(&reader, &caller, session_id(&lost)).await.expect_err("its key is gone");
    assert!(refused.to_string().ends_with("is missing"), "{refused}");
    tasks::epochs::step(&reader).await.expect("it goes on");
}

#[tokio::test]
async fn an_operator_may_keep_images_as_they_are() {
    let app = TestApp::with_policy(Policy { media_sealed: false, ..Policy::default() }).await;
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let image = b"\xff\xd8\xff, as it was sent";
    let form = upload_as(image, &json!({ "imageType": "SELFIE" }));
    let made = app.post(&format!("{session}/faces")).form(form).await;
    assert!(is_among(&at_rest(&app), image));
    let face = made.header("location").expect("it is made");
    assert_eq!(&app.get(&format!("{face}/image")).send().await.body[..], image);
}
