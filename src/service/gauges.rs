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
        let help = "1 if a part of the server does its work, as /health/ready has it.";
        gauges.push(Gauge { label: Some(("part", part.name)), ..plain("bioserver_up", help, value) });
    }
    if let Some(lags) = health.lags {
        let seconds = |lag: chrono::TimeDelta| lag.num_milliseconds() as f64 / 1000.0;
        let help = "How long the session has been over that waits longest to be erased, on any node, in seconds.";
        gauges.push(plain("bioserver_sweep_lag_seconds", help, seconds(lags.sweep)));
        let help = "How long the callback has been due that waits longest to be sent, by any node, in seconds.";
        gauges.push(plain("bioserver_callback_lag_seconds", help, seconds(lags.callbacks)));
    }
    if let Ok(sessions) = alive(deps).await {
        gauges.push(plain("bioserver_sessions", "Sessions that are alive, on all nodes.", sessions as f64));
    }
    if let Ok(owed) = owed(deps).await {
        gauges.push(plain(
            "bioserver_callbacks_owed",
            "Callbacks that are still to be sent, by any node.",
            owed as f64,
        ));
    }
    let load = deps.turns.load();
    let help = "Pictures that wait for a turn at the networks.";
    gauges.push(plain("bioserver_pictures_waiting", help, load.waiting as f64));
    gauges.push(plain("bioserver_pictures_running", "Pictures that the networks look at.", load.running as f64));
    let help = "How long a picture waits that comes now, estimated, in seconds: what capacity is to be planned by.";
    gauges.push(plain("bioserver_wait_seconds", help, load.wait.as_secs_f64()));
    gauges.push(plain("bioserver_body_bytes", "Bytes of request bodies in memory.", load.bytes as f64));
    let workers = deps.face_engine.workers();
    let help = "Threads that run networks, by their state.";
    for (state, count) in [("alive", workers.alive), ("stuck", workers.stuck)] {
        gauges.push(Gauge { label: Some(("state", state)), ..plain("bioserver_workers", help, count as f64) });
    }
    let (open, idle) = deps.store.connections();
    let help = "Connections to the database, by their state.";
    for (state, count) in [("busy", open.saturating_sub(idle)), ("idle", idle)] {
        gauges.push(Gauge {
            label: Some(("state", state)),
            ..plain("bioserver_database_connections", help, f64::from(count))
        });
    }
    let help = "Panics of background work since the start.";
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
