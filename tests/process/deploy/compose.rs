//! Runs the services of compose.yaml as plain processes: nodes with its settings, its balancer, and its Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::{moto, postgres, python};

use crate::commands::succeeded;
use crate::deploy::{read, secrets, yaml};
use crate::metrics::queries_of_the_board;
use crate::nodes;
use crate::server::{Server, free_address, program};
use crate::wait::until;

/// Enough requests to reach both nodes many times.
const REQUESTS: usize = 40;
const PROMETHEUS: &str = "prometheus";

/// A program that ends with the test.
struct Started(Child);

impl Started {
    fn new(command: &mut Command) -> Self {
        Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it is installed: run tools/setup-tests"),
        )
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the environment of a service of compose.yaml.
pub fn variables(compose: &Value, service: &str) -> BTreeMap<String, String> {
    let given = compose["services"][service]["environment"].as_object().expect("it has settings");
    given.iter().map(|(name, value)| (name.clone(), value.as_str().expect("it is text").to_owned())).collect()
}

/// Returns the variables of a node with the test's own database and bucket, and with its secrets in a folder.
async fn here(secrets: &Path) -> BTreeMap<String, String> {
    let (endpoint, bucket) = moto::bucket().await;
    fs::write(secrets.join("database_url"), postgres::database()).expect("there is room");
    let at = |value: String| {
        let value = value.replace("/run/secrets", secrets.to_str().expect("it is text"));
        value.replace("http://minio:9000", &endpoint).replace("s3://bioserver", &format!("s3://{bucket}"))
    };
    variables(&yaml("deploy/compose.yaml"), "node1").into_iter().map(|(name, value)| (name, at(value))).collect()
}

fn balancer(folder: &Path, address: &str, nodes: &[Server]) -> Started {
    let mut text = read("deploy/compose/Caddyfile").replace("\n:8080 {", &format!("\nhttp://{address} {{"));
    for (number, node) in nodes.iter().enumerate() {
        text = text.replace(&format!("node{}:8080", number + 1), node.url.trim_start_matches("http://"));
    }
    let file = folder.join("Caddyfile");
    fs::write(&file, text).expect("there is room");
    let mut caddy = Command::new(python::interpreter().with_file_name("caddy"));
    Started::new(caddy.arg("run").arg("--config").arg(file).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder))
}

/// Starts Prometheus with a shorter scrape interval than in compose.yaml, so that the test need not wait.
fn prometheus(folder: &Path, address: &str, metrics: &[String]) -> Started {
    let mut text = read("deploy/prometheus/prometheus.yml").replace(": 15s", ": 1s");
    for (number, address) in metrics.iter().enumerate() {
        text = text.replace(&format!("node{}:9090", number + 1), address);
    }
    let file = folder.join("prometheus.yml");
    fs::write(&file, text).expect("there is room");
    fs::write(folder.join("alerts.yml"), read("deploy/prometheus/alerts.yml")).expect("there is room");
    let mut command = Command::new(PROMETHEUS);
    command.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={address}"));
    Started::new(command.arg(format!("--storage.tsdb.path={}", folder.join("numbers").display())))
}

/// Returns the series that a query finds.
async fn found(client: &Client, address: &str, query: &str) -> Vec<Value> {
    let asked = client.get(format!("http://{address}/api/v1/query")).query(&[("query", query)]).send().await;
    let Ok(answer) = asked else { return vec![] };
    let answer: Value = answer.json().await.expect("it is JSON");
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().expect("it is a list").clone()
}

#[tokio::test]
async fn what_compose_starts_works_together_and_outlives_a_node() {
    let (folder, secrets) = (tempfile::tempdir().expect("there is room"), secrets());
    let variables = here(secrets.path()).await;
    succeeded(&program(folder.path()).arg("migrate").envs(&variables).output().expect("it runs"));
    let metrics = [(); 2].map(|()| free_address().to_string());
    let nodes = metrics.each_ref().map(|address| {
        let mut variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        variables.push(("BIOSERVER_METRICS_LISTEN", address));
        Server::configured(&variables)
    });
    let [front, numbers] = [(); 2].map(|()| free_address().to_string());
    let _balancer = balancer(folder.path(), &front, &nodes);
    let _prometheus = prometheus(folder.path(), &numbers, &metrics);

    let client = Client::new();
    let ask = |method, path: &str| {
        client.request(method, format!("http://{front}/bioserver-app{path}")).header("apikey", &nodes[0].key)
    };
    let status = async |path: &str| ask(Method::GET, path).send().await.map(|answer| answer.status().as_u16()).ok();
    until("the balancer does not find the nodes", async || status("/v2/capabilities").await == Some(200)).await;
    let opened = ask(Method::POST, "/v2/bio-sessions").json(&json!({})).send().await.expect("it answers");
    assert_eq!(opened.status(), 201);
    let session = nodes::location(&opened);
    let face = nodes::add(&client, &nodes[1], &session, "obama.jpg").await;
    for _ in 0..REQUESTS {
        assert_eq!(status(&face).await, Some(200));
    }
    for query in queries_of_the_board() {
        let is_rare = ["verdicts", "callbacks_total", "refusals"].iter().any(|word| query.contains(word));
        let query = query.replace("$__rate_interval", "1m");
        until(&format!("nothing is found by {query}"), async || {
            let found = found(&client, &numbers, &query).await;
            is_rare || !found.is_empty()
        })
        .await;
    }

    nodes[0].kill();
    for _ in 0..REQUESTS {
        assert_eq!(status(&face).await, Some(200), "a node that is lost loses no request");
    }
    until("nobody is alerted", async || {
        !found(&client, &numbers, "ALERTS{alertname=\"BioServerNodeDown\"}").await.is_empty()
    })
    .await;
}
