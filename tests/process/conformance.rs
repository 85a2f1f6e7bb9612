//! Runs the conformance kit against this server, which honours the contract.

use crate::commands::bioserver;
use crate::server::Server;

#[test]
fn this_server_honours_the_contract_and_a_wrong_key_does_not() {
    let (server, data) = (Server::start(), tempfile::tempdir().expect("there is room"));
    let url = format!("{}/bioserver-app", server.url);
    let run = |key: &str, name: &str| {
        let (html, junit) = (format!("{name}.html"), format!("{name}.xml"));
        let arguments = ["conformance", "--url", &url, "--key", key, "--html", &html, "--junit", &junit];
        let output = bioserver(data.path(), &arguments);
        let written = [html, junit].map(|name| std::fs::read_to_string(data.path().join(name)).expect("it is written"));
        (output, written)
    };
    let (output, [html, junit]) = run(&server.key, "good");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    assert!(junit.contains("failures=\"0\"") && html.contains("scenarios passed"), "{junit}");

    let (output, [html, junit]) = run("none", "bad");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("POST /v2/bio-sessions: the status is 401 (UNAUTHORIZED), not 201"), "{text}");
    assert!(junit.contains("<failure") && html.contains("FAILED"), "{junit}");
}
