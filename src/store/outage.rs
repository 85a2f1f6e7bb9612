//! Recognizes errors of a database that does not work at the moment: the request may be sent again.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;
use strum::Display;

use crate::cause::{self, NO_ANSWER};
use crate::store::Error;

const LOCK_NOT_AVAILABLE: &str = "55P03";
const DEADLOCK: &str = "40P01";

/// The reason why a database does not work, as the end of a sentence that begins with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
pub enum Outage {
    #[strum(serialize = "does not answer")]
    Away,
    #[strum(serialize = "is busy")]
    Busy,
    #[strum(serialize = "cannot be written")]
    ReadOnly,
    #[strum(serialize = "has no space left")]
    Full,
}

/// Returns the outage that an error shows; `None` for a fault of the statement.
pub fn of(error: &Error) -> Option<Outage> {
    match error {
        Error::Slow | Error::Connect { .. } => Some(Outage::Away),
        Error::Database(error) => of_driver(error),
        Error::Migrate(_) | Error::SchemaOld { .. } | Error::File { .. } => None,
    }
}

/// Returns the cause, in the database's own words if it has some.
pub fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => NO_ANSWER.to_owned(),
        other => cause::of(other),
    }
}

/// True if a statement gave up because another transaction holds a lock.
pub fn is_locked(error: &Error) -> bool {
    let (Error::Database(error)
    | Error::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) = error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some(LOCK_NOT_AVAILABLE | DEADLOCK))
}

fn of_driver(error: &sqlx::Error) -> Option<Outage> {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Some(Outage::Away),
        sqlx::Error::Database(error) => of_database(&**error),
        _ => None,
    }
}

fn of_database(error: &dyn DatabaseError) -> Option<Outage> {
    let code = error.code()?;
    if error.try_downcast_ref::<PgDatabaseError>().is_some() { of_postgres(&code) } else { of_sqlite(&code) }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(code: &str) -> Option<Outage> {
    match code {
        // The statement hit `statement_timeout`, `lock_timeout` or `idle_in_transaction_session_timeout`, or
        // conflicted.
        "57014" | LOCK_NOT_AVAILABLE | "25P03" | "40001" | DEADLOCK => Some(Outage::Busy),
        "25006" => Some(Outage::ReadOnly),
        "53100" => Some(Outage::Full),
        // The classes are: connection, authorization, no such database, resources, operator intervention, system error.
        _ => ["08", "28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class)).then_some(Outage::Away),
    }
}

/// <https://www.sqlite.org/rescode.html>
fn of_sqlite(code: &str) -> Option<Outage> {
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(Outage::Busy),
        8 => Some(Outage::ReadOnly),
        10 | 14 => Some(Outage::Away),
        13 => Some(Outage::Full),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_told_from_faults_of_statements() {
        for (code, outage) in [
            ("57P01", Some(Outage::Away)),
            ("53300", Some(Outage::Away)),
            ("53100", Some(Outage::Full)),
            ("25006", Some(Outage::ReadOnly)),
            ("55P03", Some(Outage::Busy)),
            ("23505", None),
            ("42P01", None),
        ] {
            assert_eq!(of_postgres(code), outage, "{code}");
        }
        for (code, outage) in [("517", Some(Outage::Busy)), ("13", Some(Outage::Full)), ("1555", None)] {
            assert_eq!(of_sqlite(code), outage, "{code}");
        }
        assert_eq!(of(&Error::Slow), Some(Outage::Away));
        assert_eq!(of(&sqlx::Error::RowNotFound.into()), None);
    }
}
