//! Runs a server with its networks on a GPU, and one that finds no GPU. Compiled only with the feature `gpu`.

use face::values::template::Template;
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use testkit::project;

use crate::nodes;
use crate::server::Server;

/// An adapter that no machine has.
const NO_ADAPTER: (&str, &str) = ("CUBECL_WGPU_DEFAULT_DEVICE", "VirtualGpu(99)");
const ON_GPU: (&str, &str) = ("BIOSERVER_DEVICE", "gpu");
/// The templates of one photograph from two devices must have a cosine of at least this.
const AGREEMENT_MIN: f64 = 0.9999;
/// Two workers use the GPU at the same time.
const WORKERS: (&str, &str) = ("BIOSERVER_WORKERS", "2");
const PHOTOGRAPHS: [&str; 2] = ["obama.jpg", "biden.jpg"];

/// Starts a server that writes its log to a file in the folder.
fn logged(folder: &TempDir, variables: &[(&str, &str)]) -> Server {
    let log = folder.path().join("log");
    let variables = [variables, &[("LOG", log.to_str().expect("it is text"))]].concat();
    Server::under(&["sh", "-c", r#"exec "$@" 2>"$LOG""#, "sh"], &variables)
}

fn log(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).expect("it is written")
}

/// Sends the photographs at the same time, and returns their templates.
async fn templates(server: &Server) -> Vec<Template> {
    let client = Client::new();
    let session = nodes::open(&client, server, &json!({})).await.expect("it opens a session");
    let made = PHOTOGRAPHS.map(async |name| {
        let image = std::fs::read(project::path("tests/samples").join(name)).expect("it is there");
        let reply = nodes::add_to(&client, server, &session, image).await;
        let face = nodes::read(&client, server, &nodes::location(&reply)).await;
        Template::decode(face["template"].as_str().expect("it has a template")).expect("it is whole")
    });
    futures_util::future::join_all(made).await
}

#[tokio::test]
async fn a_gpu_makes_the_templates_that_the_cpu_makes() {
    let folder = tempfile::tempdir().expect("there is room");
    let by_gpu = templates(&logged(&folder, &[ON_GPU, WORKERS])).await;
    let log = log(&folder);
    assert!(log.contains("networks run on the GPU"), "{log}");
    let by_cpu = templates(&Server::start()).await;
    for (name, (one, other)) in PHOTOGRAPHS.iter().zip(by_gpu.iter().zip(&by_cpu)) {
        let cosine = one.cosine(other);
        assert!(cosine >= AGREEMENT_MIN, "{name}: a cosine of {cosine}");
    }
}

#[tokio::test]
async fn without_a_gpu_the_cpu_stands_in() {
    let folder = tempfile::tempdir().expect("there is room");
    let server = logged(&folder, &[ON_GPU, NO_ADAPTER]);
    assert_eq!(templates(&server).await, templates(&Server::start()).await);
    let log = log(&folder);
    // Drivers write lines of their own.
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    let [warning] = warnings.as_slice() else { panic!("the log must have one warning:\n{log}") };
    assert!(warning.contains("networks run on the CPU, since no GPU can be used"), "{warning}");

    let connected = server.program().args(["check", "--connect"]).output().expect("it runs");
    let shown = String::from_utf8_lossy(&connected.stdout).into_owned();
    assert!(shown.lines().any(|line| line.starts_with("device ") && line.contains("FAILED")), "{shown}");
}
