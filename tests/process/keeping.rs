//! Accepted work is completed and deleted media are erased even if the media are unavailable for a while; a server
//! never erases another's media.

use std::path::Path;
use std::time::Duration;

use bioserver::media::Media;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::Asked;
use face::values::liveness::{Frame, LivenessType};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::postgres;

use crate::bucket::Bucket;
use crate::faults::Row;
use crate::nodes::{self, MASTER_KEY};
use crate::provider::{Provider, portrait};
use crate::proxy::{Proxy, Way};
use crate::server::Server;
use crate::wait::{readiness, until};

const CAPTURES: usize = 4;
const OUTAGE: Duration = Duration::from_secs(15);

pub fn on_bucket(bucket: &Bucket) -> Server {
    let variables = bucket.variables();
    Server::configured(&variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

async fn open(server: &Server, about: &Value) -> String {
    nodes::open(&Client::new(), server, about).await.expect("it answers")
}

/// Adds a face with its image.
async fn add(server: &Server, session: &str) -> String {
    nodes::add(&Client::new(), server, session, "obama.jpg").await
}

async fn status(server: &Server, method: Method, path: &str) -> u16 {
    server.request(&Client::new(), method, path).send().await.expect("it answers").status().as_u16()
}

/// Opens a session and sends a capture for its check; `meanwhile` runs just before the capture is sent.
async fn captured(provider: &Provider, film: &[Frame], meanwhile: impl FnOnce()) -> String {
    let session = open(&provider.server, &json!({ "imageStorageEnabled": true, "ttlSeconds": 600 })).await;
    let check = provider.begin_in(&session, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    let capture = check.sealed(film.to_vec()).expect("it can be sealed");
    meanwhile();
    let path = format!("{session}/replay-liveness");
    let request = provider.server.request(&Client::new(), Method::POST, &path).body(capture);
    let reply = request.header("content-type", "application/jose").send().await.expect("it answers");
    assert_eq!(reply.status(), 202);
    session
}

fn film() -> Vec<Frame> {
    let asked = Asked::passive(LivenessType::Passive);
    let performance = Performance { asked, seed: 7, frame_ms: FRAME_MS };
    performer::perform(&portrait(), &performance)
}

#[tokio::test]
async fn captures_are_looked_at_though_the_bucket_was_away() {
    let bucket = Bucket::new().await;
    let provider = Provider::of(on_bucket(&bucket));
    let film = film();
    let mut sessions = vec![];
    for _ in 0..CAPTURES {
        sessions.push(captured(&provider, &film, || bucket.set(Way::Cut)).await);
    }
    tokio::time::sleep(OUTAGE).await;
    for session in &sessions {
        assert_eq!(provider.status(session).await, "IN_PROGRESS");
    }
    bucket.set(Way::Open);
    for session in &sessions {
        until("a capture is given up or forgotten", async || provider.status(session).await == "SUCCESS").await;
    }
    Row::harmless(
        "the bucket away while captures wait",
        1,
        CAPTURES,
        format!("away for {OUTAGE:?}; all ended as SUCCESS"),
    );
}

#[tokio::test]
async fn captures_are_looked_at_though_the_database_was_away() {
    let database = Proxy::start();
    let provider = Provider::of(Server::configured(&[
        ("DATABASE_URL", &database.url),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_REPLAY_LEASE_SECONDS", "600"),
    ]));
    let film = film();
    let sessions = [captured(&provider, &film, || {}).await, captured(&provider, &film, || {}).await];
    database.set(Way::Cut);
    tokio::time::sleep(OUTAGE).await;
    database.set(Way::Open);
    until("the server is not back", async || status(&provider.server, Method::GET, &sessions[0]).await == 200).await;
    // A node gives back the work that it had begun: no lease expires in time.
    for session in &sessions {
        until("a capture is given up or forgotten", async || provider.status(session).await == "SUCCESS").await;
    }
    let mut direct = PgConnection::connect(&database.url).await.expect("it is there");
    let attempts: Vec<i64> =
        sqlx::query_scalar("SELECT attempts FROM replays").fetch_all(&mut direct).await.expect("they are there");
    assert_eq!(attempts, [1, 1], "an outage is no attempt");
    Row::harmless("the database away while captures wait", 1, 2, format!("away for {OUTAGE:?}; all ended as SUCCESS"));
}

/// Counts the sessions that have media, over all owners.
async fn kept(media: &Media) -> usize {
    let mut count = 0;
    for owner in media.names("").await.expect("it lists") {
        count += media.names(&format!("{owner}/sessions")).await.expect("it lists").len();
    }
    count
}

#[tokio::test]
async fn what_is_deleted_or_over_while_the_bucket_is_away_is_erased_when_it_is_back() {
    let (bucket, about) = (Bucket::new().await, json!({ "imageStorageEnabled": true, "ttlSeconds": 600 }));
    let server = on_bucket(&bucket);
    let [session, deleted] = [open(&server, &about).await, open(&server, &about).await];
    let over = open(&server, &json!({ "imageStorageEnabled": true, "ttlSeconds": 10 })).await;
    let plain = open(&server, &json!({ "ttlSeconds": 10 })).await;
    let face = add(&server, &session).await;
    add(&server, &deleted).await;
    add(&server, &over).await;
    let media = bucket.media();
    assert_eq!(kept(&media).await, 3);

    bucket.set(Way::Cut);
    assert_eq!(status(&server, Method::DELETE, &face).await, 204);
    assert_eq!(status(&server, Method::DELETE, &face).await, 204, "it can be repeated");
    assert_eq!(status(&server, Method::DELETE, &deleted).await, 204);
    for session in [&over, &plain] {
        until("it is not over", async || status(&server, Method::GET, session).await == 404).await;
    }
    let lag =
        async || -> i64 { readiness(&Client::new(), &server).await.1["sweepLagSeconds"].as_i64().unwrap_or(i64::MAX) };
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(kept(&media).await, 3, "the bucket was cut");
    bucket.set(Way::Open);
    until("something stays", async || kept(&media).await == 0).await;
    until("a session stays", async || lag().await == 0).await;
    assert_eq!(status(&server, Method::GET, &session).await, 200);
    Row::harmless(
        "the bucket away while sessions end",
        1,
        10,
        "4 sessions and a face; nothing stayed when it was back",
    );
}

fn images(folder: &Path, owner: &str) -> Vec<std::path::PathBuf> {
    let sessions = std::fs::read_dir(folder.join(owner).join("sessions")).into_iter().flatten().flatten();
    sessions
        .flat_map(|session| std::fs::read_dir(session.path()).expect("it is a folder"))
        .flatten()
        .map(|file| file.path())
        .collect()
}

fn owners(folder: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(folder).expect("it is there").flatten();
    folders.map(|owner| owner.file_name().into_string().expect("it is text")).collect()
}

#[tokio::test]
async fn a_server_with_an_empty_database_erases_nothing_of_another_one() {
    let place = tempfile::tempdir().expect("there is room");
    let media = place.path().join("media");
    let start = |database: &str| {
        Server::configured(&[
            ("DATABASE_URL", database),
            ("BIOSERVER_MASTER_KEY", MASTER_KEY),
            ("BIOSERVER_MEDIA", media.to_str().expect("it is text")),
        ])
    };
    let (first, second) = (postgres::database(), postgres::database());
    let about = json!({ "imageStorageEnabled": true, "ttlSeconds": 600 });
    let one = start(&first);
    let session = open(&one, &about).await;
    let face = add(&one, &session).await;
    let [owner] = owners(&media).try_into().expect("there is one");

    let other = start(&second);
    let theirs = open(&other, &about).await;
    add(&other, &theirs).await;
    let mut both = owners(&media);
    both.retain(|found| *found != owner);
    let [stranger] = both.try_into().expect("there are two");
    other.kill();
    // One belongs to a session of the second server that expired long ago, and one to a session of the first server.
    let [left, right] = [&stranger, &owner].map(|owner| {
        let stray = media.join(owner).join("sessions/01800000-0000-7000-8000-000000000000/image");
        std::fs::create_dir_all(stray.parent().expect("it has one")).expect("it can be made");
        std::fs::write(&stray, "an image").expect("it can be written");
        stray
    });
    let _other = start(&second);
    until("the second does not look for strays", async || !left.exists()).await;
    assert!(right.exists(), "another's stray is erased");
    assert_eq!((images(&media, &owner).len(), images(&media, &stranger).len()), (2, 1));
    assert_eq!(status(&one, Method::GET, &format!("{face}/image")).await, 200);
    Row::harmless("a second server with an empty database, same images", 1, 5, "all images of the first stay");
}
