//! `docs/backup.md`: its commands save and restore a server, and what it says of a restored one is so.

use std::fs;
use std::path::Path;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use testkit::{postgres, project};

use crate::commands::succeeded;
use crate::nodes::{MASTER_KEY, add, open, read};
use crate::pages::{run, section};
use crate::server::{Server, program};
use crate::wait::until;

/// What a server has before its backup.
struct Before {
    /// Each with a face: one that goes on, one that is deleted after the backup, and one that ends meanwhile.
    going_on: String,
    deleted: String,
    ended: String,
    face: String,
    /// An answer that the server has signed.
    answer: Value,
}

async fn before(client: &Client, server: &Server) -> Before {
    let about = |seconds: u32| json!({ "ttlSeconds": seconds, "imageStorageEnabled": true });
    let mut sessions = vec![];
    for seconds in [3600, 3600, 5] {
        sessions.push(open(client, server, &about(seconds)).await.expect("it answers"));
    }
    let [going_on, deleted, ended] = sessions.try_into().expect("there are three");
    let face = add(client, server, &going_on, "obama.jpg").await;
    let answer = read(client, server, &face).await;
    Before { going_on, deleted, ended, face, answer }
}

async fn status(client: &Client, server: &Server, key: &str, method: Method, path: &str) -> u16 {
    let request = client.request(method, format!("{}/bioserver-app{path}", server.url)).header("apikey", key);
    request.send().await.expect("it answers").status().as_u16()
}

/// Whether the restored server is as the page says.
async fn is_restored(client: &Client, restored: &Server, key: &str, before: &Before, after: &str) {
    let get = async |path: &str| status(client, restored, key, Method::GET, path).await;
    assert_eq!(get(&before.face).await, 200, "a session goes on, and so does the key of its provider");
    assert_eq!(get(&before.ended).await, 404);
    assert_eq!(get(&before.deleted).await, 200);
    assert_eq!(get(after).await, 404);
    let folder = tempfile::tempdir().expect("there is room");
    let answer = folder.path().join("answer.json");
    fs::write(&answer, before.answer.to_string()).expect("there is room");
    let jwks = format!("{}/.well-known/jwks.json", restored.url);
    let verified = program(folder.path()).arg("verify").arg(&answer).args(["--jwks", &jwks]).output().expect("it runs");
    assert!(succeeded(&verified).starts_with("Verified"));
}

fn page() -> String {
    fs::read_to_string(project::path("docs/backup.md")).expect("it is there")
}

/// The part of a section up to its restoration, and the rest.
fn halves(section: &str) -> (&str, &str) {
    section.split_once("\nTo restore it").expect("it says how to restore")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn room() -> TempDir {
    tempfile::tempdir().expect("there is room")
}

#[tokio::test]
async fn a_dump_of_postgres_is_restored() {
    let page = page();
    let (save, restore) = halves(section(&page, "## Postgres"));
    let (old, new) = (postgres::database(), postgres::database());
    let (folder, media) = (room(), room());
    let variables = |database| {
        [("DATABASE_URL", database), ("BIOSERVER_MASTER_KEY", MASTER_KEY), ("BIOSERVER_MEDIA", text(media.path()))]
    };
    let (client, server) = (Client::new(), Server::configured(&variables(&old)));
    let before = before(&client, &server).await;
    let urls = [&variables(&old)[..], &[("RESTORED_URL", new.as_str())]].concat();
    run(save, folder.path(), &urls);

    let after = open(&client, &server, &json!({})).await.expect("it answers");
    assert_eq!(status(&client, &server, &server.key, Method::DELETE, &before.deleted).await, 204);
    until("it does not end", async || status(&client, &server, &server.key, Method::GET, &before.ended).await == 404)
        .await;
    server.kill();
    run(restore.split("\n### ").next().expect("it has a beginning"), folder.path(), &urls);
    let restored = Server::configured(&variables(&new));
    is_restored(&client, &restored, &server.key, &before, &after).await;
    let mut database = PgConnection::connect(&new).await.expect("it is there");
    until("what has ended is not erased", async || {
        let sessions: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(&mut database).await.expect("it counts");
        sessions == 2
    })
    .await;
    restored.kill();

    // The place of images is lost as well.
    let elsewhere = room();
    let without = Server::configured(&[&variables(&new)[..], &[("BIOSERVER_MEDIA", text(elsewhere.path()))]].concat());
    assert_eq!(status(&client, &without, &server.key, Method::GET, &before.going_on).await, 500);
    assert!(open(&client, &without, &json!({})).await.is_some());
}

#[tokio::test]
async fn an_sqlite_file_is_copied_while_its_server_runs_and_restored() {
    let page = page();
    let (save, restore) = halves(section(&page, "## SQLite"));
    let (folder, media, backup, data) = (room(), room(), room(), room());
    let place = ("BIOSERVER_MEDIA", text(media.path()));
    let (client, server) = (Client::new(), Server::configured(&[place]));
    let before = before(&client, &server).await;
    let variables = [
        ("BIOSERVER_DATA", text(server.data())),
        ("BACKUP", text(backup.path())),
        ("RESTORED", text(data.path())),
        place,
    ];
    run(save, folder.path(), &variables);
    let after = open(&client, &server, &json!({})).await.expect("it answers");
    assert_eq!(status(&client, &server, &server.key, Method::DELETE, &before.deleted).await, 204);
    until("it does not end", async || status(&client, &server, &server.key, Method::GET, &before.ended).await == 404)
        .await;
    server.kill();
    run(restore, folder.path(), &variables);
    let restored = Server::in_folder(data, &[place]);
    is_restored(&client, &restored, &server.key, &before, &after).await;
}
