//! Compares this node's clock with the database's, so that all nodes use the same time.

use crate::service::{Deps, time};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    time::follow(&deps.store, &deps.clock).await?;
    Ok(Progress::Idle)
}
