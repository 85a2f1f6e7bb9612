use std::sync::mpsc;

use super::*;

/// The `W` of these tests: the number of times that it was made.
type Made = usize;

type Answer = Result<oneshot::Receiver<Result<Made, Error>>, Error>;

/// Pushes a job that answers the number of times that its worker's `Made` was made.
fn made(queue: &Queue<Made>, kind: Kind) -> Answer {
    queue.push(kind, 0, |made: &mut Made| Ok(*made))
}

#[test]
fn a_panic_is_answered_and_the_worker_goes_on_afresh() {
    let queue = Arc::new(Queue::new(1, Duration::from_secs(2)));
    let count = Mutex::new(0);
    let fresh = move || {
        let mut count = count.lock().expect("nobody panics here");
        *count += 1;
        *count
    };
    let worker = queue.clone();
    let thread = thread::spawn(move || worker.work(fresh));
    let answer = || made(&queue, Kind::Picture).expect("there is room").blocking_recv();
    let panics = || queue.push(Kind::Capture, 0, |_: &mut Made| -> Result<(), Error> { panic!("as told") });
    assert_eq!(answer(), Ok(Ok(1)));
    let Ok(Err(Error::Failed(reason))) = panics().expect("there is room").blocking_recv() else { panic!("it panics") };
    assert!(reason.contains("as told"), "{reason}");
    assert_eq!(answer(), Ok(Ok(2)));
    let refused = queue.push(Kind::Picture, 0, |_: &mut Made| Err::<(), _>(Error::NoFace)).expect("there is room");
    assert_eq!(refused.blocking_recv(), Ok(Err(Error::NoFace)));
    queue.close();
    thread.join().expect("it ended");
}

#[test]
fn a_thread_that_cannot_begin_begins_anew() {
    let queue = Arc::new(Queue::new(1, Duration::from_secs(2)));
    let tries = Mutex::new(0);
    let fresh = move || {
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        *tries += 1;
        assert!(*tries > 1, "as told");
        *tries
    };
    let worker = queue.clone();
    let thread = thread::spawn(move || worker.work_on(fresh));
    assert_eq!(made(&queue, Kind::Picture).expect("there is room").blocking_recv(), Ok(Ok(2)));
    queue.close();
    thread.join().expect("it ended");
}

#[test]
fn a_thread_that_is_stuck_is_seen_until_it_goes_on() {
    let watch = Watch::default();
    let (alive, other) = (watch.live(), watch.live());
    let (job, stuck) = (watch.begin(Duration::from_mins(1)), watch.begin(Duration::ZERO));
    let health = |alive, stuck| WorkersHealth { started: 2, alive, stuck };
    while watch.health(2).stuck == 0 {}
    assert_eq!(watch.health(2), health(2, 1));
    drop((job, stuck));
    assert_eq!(watch.health(2), health(2, 0));
    drop(other);
    assert_eq!(watch.health(2), health(1, 0));
    drop(alive);
}

#[test]
fn a_queue_that_takes_too_long_refuses() {
    let queue = Queue::new(2, Duration::from_secs(2));
    let waiting: Vec<_> = (0..21).map(|_| made(&queue, Kind::Picture)).collect();
    assert!(waiting.iter().all(Result::is_ok)); // the last one waits for 20 x 0.2 s / 2
    let Err(Error::Busy { retry_after }) = made(&queue, Kind::Picture) else { panic!("it is full") };
    assert_eq!(retry_after, Duration::from_millis(2100));
    (0..50).for_each(|_| queue.measured(Kind::Picture, Duration::from_millis(20)));
    assert!(made(&queue, Kind::Picture).is_ok());
    // A capture takes longer than a picture.
    let captures: Vec<_> = (0..4).map(|_| made(&queue, Kind::Capture)).collect();
    assert!(captures.iter().all(Result::is_ok));
    assert!(made(&queue, Kind::Picture).is_err());
}

#[test]
fn nobody_works_for_those_who_left() {
    let queue = Queue::new(1, Duration::from_secs(2));
    let (sender, done) = mpsc::channel();
    let job = |name: &'static str| {
        let sender = sender.clone();
        queue.push(Kind::Picture, 0, move |_: &mut Made| {
            sender.send(name).expect("the test listens");
            Ok(())
        })
    };
    drop(job("gone"));
    drop(job("gone"));
    let kept = job("kept");
    assert_eq!(queue.lock().jobs.len(), 1);
    assert!(queue.next().expect("somebody waits").task.run(&mut 0));
    assert_eq!(done.try_iter().collect::<Vec<_>>(), ["kept"]);
    drop(kept);
    queue.close();
    assert!(queue.next().is_none());
}

#[test]
fn the_bytes_that_wait_are_bounded() {
    let queue = Queue::new(1, Duration::from_secs(1000));
    let waiting: Vec<_> = (0..3).map(|_| queue.push(Kind::Picture, 40 << 20, |made: &mut Made| Ok(*made))).collect();
    assert!(waiting[1].is_ok());
    assert!(matches!(waiting[2], Err(Error::Busy { .. })));
}
