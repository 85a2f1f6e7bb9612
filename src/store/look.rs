//! Inspects a database without changing it, for `bioserver check --connect`.

use crate::store::settings::Settings;
use crate::store::{Error, Store, on, open, postgres, probes, sqlite};

/// A database that can be written.
#[derive(Debug)]
pub struct Found {
    /// `None` for an `SQLite` file that does not exist yet.
    pub store: Option<Store>,
    /// The newest migration of its schema; `None` for a database without a schema.
    pub applied: Option<i64>,
    /// The newest migration that this program knows.
    pub newest: i64,
}

/// Connects without waiting for a database that is starting, and tries a write that leaves nothing behind.
pub async fn at(settings: &Settings) -> Result<Found, Error> {
    let newest = open::newest();
    let store = match settings {
        Settings::Postgres(options, bounds) => {
            postgres::reach(options, bounds.connect).await?;
            Store::Postgres(postgres::pool((**options).clone(), *bounds), *bounds)
        }
        Settings::Sqlite(path) if path.exists() => Store::Sqlite(sqlite::open(path).await?),
        Settings::Sqlite(_) => return Ok(Found { store: None, applied: None, newest }),
    };
    let applied = open::applied(&store).await?;
    let mut tx = store.begin().await?;
    if applied.is_some_and(|applied| applied >= newest) {
        probes::write(&mut tx).await?;
        tx.commit().await?;
    } else {
        // The next migrations create tables, so this tries to create one. Without a commit, it leaves none.
        on!(&mut tx, |conn| sqlx::query("CREATE TABLE bioserver_check (id BIGINT)").execute(conn).await.map(|_| ()))?;
    }
    Ok(Found { store: Some(store), applied, newest })
}
