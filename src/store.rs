//! All the SQL: each statement is written once for two databases.
//!
//! Postgres serves any number of nodes; an SQLite file is the embedded default. A missing row is `None` and a refusal
//! is `false`: neither is an error. The time is always an argument.

use std::io;
use std::path::PathBuf;

use sqlx::{PgPool, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::store::open::Change;
use crate::store::outage::Outage;
use crate::store::postgres::Bounds;
use crate::store::settings::Settings;

pub mod attestations;
pub mod audit;
pub mod callbacks;
mod column;
pub mod epochs;
pub mod erasures;
pub mod faces;
pub mod idempotency;
pub mod keys;
pub mod liveness;
pub mod look;
mod open;
pub mod origins;
pub mod outage;
pub mod owner;
pub mod postgres;
pub mod probes;
pub mod providers;
pub mod server_keys;
pub mod sessions;
pub mod settings;
pub mod sqlite;
pub mod usage;

/// A pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub enum Store {
    Postgres(PgPool, Bounds),
    Sqlite(sqlite::Pools),
}

/// A transaction. If it is dropped without [`Tx::commit`], it changes nothing.
#[derive(Debug)]
pub enum Tx {
    Postgres(Transaction<'static, Postgres>, Bounds),
    Sqlite(Transaction<'static, Sqlite>),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No database answers there, or it refuses this server.
    #[error("{place}: {cause}")]
    Connect { place: String, cause: String },
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database did not answer in time")]
    Slow,
    #[error("the migration of the schema failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(
        "the database's schema has version {applied}, but this program needs {newest}: run `bioserver migrate` first"
    )]
    SchemaOld { applied: i64, newest: i64 },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

impl Error {
    /// Returns the cause in few words.
    pub fn cause(&self) -> String {
        match self {
            Self::Database(error) => outage::cause(error),
            other => other.to_string(),
        }
    }

    /// Returns the reason why the database does not work now; `None` for a fault of the statement.
    pub fn outage(&self) -> Option<Outage> {
        outage::of(self)
    }
}

/// Writes a statement once and type-checks it against both databases.
///
/// Keep to SQL that both accept: `$1` placeholders, `RETURNING`, `ON CONFLICT`, cascades.
macro_rules! on {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(tx, bounds) => {
                let $conn = &mut **tx;
                $crate::store::postgres::answer(bounds, async { $body }).await
            }
            $crate::store::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body.map_err($crate::store::Error::from)
            }
        }
    };
}
pub(crate) use on;

impl Store {
    /// Connects, and brings the schema up to date. Makes the SQLite file, and its folder, if there is none. Any number
    /// of nodes may do so at the same time.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        Self::opened(settings, Change::Allowed).await
    }

    /// Connects as [`Store::open`] does, but leaves an existing schema unchanged.
    ///
    /// # Errors
    /// The schema is older than this program's; or the database cannot be opened.
    pub async fn open_unchanged(settings: &Settings) -> Result<Self, Error> {
        Self::opened(settings, Change::Refused).await
    }

    async fn opened(settings: &Settings, change: Change) -> Result<Self, Error> {
        match settings {
            Settings::Postgres(options, bounds) => open::postgres(options, *bounds, change).await,
            Settings::Sqlite(path) => open::sqlite(path, change).await,
        }
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub fn connections(&self) -> (u32, u32) {
        let (open, idle) = match self {
            Self::Postgres(pool, _) => (pool.size(), pool.num_idle()),
            Self::Sqlite(pools) => {
                (pools.readers.size() + pools.writer.size(), pools.readers.num_idle() + pools.writer.num_idle())
            }
        };
        (open, idle as u32)
    }

    /// Begins a transaction that writes. On SQLite it waits for other writers here, rather than at its first write,
    /// where it could fail half-way.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres(pool, bounds) => Tx::Postgres(postgres::begin(bounds, pool.begin()).await?, *bounds),
            Self::Sqlite(pools) => Tx::Sqlite(pools.writer.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Begins a transaction as [`Store::begin`] does, but Postgres commits it before its log is flushed: it survives
    /// the end of any process, but may be lost if the database's machine fails within the next second.
    pub async fn begin_unflushed(&self) -> Result<Tx, Error> {
        let Self::Postgres(pool, bounds) = self else { return self.begin().await };
        let begun = pool.begin_with("BEGIN; SET LOCAL synchronous_commit = off");
        Ok(Tx::Postgres(postgres::begin(bounds, begun).await?, *bounds))
    }

    /// Begins a transaction that only reads: on SQLite it neither waits for writers nor holds them up.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres(pool, bounds) => Tx::Postgres(postgres::begin(bounds, pool.begin()).await?, *bounds),
            Self::Sqlite(pools) => Tx::Sqlite(pools.readers.begin().await?),
        })
    }

    /// Leaves no copy of erased rows beside the tables: on `SQLite` the write-ahead log is merged into them and
    /// truncated, unless someone is reading from it now. Postgres keeps its log as long as its operator configures.
    pub async fn forget(&self) -> Result<(), Error> {
        let Self::Sqlite(pools) = self else { return Ok(()) };
        sqlite::checkpoint(pools).await
    }

    /// Waits for transactions in flight, then closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool, _) => pool.close().await,
            Self::Sqlite(pools) => {
                pools.readers.close().await;
                // The last connection to close writes the log into the tables.
                pools.writer.close().await;
            }
        }
    }
}

impl Tx {
    /// Returns the part of a statement that only Postgres needs, such as a lock clause; `SQLite` has one writer and no
    /// such clauses. Statements differ in no other way.
    fn on_postgres(&self, words: &'static str) -> &'static str {
        match self {
            Self::Postgres(..) => words,
            Self::Sqlite(_) => "",
        }
    }

    /// Returns an id as a literal of the database's SQL.
    fn literal(&self, id: Uuid) -> String {
        match self {
            Self::Postgres(..) => format!("'{id}'"),
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
        }
    }

    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Postgres(tx, bounds) => postgres::answer(&bounds, tx.commit()).await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
