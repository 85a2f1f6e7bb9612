//! Adds up the counted usage of providers, so that it takes no more space than its sums.

use crate::service::{Deps, providers};
use crate::tasks::Progress;

/// The events of one step, which then takes well under a second.
const BATCH: i64 = 1000;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let added = providers::add_up_usage(&deps.store, BATCH).await?;
    Ok(if added as i64 == BATCH { Progress::More } else { Progress::Idle })
}
