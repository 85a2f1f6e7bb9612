//! `bioserver rotate`: replaces keys of the server while it serves.

use std::time::Duration;

use anyhow::ensure;
use chrono::TimeDelta;

use crate::cli::output::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::media::Media;
use crate::seal::master::Master;
use crate::service::rotation::master::{Places, reseal};
use crate::service::{rotation, storage};
use crate::store::Store;

/// The default time before a new key serves: longer than clients may cache a key set, and than nodes need to notice the
/// key.
const ANNOUNCED_S: u32 = 600;
/// The least such time: nodes look for new keys every five seconds.
const ANNOUNCED_S_MIN: i64 = 15;
/// The most such time: a week.
const ANNOUNCED_S_MAX: i64 = 604_800;
/// A running server has read the new key file by then.
const NOTICED: Duration = Duration::from_secs(12);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Announces a new signing key for answers; the old keys stay published
    Signing(Announced),
    /// Announces new encryption keys for captures; the old keys still decrypt captures of checks that have begun
    Capture(Announced),
    /// Re-encrypts all data of `master_key_other` with `master_key`; replaces a master key that the server generated
    /// itself
    Master,
}

#[derive(Debug, clap::Args)]
struct Announced {
    /// The delay in seconds before the new key is used; verifiers may cache a key set for 300 s
    #[arg(long, value_name = "SECONDS", default_value_t = ANNOUNCED_S, value_parser = clap::value_parser!(u32).range(ANNOUNCED_S_MIN..=ANNOUNCED_S_MAX))]
    announce: u32,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let store = Store::open_unchanged(&config.store).await?;
    let rotated = rotate(config, &store, args.action).await;
    store.close().await;
    print(rotated?)
}

async fn rotate(config: &Config, store: &Store, action: Action) -> anyhow::Result<String> {
    let (master, now) = (config.master_key.master()?, Clock::default().now());
    let after = |announced: Announced| now.plus(TimeDelta::seconds(announced.announce.into()));
    Ok(match action {
        Action::Signing(announced) => {
            let serves = after(announced);
            let kid = rotation::announce_signing(store, &master, &config.signing, now, serves).await?;
            format!("The key {kid} is announced and will sign from {serves} on.\n")
        }
        Action::Capture(announced) => {
            let serves = after(announced);
            rotation::announce_capture(store, &master, now, serves).await?;
            format!("New keys are announced, and captures will be encrypted for them from {serves} on.\n")
        }
        Action::Master => replace_master(config, store, &master).await?,
    })
}

async fn replace_master(config: &Config, store: &Store, master: &Master) -> anyhow::Result<String> {
    let is_kept = master.begin_replacing()?;
    ensure!(
        is_kept || master.has_others(),
        "'master_key_other' is not set: set it to the new key on every node first, then swap the two settings"
    );
    if is_kept {
        tokio::time::sleep(NOTICED).await;
    }
    let media = Media::open(&config.media)?.within(config.media_wait);
    let places = Places { store, media: &media, owner: storage::owner(store).await? };
    let now = Clock::default().now();
    let mut count = 0;
    loop {
        let more = reseal(&places, master, now).await?;
        count += more;
        if more == 0 {
            break;
        }
    }
    if is_kept {
        master.end_replacing()?;
        return Ok(format!("The master key was replaced; {count} values were re-encrypted.\n"));
    }
    Ok(format!("{count} values were re-encrypted. After 15 minutes 'master_key_other' can be removed.\n"))
}
