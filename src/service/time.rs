//! Has this node go by the database's clock, as all nodes do.

use std::time::Duration;

use crate::clock::Clock;
use crate::service::Error;
use crate::store::{self, Store};

/// The answer came from a moment within this: a slower one tells too little.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Compares the clocks. With an `SQLite` file there is one clock alone.
pub async fn follow(store: &Store, clock: &Clock) -> Result<(), Error> {
    let mut tx = store.read().await?;
    let before = clock.monotonic();
    let Some(time) = store::probes::time(&mut tx).await? else { return Ok(()) };
    let took = clock.monotonic().saturating_sub(before);
    if took > ANSWER_MAX {
        return Err(Error::Failed(format!("the database said what time it is after {} ms", took.as_millis())));
    }
    clock.follow(time, before + took / 2);
    Ok(())
}
