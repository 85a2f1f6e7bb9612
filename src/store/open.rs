//! Opens connections, and brings the schema up to date.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgPool, SqlStr};

use super::postgres::{self, Bounds};
use super::{Error, Store, sqlite};

/// The migrations, oldest first. sqlx's own macro would read them from the folder, but it would also build the drivers
/// of both databases a second time.
macro_rules! schema {
    ($folder:literal) => {
        schema(&[
            (1, "init", include_str!(concat!("../../migrations/", $folder, "/0001_init.sql"))),
            (2, "sessions", include_str!(concat!("../../migrations/", $folder, "/0002_sessions.sql"))),
            (3, "replays", include_str!(concat!("../../migrations/", $folder, "/0003_replays.sql"))),
            (4, "callbacks", include_str!(concat!("../../migrations/", $folder, "/0004_callbacks.sql"))),
            (5, "usage_events", include_str!(concat!("../../migrations/", $folder, "/0005_usage_events.sql"))),
            (6, "erasures", include_str!(concat!("../../migrations/", $folder, "/0006_erasures.sql"))),
            (7, "epochs", include_str!(concat!("../../migrations/", $folder, "/0007_epochs.sql"))),
            (8, "callback_secrets", include_str!(concat!("../../migrations/", $folder, "/0008_callback_secrets.sql"))),
            (9, "records", include_str!(concat!("../../migrations/", $folder, "/0009_records.sql"))),
            (10, "looks", include_str!(concat!("../../migrations/", $folder, "/0010_looks.sql"))),
            (11, "origins", include_str!(concat!("../../migrations/", $folder, "/0011_origins.sql"))),
            (12, "attestations", include_str!(concat!("../../migrations/", $folder, "/0012_attestations.sql"))),
        ])
    };
}

fn schema(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let step = |&(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, SqlStr::from_static(sql), false)
    };
    let mut schema = Migrator::with_migrations(steps.iter().map(step).collect());
    // The previous version of the program may run beside this one, with a schema that is newer than its own.
    schema.set_ignore_missing(true);
    schema
}

/// The permission to change a schema that is older than the program. A new database gets its schema in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Allowed,
    Refused,
}

/// Returns the newest migration that this program knows.
pub fn newest() -> i64 {
    newest_of(&schema!("postgres"))
}

fn newest_of(schema: &Migrator) -> i64 {
    schema.iter().map(|step| step.version).max().unwrap_or_default()
}

/// True if migrations must run; `applied` is the newest one that has run.
fn is_due(schema: &Migrator, applied: Option<i64>, change: Change) -> Result<bool, Error> {
    let newest = newest_of(schema);
    match applied {
        Some(applied) if applied < newest && change == Change::Refused => Err(Error::SchemaOld { applied, newest }),
        Some(_) => Ok(change == Change::Allowed),
        None => Ok(true),
    }
}

const APPLIED: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";

/// Returns the newest migration that has run; `None` for a database without a schema.
pub async fn applied(store: &Store) -> Result<Option<i64>, sqlx::Error> {
    const IN_POSTGRES: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    const IN_SQLITE: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')";
    let is_there: bool = match store {
        Store::Postgres(pool, _) => sqlx::query_scalar(IN_POSTGRES).fetch_one(pool).await?,
        Store::Sqlite(file) => sqlx::query_scalar(IN_SQLITE).fetch_one(&file.readers).await?,
    };
    match store {
        _ if !is_there => Ok(None),
        Store::Postgres(pool, _) => sqlx::query_scalar(APPLIED).fetch_one(pool).await,
        Store::Sqlite(file) => sqlx::query_scalar(APPLIED).fetch_one(&file.readers).await,
    }
}

pub async fn postgres(options: &PgConnectOptions, bounds: Bounds, change: Change) -> Result<Store, Error> {
    let migrate = move |pool| migrate(pool, bounds, change);
    Ok(Store::Postgres(postgres::open(options.clone(), bounds, migrate).await?, bounds))
}

async fn migrate(pool: PgPool, bounds: Bounds, change: Change) -> Result<(), Error> {
    let schema = schema!("postgres");
    let store = Store::Postgres(pool.clone(), bounds);
    if is_due(&schema, applied(&store).await?, change)? {
        // An advisory lock makes nodes that start at the same time take turns.
        schema.run(&pool).await?;
    }
    Ok(())
}

pub async fn sqlite(path: &Path, change: Change) -> Result<Store, Error> {
    let turn = sqlite::claim(path).await?;
    let file = sqlite::open(path).await?;
    let store = Store::Sqlite(file.clone());
    let schema = schema!("sqlite");
    let applied = applied(&store).await?;
    if is_due(&schema, applied, change)? {
        schema.run(&file.writer).await?;
    }
    drop(turn);
    Ok(store)
}
