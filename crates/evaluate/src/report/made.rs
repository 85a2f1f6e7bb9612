//! A report says how it was made, so that a reader can make it again.

/// The program, the time, the command and the networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// This is the version of the program.
    pub version: String,
    /// In UTC, as answers state it.
    pub date: String,
    /// As it was given on the command line.
    pub command: String,
    /// [`face::pack::Pack::digest`]; `None` of a report in which no pack of this machine takes part.
    pub pack_digest: Option<String>,
}

impl Made {
    /// Each a line of its own: its name and what it is.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { version, date, command, pack_digest } = self;
        let digest = pack_digest.as_deref().map(|digest| ("SHA-256 of the pack", digest));
        [("Version", version.as_str()), ("Date", date), ("Command", command)].into_iter().chain(digest)
    }
}
