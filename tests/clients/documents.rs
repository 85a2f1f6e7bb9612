//! Checks the documents with other projects' tools.

use crate::server::Server;
use crate::workshop::Workshop;

#[test]
fn the_documents_are_what_openapi_wants() {
    let server = Server::start();
    let workshop = Workshop::new(&server);
    for name in ["openapi.json", "openapi-sdk.json"] {
        workshop.run(&format!("curl -sSfo {name} $BIOSERVER_URL/{name}")).expect("it is served");
        workshop.run(&format!("redocly lint {name}")).unwrap_or_else(|faults| panic!("{faults}"));
    }
    // The tool does check: it refuses an incomplete document.
    workshop.write(
        "broken.json",
        r#"{"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {"/x": {"get": {}}}}"#,
    );
    assert!(workshop.run("redocly lint broken.json").expect_err("it has no answers").contains("responses"));
}
