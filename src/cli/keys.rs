//! `bioserver keys`: creates, lists and revokes the keys of callers.

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveTime};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::cli::output::{print, table};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{KeyId, Moment, Permission};
use crate::seal::master::Master;
use crate::service::keys::{self, NewKey};
use crate::store::Store;
use crate::store::keys::ListedKey;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Creates a key and shows its secret, this once
    Create(Create),
    /// Lists all keys, without their secrets
    List {
        /// Prints a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Revokes a key at once
    Revoke {
        /// The key's id: the part between `bio_` and the second underscore
        #[arg(value_name = "ID", value_parser = id)]
        id: KeyId,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The provider that uses the key; a new name creates a provider
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// A permission of the key (session, face, match, image, liveness, age); may be repeated [default: all]
    #[arg(long = "permission", value_name = "P")]
    permissions: Vec<Permission>,
    /// The time at which the key expires: 2027-01-31 (at 00:00 UTC) or 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "DATE", value_parser = moment)]
    expires: Option<Moment>,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let store = Store::open_unchanged(&config.store).await?;
    let clock = Clock::default();
    let text = match args.action {
        Action::Create(new) => create(&store, &config.master_key.master()?, &clock, new).await?,
        Action::List { json } => list(&store, &clock, json).await?,
        Action::Revoke { id } => revoke(&store, &config.master_key.master()?, &clock, id).await?,
    };
    store.close().await;
    print(text)
}

async fn create(store: &Store, master: &Master, clock: &Clock, new: Create) -> anyhow::Result<String> {
    let Create { provider, permissions, expires, json } = new;
    let permissions = if permissions.is_empty() { Permission::ALL.to_vec() } else { without_repeats(permissions) };
    let made = keys::create(store, master, clock, NewKey { provider: provider.clone(), permissions, expires }).await?;
    let key = made.text.expose_secret();
    let id = made.id.0.simple().to_string();
    if json {
        let expires = expires.map(|expires| expires.to_string());
        return Ok(json!({ "provider": provider, "id": id, "key": key, "expires": expires }).to_string() + "\n");
    }
    let expires = expires.map_or("never".to_owned(), |expires| expires.to_string());
    Ok(format!(
        "provider  {provider}\nid        {id}\nkey       {key}\nexpires   {expires}\n\nKeep the key: it is not shown again.\n"
    ))
}

async fn list(store: &Store, clock: &Clock, json: bool) -> anyhow::Result<String> {
    let listed = keys::list(store).await?;
    if json {
        let keys: Vec<Value> = listed.iter().map(as_json).collect();
        return Ok(serde_json::to_string_pretty(&keys)? + "\n");
    }
    if listed.is_empty() {
        return Ok("There are no keys; `bioserver keys create --provider NAME` creates one.\n".to_owned());
    }
    let now = clock.now();
    let row = |key: ListedKey| {
        let permissions: Vec<_> = key.permissions.iter().map(|permission| permission.name()).collect();
        let (id, state) = (key.id.0.simple().to_string(), state(&key, now));
        [id, key.provider, key.created.to_string(), state, permissions.join(" ")]
    };
    Ok(table(["ID", "PROVIDER", "CREATED", "STATE", "PERMISSIONS"], listed.into_iter().map(row)))
}

async fn revoke(store: &Store, master: &Master, clock: &Clock, id: KeyId) -> anyhow::Result<String> {
    let since = keys::revoke(store, master, clock, id).await?;
    let since = since.with_context(|| format!("there is no key with the id {}", id.0.simple()))?;
    Ok(format!("{} was revoked at {since}.\n", id.0.simple()))
}

fn as_json(key: &ListedKey) -> Value {
    let permissions: Vec<_> = key.permissions.iter().map(|permission| permission.name()).collect();
    json!({
        "id": key.id.0.simple().to_string(),
        "provider": key.provider,
        "permissions": permissions,
        "created": key.created.to_string(),
        "expires": key.expires.map(|time| time.to_string()),
        "revoked": key.revoked.map(|time| time.to_string()),
    })
}

fn state(key: &ListedKey, now: Moment) -> String {
    match (key.revoked, key.expires) {
        (Some(since), _) => format!("revoked {since}"),
        (None, Some(end)) if end <= now => format!("expired {end}"),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "good".to_owned(),
    }
}

fn without_repeats(mut permissions: Vec<Permission>) -> Vec<Permission> {
    permissions.sort();
    permissions.dedup();
    permissions
}

fn id(text: &str) -> Result<KeyId, &'static str> {
    keys::read_id(text).ok_or("this is not a key id")
}

/// Reads an RFC 3339 time, or a day, which means its beginning in UTC.
pub(super) fn moment(text: &str) -> Result<Moment, &'static str> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()));
    time.map(Moment::new)
        .map_err(|_| "this is neither a day such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z")
}
