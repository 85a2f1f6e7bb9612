//! The table of faults: each is provoked on running programs while requests come, and what was answered is asked for
//! again afterwards.
//!
//! `FAULTS_MINUTES=15 FAULTS_KILLS=20 cargo test --test process faults:: -- --nocapture` takes that
//! long for the soak, and kills a server so often on each kind of storage. Without them it is short.

use std::time::Duration;

use crate::faults::kills::Storage;

mod kills;
mod load;

const SOAK: Duration = Duration::from_secs(6);
const OVERLOAD: Duration = Duration::from_secs(4);
const KILLS: usize = 2;
/// A long soak has an overload that is as much shorter.
const OVERLOAD_SHARE: u32 = 15;

/// The outcome of one fault.
#[derive(Default)]
struct Row {
    fault: String,
    times: usize,
    requests: usize,
    /// Answers that are not true any more.
    lost: Vec<String>,
    /// Answers that should not have been given.
    wrong: Vec<String>,
    measured: String,
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
        rows.push(kills::row(storage, kills).await);
    }
    println!("\n| fault | times | requests | lost | wrong | measured |\n|---|---|---|---|---|---|");
    for Row { fault, times, requests, lost, wrong, measured } in &rows {
        println!("| {fault} | {times} | {requests} | {} | {} | {measured} |", lost.len(), wrong.len());
    }
    for Row { fault, requests, lost, wrong, .. } in &rows {
        assert!(*requests > 0, "{fault}: nothing was asked");
        assert!(lost.is_empty() && wrong.is_empty(), "{fault}: lost {lost:?}, wrong {wrong:?}");
    }
}
