//! The health of a node: the state of its background work, and the latest findings about its other parts.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync;
use uuid::Uuid;

use crate::clock::Clock;
use crate::store::outage::Outage;

/// The steps in a row that must panic or be given up before their task counts as dead: more than the attempts of a
/// capture that makes them panic.
const FAILURES_MAX: u32 = 5;
/// A loop turns again within its patience and its pause; this much more is for a slow machine.
const GRACE: Duration = Duration::from_secs(30);

pub struct Vitals {
    /// The id of this process.
    pub node: Uuid,
    pub database: Remembered<Result<Lags, Outage>>,
    pub media: Remembered<Result<(), String>>,
    lanes: Mutex<BTreeMap<Lane, Pulse>>,
    panics: AtomicU64,
    sees: AtomicBool,
}

/// The lags of background work on any node: the time since the oldest item was due; zero if nothing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lags {
    /// The lag of erasing sessions.
    pub sweep: TimeDelta,
    /// The lag of sending callbacks.
    pub callbacks: TimeDelta,
}

/// One loop of a task: a task that runs several steps at once has several loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    pub task: &'static str,
    pub number: usize,
}

struct Pulse {
    /// The time by which the loop must have turned again, on the monotonic clock.
    due: Duration,
    /// The steps that panicked or were given up since the last one that ended by itself.
    failures: u32,
}

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It ended by itself, with or without an error.
    Ended,
    /// It took too long and was given up.
    GivenUp,
    Panicked,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            node: Uuid::new_v4(),
            database: Remembered::default(),
            media: Remembered::default(),
            lanes: Mutex::default(),
            panics: AtomicU64::new(0),
            sees: AtomicBool::new(true),
        }
    }
}

impl Vitals {
    /// Notes that a loop turns, and will turn again within this time.
    pub fn turns(&self, clock: &Clock, lane: Lane, within: Duration) {
        let due = clock.monotonic() + within + GRACE;
        self.lanes().entry(lane).or_insert(Pulse { due, failures: 0 }).due = due;
    }

    pub fn stepped(&self, lane: Lane, step: Step) {
        if step == Step::Panicked {
            self.panicked();
        }
        if let Some(pulse) = self.lanes().get_mut(&lane) {
            pulse.failures = if step == Step::Ended { 0 } else { pulse.failures + 1 };
        }
    }

    /// Counts a panic of background work.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of panics of background work since this node was started.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Returns the tasks with a loop that no longer turns, or that fails again and again.
    pub fn dead(&self, clock: &Clock) -> Vec<&'static str> {
        let now = clock.monotonic();
        let lanes = self.lanes();
        let dead = lanes.iter().filter(|(_, pulse)| pulse.due < now || pulse.failures >= FAILURES_MAX);
        let mut tasks: Vec<_> = dead.map(|(lane, _)| lane.task).collect();
        tasks.dedup();
        tasks
    }

    /// True if the networks found the face of a portrait in the latest self-test.
    pub fn sees(&self) -> bool {
        self.sees.load(Ordering::Relaxed)
    }

    pub fn saw(&self, sees: bool) {
        self.sees.store(sees, Ordering::Relaxed);
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<Lane, Pulse>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A finding that is kept for a while.
pub struct Remembered<T>(sync::Mutex<Option<(Duration, T)>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(sync::Mutex::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// Returns the finding, renewed if it is older than `kept`; concurrent callers wait for the same result.
    pub async fn get(&self, clock: &Clock, kept: Duration, find: impl Future<Output = T>) -> T {
        let mut last = self.0.lock().await;
        if let Some((when, found)) = &*last
            && clock.monotonic() < *when + kept
        {
            return found.clone();
        }
        let found = find.await;
        *last = Some((clock.monotonic(), found.clone()));
        found
    }
}

/// Returns the text of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown kind")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SWEEP: Lane = Lane { task: "sweep", number: 0 };

    #[test]
    fn a_loop_that_no_longer_turns_is_dead() {
        let (vitals, clock) = (Vitals::default(), Clock::default());
        let other = Lane { task: "deliver", number: 0 };
        vitals.turns(&clock, SWEEP, Duration::from_mins(1));
        vitals.turns(&clock, other, Duration::from_mins(10));
        assert!(vitals.dead(&clock).is_empty());
        clock.advance(TimeDelta::seconds(100));
        assert_eq!(vitals.dead(&clock), ["sweep"]);
        vitals.turns(&clock, SWEEP, Duration::from_mins(1));
        assert!(vitals.dead(&clock).is_empty());
    }

    #[test]
    fn a_task_that_panics_again_and_again_is_dead_until_it_ends_a_step() {
        let (vitals, clock) = (Vitals::default(), Clock::default());
        vitals.turns(&clock, SWEEP, Duration::from_mins(1));
        for step in [Step::Panicked, Step::GivenUp, Step::Panicked, Step::Panicked] {
            vitals.stepped(SWEEP, step);
        }
        assert!(vitals.dead(&clock).is_empty());
        vitals.stepped(SWEEP, Step::Panicked);
        assert_eq!((vitals.dead(&clock), vitals.panics()), (vec!["sweep"], 4));
        vitals.stepped(SWEEP, Step::Ended);
        assert!(vitals.dead(&clock).is_empty());
    }

    #[tokio::test]
    async fn what_was_found_is_remembered_for_a_moment() {
        let (remembered, clock, asked) = (Remembered::default(), Clock::default(), Cell::new(0));
        let get = || {
            remembered.get(&clock, Duration::from_secs(5), async {
                asked.set(asked.get() + 1);
                asked.get()
            })
        };
        assert_eq!((get().await, get().await), (1, 1));
        clock.advance(TimeDelta::seconds(5));
        assert_eq!((get().await, get().await), (2, 2));
    }
}
