//! The pace of a node with captures: the number that it opens at once, and the estimated wait of those that queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::service::{Error, Policy};
use crate::store::liveness::Lease;

/// The assumed processing time of a capture, in seconds, until the first one has been measured.
const SERVICE_START_S: f64 = 1.0;
/// The weight of the newest measurement in the running mean.
const SERVICE_WEIGHT: f64 = 0.2;

/// The most captures that are decrypted, read and stored at once. Each takes up to four times its size in memory, for a
/// fraction of a second.
const OPENED_AT_ONCE: usize = 2;

/// The pace of this node with captures, and the signal that one has arrived.
pub struct CapturePace {
    service_s: Mutex<f64>,
    arrived: Notify,
    /// Leases that met a fault, and could not be given back because the database was away, too.
    kept: Mutex<Vec<Lease>>,
    opened: Semaphore,
    /// Each [`Turn`] holds a clone, and so does each capture that waits for one.
    received: Arc<()>,
}

/// Held while a capture is opened and stored.
pub struct Turn<'a> {
    _opened: SemaphorePermit<'a>,
    _received: Arc<()>,
}

impl Default for CapturePace {
    fn default() -> Self {
        Self {
            service_s: Mutex::new(SERVICE_START_S),
            arrived: Notify::new(),
            kept: Mutex::default(),
            opened: Semaphore::new(OPENED_AT_ONCE),
            received: Arc::default(),
        }
    }
}

impl CapturePace {
    /// Refuses a capture that would wait too long behind `waiting` stored ones and those that are being opened.
    pub fn check(&self, waiting: i64, policy: &Policy) -> Result<(), Error> {
        // The clone in `self` does not count.
        let opened = Arc::strong_count(&self.received) as i64 - 1;
        match self.too_long(waiting + opened, policy) {
            Some(retry_after) => Err(Error::Busy { retry_after }),
            None => Ok(()),
        }
    }

    /// Waits until a capture may be opened; refuses it as [`CapturePace::check`] does.
    pub async fn turn(&self, waiting: i64, policy: &Policy) -> Result<Turn<'_>, Error> {
        self.check(waiting, policy)?;
        let received = self.received.clone();
        let permit = self.opened.acquire().await.expect("nobody closes it");
        Ok(Turn { _opened: permit, _received: received })
    }

    /// Returns the estimated wait if it is too long behind `waiting` captures. It does not count on other nodes.
    fn too_long(&self, waiting: i64, policy: &Policy) -> Option<Duration> {
        let service_s = *self.service_s.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = Duration::from_secs_f64(waiting as f64 * service_s / policy.checks_at_once.max(1) as f64);
        (wait > policy.check_wait_max).then_some(wait)
    }

    /// Signals that a capture has arrived.
    pub fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Waits until a capture has arrived.
    pub async fn woken(&self) {
        self.arrived.notified().await;
    }

    /// Keeps a lease that could not be given back, for the next try.
    pub fn keep(&self, lease: Lease) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
    }

    /// Returns the leases that are still to be given back.
    pub fn kept(&self) -> Vec<Lease> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets leases that were given back.
    pub fn given_back(&self, leases: &[Lease]) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|kept| !leases.contains(kept));
    }

    /// Takes the processing time of a capture into the running mean.
    pub fn measured(&self, took: Duration) {
        let mut service_s = self.service_s.lock().unwrap_or_else(PoisonError::into_inner);
        *service_s += SERVICE_WEIGHT * (took.as_secs_f64() - *service_s);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn captures_are_opened_a_few_at_once_and_count_among_those_that_wait() {
        let (pace, policy) = (CapturePace::default(), Policy { checks_at_once: 1, ..Policy::default() });
        let most = policy.check_wait_max.as_secs() as i64;
        assert!(matches!(pace.turn(most + 1, &policy).await, Err(Error::Busy { .. })));
        let (first, second) = (pace.turn(0, &policy).await.expect("one"), pace.turn(0, &policy).await.expect("two"));
        assert!(matches!(pace.turn(most - 1, &policy).await, Err(Error::Busy { .. })), "two are being opened");
        let mut third = pin!(pace.turn(most - 2, &policy));
        assert!(timeout(Duration::from_millis(10), third.as_mut()).await.is_err(), "both turns are taken");
        assert!(
            matches!(pace.turn(most - 2, &policy).await, Err(Error::Busy { .. })),
            "the third counts while it waits"
        );
        drop(first);
        drop(third.await.expect("there is a turn now"));
        drop(second);
        assert!(pace.turn(most, &policy).await.is_ok());
    }
}
