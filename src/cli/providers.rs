//! `bioserver providers`: manages providers: their limits, looks, callback secrets, attestation keys and origins.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::cli::output::{print, table};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Limits;
use crate::domain::attestation::AttestationPolicy;
use crate::service::providers::{self, Change};
use crate::service::{attestations, callbacks, looks, origins};
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
    /// Sets a provider's own limits, which override those of the configuration; `none` removes a limit
    Limit(Limit),
    /// Sets the name, logo, colours and consent text of a provider's capture page
    Look(Look),
    /// Shows the secret that signs callbacks to a provider, and creates it if it is missing
    CallbackSecret {
        /// The provider's name
        name: String,
        /// Creates a new secret; for a while the old one also signs callbacks
        #[arg(long)]
        rotate: bool,
        /// The number of hours for which the old secret also signs; 0 ends it at once
        #[arg(long, value_name = "HOURS", default_value_t = 24, requires = "rotate", value_parser = clap::value_parser!(u16).range(0..=8760))]
        overlap: u16,
    },
    /// Shows and changes the keys that attest a provider's capture clients, and whether checks require an attestation
    Attestation(Attestation),
    /// Lists and changes the origins of a provider's pages, from which browsers may call the server
    Origins {
        /// The provider's name
        name: String,
        /// An origin to add, such as `https://www.example.com`; may be repeated
        #[arg(long, value_name = "ORIGIN")]
        add: Vec<String>,
        /// An origin to remove; may be repeated
        #[arg(long, value_name = "ORIGIN")]
        remove: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Limit {
    /// The provider's name
    name: String,
    /// The maximum lifetime of a session, in seconds
    #[arg(long, value_name = "SECONDS|none", value_parser = limit)]
    ttl_seconds_max: Option<Bound>,
    /// The maximum number of requests per minute, on each node
    #[arg(long, value_name = "NUMBER|none", value_parser = limit)]
    requests_per_minute: Option<Bound>,
    /// The maximum number of requests in flight, on each node
    #[arg(long, value_name = "NUMBER|none", value_parser = limit)]
    requests_at_once: Option<Bound>,
    /// Includes the reasons for refused liveness checks in answers
    #[arg(long, value_name = "yes|no")]
    liveness_reasons: Option<YesNo>,
}

#[derive(Debug, clap::Args)]
struct Look {
    /// The provider's name
    name: String,
    /// A TOML file with name, logo, colours and consent, as docs/capture.md describes it
    #[arg(long, required_unless_present = "none", conflicts_with = "none")]
    file: Option<PathBuf>,
    /// Restores the default look of the page
    #[arg(long)]
    none: bool,
}

#[derive(Debug, clap::Args)]
struct Attestation {
    /// The provider's name
    name: String,
    /// A JWK set with 1 to 10 public keys, which replace the ones before; docs/capture.md describes it
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Fails checks without a valid attestation; otherwise results only record it
    #[arg(long, value_name = "yes|no")]
    required: Option<YesNo>,
    /// Removes all keys, so that attestations are no longer verified
    #[arg(long, conflicts_with_all = ["keys", "required"])]
    none: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum YesNo {
    Yes,
    No,
}

/// A limit; `None` removes it.
#[derive(Debug, Clone, Copy)]
struct Bound(Option<i64>);

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let store = Store::open_unchanged(&config.store).await?;
    let text = match args.action {
        Action::List { json } => list(&store, json).await?,
        Action::Limit(limit) => set(config, &store, limit).await?,
        Action::Look(look) => dress(&store, &look).await?,
        Action::CallbackSecret { name, rotate, overlap } => {
            let overlap = rotate.then(|| TimeDelta::hours(overlap.into()));
            secret(config, &store, &name, overlap).await?
        }
        Action::Attestation(attestation) => attest(config, &store, attestation).await?,
        Action::Origins { name, add, remove } => origins(&store, &name, &add, &remove).await?,
    };
    store.close().await;
    print(text)
}

async fn list(store: &Store, json: bool) -> anyhow::Result<String> {
    let listed = providers::list(store).await?;
    if json {
        return Ok(serde_json::to_string_pretty(&listed.iter().map(as_json).collect::<Vec<_>>())? + "\n");
    }
    if listed.is_empty() {
        return Ok("There are no providers; `bioserver keys create --provider NAME` creates one.\n".to_owned());
    }
    let row = |listed: ListedProvider| [listed.name, listed.created.to_string(), shown(listed.limits)];
    Ok(table(["PROVIDER", "CREATED", "LIMITS"], listed.into_iter().map(row)))
}

async fn set(config: &Config, store: &Store, asked: Limit) -> anyhow::Result<String> {
    let change = Change {
        ttl_seconds_max: asked.ttl_seconds_max.map(|bound| bound.0),
        requests_per_minute: asked.requests_per_minute.map(|bound| bound.0),
        requests_at_once: asked.requests_at_once.map(|bound| bound.0),
        liveness_reasons: asked.liveness_reasons.map(|answer| answer == YesNo::Yes),
    };
    let name = asked.name;
    let limits = providers::limit(store, &config.master_key.master()?, &name, change, Clock::default().now()).await?;
    let limits = limits.with_context(|| format!("there is no provider named '{name}'"))?;
    Ok(format!("{name}: {}\n", shown(limits)))
}

async fn dress(store: &Store, Look { name, file, .. }: &Look) -> anyhow::Result<String> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let beside = |other: &str| std::fs::read(file.parent().unwrap_or(Path::new("")).join(other));
        looks::read(&text, beside).with_context(|| format!("{} cannot be used", file.display()))
    };
    let look = file.as_ref().map(read).transpose()?;
    if !looks::set(store, name, look.as_ref()).await? {
        anyhow::bail!("there is no provider named '{name}'");
    }
    Ok(format!(
        "{name}: the capture page has {}\n",
        if look.is_some() { "the look of the file" } else { "the default look" }
    ))
}

/// Returns the callback secret of a provider; makes a new one if `overlap` is given, the time for which the old one
/// still signs.
async fn secret(config: &Config, store: &Store, name: &str, overlap: Option<TimeDelta>) -> anyhow::Result<String> {
    let master = config.master_key.master()?;
    let now = Clock::default().now();
    let secret = match overlap {
        Some(overlap) => callbacks::rotate(store, &master, name, now, overlap).await?,
        None => callbacks::secret_of(store, &master, name, now).await?,
    };
    let secret = secret.with_context(|| format!("there is no provider named '{name}'"))?;
    Ok(secret.text() + "\n")
}

async fn attest(config: &Config, store: &Store, asked: Attestation) -> anyhow::Result<String> {
    let (master, now) = (config.master_key.master()?, Clock::default().now());
    let Attestation { name, keys, required, none } = asked;
    if none {
        attestations::remove(store, &master, &name, now).await?;
    }
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        attestations::read(&text).with_context(|| format!("{} cannot be used", file.display()))
    };
    let keys = keys.as_ref().map(read).transpose()?;
    let change = attestations::Change { keys, is_required: required.map(|answer| answer == YesNo::Yes) };
    let policy = if change == attestations::Change::default() {
        attestations::of_named(store, &master, &name).await?
    } else {
        Some(attestations::change(store, &master, &name, change, now).await?)
    };
    let Some(AttestationPolicy { is_required, keys }) = policy else {
        return Ok(format!("{name}: no keys; attestations are not verified\n"));
    };
    let text = |key: &Value, member: &str| key[member].as_str().unwrap_or_default().to_owned();
    let rows = table(["KID", "ALGORITHM"], keys.iter().map(|key| [text(key, "kid"), text(key, "alg")]));
    let meaning = if is_required { "required" } else { "recorded, and not required" };
    Ok(format!("{name}: attestations are {meaning}\n{rows}"))
}

async fn origins(store: &Store, name: &str, add: &[String], remove: &[String]) -> anyhow::Result<String> {
    let named = origins::change(store, name, add, remove).await?;
    if named.is_empty() {
        return Ok(format!("{name}: no origins; browsers may call only from this server's own pages\n"));
    }
    Ok(named.join("\n") + "\n")
}

fn shown(limits: Limits) -> String {
    let Limits { ttl_seconds_max, requests_per_minute, requests_at_once, liveness_reasons } = limits;
    let parts = [
        ttl_seconds_max.map(|seconds| format!("sessions of at most {seconds} s")),
        requests_per_minute.map(|count| format!("{count} requests per minute")),
        requests_at_once.map(|count| format!("{count} requests in flight")),
        liveness_reasons.filter(|given| *given).map(|_| "reasons for refused liveness checks".to_owned()),
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
        _ => Err("this must be a number from 1 on or 'none'"),
    }
}
