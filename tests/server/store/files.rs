//! Tests the files of the embedded database.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bioserver::store::Store;
use bioserver::store::settings::Settings;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::store::nodes::folder;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn new_files_are_for_this_account_only() {
    let folder = folder();
    let path = folder.path().join("new/bio.db");
    let store = Store::open(&Settings::Sqlite(path.clone())).await.unwrap();
    store.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(mode(&folder.path().join("new")), 0o700);
    for file in fs::read_dir(folder.path().join("new")).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert!(path.exists());
}

#[tokio::test]
async fn existing_files_keep_their_mode() {
    let folder = folder();
    let path = folder.path().join("bio.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    Store::open(&Settings::Sqlite(path.clone())).await.unwrap();
    assert_eq!(mode(&path), 0o640);
}

#[tokio::test]
async fn files_that_are_no_database_are_refused_by_name() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "x".repeat(5000)).unwrap();
    assert!(Store::open(&Settings::Sqlite(file.clone())).await.is_err());
    let error = Store::open(&Settings::Sqlite(file.join("below/bio.db"))).await.unwrap_err();
    assert!(error.to_string().contains("below/bio.db"), "{error}");
}

/// A reader waits for no writer, however many queue, and sees no uncommitted changes. Writers take turns in the order in
/// which they came.
#[tokio::test]
async fn files_are_read_while_they_are_written() {
    const WRITERS: usize = 20;
    let folder = folder();
    let store = Store::open(&Settings::Sqlite(folder.path().join("bio.db"))).await.unwrap();
    let writing = store.begin().await.unwrap();
    let done = Arc::new(Mutex::new(Vec::new()));
    let queue = FuturesUnordered::new();
    for number in 0..WRITERS {
        let (store, done) = (store.clone(), done.clone());
        queue.push(tokio::spawn(async move {
            let turn = store.begin().await.unwrap();
            done.lock().unwrap().push(number);
            turn.commit().await.unwrap();
        }));
        tokio::task::yield_now().await;
    }
    store.read().await.unwrap();
    assert!(done.lock().unwrap().is_empty());
    writing.commit().await.unwrap();
    queue.for_each(|ended| async { ended.unwrap() }).await;
    assert_eq!(*done.lock().unwrap(), (0..WRITERS).collect::<Vec<_>>());
}
