//! A server in a process of its own, as in production, and requests to it.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A server as one of its providers sees it.
pub struct Server {
    /// `None` if another of these values ends the process.
    process: Option<Child>,
    base: String,
    key: String,
    image: Vec<u8>,
    client: Client,
}

/// The folder of a server's data, and its database; without one it makes an SQLite file there.
pub struct Data<'a> {
    pub folder: &'a Path,
    pub database: Option<String>,
}

impl Data<'_> {
    /// Makes a key for a provider, which is new if there is none of this name.
    fn key(&self, provider: &str) -> String {
        let mut create = Command::new(env!("CARGO_BIN_EXE_bioserver"));
        self.set(create.args(["keys", "create", "--provider", provider, "--json"]));
        let made = create.output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).expect("it prints JSON");
        made["key"].as_str().expect("it prints the key").to_owned()
    }

    fn set(&self, program: &mut Command) {
        program.current_dir(self.folder).env_remove("DATABASE_URL").env("BIOSERVER_DATA", self.folder);
        program.env("BIOSERVER_LOG_FILTER", "error").env("BIOSERVER_SESSION_FACES_MAX", "1000");
        if let Some(url) = &self.database {
            // All nodes share the master key.
            program.env("DATABASE_URL", url).env("BIOSERVER_MASTER_KEY", "07".repeat(32));
        }
    }
}

/// An answer's status and latency.
pub type Timed = (u16, Duration);

impl Server {
    /// Starts the program on these cores, as the first node on its data.
    pub fn start(data: &Data, cores: Range<usize>) -> Self {
        Self::node(data, cores, data.key("load"))
    }

    /// Returns the same server as another provider sees it.
    pub fn seen_by(&self, data: &Data, provider: &str) -> Self {
        Self {
            process: None,
            base: self.base.clone(),
            key: data.key(provider),
            image: self.image.clone(),
            client: Client::new(),
        }
    }

    /// Starts one more node on the data of this one.
    pub fn beside(&self, data: &Data, cores: Range<usize>) -> Self {
        Self::node(data, cores, self.key.clone())
    }

    fn node(data: &Data, cores: Range<usize>, key: String) -> Self {
        let mut serve = Command::new("taskset");
        serve.args(["--cpu-list", &format!("{}-{}", cores.start, cores.end - 1), env!("CARGO_BIN_EXE_bioserver")]);
        data.set(serve.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()));
        let mut process = serve.spawn().expect("it starts");
        let said = BufReader::new(process.stdout.take().expect("it is piped"));
        let url =
            said.lines().map_while(Result::ok).find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/obama.jpg");
        Self {
            process: Some(process),
            base: format!("{}/bioserver-app", url.expect("it says where it listens")),
            key,
            image: std::fs::read(sample).expect("the sample is in the project"),
            client: Client::new(),
        }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).header("apikey", &self.key)
    }

    fn sample(&self) -> Part {
        Part::bytes(self.image.clone()).file_name("image.jpg")
    }

    /// Creates a session and returns its path.
    pub async fn open(&self) -> String {
        located(self.post("/v2/bio-sessions").json(&json!({}))).await
    }

    fn upload(&self, session: &str) -> RequestBuilder {
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", self.sample());
        self.post(&format!("{session}/faces")).multipart(form)
    }

    /// Makes a face of the sample; a refusal must say when to retry.
    pub async fn add(&self, session: &str) -> Timed {
        timed(self.upload(session)).await
    }

    /// Makes a face of the sample and returns its path.
    pub async fn face(&self, session: &str) -> String {
        located(self.upload(session)).await
    }

    /// Compares the sample with itself.
    pub async fn match_images(&self) -> Timed {
        let form = Form::new().text("referenceImageType", "SELFIE").text("candidateImageType", "SELFIE");
        let form = form.part("referenceImage", self.sample()).part("candidateImage", self.sample());
        timed(self.post("/v2/match/images").multipart(form)).await
    }

    pub async fn read(&self, path: &str) -> Timed {
        timed(self.client.get(format!("{}{path}", self.base)).header("apikey", &self.key)).await
    }

    pub async fn delete(&self, path: &str) -> Timed {
        timed(self.client.delete(format!("{}{path}", self.base)).header("apikey", &self.key)).await
    }

    /// Returns the most memory that the server has used so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let process = self.process.as_ref().expect("this value started it").id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("it is a number") / 1024.0
    }
}

/// Returns the latencies of the answers with this status, in milliseconds.
pub fn milliseconds(timed: &[Timed], status: u16) -> Vec<f64> {
    timed.iter().filter(|(found, _)| *found == status).map(|(_, took)| 1000.0 * took.as_secs_f64()).collect()
}

async fn timed(request: RequestBuilder) -> Timed {
    let started = Instant::now();
    let reply = request.send().await.expect("it answers");
    let status = reply.status().as_u16();
    assert_eq!(status == 429, reply.headers().contains_key("retry-after"));
    reply.bytes().await.expect("it is whole");
    (status, started.elapsed())
}

async fn located(request: RequestBuilder) -> String {
    let reply = request.send().await.expect("it answers");
    assert_eq!(reply.status().as_u16(), 201);
    reply.headers()["location"].to_str().expect("it is text").to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
