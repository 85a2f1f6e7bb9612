use bytes::Bytes;

use super::*;
use crate::domain::liveness::LivenessType;
use crate::domain::liveness::Reason;
use crate::domain::liveness::SecurityLevel;
use crate::face::Faces;

fn picture(bytes: &'static [u8]) -> Picture {
    Picture { bytes: Bytes::from_static(bytes), rotation: false, faces: Faces::Only }
}

/// Answers by a picture's first byte: `p` panics, an age of `n` is nobody's, anything else is undecodable and
/// tells how often this worker was made anew. Captures show nobody.
struct Script(usize);

impl Serve for Script {
    fn code(&mut self, picture: &Picture) -> Result<Coded, Error> {
        assert_ne!(picture.bytes[0], b'p', "as told");
        Err(Error::Undecodable(self.0.to_string()))
    }

    fn age(&mut self, picture: &Picture) -> Result<Aged, Error> {
        let nobody = Aged { digest: self.0.to_string(), face: None };
        if picture.bytes[0] == b'n' { Ok(nobody) } else { self.code(picture).map(|_| nobody) }
    }

    fn replay(&mut self, _: &Replay) -> Result<Verdict, Error> {
        Ok(Verdict { reasons: vec![Reason::NoFace], best: None })
    }
}

fn face(bytes: &'static [u8]) -> impl FnOnce(Reply<Coded>) -> Job {
    move |reply| Job::Face(picture(bytes), reply)
}

fn capture() -> Replay {
    let (liveness_type, level) = (LivenessType::Passive, SecurityLevel::High);
    Replay { liveness_type, level, challenges: vec![], frames: vec![] }
}

#[test]
fn a_panic_is_answered_and_the_worker_goes_on_afresh() {
    let queue = Arc::new(Queue::new(1, Duration::from_secs(2)));
    let made = Mutex::new(0);
    let fresh = move || {
        let mut made = made.lock().expect("nobody panics here");
        *made += 1;
        Script(*made)
    };
    let worker = queue.clone();
    let thread = thread::spawn(move || worker.work(fresh));
    let answer = |bytes| queue.push(face(bytes)).expect("there is room").blocking_recv();
    let aged = |bytes| {
        let age = |reply| Job::Age(picture(bytes), reply);
        queue.push(age).expect("there is room").blocking_recv()
    };
    assert_eq!(answer(b"x"), Ok(Err(Error::Undecodable("1".into()))));
    let Ok(Err(Error::Failed(reason))) = answer(b"p") else { panic!("it panics") };
    assert!(reason.contains("as told"), "{reason}");
    assert_eq!(answer(b"x"), Ok(Err(Error::Undecodable("2".into()))));
    assert!(matches!(aged(b"p"), Ok(Err(Error::Failed(reason))) if reason.contains("as told")));
    assert_eq!(aged(b"nobody"), Ok(Ok(Aged { digest: "3".into(), face: None })));
    let replayed = queue.push(|reply| Job::Liveness(capture(), reply)).expect("there is room").blocking_recv();
    assert_eq!(replayed, Ok(Ok(Verdict { reasons: vec![Reason::NoFace], best: None })));
    queue.close();
    thread.join().expect("it ended");
}

#[test]
fn a_queue_that_takes_too_long_refuses() {
    let queue = Queue::new(2, Duration::from_secs(2));
    let waiting: Vec<_> = (0..21).map(|_| queue.push(face(b"x"))).collect();
    assert!(waiting.iter().all(Result::is_ok)); // the last one waits for 20 x 0.2 s / 2
    let Err(Error::Busy { retry_after }) = queue.push(face(b"x")) else { panic!("it is full") };
    assert_eq!(retry_after, Duration::from_millis(2100));
    (0..50).for_each(|_| queue.measured(0, Duration::from_millis(20)));
    assert!(queue.push(face(b"x")).is_ok());
    // A capture takes longer than a picture.
    let captures: Vec<_> = (0..4).map(|_| queue.push(|reply| Job::Liveness(capture(), reply))).collect();
    assert!(captures.iter().all(Result::is_ok));
    assert!(queue.push(face(b"x")).is_err());
}

#[test]
fn nobody_works_for_those_who_left() {
    let queue = Queue::new(1, Duration::from_secs(2));
    drop(queue.push(face(b"gone")));
    drop(queue.push(|reply| Job::Age(picture(b"gone"), reply)));
    let kept = queue.push(face(b"kept"));
    assert_eq!(queue.lock().jobs.len(), 1);
    assert!(matches!(queue.next(), Some(Job::Face(picture, _)) if picture.bytes == "kept"));
    drop(kept);
    queue.close();
    assert!(queue.next().is_none());
}

#[test]
fn the_bytes_that_wait_are_bounded() {
    let queue = Queue::new(1, Duration::from_secs(1000));
    let large = || Picture { bytes: Bytes::from(vec![0; 40 << 20]), rotation: false, faces: Faces::Only };
    let waiting: Vec<_> = (0..3).map(|_| queue.push(|reply| Job::Face(large(), reply))).collect();
    assert!(waiting[1].is_ok());
    assert!(matches!(waiting[2], Err(Error::Busy { .. })));
}
