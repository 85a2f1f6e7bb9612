//! `bioserver shadow`: another server answers the callers; this one receives the same requests, and the differences are
//! counted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::mpsc;

use crate::api::http::connections::places::Places;
use crate::api::http::connections::{self, Settings};
use crate::api::http::relay::{self, Asked, Told};
use crate::app;
use crate::cli::output::{print, table, write};
use crate::cli::serve;
use crate::cli::shadow::compared::Totals;
use crate::cli::shadow::mirror::{Ids, Timed};
use crate::clock::Clock;

mod compared;
mod mirror;

/// The largest body: more than any request of the contract has.
const BODY_BYTES_MAX: usize = 64 << 20;
/// The most requests that wait to be compared. Further requests are answered, but not compared.
const WAITING_MAX: usize = 16;
/// The longest wait for a server.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The URL of the server that answers, without a path, such as `https://biometrics.example`
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// The URL of the server under test, without a path
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// A key of the server under test, with all permissions
    #[arg(long, value_name = "KEY", env = "SHADOW_KEY", hide_env_values = true)]
    key: String,
    /// The address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Also writes the counts to this file when the command stops
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A request, and the answer that its caller received.
type Seen = (Asked, Timed);

/// Serves until it is stopped, then reports. It keeps numbers, statuses and names of members, and nothing about a
/// person.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let http = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
    let totals = Arc::new(Mutex::new(Totals::default()));
    let (seen, waiting) = mpsc::channel(WAITING_MAX);
    let [upstream, to] = [&args.upstream, &args.to].map(|url| url.trim_end_matches('/').to_owned());
    let comparing = tokio::spawn(compare(http.clone(), to, args.key, waiting, totals.clone()));
    let listener = app::listen(args.listen).await?;
    print(format!("listening on http://{}\n", listener.local_addr()?))?;
    let counted = totals.clone();
    let endpoint = relay::endpoint(BODY_BYTES_MAX, move |asked| {
        answer(asked, http.clone(), upstream.clone(), seen.clone(), counted.clone())
    });
    let places = Places::new(connections::fit_to_files(Settings::default()), Clock::default());
    connections::serve(endpoint, listener, None, places, serve::stopped()).await?;
    // The last sender was dropped with the endpoint, so the waiting requests are compared and the task ends.
    comparing.await?;
    let totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    print(report(&totals))?;
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&*totals)? + "\n"))?;
    }
    Ok(())
}

/// Asks the upstream server, returns its answer, and passes both on to be compared.
async fn answer(
    asked: Asked,
    http: Client,
    upstream: String,
    seen: mpsc::Sender<Seen>,
    totals: Arc<Mutex<Totals>>,
) -> Option<Told> {
    let timed = match mirror::send(&asked, &http, &upstream).await {
        Ok(timed) => timed,
        Err(error) => {
            tracing::warn!(%error, "the upstream server did not answer");
            return None;
        }
    };
    let told = timed.told.clone();
    if !mirror::is_comparable(&asked) {
        lock(&totals).not_comparable += 1;
    } else if seen.try_send((asked, timed)).is_err() {
        lock(&totals).passed_over += 1;
    }
    Some(told)
}

/// Sends the requests to the other server one after the other, so that the contents of a session exist before they are
/// asked for.
async fn compare(http: Client, to: String, key: String, mut seen: mpsc::Receiver<Seen>, totals: Arc<Mutex<Totals>>) {
    let mut ids = Ids::default();
    while let Some((asked, upstream)) = seen.recv().await {
        match mirror::send(&mirror::for_other(&asked, &ids, &key), &http, &to).await {
            Ok(own) => {
                ids.learn(&upstream, &own);
                let operation = mirror::operation(&asked);
                lock(&totals).add(&operation, &upstream.compared(), &own.compared(), |id| ids.of(id));
            }
            Err(error) => {
                tracing::warn!(%error, "the server under test did not answer");
                lock(&totals).unanswered += 1;
            }
        }
    }
}

fn lock(totals: &Mutex<Totals>) -> std::sync::MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(totals: &Totals) -> String {
    let row = |(name, operation): (&String, &compared::Operation)| {
        let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>().to_string();
        let [upstream_ms, own_ms] = operation.medians_ms().map(|median| format!("{median:.1}"));
        let (statuses, members) = (sum(&operation.statuses), sum(&operation.members));
        [name.clone(), operation.requests.to_string(), statuses, members, upstream_ms, own_ms]
    };
    let names = ["OPERATION", "REQUESTS>", "OTHER STATUS>", "OTHER MEMBERS>", "UPSTREAM MS>", "OURS MS>"];
    let mut text = table(names, totals.operations.iter().map(row));
    for (name, operation) in &totals.operations {
        let differences = operation.statuses.iter().chain(&operation.members);
        text.extend(differences.map(|(what, count)| format!("{name}: {what}, {count} times\n")));
    }
    let compared::Scores { pairs, mean_difference, largest_difference, decided_otherwise } = &totals.scores;
    let [low, middle, high] = decided_otherwise;
    let scores = format!(
        "\nScores: {pairs} pairs differ by {mean_difference:.0} on average and {largest_difference:.0} at most; different decisions \
         at 3000: {low}, at 3500: {middle}, at 4000: {high}.\n"
    );
    let Totals { not_comparable, passed_over, unanswered, .. } = totals;
    text + &scores
        + &format!("Not comparable: {not_comparable}; skipped: {passed_over}; not answered by ours: {unanswered}.\n")
}
