//! The pages of `docs`: every command line on them runs, and answers what the page shows.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::{page, project};

use crate::server::{Server, free_address};

/// Printed before the output of each snippet.
const MARK: &str = "@@@ snippet";

/// Whether an answer has all members that are shown of it, and words in capitals as they are shown.
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

/// Runs a page's snippets one after the other, in one shell with these variables.
fn run(path: &Path, variables: &[(&str, &str)]) {
    let page = std::fs::read_to_string(path).expect("it can be read");
    let (page, snippets) = (path.display(), page::blocks(&page));
    let folder = tempfile::tempdir().expect("there is room");
    for name in ["tests", "README.md"] {
        std::os::unix::fs::symlink(project::path(name), folder.path().join(name)).expect("it can be linked");
    }
    // A page that starts a server may fail before it ends it.
    let mut script = "trap 'kill $(jobs -p) 2>&- || true' EXIT\n".to_owned();
    for (_, text) in snippets.iter().filter(|(language, _)| *language == "sh") {
        writeln!(script, "echo '{MARK}'\n{text}").expect("it is memory");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_bioserver")).parent().expect("it lies in a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("there is one"));
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder.path())
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
                let shown: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
                let answer: Value = serde_json::from_str(output).unwrap_or_else(|_| panic!("{page}: {output}"));
                assert!(shows(&shown, &answer), "{page}\nshows {text}\nand the answer is {answer:#}");
            }
            _ => {}
        }
    }
}

#[test]
fn every_use_case_runs_as_its_page_shows_it() {
    let server = Server::start();
    let host = format!("{}/bioserver-app", server.url);
    let folder = project::path("docs/use-cases");
    let mut pages: Vec<_> =
        std::fs::read_dir(folder).expect("it is there").flatten().map(|entry| entry.path()).collect();
    pages.sort();
    assert!(pages.len() > 5);
    for page in pages {
        println!("{}", page.display());
        run(&page, &[("HOST", &host), ("KEY", &server.key)]);
    }
}

#[test]
fn the_page_about_tls_runs_as_it_stands() {
    let port = free_address().port().to_string();
    run(&project::path("docs/tls.md"), &[("PORT", &port)]);
}

#[test]
fn what_a_page_shows_must_be_there() {
    let answer = serde_json::json!({ "status": "SUCCESS", "n": 1, "l": [{ "a": true }] });
    for fine in [r#"{"status":"SUCCESS"}"#, r#"{"n":2,"l":[{"a":true}]}"#, r#"{"status":"01…"}"#] {
        assert!(shows(&serde_json::from_str(fine).expect("it is JSON"), &answer), "{fine}");
    }
    for wrong in [r#"{"status":"FAILED"}"#, r#"{"m":1}"#, r#"{"l":[{"a":false}]}"#, r#"{"n":"1"}"#, "[]"] {
        assert!(!shows(&serde_json::from_str(wrong).expect("it is JSON"), &answer), "{wrong}");
    }
}
