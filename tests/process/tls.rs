//! Tests a server with TLS: renewed certificates, and client certificates.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client, ClientBuilder, Method};
use serde_json::Value;
use tempfile::TempDir;
use testkit::authority::{Authority, Identity, named};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::commands::refused;
use crate::server::{Server, program};
use crate::wait::until;

const HOST: &str = "127.0.0.1";

/// The files of a server's TLS.
pub struct Files {
    folder: TempDir,
    pub authority: Authority,
}

impl Files {
    pub fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().expect("there is room"), authority: Authority::new() };
        files.renew();
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the certificate and its key.
    fn renew(&self) {
        self.put(&self.authority.signs(&named(HOST)));
    }

    pub fn put(&self, identity: &Identity) {
        fs::write(self.path("key.pem"), identity.key.serialize_pem()).expect("there is room");
        fs::write(self.path("certificate.pem"), identity.certificate.pem()).expect("there is room");
    }

    /// Starts a server with these files and additional variables.
    pub fn serve(&self, variables: &[(&str, &str)]) -> Server {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| text(&self.path(name)));
        let own = [("BIOSERVER_TLS_CERTIFICATE_FILE", certificate.as_str()), ("BIOSERVER_TLS_KEY_FILE", key.as_str())];
        Server::configured(&[&own, variables].concat())
    }

    /// Builds a client that trusts only the server's authority.
    fn client(&self) -> ClientBuilder {
        let authority = Certificate::from_pem(self.authority.pem.as_bytes()).expect("it is a certificate");
        Client::builder().tls_certs_only([authority]).tls_info(true)
    }
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("it is text").to_owned()
}

fn presenting(identity: &Identity) -> reqwest::Identity {
    let pem = identity.certificate.pem() + &identity.key.serialize_pem();
    reqwest::Identity::from_pem(pem.as_bytes()).expect("both are there")
}

/// Returns the certificate that the server shows to a new connection.
async fn shown(files: &Files, server: &Server) -> Vec<u8> {
    let client = files.client().build().expect("a client can be made");
    let reply = client.get(format!("{}/health/live", server.url)).send().await.expect("it answers");
    let shown = reply.extensions().get::<reqwest::tls::TlsInfo>().expect("it is TLS");
    shown.peer_certificate().expect("it shows one").to_vec()
}

fn in_files(files: &Files) -> Vec<u8> {
    let pem = fs::read_to_string(files.path("certificate.pem")).expect("it is there");
    bioserver::sign::certificate::first(&pem).expect("it is a certificate")
}

#[tokio::test]
async fn a_server_speaks_tls_and_takes_a_renewed_certificate() {
    let files = Files::new();
    let server = files.serve(&[]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let client = files.client().build().expect("a client can be made");
    let reply = server.request(&client, Method::GET, "/v2/capabilities").send().await.expect("it answers");
    assert_eq!((reply.status().as_u16(), reply.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(reply.headers()["strict-transport-security"], "max-age=31536000");
    assert_eq!(shown(&files, &server).await, in_files(&files));

    // The server notices the renewal by itself.
    files.renew();
    until("the renewed certificate is not shown", async || shown(&files, &server).await == in_files(&files)).await;
    // SIGHUP makes it reload at once.
    files.renew();
    server.signal("-HUP");
    until("the renewed certificate is not shown", async || shown(&files, &server).await == in_files(&files)).await;
    // A faulty pair is not used, and an open connection continues.
    let good = in_files(&files);
    fs::write(files.path("key.pem"), "no key").expect("there is room");
    server.signal("-HUP");
    assert_eq!(shown(&files, &server).await, good);
    let reply = server.request(&client, Method::GET, "/v2/capabilities").send().await.expect("it answers");
    assert_eq!(reply.status(), 200);

    // A client without TLS gets no answer, and disturbs nobody.
    let address = server.url.strip_prefix("https://").expect("it is HTTPS");
    assert!(Client::new().get(format!("http://{address}/health/live")).send().await.is_err());
    let _silent = TcpStream::connect(address).await.expect("it listens");
    assert_eq!(shown(&files, &server).await, good);
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_hung_up_on() {
    let files = Files::new();
    let server = files.serve(&[("BIOSERVER_HEAD_SECONDS", "1")]);
    let address = server.url.strip_prefix("https://").expect("it is HTTPS");
    let mut silent = TcpStream::connect(address).await.expect("it listens");
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.expect("it is closed");
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn clients_prove_who_they_are() {
    let (files, clients) = (Files::new(), Authority::new());
    let issuers = files.path("clients.pem");
    fs::write(&issuers, &clients.pem).expect("there is room");
    let issuers = text(&issuers);
    let (known, stranger) = (clients.signs(&named("bank.example")), Authority::new().signs(&named("bank.example")));
    let build = |identity: Option<&Identity>| {
        let client = files.client();
        let client = identity.map_or(files.client(), |identity| client.identity(presenting(identity)));
        client.build().expect("a client can be made")
    };

    let everyone = files.serve(&[("BIOSERVER_TLS_CLIENT_CA_FILE", &issuers)]);
    let ask = async |server: &Server, identity| {
        let request = server.request(&build(identity), Method::POST, "/v2/bio-sessions");
        request.send().await.ok().map(|reply| reply.status().as_u16())
    };
    assert_eq!(ask(&everyone, Some(&known)).await, Some(201));
    assert_eq!(ask(&everyone, Some(&stranger)).await, None);
    assert_eq!(ask(&everyone, None).await, None);

    let keys = files.serve(&[("BIOSERVER_TLS_CLIENT_CA_FILE", &issuers), ("BIOSERVER_TLS_CLIENTS", "keys")]);
    assert_eq!(ask(&keys, Some(&known)).await, Some(201));
    assert_eq!(ask(&keys, Some(&stranger)).await, None);
    let anyone = build(None);
    let page = anyone.get(format!("{}/capture", keys.url)).send().await.expect("it answers");
    assert_eq!(page.status(), 200);
    let reply = keys.request(&anyone, Method::POST, "/v2/bio-sessions").send().await.expect("it answers");
    assert_eq!(reply.status(), 401);
    let problem: Value = reply.json().await.expect("it is JSON");
    assert_eq!(problem["code"], "UNAUTHORIZED");
    assert!(problem["message"].as_str().expect("it is text").contains("certificate"), "{problem}");
}

#[test]
fn files_that_do_not_fit_are_faults_of_the_configuration() {
    let files = Files::new();
    let other = files.authority.signs(&named(HOST));
    fs::write(files.path("other.pem"), other.key.serialize_pem()).expect("there is room");
    let check = |key: &str, words: &str| {
        let (certificate, key) = (text(&files.path("certificate.pem")), text(&files.path(key)));
        let variables =
            [("BIOSERVER_TLS_CERTIFICATE_FILE", certificate.as_str()), ("BIOSERVER_TLS_KEY_FILE", key.as_str())];
        let said = refused(&program(files.folder.path()).arg("check").envs(variables).output().expect("it runs"));
        assert!(said.contains("tls_certificate_file") && said.contains(words), "{said}");
    };
    check("other.pem", "do not match");
    check("none.pem", "none.pem: No such file");
    check("certificate.pem", "certificate.pem: the file has no private key in PEM");
}
