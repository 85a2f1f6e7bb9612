//! `bioserver shadow`: another server answers, this one is asked the same, and what differs is counted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use poem::endpoint::make;
use poem::http::StatusCode;
use poem::{Request, Response};
use reqwest::Client;
use tokio::sync::mpsc;

use crate::api::http::connections::places::Places;
use crate::api::http::connections::{self, Settings};
use crate::cli::evaluate::write;
use crate::cli::output::{print, table};
use crate::cli::serve;
use crate::cli::shadow::compared::Totals;
use crate::cli::shadow::mirror::{Asked, Ids, Told, is_of_connection};
use crate::clock::Clock;

mod compared;
mod mirror;

/// More than any request of the contract has.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Requests that wait to be compared. Beyond that they are answered and passed over.
const WAITING_MAX: usize = 16;
/// For how long a server is waited for.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server that answers, without a path, such as `https://biometrics.example`
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// The server that is asked the same, without a path
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// A key of the server that is asked the same, with all permissions
    #[arg(long, value_name = "KEY", env = "SHADOW_KEY", hide_env_values = true)]
    key: String,
    /// Where callers are listened to; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Writes what was counted to this file, too, when it is stopped
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A request and the answer that its caller has had.
type Seen = (Asked, Told);

/// Answers until it is stopped, then reports. It keeps numbers, statuses and names of members, and nothing of a person.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let http = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
    let totals = Arc::new(Mutex::new(Totals::default()));
    let (seen, waiting) = mpsc::channel(WAITING_MAX);
    let [upstream, to] = [&args.upstream, &args.to].map(|url| url.trim_end_matches('/').to_owned());
    let comparing = tokio::spawn(compare(http.clone(), to, args.key, waiting, totals.clone()));
    let listener = serve::listen(args.listen).await?;
    print(format!("listening on http://{}\n", listener.local_addr()?))?;
    let counted = totals.clone();
    let endpoint = make(move |request| answer(request, http.clone(), upstream.clone(), seen.clone(), counted.clone()));
    let places = Places::new(connections::fit_to_files(Settings::default()), Clock::default());
    connections::serve(endpoint, listener, places, serve::stopped()).await?;
    // The last sender is gone with the endpoint: what still waits is compared first.
    comparing.await?;
    let totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    print(report(&totals))?;
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&*totals)? + "\n"))?;
    }
    Ok(())
}

/// Asks the server that answers, hands its answer on, and leaves both to be compared.
async fn answer(
    request: Request,
    http: Client,
    upstream: String,
    seen: mpsc::Sender<Seen>,
    totals: Arc<Mutex<Totals>>,
) -> poem::Result<Response> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let body = body.into_bytes_limit(BODY_BYTES_MAX).await?;
    let asked = Asked { method: head.method, path, headers: head.headers, body };
    let told = asked.send(&http, &upstream).await.map_err(|error| {
        tracing::warn!(%error, "the server that answers did not");
        poem::Error::from_status(StatusCode::BAD_GATEWAY)
    })?;
    let mut response = Response::builder()
        .status(StatusCode::from_u16(told.status).unwrap_or(StatusCode::BAD_GATEWAY))
        .body(told.body.clone());
    let headers = told.headers.iter().filter(|(name, _)| !is_of_connection(name));
    response.headers_mut().extend(headers.map(|(name, value)| (name.clone(), value.clone())));
    if !asked.is_comparable() {
        lock(&totals).not_comparable += 1;
    } else if seen.try_send((asked, told)).is_err() {
        lock(&totals).passed_over += 1;
    }
    Ok(response)
}

/// Asks the other server one request after the other: what a session holds was made before it is asked for.
async fn compare(http: Client, to: String, key: String, mut seen: mpsc::Receiver<Seen>, totals: Arc<Mutex<Totals>>) {
    let mut ids = Ids::default();
    while let Some((asked, upstream)) = seen.recv().await {
        match asked.for_other(&ids, &key).send(&http, &to).await {
            Ok(own) => {
                ids.learn(&upstream, &own);
                let operation = asked.operation();
                lock(&totals).add(&operation, &upstream.compared(), &own.compared(), |id| ids.of(id));
            }
            Err(error) => {
                tracing::warn!(%error, "the server that is asked the same did not answer");
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
        "\nScores: {pairs} pairs differ by {mean_difference:.0} on average and {largest_difference:.0} at most; decided otherwise \
         at 3000: {low}, at 3500: {middle}, at 4000: {high}.\n"
    );
    let Totals { not_comparable, passed_over, unanswered, .. } = totals;
    text + &scores
        + &format!(
            "Not comparable: {not_comparable}; passed over: {passed_over}; not answered by ours: {unanswered}.\n"
        )
}
