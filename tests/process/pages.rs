//! Runs every command line on the pages of `docs`, and compares the output with the page.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{page, project};

use crate::server::{Server, free_address};

/// Printed before the output of each snippet.
const MARK: &str = "@@@ snippet";

/// True if an answer has all members that the page shows; words in capitals and booleans must be equal.
fn shows(shown: &Value, answer: &Value) -> bool {
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => {
            shown.iter().all(|(name, shown)| answer.get(name).is_some_and(|answer| shows(shown, answer)))
        }
        (Value::Array(shown), Value::Array(answer)) => {
            answer.len() >= shown.len() && shown.iter().zip(answer).all(|(shown, answer)| shows(shown, answer))
        }
        (Value::String(shown), Value::String(answer)) => {
            let is_word = shown.chars().all(|char| char.is_ascii_uppercase() || char == '_');
            !is_word || shown == answer
        }
        (Value::Bool(shown), Value::Bool(answer)) => shown == answer,
        (Value::Number(_), Value::Number(_)) => true,
        _ => false,
    }
}

/// True if the lines match; `…` stands for any text, and alone on a line for any number of lines.
pub fn shows_text(shown: &str, output: &str) -> bool {
    let pattern = regex::escape(shown.trim()).replace("\n…", "(\n.*)*").replace('…', ".*");
    regex::Regex::new(&format!("^{pattern}$")).expect("it is a pattern").is_match(output.trim())
}

/// Returns the part of a page under a heading, up to the next heading of the same or a higher level.
pub fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("there is no {heading}"));
    let level = heading.chars().take_while(|char| *char == '#').count();
    let ends = (1..=level).filter_map(|level| section.find(&format!("\n{} ", "#".repeat(level))));
    &section[..ends.min().unwrap_or(section.len())]
}

/// Runs the snippets of a page, or of a part of it, one after the other in one shell, and compares their output with
/// what the page shows.
pub fn run(page: &str, folder: &Path, variables: &[(&str, &str)]) {
    let snippets = page::blocks(page);
    // A page that starts a server may fail before it ends the server.
    let mut script = "trap 'kill $(jobs -p) 2>&- || true' EXIT\n".to_owned();
    for (_, text) in snippets.iter().filter(|(language, _)| *language == "sh") {
        writeln!(script, "echo '{MARK}'\n{text}").expect("it is memory");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_bioserver")).parent().expect("it lies in a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("there is one"));
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .expect("there is a bash");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{page}\n{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let mut outputs = said.split(MARK).map(str::trim);
    let mut output = outputs.next().expect("there is one before the first");
    for (language, text) in &snippets {
        match *language {
            "sh" => output = outputs.next().expect("each snippet is run"),
            "json" => {
                let shown: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
                let answer: Value = serde_json::from_str(output).unwrap_or_else(|_| panic!("{output}"));
                assert!(shows(&shown, &answer), "the page shows {text}\nand the answer is {answer:#}");
            }
            "text" => assert!(shows_text(text, output), "the page shows\n{text}\nand the output is\n{output}"),
            _ => {}
        }
    }
}

#[test]
fn every_use_case_runs_as_its_page_shows_it() {
    let server = Server::start();
    let folder = project::path("docs/use-cases");
    let mut pages: Vec<_> =
        std::fs::read_dir(folder).expect("it is there").flatten().map(|entry| entry.path()).collect();
    pages.sort();
    assert!(pages.len() > 5);
    let host = format!("{}/bioserver-app", server.url);
    for page in pages {
        println!("{}", page.display());
        let folder = tempfile::tempdir().expect("there is room");
        for name in ["tests", "README.md"] {
            symlink(project::path(name), folder.path().join(name)).expect("it can be linked");
        }
        let text = std::fs::read_to_string(page).expect("it can be read");
        run(&text, folder.path(), &[("HOST", &host), ("KEY", &server.key)]);
    }
}

fn read(page: &str) -> String {
    std::fs::read_to_string(project::path(page)).expect("it can be read")
}

/// A folder of its own, with the project's `tests` in it.
fn folder_with_samples() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    symlink(project::path("tests"), folder.path().join("tests")).expect("it can be linked");
    folder
}

#[test]
fn the_readme_leads_from_photographs_to_a_score() {
    let server = Server::start();
    let page = read("README.md");
    let host = format!("{}/bioserver-app", server.url);
    let section = section(&page, "## From two photographs to a score");
    run(section, folder_with_samples().path(), &[("HOST", &host), ("KEY", &server.key)]);
}

#[test]
fn the_quick_start_runs_as_it_stands() {
    let port = free_address().port().to_string();
    let folder = folder_with_samples();
    let data = folder.path().join("data");
    let variables = [("PORT", port.as_str()), ("BIOSERVER_DATA", data.to_str().expect("it is text"))];
    run(&read("docs/quick-start.md"), folder.path(), &variables);
}

#[test]
fn the_page_about_tls_runs_as_it_stands() {
    let port = free_address().port().to_string();
    let folder = tempfile::tempdir().expect("there is room");
    run(&read("docs/tls.md"), folder.path(), &[("PORT", &port)]);
}

#[test]
fn pages_for_operators_run_beside_a_server() {
    for page in ["docs/keys.md", "docs/audit.md"] {
        println!("{page}");
        let server = Server::start();
        let folder = tempfile::tempdir().expect("there is room");
        let data = server.data().to_str().expect("it is text");
        run(&read(page), folder.path(), &[("BIOSERVER_DATA", data), ("URL", &server.url)]);
    }
}

#[test]
fn a_network_is_imported_as_its_page_shows_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let (data, models) = (folder.path().join("data"), project::path("models"));
    let variables =
        [("BIOSERVER_DATA", data.to_str().expect("it is text")), ("MODELS", models.to_str().expect("it is text"))];
    run(&read("docs/networks.md"), folder.path(), &variables);
    assert!(data.join("packs/mine/pack.toml").exists(), "it is imported");
}

#[test]
fn what_a_page_shows_must_be_there() {
    let answer = serde_json::json!({ "status": "SUCCESS", "n": 1, "l": [{ "a": true }] });
    for fine in [r#"{"status":"SUCCESS"}"#, r#"{"n":2,"l":[{"a":true}]}"#, r#"{"status":"01…"}"#] {
        assert!(shows(&serde_json::from_str(fine).expect("it is JSON"), &answer), "{fine}");
    }
    assert!(shows_text("a …, c\n…", "a b, c\nd\ne") && shows_text("a\n…", "a") && !shows_text("a …, c", "a b, c\nd"));
    for wrong in [r#"{"status":"FAILED"}"#, r#"{"m":1}"#, r#"{"l":[{"a":false}]}"#, r#"{"n":"1"}"#, "[]"] {
        assert!(!shows(&serde_json::from_str(wrong).expect("it is JSON"), &answer), "{wrong}");
    }
}
