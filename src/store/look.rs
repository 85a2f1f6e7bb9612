//! A look at a database that leaves it as it is: `bioserver check --connect`.

use crate::store::settings::Settings;
use crate::store::{Error, Store, on, open, postgres, probes, sqlite};

/// A database that can be written.
#[derive(Debug)]
pub struct Found {
    /// `None` of an `SQLite` file that is still to be made.
    pub store: Option<Store>,
    /// The newest step of its schema; `None` of a database without one.
    pub applied: Option<i64>,
    /// The newest step that this program knows.
    pub newest: i64,
}

/// Connects without waiting for a database that is starting, and writes what it takes back.
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
        // The next steps of the schema make tables. Without a commit, this leaves none.
        on!(&mut tx, |conn| sqlx::query("CREATE TABLE bioserver_check (id BIGINT)").execute(conn).await.map(|_| ()))?;
    }
    Ok(Found { store: Some(store), applied, newest })
}
