//! The connections to an SQLite file: one that writes, and some that read beside it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, SqlitePool};

use crate::store::Error;

const READERS_MAX: u32 = 8;
/// The longest wait for a free connection or for another process's write, which takes milliseconds unless the disk is
/// stuck.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Two pools on one file. SQLite lets one transaction write at a time and makes the others sleep between tries, so the
/// writers of this process queue for the one connection that writes; they keep no reader waiting.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Connections that cannot write.
    pub readers: SqlitePool,
    /// One connection.
    pub writer: SqlitePool,
}

/// Waits until no other process opens the file, and makes it with its folder if there is none. The claim ends when the
/// returned handle is dropped.
pub async fn claim(path: &Path) -> Result<fs::File, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let folder = folder_of(path);
    make_folder(folder).map_err(failed)?;
    make_file(path).map_err(failed)?;

    // SQLite has no advisory locks, so a lock on the folder replaces one.
    let folder = fs::File::open(folder).map_err(failed)?;
    let turn = tokio::task::spawn_blocking(move || folder.lock().map(|()| folder)).await;
    turn.map_err(io::Error::other).and_then(|locked| locked).map_err(failed)
}

/// Opens an existing file.
pub async fn open(path: &Path) -> Result<Pools, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A committed answer must survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        // Deleted rows must be overwritten, and not just unlinked.
        .pragma("secure_delete", "ON")
        .busy_timeout(WAIT_MAX);
    let pool = |connections_max| {
        SqlitePoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(WAIT_MAX)
            // On a full disk SQLite itself rolls a transaction back, and the driver then takes it for open for ever.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
    };
    Ok(Pools {
        // The writer connects first, since it makes the write-ahead log that readers need.
        writer: pool(1).connect_with(options.clone()).await?,
        readers: pool(READERS_MAX).connect_with(options.pragma("query_only", "ON")).await?,
    })
}

/// Checkpoints the write-ahead log, unless a transaction is reading from it: the checkpoint waits for no reader.
pub async fn checkpoint(pools: &Pools) -> Result<(), Error> {
    let mut connection = pools.writer.acquire().await?;
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *connection).await?;
    let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
    let wait_ms = WAIT_MAX.as_millis();
    sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {wait_ms}"))).execute(&mut *connection).await?;
    done?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the folder for this account only: the master key lies here too.
fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the file for this account only; SQLite gives its side files the same mode. An existing file keeps its mode,
/// which the operator may have chosen.
fn make_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
