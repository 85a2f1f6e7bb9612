//! `bioserver usage`: shows how often providers used each operation, by day.

use anyhow::{Context, ensure};
use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use crate::cli::output::{print, table};
use crate::clock::Clock;
use crate::config::Config;
use crate::service::providers::{self, USAGE_MAX};
use crate::store::Store;
use crate::store::usage::ProvidersUsage;

/// The number of days that are shown by default, the last one included.
const DAYS: i64 = 30;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Counts only the requests of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The first day, in UTC [default: 29 days before the last]
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// The last day, in UTC [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// Prints comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Prints a JSON array
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let last = args.to.unwrap_or_else(|| Clock::default().now().utc().date_naive());
    let usual = last.checked_sub_signed(TimeDelta::days(DAYS - 1)).unwrap_or(last);
    let first = args.from.unwrap_or(usual);
    ensure!(first <= last, "the first day, {first}, comes after the last, {last}");
    let store = Store::open_unchanged(&config.store).await?;
    let used = providers::usage(&store, args.provider.as_deref(), first, last).await?;
    store.close().await;
    let used = used.with_context(|| format!("there is no provider named '{}'", args.provider.unwrap_or_default()))?;
    ensure!(used.len() < USAGE_MAX, "too many rows to show: choose fewer days, or one provider");
    let text = if args.csv {
        csv(&used)?
    } else if args.json {
        serde_json::to_string_pretty(&used.iter().map(as_json).collect::<Vec<_>>())? + "\n"
    } else {
        shown(&used, first, last)
    };
    print(text)
}

fn csv(used: &[ProvidersUsage]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["provider", "operation", "day", "count"])?;
    for ProvidersUsage { provider, operation, day, count } in used {
        writer.write_record([provider, operation, &day.to_string(), &count.to_string()])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn as_json(used: &ProvidersUsage) -> Value {
    let ProvidersUsage { provider, operation, day, count } = used;
    json!({ "provider": provider, "operation": operation, "day": day.to_string(), "count": count })
}

fn shown(used: &[ProvidersUsage], first: NaiveDate, last: NaiveDate) -> String {
    if used.is_empty() {
        return format!("There were no requests from {first} to {last}.\n");
    }
    let row = |used: &ProvidersUsage| {
        let ProvidersUsage { provider, operation, day, count } = used;
        [provider.clone(), operation.clone(), day.to_string(), count.to_string()]
    };
    table(["PROVIDER", "OPERATION", "DAY", "COUNT>"], used.iter().map(row))
}
