//! Starts Firefox and drives it by WebDriver, as Chromium is driven.
//!
//! Firefox itself speaks Marionette: lists in JSON over TCP, each after its length in bytes. Debian does not package
//! geckodriver, which translates WebDriver to Marionette, so a thread of the test translates the commands that tests
//! use.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// Only a fault takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Firefox writes the port that it has chosen into this file of its profile.
const PORT_FILE: &str = "MarionetteActivePort";

/// Lets Firefox choose a free port.
const PREFERENCES: &str = "user_pref(\"marionette.port\", 0);\n";
/// With system access, scripts may change what people set in their browser.
const ARGUMENTS: [&str; 4] = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"];

/// Methods and paths of WebDriver, and Marionette's commands for them. Names in braces become parameters.
const COMMANDS: [(&str, &str, &str); 12] = [
    ("POST", "/session", "WebDriver:NewSession"),
    ("DELETE", "/session/{session}", "Marionette:Quit"),
    ("POST", "/session/{session}/url", "WebDriver:Navigate"),
    ("GET", "/session/{session}/url", "WebDriver:GetCurrentURL"),
    ("POST", "/session/{session}/element", "WebDriver:FindElement"),
    ("POST", "/session/{session}/element/{id}/click", "WebDriver:ElementClick"),
    ("GET", "/session/{session}/element/{id}/text", "WebDriver:GetElementText"),
    ("GET", "/session/{session}/element/{id}/attribute/{name}", "WebDriver:GetElementAttribute"),
    ("POST", "/session/{session}/execute/sync", "WebDriver:ExecuteScript"),
    ("POST", "/session/{session}/execute/async", "WebDriver:ExecuteAsyncScript"),
    ("POST", "/session/{session}/window/rect", "WebDriver:SetWindowRect"),
    // Scripts run in the browser itself, or in the page.
    ("POST", "/session/{session}/moz/context", "Marionette:SetContext"),
];

/// Starts Firefox with this profile, and answers the port that takes WebDriver's commands.
pub fn firefox(profile: &Path) -> (Child, u16) {
    std::fs::write(profile.join("user.js"), PREFERENCES).expect("there is room");
    let mut firefox = Command::new("firefox-esr");
    let firefox = firefox.args(ARGUMENTS).arg("--profile").arg(profile).stdout(Stdio::null()).stderr(Stdio::null());
    let firefox = firefox.spawn().expect("firefox-esr runs: tools/setup-tests installs it");
    let mut marionette = Marionette::connect(&profile.join(PORT_FILE));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // It fails only once Firefox has ended, and nobody waits for the answer then.
            let _ = answer(&mut marionette, &stream);
        }
    });
    (firefox, port)
}

struct Marionette {
    stream: BufReader<TcpStream>,
    commands: u32,
}

impl Marionette {
    fn connect(port_file: &Path) -> Self {
        let begun = Instant::now();
        let stream = loop {
            let port = std::fs::read_to_string(port_file).ok().and_then(|port| port.trim().parse::<u16>().ok());
            match port.map(|port| TcpStream::connect(("127.0.0.1", port))) {
                Some(Ok(stream)) => break stream,
                _ => assert!(begun.elapsed() < PATIENCE, "Firefox does not take commands"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut marionette = Self { stream: BufReader::new(stream), commands: 0 };
        marionette.message().expect("it says which protocol it speaks");
        marionette
    }

    fn message(&mut self) -> io::Result<Value> {
        let mut length = vec![];
        self.stream.read_until(b':', &mut length)?;
        let length = str::from_utf8(&length).ok().and_then(|text| text.strip_suffix(':')?.parse().ok());
        let mut message = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut message)?;
        Ok(serde_json::from_slice(&message)?)
    }

    /// Sends a command; the inner error is Firefox's own.
    fn command(&mut self, name: &str, parameters: &Map<String, Value>) -> io::Result<Result<Value, Value>> {
        self.commands += 1;
        let command = json!([0, self.commands, name, parameters]).to_string();
        write!(self.stream.get_mut(), "{}:{command}", command.len())?;
        let mut message = self.message()?;
        let (error, answer) = (message[2].take(), message[3].take());
        Ok(if error.is_null() { Ok(answer) } else { Err(error) })
    }
}

/// Marionette's command for a request, and the parameters that stand in its path.
fn command(method: &str, path: &str) -> Option<(&'static str, Map<String, Value>)> {
    COMMANDS.iter().filter(|(known, ..)| *known == method).find_map(|(_, pattern, name)| {
        let (parts, places) = (path.split('/'), pattern.split('/'));
        if parts.clone().count() != places.clone().count() {
            return None;
        }
        let mut parameters = Map::new();
        for (part, place) in parts.zip(places) {
            match place.strip_prefix('{').and_then(|place| place.strip_suffix('}')) {
                Some(place) => drop(parameters.insert(place.to_owned(), part.into())),
                None if part == place => {}
                None => return None,
            }
        }
        Some((*name, parameters))
    })
}

/// Translates one request of WebDriver, and answers it.
fn answer(marionette: &mut Marionette, mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (name, mut parameters) = command(method, path).unwrap_or_else(|| panic!("{method} {path} is not translated"));
    parameters.extend(serde_json::from_slice::<Map<_, _>>(&body).unwrap_or_default());
    let (status, value) = match marionette.command(name, &parameters)? {
        // Some commands answer the value itself, and others an object that holds it.
        Ok(mut answer) => ("200 OK", answer.get_mut("value").map(Value::take).unwrap_or(answer)),
        Err(error) => ("500 Internal Server Error", error),
    };
    let body = json!({ "value": value }).to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
