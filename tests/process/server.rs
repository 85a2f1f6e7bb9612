//! A running server with its own data directory, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

pub struct Server {
    process: Mutex<Child>,
    /// The folder is deleted after the process has ended.
    data: TempDir,
    variables: Vec<(String, String)>,
    /// The URL has no slash at the end.
    pub url: String,
    pub key: String,
}

/// Makes a command of the program that keeps its data in `data` and ignores other configuration of this machine.
pub fn program(data: &Path) -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_bioserver")), data)
}

fn program_at(path: &Path, data: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).env_remove("DATABASE_URL").env("BIOSERVER_DATA", data);
    command
}

/// Wraps the command in another program that starts it.
fn begun_by(starter: &[&str], program: Command) -> Command {
    let [name, arguments @ ..] = starter else { return program };
    let mut command = Command::new(name);
    command.args(arguments).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(program.get_current_dir().expect("it has one"));
    command
}

/// Returns an address whose port was free a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address")
}

fn make_key(mut program: Command, provider: &str) -> String {
    let made = program.args(["keys", "create", "--provider", provider, "--json"]).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("it prints JSON");
    made["key"].as_str().expect("it prints the key").to_owned()
}

/// Starts the server and reads its address.
fn serve(mut program: Command) -> (Child, String) {
    program.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut process = program.spawn().expect("it starts");
    let said = BufReader::new(process.stdout.take().expect("it is piped"));
    let url = said.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
    (process, url.expect("it says where it listens"))
}

impl Server {
    pub fn start() -> Self {
        Self::configured(&[])
    }

    /// Starts a server with additional variables.
    pub fn configured(variables: &[(&str, &str)]) -> Self {
        Self::under(&[], variables)
    }

    /// Does the same through another program that becomes the server, such as `prlimit --nofile=1024:`.
    pub fn under(starter: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::made(Path::new(env!("CARGO_BIN_EXE_bioserver")), starter, variables)
    }

    /// Starts a server of another program than this one.
    pub fn of(path: &Path, variables: &[(&str, &str)]) -> Self {
        Self::made(path, &[], variables)
    }

    /// Starts a server on existing data.
    pub fn in_folder(data: TempDir, variables: &[(&str, &str)]) -> Self {
        Self::begun(Path::new(env!("CARGO_BIN_EXE_bioserver")), &[], data, variables)
    }

    fn made(path: &Path, starter: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::begun(path, starter, tempfile::tempdir().expect("there is room"), variables)
    }

    fn begun(path: &Path, starter: &[&str], data: TempDir, variables: &[(&str, &str)]) -> Self {
        let program = || {
            let mut program = program_at(path, data.path());
            program.envs(variables.iter().copied());
            program
        };
        let key = make_key(program(), "tests");
        let (process, url) = serve(begun_by(starter, program()));
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { process: Mutex::new(process), data, variables, url, key }
    }

    /// Restarts a killed server on its data, at another address.
    pub fn restart(&mut self) {
        let (process, url) = serve(self.program());
        (self.process, self.url) = (Mutex::new(process), url);
    }

    /// Makes a command of the program with this server's data and configuration.
    pub fn program(&self) -> Command {
        let mut program = program(self.data.path());
        program.envs(self.variables.iter().map(|(name, value)| (name, value)));
        program
    }

    /// A request of the contract, with the key.
    pub fn request(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client.request(method, format!("{}/bioserver-app{path}", self.url)).header("apikey", &self.key)
    }

    /// The folder of its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    pub fn id(&self) -> u32 {
        self.process.lock().expect("nobody panicked").id()
    }

    /// Counts its open sockets.
    pub fn sockets(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("it is running");
        // A file may be closed in the meantime.
        let files = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        files.filter(|file| file.to_string_lossy().starts_with("socket:")).count()
    }

    /// Returns its peak memory so far, in bytes.
    pub fn most_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Returns its current memory, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Reads a size from the process's status in the kernel.
    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it is running");
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB")?.trim().parse().ok());
        1024 * kilobytes.unwrap_or_else(|| -> u64 { panic!("{status}") })
    }

    /// Returns the number of open files, including sockets.
    pub fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("it is running").count()
    }

    /// Returns the data folder as the server sees it, for a server with its own file systems.
    pub fn inside(&self) -> PathBuf {
        let folder = self.data.path().strip_prefix("/").expect("it is absolute");
        PathBuf::from(format!("/proc/{}/root", self.id())).join(folder)
    }

    /// Makes a key of another provider, for a server that was started with these variables.
    pub fn key_of(&self, provider: &str, variables: &[(&str, &str)]) -> String {
        let mut program = program(self.data.path());
        program.envs(variables.iter().copied());
        make_key(program, provider)
    }

    /// Runs another command on its data.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.program().args(arguments).output().expect("it runs")
    }

    /// Kills the process like the kernel does when memory runs out: the process cannot react.
    pub fn kill(&self) {
        let mut process = self.process.lock().expect("nobody panicked");
        process.kill().expect("it is running");
        process.wait().expect("it ends");
    }

    /// True once its process is gone.
    pub fn has_ended(&self) -> bool {
        self.process.lock().expect("nobody panicked").try_wait().expect("it is ours").is_some()
    }

    /// Pauses the process until [`Server::go_on`].
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("there is a kill").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
