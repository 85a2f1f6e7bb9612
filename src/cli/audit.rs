//! `bioserver audit`: verifies and exports the audit log.

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use crate::cli::keys::moment;
use crate::cli::output::print;
use crate::cli::verify;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Moment, OwnerId};
use crate::media::Media;
use crate::seal::master::Master;
use crate::service::audit::chain;
use crate::service::audit::check::{self, Checked, Error, Means, Snapshot};
use crate::service::audit::export::{Export, Period};
use crate::service::{signing, storage};
use crate::sign::Signer;
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Verifies that the log is unchanged, and names the first entry that was changed
    Verify {
        /// An exported log; - reads standard input [default: the log in this server's database]
        file: Option<PathBuf>,
        /// The key set to verify an export with, a URL or a file [default: the keys in this server's database]
        #[arg(long, value_name = "URL|FILE", requires = "file")]
        jwks: Option<String>,
    },
    /// Exports the log as JSON Lines, which can be verified without this server
    Export {
        /// The first time to export, inclusive: 2027-01-31 (at 00:00 UTC) or 2027-01-31T12:00:00Z
        #[arg(long, value_name = "DATE", value_parser = moment)]
        from: Option<Moment>,
        /// The last time to export, exclusive, in the same form
        #[arg(long, value_name = "DATE", value_parser = moment)]
        to: Option<Moment>,
    },
}

pub async fn run(config: Config, args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Verify { file: Some(file), jwks } => {
            let jwks = verify::key_set(&config, jwks).await?;
            tell(if file == Path::new("-") {
                check::export(stdin().lock(), &jwks)
            } else {
                let opened = File::open(&file).with_context(|| file.display().to_string())?;
                check::export(BufReader::new(opened), &jwks)
            })
        }
        Action::Verify { file: None, .. } => {
            let log = Log::open(config).await?;
            let checked = log.check().await;
            log.store.close().await;
            tell(checked)
        }
        Action::Export { from, to } => {
            let log = Log::open(config).await?;
            let exported = log.export(Period { from, to }).await;
            log.store.close().await;
            exported.map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Prints the outcome. A log that was changed is an outcome, and not an error.
fn tell(checked: Result<Checked, Error>) -> anyhow::Result<ExitCode> {
    match checked {
        Ok(checked) => print(shown(&checked)).map(|()| ExitCode::SUCCESS),
        Err(error @ (Error::Store(_) | Error::Media(_) | Error::Read(_))) => Err(error.into()),
        Err(broken) => print(format!("NOT verified: {broken}.\n")).map(|()| ExitCode::FAILURE),
    }
}

fn shown(Checked { before, last, signed, waiting }: &Checked) -> String {
    let count = last.seq - before.seq;
    let signed = signed.as_ref().map_or(String::new(), |at| format!("; the end was signed at {at}"));
    let entries = match count {
        0 => "the log has no entries".to_owned(),
        _ => format!("{count} entries, from {} to {}, are unchanged", before.seq + 1, last.seq),
    };
    let waiting = if *waiting > 0 { format!(" {waiting} more entries wait to be added.") } else { String::new() };
    format!("Verified: {entries}{signed}.{waiting}\n")
}

/// The parts of a server that are needed to read its log.
struct Log {
    store: Store,
    master: Master,
    media: Media,
    owner: OwnerId,
    signer: Signer,
    jwks: Value,
}

impl Log {
    async fn open(config: Config) -> anyhow::Result<Self> {
        let store = Store::open_unchanged(&config.store).await?;
        let master = config.master_key.master()?;
        let media = Media::open(&config.media)?.within(config.media_wait);
        let owner = storage::owner(&store).await?;
        let signer = signing::open(&store, &master, config.signing, &Clock::default()).await?;
        let jwks = signer.jwks();
        Ok(Self { store, master, media, owner, signer, jwks })
    }

    async fn check(&self) -> Result<Checked, Error> {
        let Self { store, master, media, owner, jwks, .. } = self;
        let means = Means { store, master, media, owner: *owner, jwks };
        Snapshot::take(&means).await?.check().await
    }

    /// Exports all entries until now, or those of a period.
    async fn export(&self, period: Period) -> anyhow::Result<()> {
        let now = Clock::default().now();
        while chain::extend(&self.store, &self.master, &self.signer, now).await? > 0 {}
        let checked = self.check().await.context("the log was not exported, because it was changed")?;
        let mut export = Export::begin(&self.store, &self.signer, &checked, period, now);
        while let Some(lines) = export.page().await? {
            print(lines)?;
        }
        Ok(())
    }
}
