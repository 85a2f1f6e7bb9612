//! Decides whose picture is processed next: providers take turns, so that a flood by one does not hold up the others.
//!
//! A request with a body takes a place before its body is read, or is refused before it is sent. The place counts
//! bytes, which stay in memory until the request is answered, and pictures, each of which waits for a turn at the
//! networks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::domain::ProviderId;
use crate::service::Error;
use crate::service::limits::promises::{Fingerprint, Promises};

/// The assumed time of a picture, in seconds, until the first one has been measured.
const PICTURE_START_S: f64 = 0.2;
/// The weight of the newest measurement in the running mean.
const PICTURE_WEIGHT: f64 = 0.1;
/// The time after which an upload that still arrives no longer counts as work: it holds up nobody.
const ARRIVING: Duration = Duration::from_secs(2);
/// One provider may take at most all bytes divided by this.
pub const SHARE: usize = 2;

/// The operator's settings for turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The threads that run networks, which is also the number of turns at once.
    pub workers: usize,
    /// The longest wait of a picture; a request that would wait longer is refused.
    pub wait_max: Duration,
    /// The most bytes of bodies in memory at once.
    pub bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { workers: 2, wait_max: Duration::from_secs(2), bytes_max: 256 << 20 }
    }
}

/// The room that a body will need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The pictures that the networks will process.
    pub pictures: usize,
    /// The bytes that stay in memory until the request is answered.
    pub bytes: usize,
}

/// The load of a node at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Pictures that wait for a turn.
    pub waiting: usize,
    /// Turns that are taken.
    pub running: usize,
    /// Bytes of bodies in memory.
    pub bytes: usize,
    /// The estimated wait of a picture that arrives now.
    pub wait: Duration,
}

/// All turns of this node. Clones share them.
#[derive(Clone)]
pub struct Turns(Arc<Shared>);

struct Shared {
    settings: Settings,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    lanes: HashMap<ProviderId, Lane>,
    /// Providers whose pictures wait, in the order of their turns.
    order: VecDeque<ProviderId>,
    /// Turns that are taken.
    running: usize,
    bytes: usize,
    /// The running mean of the time of a picture, in seconds.
    picture_s: f64,
    next_place: u64,
}

/// The places of one provider.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<oneshot::Sender<Turn>>,
    /// For each place, the time since when it is held, and the number of its pictures that do not wait yet.
    arriving: BTreeMap<u64, (Duration, usize)>,
    bytes: usize,
    promises: Promises,
}

/// The place of a request, until it is dropped.
pub struct Place {
    turns: Turns,
    provider: ProviderId,
    request: Fingerprint,
    id: u64,
    bytes: Mutex<usize>,
}

/// The right to run networks on one picture, until it is dropped.
pub struct Turn {
    turns: Turns,
    since: Duration,
    is_over: bool,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(Settings::default(), Clock::default())
    }
}

impl Turns {
    pub fn new(settings: Settings, clock: Clock) -> Self {
        let state = State {
            lanes: HashMap::new(),
            order: VecDeque::new(),
            running: 0,
            bytes: 0,
            picture_s: PICTURE_START_S,
            next_place: 0,
        };
        Self(Arc::new(Shared { settings, clock, state: Mutex::new(state) }))
    }

    /// Returns the load at the moment.
    pub fn load(&self) -> Load {
        let state = self.0.state();
        let waiting: usize = state.lanes.values().map(|lane| lane.waiting.len()).sum();
        let wait = state.wait_behind(waiting, self.0.settings.workers);
        Load { waiting, running: state.running, bytes: state.bytes, wait }
    }

    /// Takes a place for a request.
    ///
    /// # Errors
    /// Its pictures would wait too long, or its bytes do not fit. A client that comes back when it is told to is
    /// admitted, unless the load has grown.
    pub fn take(&self, provider: ProviderId, request: Fingerprint, needs: Needs) -> Result<Place, Error> {
        let (settings, now) = (&self.0.settings, self.0.clock.monotonic());
        let mut state = self.0.state();
        let is_promised = state.lanes.entry(provider).or_default().promises.redeem(request, now);
        let wait = state.wait(provider, settings.workers, now, is_promised);
        // Clients that were told the same whole second come together, which this tolerates.
        let clump = if is_promised { settings.wait_max.max(Duration::from_secs(1)) } else { Duration::ZERO };
        let is_late = needs.pictures > 0 && wait > settings.wait_max + clump;
        if is_late || !state.fits(provider, needs.bytes, settings.bytes_max) {
            let spacing = state.spacing(settings.workers);
            let first = wait.saturating_sub(settings.wait_max).max(spacing);
            let lane = state.lanes.entry(provider).or_default();
            return Err(Error::Busy { retry_after: lane.promises.give(request, now, first, spacing) });
        }
        let id = state.next_place;
        state.next_place += 1;
        state.bytes += needs.bytes;
        let lane = state.lanes.entry(provider).or_default();
        lane.bytes += needs.bytes;
        lane.arriving.insert(id, (now, needs.pictures));
        drop(state);
        Ok(Place { turns: self.clone(), provider, request, id, bytes: Mutex::new(needs.bytes) })
    }

    /// Gives a turn to the next picture, or ends it if none waits.
    fn pass_on(&self) {
        loop {
            let mut state = self.0.state();
            let Some(next) = state.next() else {
                state.running -= 1;
                return;
            };
            drop(state);
            let turn = Turn { turns: self.clone(), since: self.0.clock.monotonic(), is_over: false };
            match next.send(turn) {
                Ok(()) => return,
                // The picture's request is gone, so the turn goes to the next one.
                Err(mut turn) => turn.is_over = true,
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the time that one more picture of the provider would wait: behind the provider's own, and behind as many
    /// of each other provider, since they take turns. A new request leaves room for promised ones that are due before
    /// it ends.
    fn wait(&self, provider: ProviderId, workers: usize, now: Duration, is_promised: bool) -> Duration {
        let lane = self.lanes.get(&provider);
        let due = lane.filter(|_| !is_promised).map_or(0.0, |lane| lane.promises.expected(now, ARRIVING));
        let own = lane.map_or(0, |lane| lane.pictures(now)) + due as usize;
        let others = self.lanes.iter().filter(|(other, _)| **other != provider);
        let others: usize = others.map(|(_, lane)| lane.pictures(now).min(own + 1)).sum();
        self.wait_behind(own + others, workers)
    }

    /// Returns the estimated wait of a picture behind `pictures` others that have no turn yet.
    fn wait_behind(&self, pictures: usize, workers: usize) -> Duration {
        let ahead = (pictures + self.running + 1).saturating_sub(workers);
        Duration::from_secs_f64(ahead as f64 * self.picture_s / workers.max(1) as f64)
    }

    /// Returns the time between two pictures of one provider.
    fn spacing(&self, workers: usize) -> Duration {
        let busy = self.lanes.values().filter(|lane| !lane.waiting.is_empty() || !lane.arriving.is_empty()).count();
        Duration::from_secs_f64(self.picture_s * busy.max(1) as f64 / workers.max(1) as f64)
    }

    fn fits(&self, provider: ProviderId, bytes: usize, bytes_max: usize) -> bool {
        let own = self.lanes.get(&provider).map_or(0, |lane| lane.bytes);
        self.bytes + bytes <= bytes_max && own + bytes <= bytes_max / SHARE
    }

    /// Returns the longest-waiting picture of the provider whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(provider) = self.order.pop_front() {
            let Some(lane) = self.lanes.get_mut(&provider) else { continue };
            let next = lane.waiting.pop_front();
            if !lane.waiting.is_empty() {
                self.order.push_back(provider);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Lane {
    /// Counts the pictures that wait or are about to.
    fn pictures(&self, now: Duration) -> usize {
        let arriving = self.arriving.values().filter(|(since, _)| now <= *since + ARRIVING);
        let waiting = self.waiting.iter().filter(|waiting| !waiting.is_closed()).count();
        waiting + arriving.map(|(_, pictures)| pictures).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.arriving.is_empty() && self.promises.is_empty()
    }
}

impl Place {
    /// Waits for a turn at the networks, for one of the request's pictures.
    pub async fn turn(&self) -> Turn {
        let shared = &self.turns.0;
        let receiver = {
            let mut guard = shared.state();
            let state = &mut *guard;
            let lane = state.lanes.entry(self.provider).or_default();
            if let Some((_, pictures)) = lane.arriving.get_mut(&self.id) {
                *pictures = pictures.saturating_sub(1);
            }
            if state.running < shared.settings.workers.max(1) {
                state.running += 1;
                return Turn { turns: self.turns.clone(), since: shared.clock.monotonic(), is_over: false };
            }
            let (sender, receiver) = oneshot::channel();
            lane.waiting.push_back(sender);
            if !state.order.contains(&self.provider) {
                state.order.push_back(self.provider);
            }
            receiver
        };
        receiver.await.expect("a turn is given to everyone who waits")
    }

    /// Counts more bytes than the place was taken for.
    ///
    /// # Errors
    /// The bytes do not fit.
    pub fn grow(&self, by: usize) -> Result<(), Error> {
        let Shared { settings, clock, .. } = &*self.turns.0;
        let mut state = self.turns.0.state();
        let (fits, spacing) = (state.fits(self.provider, by, settings.bytes_max), state.spacing(settings.workers));
        let lane = state.lanes.entry(self.provider).or_default();
        if !fits {
            let retry_after = lane.promises.give(self.request, clock.monotonic(), spacing, spacing);
            return Err(Error::Busy { retry_after });
        }
        lane.bytes += by;
        state.bytes += by;
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += by;
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("provider", &self.provider).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let bytes = *self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.turns.0.state();
        state.bytes -= bytes;
        if let Some(lane) = state.lanes.get_mut(&self.provider) {
            lane.bytes -= bytes;
            lane.arriving.remove(&self.id);
            lane.waiting.retain(|waiting| !waiting.is_closed());
            if lane.is_empty() {
                state.lanes.remove(&self.provider);
            }
        }
    }
}

impl Turn {
    /// Ends the turn after its picture was processed; the time goes into the estimate for later ones.
    pub fn done(self) {
        let shared = &self.turns.0;
        let took = shared.clock.monotonic().saturating_sub(self.since);
        let mut state = shared.state();
        state.picture_s += PICTURE_WEIGHT * (took.as_secs_f64() - state.picture_s);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            self.turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests;
