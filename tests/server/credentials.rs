//! Tests authentication and permissions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::domain::Permission;
use bioserver::service::keys;
use chrono::TimeDelta;
use reqwest::Method;
use uuid::Uuid;

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::faces::upload;
use crate::shape::assert_shape;

on_both!(a_key_comes_in_three_ways, an_ended_key_is_refused_at_once, a_key_is_for_what_it_permits);

const FACES: &str = "/bioserver-app/v2/faces";
const AGES: &str = "/bioserver-app/v2/ages";

async fn a_key_comes_in_three_ways(app: TestApp) {
    let (id, secret) = app.key.strip_prefix("bio_").and_then(|key| key.split_once('_')).expect("bio_id_secret");
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let good = [
        ("apikey", app.key.clone()),
        ("APIKEY", app.key.clone()),
        ("Authorization", format!("Bearer {}", app.key)),
        ("Authorization", basic(id, secret)),
    ];
    for (name, value) in &good {
        let reply = app.request(Method::POST, FACES).header(name, value).form(upload(b"face")).await;
        assert_eq!(reply.status, 200, "{name}");
    }
    let unknown = format!("bio_{}_{secret}", Uuid::new_v4().simple());
    let bad = [
        ("apikey", "nonsense".to_owned()),
        ("apikey", String::new()),
        ("apikey", unknown),
        ("apikey", format!("{}x", app.key)),
        ("Authorization", "Bearer nonsense".to_owned()),
        ("Authorization", basic(id, "nonsense")),
        ("Authorization", "Digest nonsense".to_owned()),
    ];
    for (name, value) in &bad {
        let reply = app.request(Method::POST, FACES).header(name, value).form(upload(b"face")).await;
        assert_eq!(reply.refusal().1, "UNAUTHORIZED", "{name}: {value}");
    }
    let reply = app.request(Method::POST, FACES).form(upload(b"face")).await;
    assert_shape(&app, "unauthorized", &reply);
}

async fn an_ended_key_is_refused_at_once(app: TestApp) {
    let expires = app.deps.clock.now().plus(TimeDelta::seconds(60));
    let key = app.make_key("provider", &Permission::ALL, Some(expires)).await;
    let with =
        async |key: &str| app.request(Method::POST, FACES).header("apikey", key).form(upload(b"face")).await.status;
    assert_eq!(with(&key).await, 200);
    app.deps.clock.advance(TimeDelta::seconds(60));
    assert_eq!(with(&key).await, 401);

    let key = app.make_key("provider", &Permission::ALL, None).await;
    assert_eq!(with(&key).await, 200);
    let id = keys::read_id(key.split('_').nth(1).expect("it has an id")).expect("it is one");
    keys::revoke(&app.deps.store, &app.deps.master, &app.deps.clock, id).await.expect("it can be revoked");
    assert_eq!(with(&key).await, 401);
    // Even an operation that is open to everyone refuses an invalid key.
    let capabilities = format!("{PREFIX}/v2/capabilities");
    assert_eq!(app.request(Method::GET, &capabilities).header("apikey", &key).send().await.status, 401);
    assert_eq!(app.request(Method::GET, &capabilities).send().await.status, 200);
}

async fn a_key_is_for_what_it_permits(app: TestApp) {
    let key = app.make_key("provider", &[Permission::Match], None).await;
    let reply = app.request(Method::POST, FACES).header("apikey", &key).form(upload(b"face")).await;
    assert_eq!(reply.refusal().0, 403);
    assert_shape(&app, "forbidden-face", &reply);
    let key = app.make_key("provider", &[Permission::Face], None).await;
    for path in ["/bioserver-app/v2/match/images", "/bioserver-app/v2/match"] {
        let form = if path.ends_with("images") {
            crate::matches::two(b"a", b"b")
        } else {
            crate::matches::former(&app, b"a", b"b").await
        };
        let reply = app.request(Method::POST, path).header("apikey", &key).form(form).await;
        assert!(reply.refusal().2.contains("'match'"), "{reply:?}");
    }
    let reply = app.request(Method::POST, AGES).header("apikey", &key).form(crate::ages::upload(b"face")).await;
    assert!(reply.refusal().2.contains("'age'"), "{reply:?}");
    let key = app.make_key("provider", &[Permission::Age], None).await;
    let reply = app.request(Method::POST, AGES).header("apikey", &key).form(crate::ages::upload(b"face")).await;
    assert_eq!(reply.status, 200, "an age needs no permission for faces");
}
