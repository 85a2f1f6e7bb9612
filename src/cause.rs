//! Names the cause of a failure outside this program in few words: `connection refused`.

use std::error::Error;
use std::io;
use std::iter::successors;

/// The cause if no answer came.
pub const NO_ANSWER: &str = "no answer in time";

/// Returns the innermost cause: libraries wrap it in sentences of their own.
pub fn of(error: &(dyn Error + 'static)) -> String {
    let innermost = successors(Some(error), |&error| error.source()).last().unwrap_or(error);
    match innermost.downcast_ref::<io::Error>() {
        Some(error) if error.raw_os_error().is_some() => of_system(&error.to_string()),
        _ => innermost.to_string(),
    }
}

/// Turns the system's text, `Connection refused (os error 111)`, into the end of a sentence.
fn of_system(text: &str) -> String {
    let text = text.split_once(" (os error").map_or(text, |(words, _)| words);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the request failed: {0}")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn the_innermost_cause_is_said() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of(&Wrapped(io::Error::from_raw_os_error(111))), "connection refused");
        assert_eq!(of(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(of(&io::Error::other(Wrapped(refused()))), "connection refused");
        assert_eq!(of(&io::Error::other("no such name")), "no such name");
    }
}
