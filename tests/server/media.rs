//! Tests images at rest, in a folder and in a bucket of a server that speaks S3.

use std::path::PathBuf;
use std::time::Duration;

use bioserver::media::{Credentials, Media, S3, Settings};
use bytes::Bytes;
use tempfile::TempDir;
use testkit::moto;

/// Makes two tests of each scenario: in a folder, and in a bucket.
macro_rules! in_both {
    ($($scenario:ident),* $(,)?) => {
        mod folder {
            $(#[tokio::test]
            async fn $scenario() {
                let folder = super::Folder::new();
                super::$scenario(folder.media()).await;
                assert!(folder.is_empty(), "something stayed behind");
            })*
        }
        mod bucket {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(super::in_bucket("some/folder").await).await;
            })*
        }
    };
}
in_both!(what_was_put_is_got_until_it_is_erased, a_folder_is_erased_whole, more_than_a_page_is_erased);

/// A folder that is deleted with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    /// The path of a folder that is created when the media are opened.
    fn path(&self) -> PathBuf {
        self.0.path().join("media")
    }

    fn media(&self) -> Media {
        Media::open(&Settings::Folder(self.path())).expect("a folder can be made")
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(self.path()).expect("it is there").next().is_none()
    }
}

fn bucket(bucket: &str, folder: &str, endpoint: String) -> Media {
    let credentials = Credentials { id: "id".to_owned(), secret: "secret".into() };
    let s3 = S3 {
        bucket: bucket.to_owned(),
        folder: folder.to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(endpoint),
        credentials: Some(credentials),
    };
    // The timeout is long: the bucket is as slow as a busy machine.
    Media::open(&Settings::S3(Box::new(s3))).expect("the settings are whole").within(Duration::from_secs(30))
}

async fn in_bucket(folder: &str) -> Media {
    let (endpoint, name) = moto::bucket().await;
    bucket(&name, folder, endpoint)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(media: &Media, name: &str) {
    media.put(name, bytes(name)).await.expect("it is put");
}

async fn get(media: &Media, name: &str) -> Option<Bytes> {
    media.get(name).await.expect("it reads")
}

async fn what_was_put_is_got_until_it_is_erased(media: Media) {
    let name = "sessions/a/b";
    assert_eq!(get(&media, name).await, None);
    media.put(name, bytes("first")).await.expect("it is put");
    media.put(name, bytes("second")).await.expect("it is put in the other's place");
    assert_eq!(get(&media, name).await, Some(bytes("second")));
    assert_eq!(media.clone().get("sessions/a").await.expect("it reads"), None, "a folder is nothing");
    media.erase(name).await.expect("it is erased");
    assert_eq!(get(&media, name).await, None);
    media.erase(name).await.expect("it is erased already");
}

async fn a_folder_is_erased_whole(media: Media) {
    for name in ["sessions/a/1", "sessions/a/2", "sessions/ab/1", "sessions/b/1"] {
        put(&media, name).await;
    }
    let mut folders = media.names("sessions").await.expect("it lists");
    folders.sort();
    assert_eq!(folders, ["a", "ab", "b"]);
    media.erase_under("sessions/a").await.expect("it erases");
    media.erase_under("sessions/a").await.expect("it erased already");
    assert_eq!((get(&media, "sessions/a/1").await, get(&media, "sessions/a/2").await), (None, None));
    assert_eq!(
        get(&media, "sessions/ab/1").await,
        Some(bytes("sessions/ab/1")),
        "another folder's name begins so, too"
    );
    media.erase_under("sessions").await.expect("it erases");
    assert_eq!(media.names("sessions").await.expect("it lists"), [""; 0]);
}

/// S3 lists a thousand names at a time.
async fn more_than_a_page_is_erased(media: Media) {
    let names: Vec<String> = (0..1010).map(|number| format!("sessions/a/{number}")).collect();
    for some in names.chunks(32) {
        futures_util::future::join_all(some.iter().map(|name| put(&media, name))).await;
    }
    media.erase_under("sessions/a").await.expect("it erases");
    for name in &names[1000..] {
        assert_eq!(get(&media, name).await, None);
    }
    assert_eq!(media.names("sessions").await.expect("it lists"), [""; 0]);
}

#[tokio::test]
async fn names_lie_under_the_folder_of_the_bucket() {
    let (endpoint, name) = moto::bucket().await;
    put(&bucket(&name, "", endpoint.clone()), "above").await;
    let inner = bucket(&name, "in/ner", endpoint.clone());
    put(&inner, "below").await;
    let outer = bucket(&name, "", endpoint);
    assert_eq!(get(&outer, "in/ner/below").await, Some(bytes("below")));
    assert_eq!(get(&inner, "above").await, None);
}

#[tokio::test]
async fn what_is_not_there_is_an_error_that_names_no_secret() {
    let (endpoint, _) = moto::bucket().await;
    let nowhere = bucket("no-such-bucket", "", endpoint);
    let error = nowhere.put("a", bytes("a")).await.expect_err("there is no such bucket");
    assert!(!error.to_string().contains("secret"), "{error}");
    // Nobody listens on this port.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = format!("http://{}", listener.local_addr().expect("it has an address"));
    drop(listener);
    let error = bucket("bucket", "", closed).get("a").await.expect_err("nobody answers");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn what_a_dead_writer_left_is_erased_with_its_folder() {
    let folder = Folder::new();
    let media = folder.media();
    put(&media, "sessions/a/1").await;
    // A file has such a name until it is completely written.
    std::fs::write(folder.path().join("sessions/a/2#1"), "half").expect("it can be written");
    std::fs::create_dir(folder.path().join("sessions/b")).expect("it can be made");
    media.erase("sessions/a/1").await.expect("it is erased");
    for name in media.names("sessions").await.expect("it lists") {
        media.erase_under(&format!("sessions/{name}")).await.expect("it erases");
    }
    assert!(folder.is_empty(), "something stayed behind");
}

#[tokio::test]
async fn what_is_put_while_its_folder_is_erased_is_there_or_not() {
    let folder = Folder::new();
    let media = folder.media();
    let putting = async {
        for _ in 0..300 {
            put(&media, "sessions/a/1").await;
        }
    };
    let erasing = async {
        for _ in 0..300 {
            media.erase_under("sessions/a").await.expect("it erases");
        }
    };
    tokio::join!(putting, erasing);
    media.erase_under("sessions/a").await.expect("it erases");
    assert!(folder.is_empty(), "something stayed behind");
}

#[test]
fn a_folder_is_for_this_account_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.media();
    assert_eq!(std::fs::metadata(folder.path()).expect("it is there").permissions().mode() & 0o777, 0o700);
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it can be written");
    assert!(Media::open(&Settings::Folder(file)).is_err());
}
