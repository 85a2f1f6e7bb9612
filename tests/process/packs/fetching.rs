//! Fetches one file from its home despite all kinds of interruptions.

use std::path::PathBuf;
use std::sync::Mutex;

use packs::fetch::{self, Error, Origin};
use packs::published::{Checksum, Source};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::packs::home::{Home, Turn};

fn bytes() -> Vec<u8> {
    (0..100_000u32).map(|at| (at * 7 % 251) as u8).collect()
}

fn source() -> Source {
    let bytes = bytes();
    Source {
        name: "network.bin".into(),
        url: String::new(),
        bytes: bytes.len() as u64,
        checksum: Checksum::Sha256(format!("{:x}", Sha256::digest(&bytes))),
    }
}

/// A file on its way from a home to a folder.
struct Way {
    folder: TempDir,
    home: Home,
    /// The values that the progress callback received.
    told: Mutex<Vec<u64>>,
}

impl Way {
    async fn from(bytes: Vec<u8>, turns: &[Turn]) -> Self {
        let home = Home::serving([("network.bin".to_owned(), bytes)], turns).await;
        Self { folder: tempfile::tempdir().expect("there is room"), home, told: Mutex::default() }
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("here.bin")
    }

    async fn fetch(&self) -> Result<(), Error> {
        let told = |bytes| self.told.lock().expect("nobody panicked").push(bytes);
        fetch::fetch(&source(), &Origin::Mirror(self.home.url()), &self.to(), &told).await
    }

    /// Lists the names of the files in the folder.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("it is there");
        entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned()).collect()
    }
}

#[tokio::test]
async fn a_file_arrives_whole_and_is_not_fetched_twice() {
    let way = Way::from(bytes(), &[]).await;
    way.fetch().await.expect("it is there");
    assert_eq!(std::fs::read(way.to()).expect("it is there"), bytes());
    assert_eq!(way.told.lock().expect("nobody panicked").last(), Some(&100_000));
    assert_eq!(way.left(), ["here.bin"]);
    way.fetch().await.expect("it is here");
    assert_eq!(way.home.ranges(), [""]);
}

#[tokio::test]
async fn a_broken_download_is_resumed() {
    let way = Way::from(bytes(), &[Turn::Broken(40_000), Turn::Broken(10_000)]).await;
    way.fetch().await.expect("the third connection holds");
    assert_eq!(std::fs::read(way.to()).expect("it is there"), bytes());
    assert_eq!(way.home.ranges(), ["", "40000", "50000"]);
}

#[tokio::test]
async fn an_earlier_download_is_resumed() {
    let way = Way::from(bytes(), &[]).await;
    let part = way.folder.path().join("here.bin.part");
    std::fs::write(&part, &bytes()[..70_000]).expect("there is room");
    way.fetch().await.expect("it is there");
    assert_eq!(std::fs::read(way.to()).expect("it is there"), bytes());
    assert_eq!(way.home.ranges(), ["70000"]);

    // The remains of another file do not corrupt this one.
    let way = Way::from(bytes(), &[]).await;
    std::fs::write(way.folder.path().join("here.bin.part"), vec![0; 70_000]).expect("there is room");
    way.fetch().await.expect("it is there");
    assert_eq!(std::fs::read(way.to()).expect("it is there"), bytes());
    assert_eq!(way.home.ranges(), ["70000", ""]);
    let way = Way::from(bytes(), &[]).await;
    std::fs::write(way.folder.path().join("here.bin.part"), vec![0; 200_000]).expect("there is room");
    way.fetch().await.expect("it is there");
    assert_eq!(way.home.ranges(), [""]);
}

#[tokio::test]
async fn a_home_without_ranges_sends_the_whole_file_again() {
    let way = Way::from(bytes(), &[Turn::Broken(40_000), Turn::NoRanges]).await;
    way.fetch().await.expect("it is there");
    assert_eq!(std::fs::read(way.to()).expect("it is there"), bytes());
    let way = Way::from(bytes(), &[Turn::Broken(40_000), Turn::OtherRange]).await;
    assert!(matches!(way.fetch().await, Err(Error::Status { .. })));
}

#[tokio::test]
async fn a_changed_bit_is_seen() {
    let mut changed = bytes();
    changed[50_000] ^= 1;
    let way = Way::from(changed, &[]).await;
    let error = way.fetch().await.expect_err("it is another file");
    assert!(matches!(&error, Error::Checksum { name, .. } if name == "network.bin"), "{error}");
    assert!(way.left().is_empty(), "{:?}", way.left());
}

#[tokio::test]
async fn a_wrong_length_is_seen_before_it_is_fetched() {
    for length in [99_999, 100_001] {
        let mut other = bytes();
        other.resize(length, 0);
        for turns in [&[][..], &[Turn::Unannounced]] {
            let way = Way::from(other.clone(), turns).await;
            let error = way.fetch().await.expect_err("it is another file");
            assert!(matches!(error, Error::Length { stated: 100_000, .. }), "{length}, {turns:?}: {error}");
            assert!(!way.to().exists());
            let had = way.told.lock().expect("nobody panicked").last().copied();
            assert!(had <= Some(100_000), "no more is kept than there should be: {had:?}");
        }
    }
}

#[tokio::test]
async fn a_busy_home_is_asked_again_and_a_missing_file_is_not() {
    let way = Way::from(bytes(), &[Turn::Status(503), Turn::Status(429)]).await;
    way.fetch().await.expect("the third answer has it");
    assert_eq!(way.home.ranges().len(), 3);
    let way = Way::from(bytes(), &[Turn::Status(404)]).await;
    let error = way.fetch().await.expect_err("it is not there");
    assert!(error.to_string().contains("404"), "{error}");
    assert_eq!(way.home.ranges().len(), 1);
    let way = Way::from(bytes(), &[Turn::Status(500); 9]).await;
    assert!(matches!(way.fetch().await, Err(Error::Status { .. })));
    assert_eq!(way.home.ranges().len(), 5);
}

#[tokio::test]
async fn a_home_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("there is room");
    let nowhere = Origin::Folder(folder.path().join("none"));
    let error =
        fetch::fetch(&source(), &nowhere, &folder.path().join("a"), &|_| ()).await.expect_err("it is not there");
    assert!(error.to_string().contains("network.bin"), "{error}");
    let insecure = Source { url: "http://127.0.0.1:9/network.bin".into(), ..source() };
    let error =
        fetch::fetch(&insecure, &Origin::Homes, &folder.path().join("a"), &|_| ()).await.expect_err("it is http");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}
