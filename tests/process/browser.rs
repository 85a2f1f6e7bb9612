//! Shows the documents to a reviewer: Swagger UI in a real browser.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::project;

use crate::marionette;
use crate::server::{Server, free_address};

/// Only a fault takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Chromium,
    Firefox,
}

pub struct Browser {
    pub kind: Kind,
    /// The driver of Chromium; Firefox itself.
    process: Child,
    /// It takes WebDriver commands.
    port: u16,
    session: String,
    _profile: TempDir,
    pub page: Client,
}

/// Starts Chromium's driver, which starts the browser with these arguments besides when a session begins.
fn chromium(more: &[&str], profile: &Path) -> (Child, u16, Value) {
    let port = free_address().port();
    let driver = Command::new("chromedriver").arg(format!("--port={port}")).stdout(Stdio::null()).spawn();
    let driver = driver.expect("chromedriver runs: tools/setup-tests installs it");
    let args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1400,2000",
    ];
    let mut args: Vec<String> = args.map(str::to_owned).to_vec();
    args.push(format!("--user-data-dir={}", profile.display()));
    args.extend(more.iter().map(|argument| (*argument).to_owned()));
    (driver, port, json!({ "goog:chromeOptions": { "args": args } }))
}

impl Browser {
    pub async fn open(url: &str) -> Self {
        Self::with(&[], url).await
    }

    /// Opens a page in Chromium with additional arguments.
    pub async fn with(more: &[&str], url: &str) -> Self {
        let profile = tempfile::tempdir().expect("there is room");
        let (driver, port, wanted) = chromium(more, profile.path());
        Self::connected(Kind::Chromium, driver, port, &wanted, profile, url).await
    }

    pub async fn firefox(url: &str) -> Self {
        let profile = tempfile::tempdir().expect("there is room");
        let (firefox, port) = marionette::firefox(profile.path());
        Self::connected(Kind::Firefox, firefox, port, &json!({}), profile, url).await
    }

    async fn connected(kind: Kind, process: Child, port: u16, wanted: &Value, profile: TempDir, url: &str) -> Self {
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(wanted.as_object().expect("it is an object").clone());
        let address = format!("http://127.0.0.1:{port}");
        let mut tries = 0;
        let page = loop {
            match builder.connect(&address).await {
                Ok(page) => break page,
                Err(error) if tries == 100 => panic!("no browser: {error}"),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let session = page.session_id().await.expect("it answers").expect("there is one");
        let browser = Self { kind, process, port, session, _profile: profile, page };
        browser.page.goto(url).await.expect("the page opens");
        browser
    }

    pub async fn find(&self, css: &str) -> Element {
        self.page.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap_or_else(|e| panic!("{css}: {e}"))
    }

    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    async fn type_into(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }
}

/// Ends the session, with which the driver ends its browser. If the driver is killed first, the browser stays.
fn end(port: u16, session: &str) -> io::Result<()> {
    let mut driver = TcpStream::connect(("127.0.0.1", port))?;
    driver.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(driver, "DELETE /session/{session} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")?;
    io::copy(&mut driver, &mut io::sink())?;
    Ok(())
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The failure of the test matters more than a failure here.
        let _ = end(self.port, &self.session);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_page_lists_every_operation_and_compares_two_photographs() {
    let server = Server::start();
    let browser = Browser::open(&format!("{}/docs", server.url)).await;
    browser.find(".opblock").await;
    let listed = browser.page.find_all(Locator::Css(".opblock")).await.expect("they are listed").len();
    let document = reqwest::get(format!("{}/openapi.json", server.url)).await.expect("it answers");
    let document: Value = document.json().await.expect("it is JSON");
    let methods = ["get", "post", "put", "delete", "patch"];
    let items = document["paths"].as_object().expect("it has paths").values();
    let documented: usize = items.map(|item| methods.iter().filter(|m| item.get(m).is_some()).count()).sum();
    assert!(documented > 5);
    assert_eq!(listed, documented);

    browser.type_into("#apikey", &server.key).await;
    assert_eq!(browser.find("#apikey-used").await.text().await.expect("it has a text"), "Requests carry this key.");
    let once = "#operations-Sessions-createBioSession";
    browser.click(&format!("{once} .opblock-summary-control")).await;
    browser.click(&format!("{once} .try-out__btn")).await;
    let prefilled = browser.find(&format!("{once} tr[data-param-name=Idempotency-Key] input")).await;
    assert_eq!(prefilled.prop("value").await.expect("it is there").as_deref(), Some(""));

    let operation = "#operations-Matches-matchImages";
    browser.click(&format!("{operation} .opblock-summary-control")).await;
    browser.click(&format!("{operation} .try-out__btn")).await;
    for (part, file) in [("referenceImage", "obama.jpg"), ("candidateImage", "obama2.jpg")] {
        let path = project::path("tests/samples").join(file);
        let row = format!("{operation} tr[data-property-name={part}] input[type=file]");
        browser.type_into(&row, path.to_str().expect("it is UTF-8")).await;
        let kind = format!("{operation} tr[data-property-name={part}Type] select");
        browser.find(&kind).await.select_by_value("SELFIE").await.unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
    browser.click(&format!("{operation} .execute")).await;
    let status = browser.find(&format!("{operation} .live-responses-table tr.response .response-col_status")).await;
    let status = status.text().await.expect("it has a text");
    let answer = browser.find(&format!("{operation} .live-responses-table .microlight")).await;
    let answer = answer.text().await.expect("it has a text");
    assert!(status.starts_with("200"), "{status}: {answer}");
    let answer: Value = serde_json::from_str(&answer).expect("it is JSON");
    assert!(answer["score"].as_f64().expect("it has a score") > 3500.0, "{answer}");
    browser.page.clone().close().await.expect("it closes");
}
