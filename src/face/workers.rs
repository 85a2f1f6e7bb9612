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
use crate::face::Replay;
use crate::face::Side;
use crate::face::Verdict;
use crate::face::curves::Curves;
use crate::face::networks;
use crate::face::networks::Compiled;
use crate::face::networks::Networks;
use crate::face::pack::Fault;
use crate::face::pack::Pack;
use crate::face::score::Origin;
use crate::face::spoof;

/// Pictures, and captures.
const KINDS: usize = 2;
/// What a job of each kind is taken to need until the first one has been measured, in seconds.
const SERVICE_START_S: [f64; KINDS] = [0.2, 1.0];
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
    spoof: Option<spoof::Origin>,
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
    /// Running means of the time that each kind of job takes, in seconds.
    service_s: [f64; KINDS],
    closed: bool,
}

/// What somebody waits for.
enum Job {
    Face(Picture, Reply<Coded>),
    Age(Picture, Reply<Aged>),
    Liveness(Replay, Reply<Verdict>),
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Job {
    /// Whether whoever asked is gone.
    fn is_closed(&self) -> bool {
        match self {
            Self::Face(_, reply) => reply.is_closed(),
            Self::Age(_, reply) => reply.is_closed(),
            Self::Liveness(_, reply) => reply.is_closed(),
        }
    }

    fn kind(&self) -> usize {
        match self {
            Self::Face(..) | Self::Age(..) => 0,
            Self::Liveness(..) => 1,
        }
    }

    /// Bytes of image files.
    fn len(&self) -> usize {
        match self {
            Self::Face(picture, _) | Self::Age(picture, _) => picture.bytes.len(),
            Self::Liveness(replay, _) => replay.frames.iter().map(|frame| frame.jpeg.len()).sum(),
        }
    }
}

/// What a thread does its jobs with.
trait Serve {
    fn code(&mut self, picture: &Picture) -> Result<Coded, Error>;
    fn age(&mut self, picture: &Picture) -> Result<Aged, Error>;
    fn replay(&mut self, replay: &Replay) -> Result<Verdict, Error>;
}

impl Serve for Networks {
    fn code(&mut self, picture: &Picture) -> Result<Coded, Error> {
        Self::code(self, picture)
    }

    fn age(&mut self, picture: &Picture) -> Result<Aged, Error> {
        Self::age(self, picture)
    }

    fn replay(&mut self, replay: &Replay) -> Result<Verdict, Error> {
        Self::replay(self, replay)
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
            let work = move || queue.work(|| Networks::new(&compiled));
            let thread = thread::Builder::new().name(format!("face-{number}")).spawn(work);
            thread.expect("the system has a thread for each core")
        };
        let threads = (0..workers).map(start).collect();
        Ok(Self {
            queue,
            threads,
            curves,
            spoof: spoof::Origin::of(pack),
            pack: pack.name.clone(),
            template_version: pack.template_version,
        })
    }

    /// Waits in the queue, and for the answer.
    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        let reply = self.queue.push(job)?;
        reply.await.unwrap_or_else(|_| Err(Error::Failed("the server is stopping".into())))
    }
}

impl Coder for Workers {
    fn code(&self, picture: Picture) -> BoxFuture<'_, Result<Coded, Error>> {
        self.ask(|reply| Job::Face(picture, reply)).boxed()
    }

    fn age(&self, picture: Picture) -> BoxFuture<'_, Result<Aged, Error>> {
        self.ask(|reply| Job::Age(picture, reply)).boxed()
    }

    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<Verdict, Error>> {
        self.ask(|reply| Job::Liveness(replay, reply)).boxed()
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

    fn spoof(&self) -> Option<&spoof::Origin> {
        self.spoof.as_ref()
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
        let state = State { jobs: VecDeque::new(), service_s: SERVICE_START_S, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), workers, wait_max }
    }

    /// Refuses the job when those before it take too long.
    fn push<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        let (reply, receiver) = oneshot::channel();
        let job = job(reply);
        let mut state = self.lock();
        state.jobs.retain(|job| !job.is_closed());
        let wait_s: f64 = state.jobs.iter().map(|job| state.service_s[job.kind()]).sum();
        let wait = Duration::from_secs_f64(wait_s / self.workers as f64);
        let bytes: usize = state.jobs.iter().map(Job::len).sum();
        let full = !state.jobs.is_empty() && bytes + job.len() > QUEUE_BYTES_MAX;
        if wait > self.wait_max || full {
            return Err(Error::Busy { retry_after: wait });
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// Does jobs, one after the other, until the queue is closed. Whatever a job does, the next one is done.
    fn work<S: Serve>(&self, fresh: impl Fn() -> S) {
        let mut networks = fresh();
        while let Some(job) = self.next() {
            let kind = job.kind();
            let is_whole = match job {
                Job::Face(picture, reply) => self.answer(kind, reply, || networks.code(&picture)),
                Job::Age(picture, reply) => self.answer(kind, reply, || networks.age(&picture)),
                Job::Liveness(replay, reply) => self.answer(kind, reply, || networks.replay(&replay)),
            };
            if !is_whole {
                networks = fresh();
            }
        }
    }

    /// Whether the work came to its end: after a panic its buffers may be half written.
    fn answer<T>(&self, kind: usize, reply: Reply<T>, work: impl FnOnce() -> Result<T, Error>) -> bool {
        let start = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(work));
        self.measured(kind, start.elapsed());
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
                Some(job) if job.is_closed() => {}
                Some(job) => return Some(job),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn measured(&self, kind: usize, took: Duration) {
        let service_s = &mut self.lock().service_s[kind];
        *service_s += SERVICE_WEIGHT * (took.as_secs_f64() - *service_s);
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
mod tests;
