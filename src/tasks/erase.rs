//! Erases media to which no row refers any more.

use crate::service::{Deps, erasures};
use crate::tasks::Progress;

/// The media of one step.
const BATCH: i64 = 64;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let worked = erasures::work_off(deps, BATCH).await?;
    if let Some(error) = &worked.error {
        let waiting = worked.taken - worked.erased;
        tracing::warn!(%error, waiting, erased = worked.erased, "media could not be erased; the erasure will be retried");
    }
    Ok(if worked.taken as i64 == BATCH { Progress::More } else { Progress::Idle })
}
