//! Runs the contract's own command lines with curl.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::project;

use crate::server::Server;

/// An answer, as curl shows it.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    #[track_caller]
    fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).expect("it is JSON")
    }

    /// Returns the path of the created resource.
    #[track_caller]
    fn made(&self) -> String {
        assert_eq!(self.status, 201, "{}", String::from_utf8_lossy(&self.body));
        assert!(self.body.is_empty());
        self.header("location").expect("it says where").to_owned()
    }
}

struct Shell {
    server: Server,
    folder: TempDir,
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        Self { server: Server::start(), folder }
    }

    /// Writes a file with this text; returns its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_str().expect("its name is text").to_owned()
    }

    /// Runs `curl -X METHOD URL -H 'apikey: …'` with additional arguments.
    fn curl(&self, method: &str, path: &str, more: &[&str]) -> Answer {
        let url = format!("{}/bioserver-app{path}", self.server.url);
        let key = format!("apikey: {}", self.server.key);
        let head = self.folder.path().join("head");
        let mut curl = Command::new("curl");
        curl.args(["-s", "-D"]).arg(&head).args(["-X", method, &url, "-H", &key]).args(more);
        let ran = curl.output().expect("these tests need curl");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let head = std::fs::read_to_string(&head).expect("curl wrote it");
        // Another head follows `100 Continue`.
        let head = head.trim_end().rsplit("\r\n\r\n").next().expect("there is one").to_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("it begins with its status");
        Answer { status, head, body: ran.stdout }
    }
}

fn at(path: &Path) -> String {
    format!("@{}", path.to_str().expect("its name is text"))
}

#[test]
fn one_to_few_as_the_contract_shows_it() {
    let shell = Shell::new();
    let json = ["-H", "Content-Type: application/json"];
    let about = r#"{
"correlationId": "891a6728-1ac4-11e7-93ae-92361f002671",
"callbackURL": "https://service/callback", "imageStorageEnabled": "true"
}"#;
    let session = shell.curl("POST", "/v2/bio-sessions", &[&json[..], &["-d", about]].concat()).made();
    assert!(session.starts_with("/v2/bio-sessions/"));
    assert_eq!(shell.curl("GET", &session, &[]).json(200)["correlationId"], "891a6728-1ac4-11e7-93ae-92361f002671");

    let about = r#"{ "imageType": "SELFIE", "friendlyName": "A portrait", "imageRotationEnabled": false }"#;
    let about = format!("face=@{}", shell.file("face", about));
    let faces = format!("{session}/faces");
    let add = |image: &str| {
        let image = format!("image={}", at(&project::path("tests/samples").join(image)));
        let mixed = ["-H", "Content-Type: multipart/mixed", "-F", &about, "-F", &image];
        shell.curl("POST", &faces, &mixed).made()
    };
    let (reference, other) = (add("obama.jpg"), add("obama2.jpg"));
    let face = shell.curl("GET", &reference, &[]).json(200);
    assert_eq!(face["friendlyName"], "A portrait");

    // A client may send an answer back later, to another session.
    let sent = face.to_string();
    let again = [&json[..], &["-d", &sent]].concat();
    let copy = shell.curl("POST", &faces, &again).made();
    assert_eq!(shell.curl("GET", &copy, &[]).json(200)["template"], face["template"]);

    let image = shell.curl("GET", &format!("{reference}/image?compression=true"), &[]);
    assert_eq!((image.status, image.header("content-type")), (200, Some("image/jpeg")));
    assert!(image.body.starts_with(b"\xff\xd8\xff"));

    let matches = shell.curl("GET", &format!("{reference}/matches"), &[]).json(200);
    let found = |index: usize| matches[index]["candidate"]["id"].as_str().expect("it has an id");
    assert!(copy.ends_with(found(0)) && other.ends_with(found(1)), "best first: {matches}");
    assert_eq!(shell.curl("GET", &faces, &[]).json(200).as_array().map(Vec::len), Some(3));

    assert_eq!(shell.curl("DELETE", &other, &[]).status, 204);
    assert_eq!(shell.curl("GET", &faces, &[]).json(200).as_array().map(Vec::len), Some(2));
    assert_eq!(shell.curl("DELETE", &faces, &[]).status, 204);
    assert_eq!(shell.curl("GET", &faces, &[]).json(200).as_array().map(Vec::len), Some(0));
    assert_eq!(shell.curl("DELETE", &session, &[]).status, 204);
    assert_eq!(shell.curl("GET", &session, &[]).json(404)["code"], "SESSION_NOT_FOUND");
}

#[test]
fn direct_calls_as_the_contract_shows_them() {
    let shell = Shell::new();
    assert_eq!(shell.curl("GET", "/v2/capabilities", &[]).status, 200);

    let [first, second] = ["obama.jpg", "obama2.jpg"].map(|name| at(&project::path("tests/samples").join(name)));
    let about = format!("face=@{}", shell.file("face", r#"{ "imageType": "SELFIE" }"#));
    let image = format!("image={first}");
    let direct = ["-H", "Content-Type: multipart/mixed", "-F", &about, "-F", &image];
    let face = shell.curl("POST", "/v2/faces", &direct).json(200);

    let kind = shell.file("kind", "SELFIE\n");
    let [reference, candidate] = [format!("referenceImage={first}"), format!("candidateImage={second}")];
    let [reference_type, candidate_type] =
        [format!("referenceImageType=@{kind}"), format!("candidateImageType=@{kind}")];
    let form = "Content-Type: multipart/form-data";
    let images = ["-H", form, "-F", &reference, "-F", &candidate, "-F", &reference_type, "-F", &candidate_type];
    let found = shell.curl("POST", "/v2/match/images", &images).json(200);
    assert!(found["score"].as_f64().expect("a number") > 3500.0);

    let former = format!("referenceFace=@{}", shell.file("former", &face.to_string()));
    let quoted = ["candidateImageType=\"SELFIE\"", "imageRotationEnabled=\"true\"", "correlationId=\"c5a0aec2\""];
    let line = ["-H", form, "-F", &candidate, "-F", quoted[0], "-F", &former, "-F", quoted[1], "-F", quoted[2]];
    let again = shell.curl("POST", "/v2/match", &line).json(200);
    assert_eq!(again["correlationId"], "c5a0aec2");
    assert!(again["score"].as_f64().expect("a number") > 3500.0);

    let asked = format!("age=@{}", shell.file("age", "{\"threshold\" : 18\n}"));
    let line = ["-H", form, "-F", &image, "-F", &asked, "-F", quoted[2]];
    let age = shell.curl("POST", "/v2/ages", &line).json(200);
    assert_eq!((&age["threshold"], &age["aboveThreshold"]), (&18.into(), &true.into()), "{age}");
}
