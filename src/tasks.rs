//! The work nobody waits for: one bounded step after the other, on every node.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture, join_all};
use tokio::sync::watch;

use crate::service::Deps;

pub mod deliver;
pub mod erase;
pub mod liveness;
pub mod strays;
pub mod sweep;
pub mod usage;

/// Whether a step has left something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    More,
    Idle,
}

/// Work that is done step by step. A step is safe to run twice, and on several nodes at once.
struct Task {
    name: &'static str,
    step: Step,
    /// Between a step that left nothing to do, or failed, and the next.
    pause: Duration,
    /// How many steps are made at once.
    lanes: fn(&Deps) -> usize,
    /// Ends a pause before its time.
    wake: for<'a> fn(&'a Deps) -> BoxFuture<'a, ()>,
}

const TASKS: [Task; 6] = [
    Task {
        name: "liveness",
        step: |deps| liveness::step(deps).boxed(),
        // Captures that came to other nodes are looked for as often.
        pause: Duration::from_secs(1),
        lanes: |deps| deps.policy.checks_at_once,
        wake: |deps| deps.pace.woken().boxed(),
    },
    Task::alone("deliver", |deps| deliver::step(deps).boxed(), Duration::from_millis(500)),
    Task::alone("sweep", |deps| sweep::step(deps).boxed(), Duration::from_secs(1)),
    Task::alone("usage", |deps| usage::step(deps).boxed(), Duration::from_secs(5)),
    Task::alone("strays", |deps| strays::step(deps).boxed(), Duration::from_hours(1)),
    Task {
        wake: |deps| deps.eraser.notified().boxed(),
        ..Task::alone("erase", |deps| erase::step(deps).boxed(), ERASE_PAUSE)
    },
];

/// Media that cannot be erased are tried again about as often.
const ERASE_PAUSE: Duration = Duration::from_secs(1);

type Step = for<'a> fn(&'a Deps) -> BoxFuture<'a, anyhow::Result<Progress>>;

impl Task {
    /// One step at a time, and none before the pause is over.
    const fn alone(name: &'static str, step: Step, pause: Duration) -> Self {
        Self { name, step, pause, lanes: |_| 1, wake: |_| future::pending().boxed() }
    }
}

/// Does all tasks until `stop` says so, or its sender is gone; steps that were begun are ended.
pub async fn run(deps: Deps, stop: watch::Receiver<bool>) {
    let lanes = TASKS.iter().flat_map(|task| std::iter::repeat_n(task, (task.lanes)(&deps)));
    join_all(lanes.map(|task| repeat(task, &deps, stop.clone()))).await;
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
            () = (task.wake)(deps) => {}
        }
    }
}
