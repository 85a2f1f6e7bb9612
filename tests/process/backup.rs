//! Runs the commands of `docs/backup.md`: they save and restore a server, and the restored server is as the page says.

use std::fs;
use std::path::Path;
use std::process::Command;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use testkit::{page, postgres, project};

use crate::commands::succeeded;
use crate::nodes::{MASTER_KEY, add, open, read};
use crate::pages::{run, section};
use crate::server::{Server, program};
use crate::wait::until;

/// The state of a server before its backup.
struct Before {
    /// Three sessions, each with a face: one continues, one is deleted after the backup, one expires before the
    /// restoration.
    going_on: String,
    deleted: String,
    ended: String,
    face: String,
    /// An answer that the server signed.
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

/// Asserts that the restored server is as the page says.
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

/// Splits a section into the part before the restoration and the rest.
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

/// The folder of a Postgres of the test's own, in `main`, and once restored in `backup/restored`; both end with the
/// test.
struct Cluster(TempDir);

impl Cluster {
    fn shell(&self, script: &str) -> Command {
        let folder = text(self.0.path());
        let mut shell = postgres::shell(script);
        shell.envs([("PLACE", folder), ("PGHOST", folder), ("PGUSER", "postgres")]);
        shell
    }

    fn run(&self, script: &str) -> String {
        succeeded(&self.shell(script).output().expect("there is a bash"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = "for data in main backup/restored; do
             [ ! -e $PLACE/$data/postmaster.pid ] || pg_ctl --mode=immediate --pgdata=$PLACE/$data stop >>$PLACE/log
         done";
        let _ = self.shell(stop).status();
    }
}

/// Returns the page's blocks on point-in-time recovery, with another folder in place of `/backup`.
fn point_in_time(folder: &Path) -> [String; 3] {
    let page = page();
    let blocks = page::blocks(section(&page, "### To a point in time"));
    let [("conf", conf), ("bash", save), ("bash", restore)] = blocks[..] else { panic!("{blocks:?}") };
    [conf, save, restore].map(|block| block.replace("/backup", text(&folder.join("backup"))))
}

#[test]
fn postgres_is_restored_to_a_point_in_time() {
    let (cluster, data) = (Cluster(postgres::folder()), room());
    let [conf, save, restore] = point_in_time(cluster.0.path());
    let as_postgres = |script: &str| cluster.run(script);
    let url = format!("postgres:///postgres?host={}&user=postgres", cluster.0.path().display());
    let made = |arguments: &[&str]| {
        let mut program = program(data.path());
        program.args(arguments).env("DATABASE_URL", &url).env("BIOSERVER_MASTER_KEY", MASTER_KEY);
        succeeded(&program.output().expect("it runs"))
    };
    as_postgres(&format!(
        "mkdir -p $PLACE/backup/wal
         initdb --auth=trust --username=postgres --pgdata=$PLACE/main >$PLACE/log
         cat >>$PLACE/main/postgresql.conf <<END\n{conf}\nlisten_addresses = ''\nunix_socket_directories = '$PLACE'\nEND
         pg_ctl --wait --pgdata=$PLACE/main --log=$PLACE/log start >>$PLACE/log"
    ));
    made(&["keys", "create", "--provider", "before the backup"]);
    as_postgres(&save);
    made(&["keys", "create", "--provider", "after the backup"]);
    // The pauses keep other transactions away from that instant.
    let pause = "psql -qAt -c 'SELECT pg_sleep(0.1)' postgres >>$PLACE/log";
    let moment = as_postgres(&format!("{pause}; psql -qAt -c 'SELECT clock_timestamp()' postgres; {pause}"));
    made(&["keys", "create", "--provider", "after the moment"]);
    as_postgres("pg_ctl --wait --mode=fast --pgdata=$PLACE/main stop >>$PLACE/log");
    as_postgres(&format!("MOMENT='{}'\n{} >>$PLACE/log 2>&1", moment.trim(), restore.trim()));
    as_postgres("until psql -qAt -c 'SELECT NOT pg_is_in_recovery()' postgres | grep -q t; do sleep 0.1; done");
    let listed = made(&["providers", "list"]);
    assert!(listed.contains("before the backup") && listed.contains("after the backup"), "{listed}");
    assert!(!listed.contains("after the moment"), "{listed}");
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
