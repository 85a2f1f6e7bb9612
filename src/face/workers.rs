//! Worker threads that run the networks behind a queue that is never longer than its limit.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::domain::score::Score;
use crate::face::Aged;
use crate::face::Coded;
use crate::face::Coder;
use crate::face::Error;
use crate::face::Picture;
use crate::face::Side;
use crate::face::curves::Curves;
use crate::face::networks;
use crate::face::networks::Compiled;
use crate::face::networks::Networks;
use crate::face::pack::Fault;
use crate::face::pack::Pack;
use crate::face::score::Origin;

/// What a picture is taken to need until the first one has been measured.
const SERVICE_START: Duration = Duration::from_millis(200);
/// Weight of the newest measurement in the running mean.
const SERVICE_WEIGHT: f64 = 0.1;
/// Bytes of image files in the queue: ten of the largest, whatever the estimate says.
const QUEUE_BYTES_MAX: usize = 100 << 20;

/// How many work, and how long they let others wait.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Worker threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// A picture that would wait longer is refused.
    pub wait_max: Duration,
    pub networks: networks::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threads: None, wait_max: Duration::from_secs(2), networks: networks::Settings::default() }
    }
}

/// The networks of a pack, at work. Threads end when it is dropped.
pub struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    curves: Curves,
    pack: String,
    template_version: u16,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    workers: usize,
    wait_max: Duration,
}

struct State {
    jobs: VecDeque<Job>,
    /// Running mean of the time one picture takes, in seconds.
    service_s: f64,
    closed: bool,
}

struct Job {
    picture: Picture,
    wanted: Wanted,
}

/// What somebody waits for.
enum Wanted {
    Face(Reply<Coded>),
    Age(Reply<Aged>),
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Wanted {
    /// Whether whoever asked is gone.
    fn is_closed(&self) -> bool {
        match self {
            Self::Face(reply) => reply.is_closed(),
            Self::Age(reply) => reply.is_closed(),
        }
    }
}

impl Workers {
    /// Compiles the networks and starts the threads. A pack without calibration is refused.
    pub fn start(pack: &Pack, settings: &Settings) -> Result<Self, Fault> {
        let curves = pack.curves().ok_or_else(|| Fault::NoCalibration(pack.name.clone()))?;
        let compiled = Compiled::new(pack, settings.networks.clone())?;
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let workers = settings.threads.unwrap_or_else(cores).max(1);
        let queue = Arc::new(Queue::new(workers, settings.wait_max));
        let start = |number: usize| {
            let (queue, compiled) = (queue.clone(), compiled.clone());
            let work = move || queue.work(|| Networks::new(&compiled), Networks::code, Networks::age);
            let thread = thread::Builder::new().name(format!("face-{number}")).spawn(work);
            thread.expect("the system has a thread for each core")
        };
        let threads = (0..workers).map(start).collect();
        Ok(Self { queue, threads, curves, pack: pack.name.clone(), template_version: pack.template_version })
    }

    /// Waits in the queue, and for what `wanted` asks for.
    async fn ask<T>(&self, picture: Picture, wanted: fn(Reply<T>) -> Wanted) -> Result<T, Error> {
        let reply = self.queue.push(picture, wanted)?;
        reply.await.unwrap_or_else(|_| Err(Error::Failed("the server is stopping".into())))
    }
}

impl Coder for Workers {
    fn code(&self, picture: Picture) -> BoxFuture<'_, Result<Coded, Error>> {
        self.ask(picture, Wanted::Face).boxed()
    }

    fn age(&self, picture: Picture) -> BoxFuture<'_, Result<Aged, Error>> {
        self.ask(picture, Wanted::Age).boxed()
    }

    fn score(&self, reference: Side<'_>, candidate: Side<'_>) -> Score {
        self.curves.score(reference, candidate)
    }

    fn pack(&self) -> &str {
        &self.pack
    }

    fn template_version(&self) -> u16 {
        self.template_version
    }

    fn calibration(&self) -> Option<&Origin> {
        Some(self.curves.general.origin())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn new(workers: usize, wait_max: Duration) -> Self {
        let state = State { jobs: VecDeque::new(), service_s: SERVICE_START.as_secs_f64(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), workers, wait_max }
    }

    /// Refuses the picture when those before it take too long.
    fn push<T>(
        &self,
        picture: Picture,
        wanted: fn(Reply<T>) -> Wanted,
    ) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        let mut state = self.lock();
        state.jobs.retain(|job| !job.wanted.is_closed());
        let wait = Duration::from_secs_f64(state.jobs.len() as f64 * state.service_s / self.workers as f64);
        let bytes: usize = state.jobs.iter().map(|job| job.picture.bytes.len()).sum();
        let full = !state.jobs.is_empty() && bytes + picture.bytes.len() > QUEUE_BYTES_MAX;
        if wait > self.wait_max || full {
            return Err(Error::Busy { retry_after: wait });
        }
        let (reply, receiver) = oneshot::channel();
        state.jobs.push_back(Job { picture, wanted: wanted(reply) });
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// Does jobs, one after the other, until the queue is closed. Whatever a job does, the next one is done.
    fn work<N>(
        &self,
        fresh: impl Fn() -> N,
        code: impl Fn(&mut N, &Picture) -> Result<Coded, Error>,
        age: impl Fn(&mut N, &Picture) -> Result<Aged, Error>,
    ) {
        let mut networks = fresh();
        while let Some(Job { picture, wanted }) = self.next() {
            let is_whole = match wanted {
                Wanted::Face(reply) => self.answer(reply, || code(&mut networks, &picture)),
                Wanted::Age(reply) => self.answer(reply, || age(&mut networks, &picture)),
            };
            if !is_whole {
                networks = fresh();
            }
        }
    }

    /// Whether the work came to its end: after a panic its buffers may be half written.
    fn answer<T>(&self, reply: Reply<T>, work: impl FnOnce() -> Result<T, Error>) -> bool {
        let start = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(work));
        self.measured(start.elapsed());
        let is_whole = done.is_ok();
        let panicked = |panic: Box<dyn Any + Send>| Err(Error::Failed(format!("a worker panicked: {}", text(&*panic))));
        // Whoever asked may be gone.
        let _ = reply.send(done.unwrap_or_else(panicked));
        is_whole
    }

    /// Waits for a job that somebody still waits for; `None` once the queue is closed.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.jobs.pop_front() {
                Some(job) if job.wanted.is_closed() => {}
                Some(job) => return Some(job),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn measured(&self, took: Duration) {
        let mut state = self.lock();
        state.service_s += SERVICE_WEIGHT * (took.as_secs_f64() - state.service_s);
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no stated reason")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::face::Faces;

    fn picture(bytes: &'static [u8]) -> Picture {
        Picture { bytes: Bytes::from_static(bytes), rotation: false, faces: Faces::Only }
    }

    /// Answers by the picture's first byte: `p` panics, anything else is undecodable and tells how often this
    /// worker was made anew.
    fn script(made: &mut usize, picture: &Picture) -> Result<Coded, Error> {
        assert_ne!(picture.bytes[0], b'p', "as told");
        Err(Error::Undecodable(made.to_string()))
    }

    /// The same, but it sees nobody where the byte is `n`.
    fn age(made: &mut usize, picture: &Picture) -> Result<Aged, Error> {
        let nobody = Aged { digest: made.to_string(), face: None };
        if picture.bytes[0] == b'n' { Ok(nobody) } else { script(made, picture).map(|_| nobody) }
    }

    #[test]
    fn a_panic_is_answered_and_the_worker_goes_on_afresh() {
        let queue = Arc::new(Queue::new(1, Duration::from_secs(2)));
        let made = Mutex::new(0);
        let fresh = move || {
            let mut made = made.lock().expect("nobody panics here");
            *made += 1;
            *made
        };
        let worker = queue.clone();
        let thread = thread::spawn(move || worker.work(fresh, script, age));
        let answer = |bytes| queue.push(picture(bytes), Wanted::Face).expect("there is room").blocking_recv();
        let aged = |bytes| queue.push(picture(bytes), Wanted::Age).expect("there is room").blocking_recv();
        assert_eq!(answer(b"x"), Ok(Err(Error::Undecodable("1".into()))));
        let Ok(Err(Error::Failed(reason))) = answer(b"p") else { panic!("it panics") };
        assert!(reason.contains("as told"), "{reason}");
        assert_eq!(answer(b"x"), Ok(Err(Error::Undecodable("2".into()))));
        assert!(matches!(aged(b"p"), Ok(Err(Error::Failed(reason))) if reason.contains("as told")));
        assert_eq!(aged(b"nobody"), Ok(Ok(Aged { digest: "3".into(), face: None })));
        queue.close();
        thread.join().expect("it ended");
    }

    #[test]
    fn a_queue_that_takes_too_long_refuses() {
        let queue = Queue::new(2, Duration::from_secs(2));
        let waiting: Vec<_> = (0..21).map(|_| queue.push(picture(b"x"), Wanted::Face)).collect();
        assert!(waiting.iter().all(Result::is_ok)); // the last one waits for 20 x 0.2 s / 2
        let Err(Error::Busy { retry_after }) = queue.push(picture(b"x"), Wanted::Age) else { panic!("it is full") };
        assert_eq!(retry_after, Duration::from_millis(2100));
        (0..50).for_each(|_| queue.measured(Duration::from_millis(20)));
        assert!(queue.push(picture(b"x"), Wanted::Age).is_ok());
    }

    #[test]
    fn nobody_works_for_those_who_left() {
        let queue = Queue::new(1, Duration::from_secs(2));
        drop(queue.push(picture(b"gone"), Wanted::Face));
        drop(queue.push(picture(b"gone"), Wanted::Age));
        let kept = queue.push(picture(b"kept"), Wanted::Face);
        assert_eq!(queue.lock().jobs.len(), 1);
        let job = queue.next().expect("one is left");
        assert_eq!(job.picture.bytes, "kept");
        drop(kept);
        queue.close();
        assert!(queue.next().is_none());
    }

    #[test]
    fn the_bytes_that_wait_are_bounded() {
        let queue = Queue::new(1, Duration::from_secs(1000));
        let large = || Picture { bytes: Bytes::from(vec![0; 40 << 20]), rotation: false, faces: Faces::Only };
        let waiting: Vec<_> = (0..3).map(|_| queue.push(large(), Wanted::Face)).collect();
        assert!(waiting[1].is_ok());
        assert!(matches!(waiting[2], Err(Error::Busy { .. })));
    }
}
