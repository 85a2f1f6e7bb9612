//! Runs each scenario as two tests: on an SQLite file, and on Postgres.

use std::future::Future;
use std::sync::Arc;

use bioserver::store::settings::Settings;
use tempfile::TempDir;
use testkit::postgres;

/// A new, empty database that is deleted with the test.
#[derive(Clone)]
pub enum Database {
    /// A file in this folder.
    Folder(Arc<TempDir>),
    /// The URL of a database of the test server.
    Url(String),
}

impl Database {
    pub fn sqlite() -> Self {
        Self::Folder(Arc::new(tempfile::tempdir().expect("a folder can be made")))
    }

    pub fn postgres() -> Self {
        Self::Url(postgres::database())
    }

    pub fn settings(&self) -> Settings {
        match self {
            Self::Folder(folder) => Settings::Sqlite(folder.path().join("data/bio.db")),
            Self::Url(url) => url.parse().expect("the test server's URL is one"),
        }
    }
}

/// The argument of a scenario, made on a database.
pub trait Subject {
    async fn on(database: Database) -> Self;
}

impl Subject for Settings {
    async fn on(database: Database) -> Self {
        database.settings()
    }
}

pub async fn run<S: Subject, F: Future<Output = ()>>(database: Database, scenario: impl FnOnce(S) -> F) {
    // The folder is deleted with its last clone.
    scenario(S::on(database.clone()).await).await;
    drop(database);
}

/// Makes two tests of each scenario, which is an async function of a [`Subject`].
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        $(mod $scenario {
            use crate::both::{Database, run};

            #[tokio::test]
            async fn on_sqlite() {
                run(Database::sqlite(), super::$scenario).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                run(Database::postgres(), super::$scenario).await;
            }
        })*
    };
}
pub(crate) use on_both;
