//! Sets this node's clock by the database's, as on all nodes.

use std::time::Duration;

use crate::clock::Clock;
use crate::service::Error;
use crate::store::{self, Store};

/// The longest answer time: the database's time lies somewhere within it, so a slower answer is too inexact.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Adopts the database's time. An `SQLite` file has no clock of its own.
pub async fn follow(store: &Store, clock: &Clock) -> Result<(), Error> {
    let mut tx = store.read().await?;
    let before = clock.monotonic();
    let Some(time) = store::probes::time(&mut tx).await? else { return Ok(()) };
    let took = clock.monotonic().saturating_sub(before);
    if took > ANSWER_MAX {
        return Err(Error::Failed(format!("the database returned its time only after {} ms", took.as_millis())));
    }
    clock.follow(time, before + took / 2);
    Ok(())
}
