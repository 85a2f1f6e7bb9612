//! Whether the server can do its work.

use crate::service::Deps;

/// Whether one thing works that the server needs.
pub struct Check {
    pub name: &'static str,
    pub is_up: bool,
}

/// What can stop working while the server runs. Networks are not among it: they are loaded, and have
/// run once, before the server listens.
pub async fn checks(deps: &Deps) -> Vec<Check> {
    let pong = deps.store.ping().await;
    if let Err(error) = &pong {
        tracing::error!(%error, "the database does not answer");
    }
    vec![Check { name: "database", is_up: pong.is_ok() }]
}
