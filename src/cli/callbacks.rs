//! `bioserver callbacks`: lists callbacks and retries them.

use anyhow::bail;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::output::{print, table};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::CallbackId;
use crate::domain::callback::Callback;
use crate::service::callbacks;
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the newest 1000 callbacks, newest first
    List {
        /// Prints a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Retries a callback, or all failed callbacks
    Retry {
        /// The id of the callback, as `callbacks list` shows it
        #[arg(required_unless_present = "dead")]
        id: Option<Uuid>,
        /// Retries all failed callbacks
        #[arg(long, conflicts_with = "id")]
        dead: bool,
    },
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let store = Store::open_unchanged(&config.store).await?;
    let text = match args.action {
        Action::List { json } => list(&store, json).await?,
        Action::Retry { id, .. } => retry(&store, id).await?,
    };
    store.close().await;
    print(text)
}

async fn list(store: &Store, json: bool) -> anyhow::Result<String> {
    let listed = callbacks::list(store).await?;
    if json {
        return Ok(serde_json::to_string_pretty(&listed.iter().map(as_json).collect::<Vec<_>>())? + "\n");
    }
    if listed.is_empty() {
        return Ok("There are no callbacks.\n".to_owned());
    }
    let row = |callback: Callback| {
        let Callback { id, session, status, attempts, due, last, .. } = callback;
        let last = last.unwrap_or_else(|| "-".to_owned());
        [id.to_string(), session.to_string(), status.name().to_owned(), attempts.to_string(), due.to_string(), last]
    };
    Ok(table(["ID", "SESSION", "STATUS", "ATTEMPTS>", "DUE", "LAST"], listed.into_iter().map(row)))
}

async fn retry(store: &Store, id: Option<Uuid>) -> anyhow::Result<String> {
    let count = callbacks::retry(store, id.map(CallbackId), Clock::default().now()).await?;
    if let Some(id) = id.filter(|_| count == 0) {
        bail!("there is no callback {id}");
    }
    Ok(format!("{count} callback(s) will be retried.\n"))
}

fn as_json(callback: &Callback) -> Value {
    let Callback { id, session, status, attempts, due, last, created } = callback;
    json!({
        "id": id.to_string(),
        "session": session.to_string(),
        "status": status.name(),
        "attempts": attempts,
        "due": due.to_string(),
        "last": last,
        "created": created.to_string(),
    })
}
