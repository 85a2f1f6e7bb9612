//! The choice of the database.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::store::postgres::{self, Bounds};

/// The place of the database. `Display` and `Debug` leave its password out.
#[derive(Clone)]
pub enum Settings {
    Postgres(Box<PgConnectOptions>, Bounds),
    /// The path of the file.
    Sqlite(PathBuf),
}

impl Settings {
    /// Returns the same place with these bounds on waits. An `SQLite` file has its own bounds.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        match self {
            Self::Postgres(options, _) => Self::Postgres(options, bounds),
            sqlite @ Self::Sqlite(_) => sqlite,
        }
    }
}

impl FromStr for Settings {
    type Err = String;

    /// Reads `postgres://user:password@host:port/database?option=value` or `sqlite:path`.
    ///
    /// The error never repeats the text, which may hold a password.
    fn from_str(url: &str) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|_| "this is not a valid Postgres URL".to_owned())?;
            return Ok(Self::Postgres(Box::new(options.application_name("bioserver")), Bounds::default()));
        }
        let path = url.strip_prefix("sqlite:").ok_or("it must start with 'postgres://' or 'sqlite:'")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains('?') {
            return Err("'sqlite:' must be followed by the path of a file and nothing else".to_owned());
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(options, _) => {
                let (host, user) = (postgres::host(options), options.get_username());
                write!(f, "postgres://{user}@{host}/{}", options.get_database().unwrap_or(user))
            }
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let settings: Settings = "postgres://me:hunter2@db.example:5433/bio?password=hunter2".parse().unwrap();
        assert_eq!(settings.to_string(), "postgres://me@db.example:5433/bio");
        assert_eq!(format!("{settings:?}"), "postgres://me@db.example:5433/bio");
        for broken in ["postgres://me:hunter2@db:notaport/x", "mysql://me:hunter2@db/x"] {
            let error = broken.parse::<Settings>().unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn sqlite_is_a_path() {
        for (url, path) in [("sqlite:a/b.db", "a/b.db"), ("sqlite:///tmp/b.db", "/tmp/b.db"), ("sqlite://b.db", "b.db")]
        {
            let Settings::Sqlite(found) = url.parse().unwrap() else { panic!("{url}") };
            assert_eq!(found, PathBuf::from(path));
        }
        for broken in ["sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "a.db", ""] {
            assert!(broken.parse::<Settings>().is_err(), "{broken}");
        }
    }
}
