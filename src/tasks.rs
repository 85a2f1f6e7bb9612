//! The work nobody waits for: one bounded step after the other, on every node.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::service::Deps;

pub mod strays;
pub mod sweep;

/// Whether a step has left something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    More,
    Idle,
}

/// Work that is done step by step. A step is safe to run twice, and on several nodes at once.
struct Task {
    name: &'static str,
    step: for<'a> fn(&'a Deps) -> BoxFuture<'a, anyhow::Result<Progress>>,
    /// Between a step that left nothing to do, or failed, and the next.
    pause: Duration,
}

const TASKS: [Task; 2] = [
    Task { name: "sweep", step: |deps| sweep::step(deps).boxed(), pause: Duration::from_secs(1) },
    Task { name: "strays", step: |deps| strays::step(deps).boxed(), pause: Duration::from_hours(1) },
];

/// Does all tasks until `stop` says so, or its sender is gone; steps that were begun are ended.
pub async fn run(deps: Deps, stop: watch::Receiver<bool>) {
    join_all(TASKS.iter().map(|task| repeat(task, &deps, stop.clone()))).await;
}

/// Does every task until none has anything to do.
pub async fn settle(deps: &Deps) -> anyhow::Result<()> {
    for task in &TASKS {
        while (task.step)(deps).await? == Progress::More {}
    }
    Ok(())
}

async fn repeat(task: &Task, deps: &Deps, mut stop: watch::Receiver<bool>) {
    loop {
        let progress = (task.step)(deps).await.unwrap_or_else(|error| {
            tracing::error!(task = task.name, error = format!("{error:#}"), "a step failed");
            Progress::Idle
        });
        let pause = if progress == Progress::More { Duration::ZERO } else { task.pause };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
