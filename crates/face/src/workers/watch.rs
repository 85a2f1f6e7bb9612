//! Watches which worker threads are alive, and for how long each has been at its job.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::WorkersHealth;

#[derive(Default)]
pub struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    alive: usize,
    /// The deadline of each running job, by its number in the order of beginnings.
    due: BTreeMap<u64, Instant>,
    begun: u64,
}

/// Marks a living thread or a running job until it is dropped, also by a panic.
pub struct Mark<'a> {
    watch: &'a Watch,
    /// `None` for a thread.
    job: Option<u64>,
}

impl Watch {
    pub fn live(&self) -> Mark<'_> {
        self.lock().alive += 1;
        Mark { watch: self, job: None }
    }

    /// Marks the start of a job. It counts as stuck if it takes longer than `within`.
    pub fn begin(&self, within: Duration) -> Mark<'_> {
        let mut state = self.lock();
        let job = state.begun;
        state.begun += 1;
        state.due.insert(job, Instant::now() + within);
        Mark { watch: self, job: Some(job) }
    }

    /// Returns the state of the threads, `started` of which were started.
    pub fn health(&self, started: usize) -> WorkersHealth {
        let (state, now) = (self.lock(), Instant::now());
        let stuck = state.due.values().filter(|due| **due < now).count();
        WorkersHealth { started, alive: state.alive, stuck }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        let mut state = self.watch.lock();
        match self.job {
            Some(job) => drop(state.due.remove(&job)),
            None => state.alive -= 1,
        }
    }
}
