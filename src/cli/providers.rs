//! `bioserver providers`: what each may ask for.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use serde_json::{Value, json};

use crate::config::Config;
use crate::domain::Limits;
use crate::service::callbacks;
use crate::service::providers::{self, Change};
use crate::store::Store;
use crate::store::providers::ListedProvider;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists all providers with their limits
    List {
        /// Prints a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Sets a provider's own limits, which come before those of the configuration; `none` takes one away
    Limit(Limit),
    /// Shows what callbacks to a provider are signed with; it is made when there is none
    CallbackSecret {
        /// The provider's name
        name: String,
        /// Makes a new one, which takes the old one's place at once
        #[arg(long)]
        rotate: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Limit {
    /// The provider's name
    name: String,
    /// The longest life of a session, in seconds
    #[arg(long, value_name = "SECONDS|none", value_parser = limit)]
    ttl_seconds_max: Option<Bound>,
    /// Requests a minute, on each node
    #[arg(long, value_name = "NUMBER|none", value_parser = limit)]
    requests_per_minute: Option<Bound>,
    /// Requests under way at once, on each node
    #[arg(long, value_name = "NUMBER|none", value_parser = limit)]
    requests_at_once: Option<Bound>,
    /// Whether answers say why liveness was refused
    #[arg(long, value_name = "yes|no")]
    liveness_reasons: Option<YesNo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum YesNo {
    Yes,
    No,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy)]
struct Bound(Option<i64>);

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let store = Store::open(&config.store).await?;
    let text = match args.action {
        Action::List { json } => list(&store, json).await?,
        Action::Limit(limit) => set(&store, limit).await?,
        Action::CallbackSecret { name, rotate } => secret(config, &store, &name, rotate).await?,
    };
    store.close().await;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

async fn list(store: &Store, json: bool) -> anyhow::Result<String> {
    let listed = providers::list(store).await?;
    if json {
        return Ok(serde_json::to_string_pretty(&listed.iter().map(as_json).collect::<Vec<_>>())? + "\n");
    }
    if listed.is_empty() {
        return Ok("There is no provider yet; `bioserver keys create --provider NAME` makes one.\n".to_owned());
    }
    let width = listed.iter().map(|listed| listed.name.chars().count()).max().unwrap_or(0).max("PROVIDER".len());
    let mut text = format!("{:<width$}  {:<24}  LIMITS\n", "PROVIDER", "CREATED");
    for ListedProvider { name, created, limits } in &listed {
        writeln!(text, "{name:<width$}  {created:<24}  {}", shown(*limits), created = created.to_string())?;
    }
    Ok(text)
}

async fn set(store: &Store, asked: Limit) -> anyhow::Result<String> {
    let change = Change {
        ttl_seconds_max: asked.ttl_seconds_max.map(|bound| bound.0),
        requests_per_minute: asked.requests_per_minute.map(|bound| bound.0),
        requests_at_once: asked.requests_at_once.map(|bound| bound.0),
        liveness_reasons: asked.liveness_reasons.map(|answer| answer == YesNo::Yes),
    };
    let name = asked.name;
    let limits = providers::limit(store, &name, change).await?;
    let limits = limits.with_context(|| format!("there is no provider named '{name}'"))?;
    Ok(format!("{name}: {}\n", shown(limits)))
}

async fn secret(config: &Config, store: &Store, name: &str, is_new: bool) -> anyhow::Result<String> {
    let master = config.master_key.master()?;
    let secret = if is_new {
        callbacks::rotate(store, &master, name).await?
    } else {
        callbacks::secret_of(store, &master, name).await?
    };
    let secret = secret.with_context(|| format!("there is no provider named '{name}'"))?;
    Ok(secret.text() + "\n")
}

fn shown(limits: Limits) -> String {
    let Limits { ttl_seconds_max, requests_per_minute, requests_at_once, liveness_reasons } = limits;
    let parts = [
        ttl_seconds_max.map(|seconds| format!("sessions of at most {seconds} s")),
        requests_per_minute.map(|count| format!("{count} requests a minute")),
        requests_at_once.map(|count| format!("{count} requests at once")),
        liveness_reasons.filter(|given| *given).map(|_| "told why liveness is refused".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "as configured".to_owned() } else { parts.join(", ") }
}

fn as_json(listed: &ListedProvider) -> Value {
    let ListedProvider { name, created, limits } = listed;
    json!({
        "provider": name,
        "created": created.to_string(),
        "ttlSecondsMax": limits.ttl_seconds_max,
        "requestsPerMinute": limits.requests_per_minute,
        "requestsAtOnce": limits.requests_at_once,
        "livenessReasons": limits.liveness_reasons.unwrap_or(false),
    })
}

fn limit(text: &str) -> Result<Bound, &'static str> {
    if text == "none" {
        return Ok(Bound(None));
    }
    match text.parse() {
        Ok(count @ 1..=4_294_967_295) => Ok(Bound(Some(count))),
        _ => Err("this is neither a number from 1 on nor 'none'"),
    }
}
