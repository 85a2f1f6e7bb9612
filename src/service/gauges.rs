//! The state of a node as gauges.

use crate::service::health::{self, Status};
use crate::service::{Deps, Error};
use crate::store;
use crate::telemetry::Gauge;

/// Returns all gauges; while the database is away, without those that need it.
pub async fn now(deps: &Deps) -> Vec<Gauge> {
    let health = health::ready(deps).await;
    let plain = |name, help, value: f64| Gauge { name, help, label: None, value };
    let mut gauges = Vec::new();
    for part in &health.parts {
        let value = if part.status == Status::Down { 0.0 } else { 1.0 };
        let help = "1 if a part of the server works, 0 if it is down, as in /health/ready.";
        gauges.push(Gauge { label: Some(("part", part.name)), ..plain("bioserver_up", help, value) });
    }
    if let Some(lags) = health.lags {
        let seconds = |lag: chrono::TimeDelta| lag.num_milliseconds() as f64 / 1000.0;
        let help = "The delay of the oldest session that is still to be erased, on any node, in seconds.";
        gauges.push(plain("bioserver_sweep_lag_seconds", help, seconds(lags.sweep)));
        let help = "The delay of the oldest callback that is still to be sent, by any node, in seconds.";
        gauges.push(plain("bioserver_callback_lag_seconds", help, seconds(lags.callbacks)));
    }
    if let Ok(sessions) = alive(deps).await {
        gauges.push(plain("bioserver_sessions", "The number of open sessions, on all nodes.", sessions as f64));
    }
    if let Ok(owed) = owed(deps).await {
        gauges.push(plain("bioserver_callbacks_owed", "The number of pending callbacks, on all nodes.", owed as f64));
    }
    let load = deps.turns.load();
    let help = "The number of images in the queue for the networks.";
    gauges.push(plain("bioserver_pictures_waiting", help, load.waiting as f64));
    gauges.push(plain(
        "bioserver_pictures_running",
        "The number of images that the networks process.",
        load.running as f64,
    ));
    let help = "The estimated wait of a new image, in seconds, for capacity planning.";
    gauges.push(plain("bioserver_wait_seconds", help, load.wait.as_secs_f64()));
    gauges.push(plain(
        "bioserver_body_bytes",
        "The size of all request bodies in memory, in bytes.",
        load.bytes as f64,
    ));
    let workers = deps.face_engine.workers();
    let help = "The number of threads that run networks, by state.";
    for (state, count) in [("alive", workers.alive), ("stuck", workers.stuck)] {
        gauges.push(Gauge { label: Some(("state", state)), ..plain("bioserver_workers", help, count as f64) });
    }
    let (open, idle) = deps.store.connections();
    let help = "The number of connections to the database, by state.";
    for (state, count) in [("busy", open.saturating_sub(idle)), ("idle", idle)] {
        gauges.push(Gauge {
            label: Some(("state", state)),
            ..plain("bioserver_database_connections", help, f64::from(count))
        });
    }
    let help = "The number of panics of background tasks since the start.";
    gauges.push(plain("bioserver_panics", help, deps.vitals.panics() as f64));
    gauges
}

async fn owed(deps: &Deps) -> Result<i64, Error> {
    let mut tx = deps.store.read().await?;
    Ok(store::callbacks::count_owed(&mut tx, None).await?)
}

async fn alive(deps: &Deps) -> Result<i64, Error> {
    let mut tx = deps.store.read().await?;
    Ok(store::sessions::count_alive(&mut tx, deps.clock.now()).await?)
}
