//! All the SQL: one body of statements, two databases.
//!
//! Postgres serves any number of nodes; an SQLite file is the embedded default. Absent is `Option`,
//! refused is `bool`: neither is an error. Time comes in as an argument.

use std::io;
use std::path::PathBuf;

use sqlx::{PgPool, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::store::open::Change;
use crate::store::outage::Outage;
use crate::store::postgres::Bounds;
use crate::store::settings::Settings;

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

/// A pool of connections. A clone shares it.
#[derive(Debug, Clone)]
pub enum Store {
    Postgres(PgPool, Bounds),
    Sqlite(sqlite::Pools),
}

/// A unit of work. Dropped without [`Tx::commit`], it leaves no trace.
#[derive(Debug)]
pub enum Tx {
    Postgres(Transaction<'static, Postgres>, Bounds),
    Sqlite(Transaction<'static, Sqlite>),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there, or lets this server in.
    #[error("{place}: {cause}")]
    Connect { place: String, cause: String },
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database did not answer in time")]
    Slow,
    #[error("the schema could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(
        "the database's schema is of version {applied} and this program's of {newest}: run `bioserver migrate` first"
    )]
    SchemaOld { applied: i64, newest: i64 },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

impl Error {
    /// Why it failed, in few words.
    pub fn cause(&self) -> String {
        match self {
            Self::Database(error) => outage::cause(error),
            other => other.to_string(),
        }
    }

    /// Why the database does not do its work now; `None` for a fault of the statement.
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
    /// Connects, and brings the schema up to date. Makes the SQLite file, and its folder, when
    /// there is none. Safe on any number of nodes at once.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        Self::opened(settings, Change::Allowed).await
    }

    /// The same, but a schema that is there stays as it is.
    ///
    /// # Errors
    /// Among others, that it is older than this program's.
    pub async fn open_unchanged(settings: &Settings) -> Result<Self, Error> {
        Self::opened(settings, Change::Refused).await
    }

    async fn opened(settings: &Settings, change: Change) -> Result<Self, Error> {
        match settings {
            Settings::Postgres(options, bounds) => open::postgres(options, *bounds, change).await,
            Settings::Sqlite(path) => open::sqlite(path, change).await,
        }
    }

    /// Connections that are open, and those of them that nobody uses.
    pub fn connections(&self) -> (u32, u32) {
        let (open, idle) = match self {
            Self::Postgres(pool, _) => (pool.size(), pool.num_idle()),
            Self::Sqlite(pools) => {
                (pools.readers.size() + pools.writer.size(), pools.readers.num_idle() + pools.writer.num_idle())
            }
        };
        (open, idle as u32)
    }

    /// Begins work that writes. On SQLite it waits for other writers here, once, and not at its
    /// first write, where it could fail half-way.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres(pool, bounds) => Tx::Postgres(postgres::begin(bounds, pool.begin()).await?, *bounds),
            Self::Sqlite(pools) => Tx::Sqlite(pools.writer.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// As [`Store::begin`], but Postgres answers before it has flushed its log: what is committed then survives the end of
    /// any process, but may be lost if the database's machine fails within the next second.
    pub async fn begin_unflushed(&self) -> Result<Tx, Error> {
        let Self::Postgres(pool, bounds) = self else { return self.begin().await };
        let begun = pool.begin_with("BEGIN; SET LOCAL synchronous_commit = off");
        Ok(Tx::Postgres(postgres::begin(bounds, begun).await?, *bounds))
    }

    /// Begins work that only reads: on SQLite it neither waits for writers nor holds them up.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres(pool, bounds) => Tx::Postgres(postgres::begin(bounds, pool.begin()).await?, *bounds),
            Self::Sqlite(pools) => Tx::Sqlite(pools.readers.begin().await?),
        })
    }

    /// Leaves no copy of what was erased beside the tables: on `SQLite` the log is written into them and emptied,
    /// unless someone is reading from it now. Postgres keeps its log as long as its operator wants.
    pub async fn forget(&self) -> Result<(), Error> {
        let Self::Sqlite(pools) = self else { return Ok(()) };
        sqlite::checkpoint(pools).await
    }

    /// Waits for work under way, then ends all connections.
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
    /// Words of a statement that stand on Postgres alone, such as those for locks: `SQLite` has one writer, and no such
    /// words. Statements differ in no other way.
    fn on_postgres(&self, words: &'static str) -> &'static str {
        match self {
            Self::Postgres(..) => words,
            Self::Sqlite(_) => "",
        }
    }

    /// An id as a statement writes it.
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
