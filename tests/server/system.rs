//! Tests the operations that need no key: capabilities, certificate, key set, health.

use chrono::TimeDelta;
use reqwest::Method;

use crate::app::{PREFIX, TestApp};
use crate::both::on_both;
use crate::shape::assert_shape;

on_both!(the_server_says_what_it_can_do, the_keys_are_public, health_follows_the_database);

async fn the_server_says_what_it_can_do(app: TestApp) {
    for path in ["/v2/capabilities", "/v2/capabilities/"] {
        let path = format!("{PREFIX}{path}");
        let reply = app.request(Method::GET, &path).header("content-type", "application/json").send().await;
        if path.ends_with('/') {
            assert_eq!(reply.status, 404);
        } else {
            assert_shape(&app, "capabilities", &reply);
        }
    }
    assert_eq!(app.get("/v2/capabilities").send().await.ok()["pack"], "script");
}

async fn the_keys_are_public(app: TestApp) {
    assert_shape(&app, "jwks", &app.request(Method::GET, "/.well-known/jwks.json").send().await);
    let certificate = app.request(Method::GET, &format!("{PREFIX}/v2/certificate")).send().await;
    assert_shape(&app, "certificate", &certificate);
    assert_eq!(certificate.body, app.deps.signer.certificate_pem());
}

async fn health_follows_the_database(app: TestApp) {
    let paths = ["/health/live", "/health/ready", "/bioserver-app/v2/monitor"];
    let up = async |path: &str| app.request(Method::GET, path).send().await;
    assert_shape(&app, "live", &up(paths[0]).await);
    assert_shape(&app, "ready", &up(paths[1]).await);
    assert_eq!(up(paths[2]).await.ok(), up(paths[1]).await.ok());
    app.deps.store.close().await;
    // The result of a moment ago is cached.
    assert_eq!(up(paths[1]).await.status, 200);
    app.deps.clock.advance(TimeDelta::seconds(1));
    assert_eq!(up(paths[0]).await.status, 200);
    assert_shape(&app, "not-ready", &up(paths[1]).await);
    assert_eq!(up(paths[2]).await.refusal().1, "NOT_READY");
}
