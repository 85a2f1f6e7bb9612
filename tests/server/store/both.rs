//! Each test twice: on Postgres, and on an SQLite file.

use std::future::Future;
use std::path::PathBuf;

use bioserver::store::Store;
use bioserver::store::settings::Settings;
use testkit::postgres;
use uuid::Uuid;

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
    scenario(postgres::database().parse().expect("the test server's URL is one")).await;
}

pub async fn open(settings: &Settings) -> Store {
    Store::open(settings).await.expect("a new database opens")
}

/// What four nodes take at once, each by step after step until one gives nothing.
pub async fn taken_by_nodes<T, F>(store: &Store, step: fn(Store) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = Vec<T>> + Send + 'static,
{
    let node = move |store: Store| async move {
        let mut all = vec![];
        loop {
            let more = step(store.clone()).await;
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    };
    let nodes: Vec<_> = (0..4).map(|_| tokio::spawn(node(store.clone()))).collect();
    let mut all = vec![];
    for node in nodes {
        all.extend(node.await.expect("nobody panicked"));
    }
    all
}

/// Makes two tests of each scenario.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                crate::store::both::sqlite(super::$scenario).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $scenario() {
                crate::store::both::postgres(super::$scenario).await;
            })*
        }
    };
}
pub(crate) use on_both;
