//! Worker threads run the networks behind a bounded queue.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::calibration::Origin;
use crate::curves::Curves;
use crate::networks::{self, Compiled, Networks};
use crate::pack::{Fault, Pack};
use crate::values::score::Score;
use crate::workers::watch::Watch;
use crate::{
    AgeEstimate, ComparedFace, DescribedFace, Error, FaceEngine, LivenessCapture, Picture, Verdict, WorkersHealth,
    spoof,
};

mod watch;

/// Weight of the newest measurement in the running mean.
const SERVICE_WEIGHT: f64 = 0.1;
/// The most bytes of image files in the queue: ten of the largest, whatever the estimated wait.
const QUEUE_BYTES_MAX: usize = 100 << 20;

/// A kind of job. Jobs of one kind take about the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Picture,
    Capture,
}

impl Kind {
    /// The assumed time of a job of each kind, in seconds, from which the running means start.
    const START_S: [f64; 2] = [0.2, 1.0];

    /// Returns the time after which a thread counts as stuck: far longer than such a job takes on a slow machine.
    fn time_max(self) -> Duration {
        match self {
            Self::Picture => Duration::from_mins(1),
            Self::Capture => Duration::from_mins(5),
        }
    }
}

/// The pause before a thread begins anew that has panicked outside of a job.
const RECOVERY: Duration = Duration::from_secs(1);

/// The number of threads, and the longest wait for them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Worker threads; `None` means one for each core.
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

/// The worker threads of a pack. They end when it is dropped.
pub struct Workers {
    queue: Arc<Queue<Networks>>,
    threads: Vec<JoinHandle<()>>,
    curves: Curves,
    spoof: Option<spoof::Origin>,
    pack: String,
    template_version: u16,
}

/// A queue of jobs for threads that each have their own `W`.
struct Queue<W> {
    state: Mutex<State<W>>,
    changed: Condvar,
    workers: usize,
    wait_max: Duration,
    watch: Watch,
}

struct State<W> {
    jobs: VecDeque<Job<W>>,
    /// Running means of the time that each kind of job takes, in seconds.
    service_s: [f64; 2],
    closed: bool,
}

struct Job<W> {
    kind: Kind,
    /// Bytes of image files that the job holds.
    bytes: usize,
    task: Box<dyn Task<W>>,
}

/// Work that a caller waits for.
trait Task<W>: Send {
    /// Returns true if nobody waits any more.
    fn is_abandoned(&self) -> bool;

    /// Does the work and answers. Returns false if the work panicked: `with` may then be half written.
    fn run(self: Box<Self>, with: &mut W) -> bool;
}

struct Answered<T, F> {
    work: F,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<W, T: Send, F: FnOnce(&mut W) -> Result<T, Error> + Send> Task<W> for Answered<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, with: &mut W) -> bool {
        let Self { work, reply } = *self;
        let done = catch_unwind(AssertUnwindSafe(|| work(with)));
        let is_whole = done.is_ok();
        let panicked = |panic: Box<dyn Any + Send>| Err(Error::Failed(format!("a worker panicked: {}", text(&*panic))));
        // The caller may be gone.
        let _ = reply.send(done.unwrap_or_else(panicked));
        is_whole
    }
}

impl Workers {
    /// Compiles the networks and starts the threads. Refuses a pack without calibration.
    pub fn start(pack: &Pack, settings: &Settings) -> Result<Self, Fault> {
        let curves = pack.curves().ok_or_else(|| Fault::NoCalibration(pack.name.clone()))?;
        let compiled = Compiled::new(pack, settings.networks.clone())?;
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let workers = settings.threads.unwrap_or_else(cores).max(1);
        let queue = Arc::new(Queue::new(workers, settings.wait_max));
        let start = |number: usize| {
            let (queue, compiled) = (queue.clone(), compiled.clone());
            let work = move || queue.work_on(|| Networks::new(&compiled));
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
    fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        bytes: usize,
        work: impl Fn(&mut Networks) -> Result<T, Error> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, Error>> {
        let reply = self.queue.push(kind, bytes, |networks: &mut Networks| networks.steadily(work));
        let time_max = self.queue.wait_max + kind.time_max();
        async move {
            let answered = timeout(time_max, reply?).await;
            let answered = answered.map_err(|_| Error::Failed(format!("no answer within {} s", time_max.as_secs())))?;
            answered.unwrap_or_else(|_| Err(Error::Failed("the server is stopping".into())))
        }
        .boxed()
    }
}

impl FaceEngine for Workers {
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>> {
        self.ask(Kind::Picture, picture.bytes.len(), move |networks| networks.describe(&picture))
    }

    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>> {
        self.ask(Kind::Picture, picture.bytes.len(), move |networks| networks.estimate_age(&picture))
    }

    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>> {
        let bytes = capture.frames.iter().map(|frame| frame.jpeg.len()).sum();
        self.ask(Kind::Capture, bytes, move |networks| networks.check_liveness(&capture))
    }

    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score {
        self.curves.score(reference, candidate)
    }

    fn workers(&self) -> WorkersHealth {
        self.queue.watch.health(self.threads.len())
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

impl<W> Queue<W> {
    fn new(workers: usize, wait_max: Duration) -> Self {
        let state = State { jobs: VecDeque::new(), service_s: Kind::START_S, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), workers, wait_max, watch: Watch::default() }
    }

    /// Refuses the job if the jobs before it take too long, or hold too many bytes.
    fn push<T: Send + 'static>(
        &self,
        kind: Kind,
        bytes: usize,
        work: impl FnOnce(&mut W) -> Result<T, Error> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        let mut state = self.lock();
        state.jobs.retain(|job| !job.task.is_abandoned());
        let wait_s: f64 = state.jobs.iter().map(|job| state.service_s[job.kind as usize]).sum();
        let wait = Duration::from_secs_f64(wait_s / self.workers as f64);
        let waiting: usize = state.jobs.iter().map(|job| job.bytes).sum();
        let full = !state.jobs.is_empty() && waiting + bytes > QUEUE_BYTES_MAX;
        if wait > self.wait_max || full {
            return Err(Error::Busy { retry_after: wait });
        }
        let (reply, receiver) = oneshot::channel();
        state.jobs.push_back(Job { kind, bytes, task: Box::new(Answered { work, reply }) });
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// Runs [`Queue::work`], and begins anew after a panic outside of a job.
    fn work_on(&self, fresh: impl Fn() -> W) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work(&fresh))) {
            tracing::error!(panic = text(&*panic), "a worker thread panicked and restarts");
            thread::sleep(RECOVERY);
        }
    }

    /// Does jobs one after the other until the queue is closed. A job that panics does not stop the next one.
    fn work(&self, fresh: impl Fn() -> W) {
        let mut with = fresh();
        let _alive = self.watch.live();
        while let Some(job) = self.next() {
            let start = Instant::now();
            let begun = self.watch.begin(job.kind.time_max());
            let is_whole = job.task.run(&mut with);
            drop(begun);
            self.measured(job.kind, start.elapsed());
            if !is_whole {
                with = fresh();
            }
        }
    }

    /// Waits for a job that has a caller; `None` once the queue is closed.
    fn next(&self) -> Option<Job<W>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.jobs.pop_front() {
                Some(job) if job.task.is_abandoned() => {}
                Some(job) => return Some(job),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn measured(&self, kind: Kind, took: Duration) {
        let service_s = &mut self.lock().service_s[kind as usize];
        *service_s += SERVICE_WEIGHT * (took.as_secs_f64() - *service_s);
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no stated reason")
}

#[cfg(test)]
mod tests;
