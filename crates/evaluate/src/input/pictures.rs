//! Runs picture files through the networks, with one thread for each engine.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use face::{Picture, WantedFace};

use crate::{Error, threads};

/// The server's own default limit for a picture.
const PICTURE_BYTES_MAX: u64 = 10 << 20;

/// The results of the pictures, in their order.
pub struct Looked<T> {
    /// The result for each picture, or the reason why there is none.
    pub found: Vec<Result<T, face::Error>>,
    /// The time from the first picture to the last.
    pub took: Duration,
    pub threads: usize,
}

/// Runs the networks on the face in the middle of every picture. `engines` has one entry per thread; `done` is called
/// after each picture.
///
/// A file that cannot be read ends the whole call with an error; a picture without a face does not.
pub fn each<T, C>(paths: &[&Path], engines: Vec<C>, done: &(dyn Fn() + Sync)) -> Result<Looked<T>, Error>
where
    T: Send,
    C: FnMut(&Picture) -> Result<T, face::Error> + Send,
{
    let started = Instant::now();
    let threads = engines.len();
    let reading = |mut engine: C| {
        move |path: &&Path| {
            let picture = Picture { bytes: read(path)?, rotation: false, wanted: WantedFace::Central };
            let found = engine(&picture);
            done();
            Ok(found)
        }
    };
    let found = threads::each(paths, engines.into_iter().map(reading).collect())?;
    Ok(Looked { found, took: started.elapsed(), threads })
}

fn read(path: &Path) -> Result<Bytes, Error> {
    let unread = |source| Error::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unread)?.len() > PICTURE_BYTES_MAX {
        return Err(Error::TooLong { path: path.to_owned(), bytes_max: PICTURE_BYTES_MAX });
    }
    Ok(fs::read(path).map_err(unread)?.into())
}
