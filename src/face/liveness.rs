//! Whether a capture shows a living person.

use crate::face::Error;
use crate::face::Replay;
use crate::face::Verdict;
use crate::face::networks::Networks;

impl Networks {
    /// Looks whether a capture shows a living person who does what was asked, on this thread.
    pub fn replay(&mut self, _replay: &Replay) -> Result<Verdict, Error> {
        Err(Error::Failed("liveness is not there yet".into()))
    }
}
