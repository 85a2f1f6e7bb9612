//! Says for each part if the server can do its work.
//!
//! Each part that can stop working while the server runs is tried, and the outcome is kept for a moment, so that
//! frequent requests cost no more.

use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use face::{Picture, WantedFace, samples};
use tokio::time::timeout;

use crate::domain::Moment;
use crate::service::Deps;
use crate::service::vitals::Lags;
use crate::store;
use crate::store::outage::Outage;

/// The time for which the outcome of the database's probe is kept.
const DATABASE_KEPT: Duration = Duration::from_secs(1);
/// The time for which the outcome of the media's probe is kept; it is longer, since requests to a bucket may cost
/// money.
const MEDIA_KEPT: Duration = Duration::from_secs(5);
/// The longest time of a probe, and so of a request for the state.
const PROBE_MAX: Duration = Duration::from_secs(2);
/// The longest time of the self-test: longer than any picture waits and takes.
const SELF_TEST_MAX: Duration = Duration::from_secs(30);
/// The lag from which on background work needs attention.
const LAG_MAX: TimeDelta = TimeDelta::seconds(60);
/// The largest difference between clocks; NTP keeps it within milliseconds.
const SKEW_MAX: TimeDelta = TimeDelta::seconds(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Up,
    /// It works, but needs attention.
    Degraded,
    /// The server cannot do its work.
    Down,
}

/// One part that the server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    pub status: Status,
    /// The end of a sentence that begins with the part's name.
    pub detail: Option<String>,
}

/// The state of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub parts: Vec<Part>,
    /// `None` while the database does not work.
    pub lags: Option<Lags>,
}

impl Health {
    /// Returns the parts without which the server cannot do its work.
    pub fn down(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.status == Status::Down)
    }
}

impl Part {
    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: Some(detail.into()) }
    }

    fn up(name: &'static str) -> Self {
        Self { name, status: Status::Up, detail: None }
    }
}

/// Returns the state of the server; probes whose outcome is too old run again.
pub async fn ready(deps: &Deps) -> Health {
    let (database, media) = tokio::join!(
        deps.vitals.database.get(&deps.clock, DATABASE_KEPT, Box::pin(database(deps))),
        deps.vitals.media.get(&deps.clock, MEDIA_KEPT, Box::pin(media(deps))),
    );
    let lags = database.as_ref().ok().copied();
    let of_lag = |name, lag: fn(Lags) -> TimeDelta| lags.map_or_else(|| unknown(name), |lags| lagging(name, lag(lags)));
    let parts = vec![
        database
            .err()
            .map_or_else(|| Part::up("database"), |outage| Part::new("database", Status::Down, outage.to_string())),
        media.err().map_or_else(|| Part::up("media"), |why| Part::new("media", Status::Down, why)),
        of_lag("sweep", |lags| lags.sweep),
        of_lag("callbacks", |lags| lags.callbacks),
        clock(deps),
        tasks(deps),
        workers(deps),
        inference(deps),
    ];
    Health { parts, lags }
}

/// Writes to the database, and reads the lags of the background work.
async fn database(deps: &Deps) -> Result<Lags, Outage> {
    let probe = async {
        let now = deps.clock.now();
        let since = |moment: Option<Moment>| moment.map_or(TimeDelta::zero(), |moment| now.utc() - moment.utc());
        let mut tx = deps.store.begin().await?;
        store::probes::write(&mut tx).await?;
        let sweep = since(store::sessions::oldest_ended(&mut tx, now).await?);
        let callbacks = since(store::callbacks::oldest_due(&mut tx, now).await?);
        tx.commit().await?;
        Ok::<_, store::Error>(Lags { sweep, callbacks })
    };
    let error = match timeout(PROBE_MAX, probe).await {
        Ok(Ok(lags)) => return Ok(lags),
        Ok(Err(error)) => error,
        Err(_) => store::Error::Slow,
    };
    tracing::error!(%error, "the database is unavailable");
    Err(error.outage().unwrap_or(Outage::Away))
}

/// Writes an object to the media store, and erases it.
async fn media(deps: &Deps) -> Result<(), String> {
    let name = format!("probes/{}", deps.vitals.node);
    let probe = async {
        deps.media.put(&name, Bytes::from_static(b"probe")).await?;
        deps.media.erase(&name).await
    };
    let why = match timeout(PROBE_MAX, probe).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::error!(error = why, "the media storage is unavailable");
    Err("can be neither written nor read".to_owned())
}

fn unknown(name: &'static str) -> Part {
    Part::new(name, Status::Degraded, "is unknown while the database is down")
}

fn lagging(name: &'static str, lag: TimeDelta) -> Part {
    if lag <= LAG_MAX {
        return Part::up(name);
    }
    Part::new(name, Status::Degraded, format!("is {} s behind", lag.num_seconds()))
}

/// A wrong clock does no harm, since the database's time counts; it is reported as degraded.
fn clock(deps: &Deps) -> Part {
    let skew = deps.clock.skew();
    if skew.abs() <= SKEW_MAX {
        return Part::up("clock");
    }
    let (seconds, way) = (skew.abs().as_seconds_f64(), if skew > TimeDelta::zero() { "ahead of" } else { "behind" });
    let detail =
        format!("is {seconds:.1} s {way} the database's clock, which the server uses: correct this machine's clock");
    Part::new("clock", Status::Degraded, detail)
}

fn tasks(deps: &Deps) -> Part {
    let (dead, panics) = (deps.vitals.dead(&deps.clock), deps.vitals.panics());
    if !dead.is_empty() {
        return Part::new("tasks", Status::Down, format!("stopped: {}", dead.join(", ")));
    }
    if panics == 0 {
        return Part::up("tasks");
    }
    Part::new("tasks", Status::Up, format!("have panicked {panics} times and were restarted"))
}

fn workers(deps: &Deps) -> Part {
    let found = deps.face_engine.workers();
    let lost = found.started - found.alive;
    if lost + found.stuck == 0 {
        return Part::up("workers");
    }
    let detail = format!("of {}, {lost} have died and {} are stuck", found.started, found.stuck);
    Part::new("workers", Status::Down, detail)
}

fn inference(deps: &Deps) -> Part {
    if deps.vitals.sees() {
        return Part::up("inference");
    }
    Part::new("inference", Status::Down, "does not find the face in a portrait")
}

/// Lets the networks find the face of a portrait, and keeps the outcome. A busy server counts as healthy.
pub async fn self_test(deps: &Deps) {
    let portrait = Picture { bytes: Bytes::from_static(samples::PORTRAIT), rotation: false, wanted: WantedFace::Only };
    match timeout(SELF_TEST_MAX, deps.face_engine.describe(portrait)).await {
        Ok(Ok(_)) => deps.vitals.saw(true),
        Ok(Err(face::Error::Busy { .. })) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, "the networks failed on the portrait of the self-test");
            deps.vitals.saw(false);
        }
        Err(_) => {
            tracing::error!("the networks did not answer the self-test in time");
            deps.vitals.saw(false);
        }
    }
}
