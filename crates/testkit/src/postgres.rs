//! Runs a private Postgres for tests, from the binaries on this machine.
//!
//! One server serves a test process, and each test has its own database. The server listens on a socket in a temporary
//! folder. It ends with the process, however that ends, and leaves nothing.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, io, thread};

use tempfile::TempDir;
use uuid::Uuid;

/// Tests run at the same time, each with a connection pool.
const CONNECTIONS_MAX: u32 = 200;
const START_TRIES_MAX: u32 = 400;
const START_PAUSE: Duration = Duration::from_millis(50);

/// Ends the server and erases the folder `$2` when the standard input of this shell closes, so also when the process
/// that holds its other end is killed.
const GUARD: &str = r#"
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c shared_buffers=16MB -c max_connections="$3" >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$2"
"#;

/// Returns the URL of a new, empty database.
pub fn database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start).database()
}

/// Returns an empty folder of the account that Postgres runs as.
pub fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("bioserver-pg-").tempdir().expect("there is room");
    if let Some((user, group)) = other_account() {
        chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
    }
    folder
}

/// Returns a shell of that account, which finds the programs of Postgres and ends at the first failure.
pub fn shell(script: &str) -> Command {
    let mut shell = command(Path::new("/bin/bash"), other_account());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = binaries().into_iter().chain(std::env::split_paths(&path));
    shell.args(["-euo", "pipefail", "-c", script]).env("PATH", std::env::join_paths(folders).expect("they are paths"));
    shell
}

struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    account: Option<(u32, u32)>,
    /// Nobody waits for it: its standard input closes with this process.
    _guard: Child,
}

impl Server {
    fn start() -> Self {
        let binaries = binaries().expect("these tests need a Postgres server: install the package 'postgresql'");
        // The guard erases it, however this process ends.
        let folder = folder().keep();
        let account = other_account();
        let mut initdb = command(&binaries.join("initdb"), account);
        initdb.args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
            "-D",
        ]);
        succeed(initdb.arg(folder.join("data")).output());

        let guard = command(Path::new("/bin/sh"), account)
            .args(["-c", GUARD, "guard"])
            .arg(binaries.join("postgres"))
            .arg(&folder)
            .arg(CONNECTIONS_MAX.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt at the terminal ends the tests, and they end the server.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let server = Self { binaries, folder, account, _guard: guard };
        server.wait();
        server
    }

    fn wait(&self) {
        for _ in 0..START_TRIES_MAX {
            let mut ready = self.client("pg_isready");
            if ready.arg("-q").status().is_ok_and(|status| status.success()) {
                return;
            }
            thread::sleep(START_PAUSE);
        }
        panic!("Postgres did not start: {}", fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    fn database(&self) -> String {
        let name = format!("t{}", Uuid::new_v4().simple());
        succeed(self.client("createdb").args(["-U", "postgres", &name]).output());
        format!("postgres:///{name}?host={}&user=postgres", self.folder.display())
    }

    fn client(&self, name: &str) -> Command {
        let mut command = command(&self.binaries.join(name), self.account);
        command.arg("-h").arg(&self.folder);
        command
    }
}

fn command(program: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    // The account may have no access to the tests' own folder.
    command.current_dir("/");
    command
}

fn succeed(output: io::Result<Output>) {
    let output = output.expect("a program of Postgres starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the folder of Postgres' programs: `PG_BIN`, else Debian's newest version, else one of the path.
pub fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path()).collect();
    versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    folders.extend(versions.iter().rev().map(|version| version.join("bin")));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let has = |folder: &PathBuf| ["initdb", "postgres", "createdb"].iter().all(|name| folder.join(name).exists());
    folders.into_iter().find(has)
}

/// Returns the account that Postgres runs as, since it refuses to run as root: `postgres`, else `nobody`. `None` if
/// this process is not root's.
fn other_account() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").expect("a system has accounts");
    let ids = |name: &str| {
        let fields: Vec<&str> =
            accounts.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("root has an account to run Postgres as"))
}
