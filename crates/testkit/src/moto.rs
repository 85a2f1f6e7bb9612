//! Runs moto, a server that speaks S3, from the project's own Python environment. One server serves a test process.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use uuid::Uuid;

use crate::python;

/// The server ends when the standard input of this shell closes, so also when the process that holds its other end is
/// killed. It prints its port on standard error.
const GUARD: &str = r#"
"$1" -u -m moto.server -H 127.0.0.1 -p 0 2>&1 &
server=$!
cat >/dev/null
kill $server
"#;

struct Server {
    endpoint: String,
    /// Nobody waits for it: its standard input closes with this process.
    _guard: Child,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(python::interpreter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt at the terminal ends the tests, and they end the server.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let said = guard.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let endpoint = lines.find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()));
        let endpoint = endpoint.expect("moto says where it listens: run tools/setup-tests");
        // It prints a line for each request, and somebody must read it.
        std::thread::spawn(move || lines.for_each(drop));
        Server { endpoint, _guard: guard }
    })
}

/// Returns the server's address, and the name of a new bucket.
pub async fn bucket() -> (String, String) {
    let endpoint = server().endpoint.clone();
    let name = format!("b{}", Uuid::new_v4().simple());
    let made = reqwest::Client::new().put(format!("{endpoint}/{name}")).send().await.expect("it answers");
    assert!(made.status().is_success(), "{}", made.status());
    (endpoint, name)
}
