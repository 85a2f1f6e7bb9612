//! Background work: one bounded step after the other, on every node.
//!
//! A step that panics or takes too long does not end its loop: the loop continues after a pause, and `deps.vitals`
//! counts it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::service::Deps;
use crate::service::vitals::{self, Lane, panic_text};

pub mod audit;
pub mod deliver;
pub mod epochs;
pub mod erase;
pub mod keys;
pub mod liveness;
pub mod prune;
pub mod self_test;
pub mod strays;
pub mod sweep;
pub mod time;
pub mod usage;

/// The pause after a step that panicked or was given up, since the cause may pass.
const RECOVERY: Duration = Duration::from_secs(5);

/// The result of a step: it left work to do, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    More,
    Idle,
}

/// Work that is done step by step. A step may run twice, and on several nodes at once.
struct Task {
    name: &'static str,
    step: Step,
    /// The pause after a step that left nothing to do, or failed.
    pause: Duration,
    /// The time after which a step is given up: far longer than any step takes.
    patience: Duration,
    /// The number of steps that run at once.
    lanes: fn(&Deps) -> usize,
    /// Ends a pause early.
    wake: for<'a> fn(&'a Deps) -> BoxFuture<'a, ()>,
}

const TASKS: [Task; 12] = [
    Task {
        lanes: |deps| deps.policy().checks_at_once,
        wake: |deps| deps.pace.woken().boxed(),
        // The pause is also the interval at which this node looks for captures that other nodes received.
        ..Task::alone("liveness", |deps| liveness::step(deps).boxed(), Duration::from_secs(1), Duration::from_mins(15))
    },
    Task {
        wake: |deps| deps.deliveries.ended().boxed(),
        ..Task::alone("deliver", |deps| deliver::step(deps).boxed(), Duration::from_millis(500), Duration::from_mins(1))
    },
    Task::alone("sweep", |deps| sweep::step(deps).boxed(), Duration::from_secs(1), Duration::from_mins(5)),
    Task::alone("usage", |deps| usage::step(deps).boxed(), Duration::from_secs(5), Duration::from_mins(1)),
    Task::alone("audit", |deps| audit::step(deps).boxed(), Duration::from_secs(1), Duration::from_mins(1)),
    // Announced keys are noticed within this pause, long before they serve.
    Task::alone("keys", |deps| keys::step(deps).boxed(), Duration::from_secs(5), Duration::from_mins(1)),
    Task::alone("time", |deps| time::step(deps).boxed(), Duration::from_mins(1), Duration::from_secs(10)),
    Task::alone("self-test", |deps| self_test::step(deps).boxed(), Duration::from_mins(1), Duration::from_mins(1)),
    Task::alone("epochs", |deps| epochs::step(deps).boxed(), Duration::from_mins(1), Duration::from_mins(5)),
    // Listing a large bucket takes long.
    Task::alone("strays", |deps| strays::step(deps).boxed(), Duration::from_hours(1), Duration::from_hours(1)),
    Task::alone("prune", |deps| prune::step(deps).boxed(), Duration::from_mins(1), Duration::from_mins(1)),
    Task {
        wake: |deps| deps.eraser.notified().boxed(),
        ..Task::alone("erase", |deps| erase::step(deps).boxed(), ERASE_PAUSE, Duration::from_mins(5))
    },
];

/// Media that cannot be erased are tried again at about this interval.
const ERASE_PAUSE: Duration = Duration::from_secs(1);

type Step = for<'a> fn(&'a Deps) -> BoxFuture<'a, anyhow::Result<Progress>>;

impl Task {
    /// A task with one step at a time, whose pauses always last in full.
    const fn alone(name: &'static str, step: Step, pause: Duration, patience: Duration) -> Self {
        Self { name, step, pause, patience, lanes: |_| 1, wake: |_| future::pending().boxed() }
    }

    /// Runs a step, and reports how it ended.
    async fn attempt(&self, deps: &Deps) -> (Progress, vitals::Step) {
        let step = AssertUnwindSafe((self.step)(deps)).catch_unwind();
        match timeout(self.patience, step).await {
            Ok(Ok(Ok(progress))) => (progress, vitals::Step::Ended),
            Ok(Ok(Err(error))) => {
                tracing::error!(task = self.name, error = format!("{error:#}"), "a step failed");
                (Progress::Idle, vitals::Step::Ended)
            }
            Ok(Err(panic)) => {
                tracing::error!(task = self.name, panic = panic_text(&*panic), "a step panicked");
                (Progress::Idle, vitals::Step::Panicked)
            }
            Err(_) => {
                tracing::error!(
                    task = self.name,
                    seconds = self.patience.as_secs(),
                    "a step took too long and was aborted"
                );
                (Progress::Idle, vitals::Step::GivenUp)
            }
        }
    }
}

/// Runs all tasks until `stop` is true or its sender is gone; steps in progress are finished.
pub async fn run(deps: Deps, stop: watch::Receiver<bool>) {
    let lanes = TASKS.iter().flat_map(|task| (0..(task.lanes)(&deps)).map(move |number| (task, number)));
    join_all(lanes.map(|(task, number)| repeat(task, number, &deps, stop.clone()))).await;
    deps.deliveries.idle().await;
}

/// Runs every task until none has anything to do.
pub async fn settle(deps: &Deps) -> anyhow::Result<()> {
    for task in &TASKS {
        while (task.step)(deps).await? == Progress::More {
            deps.deliveries.idle().await;
        }
    }
    Ok(())
}

async fn repeat(task: &Task, number: usize, deps: &Deps, mut stop: watch::Receiver<bool>) {
    let lane = Lane { task: task.name, number };
    loop {
        deps.vitals.turns(&deps.clock, lane, task.patience + task.pause + RECOVERY);
        let (progress, ended) = task.attempt(deps).await;
        deps.vitals.stepped(lane, ended);
        let pause = match (progress, ended) {
            (Progress::More, _) => Duration::ZERO,
            (Progress::Idle, vitals::Step::Ended) => task.pause,
            (Progress::Idle, _) => task.pause.max(RECOVERY),
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
            () = (task.wake)(deps) => {}
        }
    }
}
