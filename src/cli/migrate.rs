//! `bioserver migrate`: brings the database's schema up to date.

use crate::cli::output::print;
use crate::config::Config;
use crate::store::Store;

/// Applies the migrations that the next `serve` would apply, at a time that the operator chooses.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    Store::open(&config.store).await?.close().await;
    print("The schema is up to date.\n")
}
