//! What lies on disks can be read by nobody without the session's key, and that goes first.

use bioserver::service::Policy;
use bioserver::{store, tasks};
use bytes::Bytes;
use face::values::template::Template;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both::on_both;
use crate::ending::{files, session_id};
use crate::faces::upload_as;
use crate::sessions::open;

on_both!(nothing_about_a_person_can_be_read_at_rest);

const FRIENDLY_NAME: &str = "Ludmilla Zweistein";
const CORRELATION: &str = "correlation-3735928559";

/// Everything that lies on disks: database, its log, images.
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

/// What must not be found, by name.
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
        ("the friendly name", FRIENDLY_NAME.as_bytes().to_vec()),
        ("the friendly name in part", FRIENDLY_NAME.as_bytes()[..8].to_vec()),
    ]
}

async fn nothing_about_a_person_can_be_read_at_rest(app: TestApp) {
    let about = json!({ "imageStorageEnabled": true, "correlationId": CORRELATION });
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
    assert!(is_among(&living, CORRELATION.as_bytes()), "what is not sealed is found: the search works");
    assert!(is_among(&living, &key_sealed));
    for (name, secret) in secrets(&face, &image) {
        assert!(!is_among(&living, &secret), "{name} can be read while the session lives");
    }

    assert_eq!(app.delete(&session).send().await.status, 204);
    tasks::settle(&app.deps).await.expect("every step succeeds");
    let ended = at_rest(&app);
    assert!(!is_among(&ended, &key_sealed), "the session's sealed key has outlived it");
    assert!(!is_among(&ended, CORRELATION.as_bytes()));
    for (name, secret) in secrets(&face, &image) {
        assert!(!is_among(&ended, &secret), "{name} has outlived its session");
    }
}

#[tokio::test]
async fn an_operator_may_keep_images_as_they_are() {
    let app = TestApp::with_policy(Policy { media_sealed: false, ..Policy::default() }).await;
    let session = open(&app, &json!({ "imageStorageEnabled": true })).await;
    let image = b"\xff\xd8\xff, as it was sent";
    let form = upload_as(image, &json!({ "imageType": "SELFIE" }));
    let made = app.post(&format!("{session}/faces")).form(form).await;
    assert_eq!(std::fs::read(&files(&app.media_folder)[0]).expect("it is there"), image);
    let face = made.header("location").expect("it is made");
    assert_eq!(&app.get(&format!("{face}/image")).send().await.body[..], image);
}
