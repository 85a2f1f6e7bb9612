//! A report says how it was made, so that a reader can make it again.

/// The program, the time, the command and the networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The version of the program.
    pub version: String,
    /// The date in UTC, in the format of the server's answers.
    pub date: String,
    /// The command line.
    pub command: String,
    /// [`face::pack::Pack::digest`]; `None` if no pack of this machine takes part in the report.
    pub pack_digest: Option<String>,
}

impl Made {
    /// Returns each fact as its name and its value.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { version, date, command, pack_digest } = self;
        let digest = pack_digest.as_deref().map(|digest| ("SHA-256 of the pack", digest));
        [("Version", version.as_str()), ("Date", date), ("Command", command)].into_iter().chain(digest)
    }
}
