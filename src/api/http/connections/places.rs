//! The places that connections take: there is a limit for all, and one for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::api::http::connections::Settings;
use crate::clock::Clock;

/// The low bits of an IPv6 address, which one client may choose.
const V6_HOST_BITS: u32 = 64;

/// All places. Clones share them.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    settings: Settings,
    clock: Clock,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    by_id: HashMap<u64, Arc<Connection>>,
}

/// The part of a connection that its place needs.
struct Connection {
    address: IpAddr,
    activity: Mutex<Activity>,
    evicted: Notify,
}

struct Activity {
    /// Requests whose answers are not yet sent completely.
    in_flight: usize,
    has_asked: bool,
    /// The time when the connection began or its last answer ended, on the monotonic clock.
    since: Duration,
}

/// The place of one connection, which is free again when this is dropped.
pub struct Place {
    places: Places,
    id: u64,
    connection: Arc<Connection>,
}

/// Marks the connection as busy while a request is answered.
pub struct Answering {
    connection: Arc<Connection>,
    clock: Clock,
}

impl Places {
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self(Arc::new(Shared { settings, clock, taken: Mutex::default() }))
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns a place for a connection from `address`. If there is none, the connection that has been idle longest
    /// loses its place; if `address` itself has too many, one of its own does. `None` if no such connection is idle.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let settings = &self.0.settings;
        let (is_proxy, address) = (settings.proxies.have(address), network(address));
        let mut taken = self.0.taken();
        let of_address = taken.by_id.values().filter(|connection| connection.address == address).count();
        if of_address >= settings.per_address_max && !is_proxy {
            taken.evict(|connection| connection.address == address)?;
        } else if taken.by_id.len() >= settings.connections_max {
            taken.evict(|_| true)?;
        }
        let activity = Activity { in_flight: 0, has_asked: false, since: self.0.clock.monotonic() };
        let connection = Arc::new(Connection { address, activity: Mutex::new(activity), evicted: Notify::new() });
        let id = taken.next;
        taken.next += 1;
        taken.by_id.insert(id, connection.clone());
        drop(taken);
        Some(Place { places: self.clone(), id, connection })
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes the place of the connection that `among` allows and that has been idle longest; `None` if none of them is
    /// idle.
    fn evict(&mut self, among: impl Fn(&Connection) -> bool) -> Option<()> {
        let idle = self.by_id.iter().filter(|(_, connection)| among(connection));
        let idle = idle.filter_map(|(id, connection)| Some((connection.activity().idle_since()?, *id)));
        let (_, id) = idle.min()?;
        self.by_id.remove(&id)?.evicted.notify_one();
        Some(())
    }
}

impl Connection {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    fn idle_since(&self) -> Option<Duration> {
        (self.in_flight == 0).then_some(self.since)
    }
}

impl Place {
    /// Marks the start of a request.
    pub fn answering(&self) -> Answering {
        let mut activity = self.connection.activity();
        activity.in_flight += 1;
        activity.has_asked = true;
        drop(activity);
        Answering { connection: self.connection.clone(), clock: self.places.0.clock.clone() }
    }

    /// Returns the time that a connection may be idle.
    pub fn idle(&self) -> Duration {
        self.places.0.settings.idle
    }

    /// Waits until the place is lost, because another connection took it or because this one was idle for too long.
    pub async fn ended(&self) {
        while let Some(left) = self.left() {
            tokio::select! {
                () = self.connection.evicted.notified() => return,
                () = sleep(left) => {}
            }
        }
    }

    /// Returns the time until the connection has been idle for too long; `None` if it already has.
    fn left(&self) -> Option<Duration> {
        let &Settings { head, idle, .. } = &self.places.0.settings;
        let now = self.places.0.clock.monotonic();
        let activity = self.connection.activity();
        let patience = if activity.has_asked { idle } else { head };
        match activity.idle_since() {
            Some(since) => patience.checked_sub(now.saturating_sub(since)).filter(|left| !left.is_zero()),
            // A request is in flight; when it ends, the time starts again.
            None => Some(patience),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.taken().by_id.remove(&self.id);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.in_flight -= 1;
        activity.since = self.clock.monotonic();
    }
}

/// Returns the network in which one client may choose its addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> V6_HOST_BITS << V6_HOST_BITS)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use futures_util::FutureExt;

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_mins(1);

    fn places(connections_max: usize, per_address_max: usize) -> Places {
        let proxies = "198.51.100.0/24".parse().expect("it is a network");
        let settings = Settings { connections_max, per_address_max, proxies, head: HEAD, idle: IDLE };
        Places::new(settings, Clock::default())
    }

    fn advance(places: &Places, by: Duration) {
        places.clock().advance(TimeDelta::from_std(by).expect("it is short"));
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_lost(place: &Place) -> bool {
        place.ended().now_or_never().is_some()
    }

    #[tokio::test]
    async fn the_one_that_is_idle_longest_makes_room() {
        let places = places(3, 2);
        let take = |last| places.take(address(last));
        let first = take(1).expect("there is room");
        advance(&places, Duration::from_secs(1));
        let second = take(1).expect("there is room");
        let busy = second.answering();
        // This address has two places already, which is its limit.
        let third = take(1).expect("the first is idle");
        assert_eq!([is_lost(&first), is_lost(&second), is_lost(&third)], [true, false, false]);
        let other = take(2).expect("there is room");
        // Three places are taken, which is all there are.
        assert!(take(3).is_some(), "two are idle");
        assert_eq!([is_lost(&second), is_lost(&third), is_lost(&other)], [false, true, false]);
        drop(busy);
    }

    #[tokio::test]
    async fn where_none_is_idle_there_is_no_room() {
        let places = places(3, 1);
        let first = places.take(address(1)).expect("there is room");
        let busy = first.answering();
        assert!(places.take(address(1)).is_none(), "this address has its one");
        let other = places.take(address(2)).expect("another has not");
        drop((busy, other));
        let last = places.take(address(1)).expect("the first is idle by now");
        drop((first, last));
        assert!(places.0.taken().by_id.is_empty());
    }

    #[tokio::test]
    async fn a_proxy_has_as_many_as_there_are() {
        let places = places(3, 1);
        let proxy = IpAddr::from([198, 51, 100, 1]);
        let taken = [0; 3].map(|_| places.take(proxy).expect("there is room"));
        assert_eq!(taken.each_ref().map(is_lost), [false; 3]);
        assert!(places.take(address(1)).is_some() && is_lost(&taken[0]), "the first is idle longest");
    }

    #[tokio::test]
    async fn a_head_has_less_time_than_a_connection_that_has_asked() {
        let places = places(9, 9);
        let [silent, asked] = [1, 2].map(|last| places.take(address(last)).expect("there is room"));
        let request = asked.answering();
        advance(&places, HEAD);
        assert_eq!([is_lost(&silent), is_lost(&asked)], [true, false]);
        // A request in flight has no time limit here.
        advance(&places, 10 * IDLE);
        assert!(!is_lost(&asked));
        drop(request);
        advance(&places, IDLE / 2);
        assert!(!is_lost(&asked));
        advance(&places, IDLE / 2);
        assert!(is_lost(&asked));
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let of = |text: &str| network(text.parse().expect("it is an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), address(1));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
