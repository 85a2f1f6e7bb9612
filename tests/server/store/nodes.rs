//! Opens a store for these tests, and runs several nodes that share it.

use std::future::Future;

use bioserver::store::Store;
use bioserver::store::settings::Settings;
use tempfile::TempDir;

/// Makes a folder that is deleted with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

pub async fn open(settings: &Settings) -> Store {
    Store::open(settings).await.expect("a new database opens")
}

/// Returns everything that four concurrent nodes take, each repeating the step until it returns nothing.
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
