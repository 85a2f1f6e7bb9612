//! Tries the networks, so that readiness can report if they work.

use crate::service::{Deps, health};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    health::self_test(deps).await;
    Ok(Progress::Idle)
}
