//! The callbacks in flight on this node, bounded by provider and by host, so that none of them holds up the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::ProviderId;

/// The most callbacks in flight: each costs little but its connection.
const AT_ONCE: usize = 64;
/// The callbacks in flight from which on no more of a provider are taken; one step takes at most as many again.
pub const OF_PROVIDER: usize = 8;
/// The most callbacks in flight to one host, which several providers may share.
const OF_HOST: usize = 8;
/// The number of deliveries in a row that fail to reach a host before the host rests.
const FAILURES_MAX: u32 = 3;
/// The first rest of a host; each following rest is twice as long while the host still cannot be reached.
const REST_FIRST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_mins(1);
/// The number of rests up to which they are counted; the pauses above reach their maximum earlier.
const RESTS_MAX: u32 = 8;
/// The pause before a callback to a host with enough callbacks in flight is tried again.
const TURN: Duration = Duration::from_secs(1);
/// The time without an attempt after which the failures of a host are forgotten.
const MEMORY: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
pub struct Deliveries {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    of_providers: HashMap<ProviderId, usize>,
    hosts: HashMap<String, Host>,
}

#[derive(Debug, Default)]
struct Host {
    under_way: usize,
    /// The deliveries that failed to reach the host since the last one that did.
    failures: u32,
    /// The rests since then.
    rests: u32,
    /// The end of the rest, on the monotonic clock.
    rests_until: Duration,
}

/// The deliveries that may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub deliveries: usize,
    /// The providers that have as many callbacks in flight as they may.
    pub busy: Vec<ProviderId>,
}

/// A delivery in flight, which ends when this is dropped.
#[derive(Debug)]
pub struct Delivery {
    deliveries: Arc<Deliveries>,
    provider: ProviderId,
    /// Set once the host is called.
    host: Option<String>,
}

impl Deliveries {
    pub fn room(&self) -> Room {
        let state = self.state.borrow();
        let busy = state.of_providers.iter().filter(|(_, under_way)| **under_way >= OF_PROVIDER);
        Room {
            deliveries: AT_ONCE.saturating_sub(state.under_way),
            busy: busy.map(|(provider, _)| *provider).collect(),
        }
    }

    /// Begins a delivery to the provider; the caller has checked that there is room.
    pub fn begin(self: &Arc<Self>, provider: ProviderId) -> Delivery {
        self.state.send_modify(|state| {
            state.under_way += 1;
            *state.of_providers.entry(provider).or_default() += 1;
        });
        Delivery { deliveries: self.clone(), provider, host: None }
    }

    /// Waits until a delivery has ended.
    pub async fn ended(&self) {
        let mut state = self.state.subscribe();
        let under_way = state.borrow_and_update().under_way;
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = state.wait_for(|state| state.under_way < under_way).await;
    }

    /// Waits until no delivery is in flight.
    pub async fn idle(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.under_way == 0).await;
    }
}

impl Host {
    fn admits(&self, now: Duration) -> Result<(), Duration> {
        // After a rest, a single delivery finds out if the host is back.
        let at_once = if self.failures < FAILURES_MAX { OF_HOST } else { 1 };
        let rests = self.rests_until.saturating_sub(now);
        if !rests.is_zero() {
            Err(rests)
        } else if self.under_way >= at_once {
            Err(TURN)
        } else {
            Ok(())
        }
    }
}

impl Delivery {
    /// Takes a place at the host; `now` is on the monotonic clock.
    ///
    /// # Errors
    /// The time after which it may be tried: the host rests, or has enough callbacks in flight.
    pub fn call(&mut self, host: &str, now: Duration) -> Result<(), Duration> {
        let mut admitted = Ok(());
        self.deliveries.state.send_modify(|state| {
            state.hosts.retain(|_, host| host.under_way > 0 || host.rests_until + MEMORY > now);
            let host = state.hosts.entry(host.to_owned()).or_default();
            admitted = host.admits(now);
            host.under_way += usize::from(admitted.is_ok());
        });
        admitted?;
        self.host = Some(host.to_owned());
        Ok(())
    }

    /// Notes if the host was reached, whatever it answered; `now` is on the monotonic clock.
    pub fn reached(&self, reached: bool, now: Duration) {
        self.deliveries.state.send_modify(|state| {
            let Some(host) = self.host.as_ref().and_then(|host| state.hosts.get_mut(host)) else { return };
            if reached {
                (host.failures, host.rests, host.rests_until) = (0, 0, Duration::ZERO);
                return;
            }
            host.failures = host.failures.saturating_add(1);
            // Deliveries that began together fail together, and do not lengthen the rest.
            if host.failures >= FAILURES_MAX && host.rests_until <= now {
                host.rests_until = now + (REST_FIRST * 2u32.pow(host.rests)).min(REST_MAX);
                host.rests = (host.rests + 1).min(RESTS_MAX);
            }
        });
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.deliveries.state.send_modify(|state| {
            state.under_way -= 1;
            if let Some(under_way) = state.of_providers.get_mut(&self.provider) {
                *under_way -= 1;
            }
            state.of_providers.retain(|_, under_way| *under_way > 0);
            if let Some(host) = self.host.as_ref().and_then(|host| state.hosts.get_mut(host)) {
                host.under_way -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn provider() -> ProviderId {
        ProviderId(Uuid::new_v4())
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Returns a delivery that calls this host, or the time after which it may.
    fn called(deliveries: &Arc<Deliveries>, host: &str, now: u64) -> Result<Delivery, Duration> {
        let mut delivery = deliveries.begin(provider());
        delivery.call(host, s(now)).map(|()| delivery)
    }

    #[test]
    fn a_provider_with_enough_under_way_is_busy_until_one_ends() {
        let (deliveries, slow) = (Arc::new(Deliveries::default()), provider());
        let mut under_way: Vec<_> = (0..OF_PROVIDER).map(|_| deliveries.begin(slow)).collect();
        assert_eq!(deliveries.room(), Room { deliveries: AT_ONCE - OF_PROVIDER, busy: vec![slow] });
        under_way.pop();
        assert_eq!(deliveries.room(), Room { deliveries: AT_ONCE - OF_PROVIDER + 1, busy: vec![] });
    }

    #[test]
    fn a_host_has_so_many_at_once_whoever_calls_it() {
        let deliveries = Arc::new(Deliveries::default());
        let under_way: Vec<_> = (0..OF_HOST).map(|_| called(&deliveries, "slow", 1)).collect();
        assert!(under_way.iter().all(Result::is_ok));
        assert_eq!(called(&deliveries, "slow", 1).err(), Some(TURN));
        assert!(called(&deliveries, "other", 1).is_ok());
        drop(under_way);
        assert!(called(&deliveries, "slow", 1).is_ok());
    }

    #[test]
    fn a_host_that_cannot_be_reached_is_left_alone_and_tried_by_one() {
        let deliveries = Arc::new(Deliveries::default());
        let call = |now| called(&deliveries, "dead", now);
        let together: Vec<_> = (0..OF_HOST).map(|_| call(0).expect("there is room")).collect();
        for delivery in together {
            delivery.reached(false, s(15));
        }
        assert_eq!(call(15).err(), Some(REST_FIRST), "it rests once, however many failed together");
        let scout = call(20).expect("its rest is over");
        assert_eq!(call(20).err(), Some(TURN), "one finds out");
        scout.reached(false, s(35));
        drop(scout);
        assert_eq!(call(35).err(), Some(2 * REST_FIRST), "it still cannot be reached");
        let scout = call(100).expect("its rest is over");
        scout.reached(true, s(101));
        drop(scout);
        let all: Vec<_> = (0..OF_HOST).map(|_| call(101)).collect();
        assert!(all.iter().all(Result::is_ok), "it is as any other");
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_is_told() {
        let deliveries = Arc::new(Deliveries::default());
        deliveries.idle().await;
        let delivery = deliveries.begin(provider());
        let (ended, idle) = (deliveries.clone(), deliveries.clone());
        let waiting = tokio::spawn(async move { ended.ended().await });
        tokio::task::yield_now().await;
        drop(delivery);
        waiting.await.expect("it was told");
        idle.idle().await;
    }
}
