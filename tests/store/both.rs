//! Each test twice: on Postgres, and on an SQLite file.

use std::future::Future;
use std::path::PathBuf;

use bioserver::store::Store;
use bioserver::store::settings::Settings;
use uuid::Uuid;

use crate::testpg;

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("bioserver-store-{}", Uuid::new_v4().simple())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `scenario` on a new store in an SQLite file.
pub async fn sqlite<F: Future<Output = ()>>(scenario: impl FnOnce(Settings) -> F) {
    let folder = Folder::new();
    scenario(Settings::Sqlite(folder.0.join("data/bio.db"))).await;
}

/// Runs `scenario` on a new Postgres database.
pub async fn postgres<F: Future<Output = ()>>(scenario: impl FnOnce(Settings) -> F) {
    scenario(testpg::database().parse().expect("the test server's URL is one")).await;
}

pub async fn open(settings: &Settings) -> Store {
    Store::open(settings).await.expect("a new database opens")
}

/// Makes two tests of each scenario.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                crate::both::sqlite(super::$scenario).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $scenario() {
                crate::both::postgres(super::$scenario).await;
            })*
        }
    };
}
pub(crate) use on_both;
