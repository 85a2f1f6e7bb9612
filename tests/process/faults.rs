//! The table of faults: each fault is provoked on running programs under load, and the answers are read again
//! afterwards.
//!
//! `FAULTS_MINUTES=15 FAULTS_KILLS=20 tools/faults` prints it, with the rows of the tests beside this one. The soak
//! takes that many minutes, and a server is killed that often on each kind of storage. Without these variables it is
//! short.

use std::fmt;
use std::time::Duration;

use crate::faults::kills::Storage;

mod kills;
mod load;

const SOAK: Duration = Duration::from_secs(6);
const OVERLOAD: Duration = Duration::from_secs(4);
const KILLS: usize = 2;
/// The overload of a long soak is shorter by this factor.
const OVERLOAD_SHARE: u32 = 15;

/// The outcome of one fault: a line of the table.
#[derive(Default)]
pub struct Row {
    fault: String,
    times: usize,
    requests: usize,
    /// Answers that are no longer true.
    lost: Vec<String>,
    /// Answers that should not have been given.
    wrong: Vec<String>,
    measured: String,
}

impl Row {
    /// Prints the line of a fault that did no harm, as the test has verified.
    pub fn harmless(fault: &str, times: usize, requests: usize, measured: impl fmt::Display) {
        let (fault, measured) = (fault.to_owned(), measured.to_string());
        println!("{}", Self { fault, times, requests, measured, ..Self::default() });
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, times, requests, lost, wrong, measured } = self;
        write!(f, "| {fault} | {times} | {requests} | {} | {} | {measured} |", lost.len(), wrong.len())
    }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_wrong() {
    let soak = number("FAULTS_MINUTES").map(|minutes| Duration::from_mins(minutes as u64));
    let overload = soak.map_or(OVERLOAD, |soak| soak / OVERLOAD_SHARE);
    let kills = number("FAULTS_KILLS").unwrap_or(KILLS);
    let mut rows = load::rows(soak.unwrap_or(SOAK), overload).await;
    for storage in [Storage::Sqlite, Storage::Postgres, Storage::Bucket] {
        let row = kills::row(storage, kills).await;
        println!("{row}");
        rows.push(row);
    }
    for Row { fault, requests, lost, wrong, .. } in &rows {
        assert!(*requests > 0, "{fault}: nothing was asked");
        assert!(lost.is_empty() && wrong.is_empty(), "{fault}: lost {lost:?}, wrong {wrong:?}");
    }
}
