//! Picture files through the networks, on as many threads as there are engines.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use bytes::Bytes;
use face::{Picture, WantedFace};

use crate::Error;

/// The server's own default bound on a picture.
const PICTURE_BYTES_MAX: u64 = 10 << 20;

/// What was found in pictures, in their order.
pub struct Looked<T> {
    /// Or why nothing was.
    pub found: Vec<Result<T, face::Error>>,
    /// The time from the first picture to the last.
    pub took: Duration,
    pub threads: usize,
}

/// Looks for the face in the middle of every picture. `engines` has one entry per thread; `done` is called after each picture.
///
/// A file that cannot be read ends it; a picture without a face does not.
pub fn each<T, C>(paths: &[&Path], engines: Vec<C>, done: &(dyn Fn() + Sync)) -> Result<Looked<T>, Error>
where
    T: Send,
    C: FnMut(&Picture) -> Result<T, face::Error> + Send,
{
    let started = Instant::now();
    let threads = engines.len();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(paths.iter().map(|_| None).collect::<Vec<_>>());
    let work = |mut engine: C| -> Result<(), Error> {
        while let Some((at, path)) = take(&next, paths) {
            let picture = Picture { bytes: read(path)?, rotation: false, wanted: WantedFace::Central };
            let one = engine(&picture);
            found.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(one);
            done();
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = engines.into_iter().map(|engine| scope.spawn(|| work(engine))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(Error::Panicked)))
    })?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let found = found.into_iter().collect::<Option<_>>().ok_or(Error::NoCoders)?;
    Ok(Looked { found, took: started.elapsed(), threads })
}

fn take<'a>(next: &AtomicUsize, paths: &[&'a Path]) -> Option<(usize, &'a Path)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, paths.get(at)?))
}

fn read(path: &Path) -> Result<Bytes, Error> {
    let unread = |source| Error::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unread)?.len() > PICTURE_BYTES_MAX {
        return Err(Error::TooLong { path: path.to_owned(), bytes_max: PICTURE_BYTES_MAX });
    }
    Ok(fs::read(path).map_err(unread)?.into())
}
