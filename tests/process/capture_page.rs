//! Tests the capture page in a real browser, state by state: languages, keyboard, guidance by the camera's picture, and
//! the reasons why it cannot work.

use fantoccini::key::Key;
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::person::{before, camera};
use crate::provider::Provider;
use crate::server::Server;

/// Gives the provider of the tests its own look, with this version of the text to agree to.
fn dress(server: &Server, version: &str) {
    let folder = tempfile::tempdir().expect("there is room");
    let logo = r#"<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40"/></svg>"#;
    let look = "name = 'Example Bank'\nlogo = 'logo.svg'\ncolour = '#7a1f5c'\ntext_colour = '#ffffff'\n\
         [consent]\nversion = 'VERSION'\ntexts = { en = 'The bank compares your face.', de = 'Die Bank vergleicht Ihr Gesicht.' }\n";
    let look = &look.replace("VERSION", version);
    let pale = "colour = '#7a1f5c'\ntext_colour = '#7a7a7a'\n";
    for (name, text) in [("logo.svg", logo), ("look.toml", look), ("pale.toml", pale)] {
        std::fs::write(folder.path().join(name), text).expect("there is room");
    }
    let set = |file: &str| {
        let file = folder.path().join(file);
        server.command(&["providers", "look", "tests", "--file", file.to_str().expect("it is UTF-8")])
    };
    let done = set("look.toml");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let refused = set("pale.toml");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("4.5:1"), "{said}");
}

#[tokio::test]
async fn everybody_gets_through_every_state() {
    let provider = Provider::start();
    dress(&provider.server, "2026-02");
    let named = provider.server.command(&["providers", "origins", "tests", "--add", "https://bank.example"]);
    assert!(named.status.success(), "{}", String::from_utf8_lossy(&named.stderr));
    let check = json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 1, "attemptsMax": 2 });
    let (session, _) = provider.begin(&check).await;
    let back = json!({ "returnUrl": "https://bank.example/back" });
    let made = provider.json(Method::POST, &format!("{session}/capture-token"), Some(&back)).await;
    let address = provider.address_of(&session, made["token"].as_str().expect("it has a token"));
    let browser = Browser::open("about:blank").await;
    browser.before_pages(&camera()).await;
    browser.page.goto(&address).await.expect("it opens");
    browser.find("main[data-state=start]").await;
    assert_eq!(browser.text("#name").await, "Example Bank");
    assert_eq!(browser.run("return document.getElementById('logo').naturalWidth").await, json!(80));
    let painted = browser.run("return getComputedStyle(document.getElementById('open')).backgroundColor").await;
    assert_eq!(painted, json!("rgb(122, 31, 92)"));
    browser.assert_accessible("start").await;

    // The camera stays off without consent.
    browser.tab_to("open").await;
    browser.press(&Key::Enter.to_string()).await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("accepted"));
    assert!(browser.text("#accept-first").await.starts_with("Please agree first"));
    assert_eq!(browser.run("return document.querySelector('main').dataset.state").await, json!("start"));
    browser.assert_accessible("start without consent").await;
    browser.press(" ").await;
    browser.tab_to("open").await;
    browser.press(&Key::Enter.to_string()).await;

    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.assert_accessible("ready").await;
    for light in ["SKY", "MINT", "SUN", "ROSE"] {
        browser.run(&format!("document.body.dataset.light = '{light}'")).await;
        browser.assert_accessible(light).await;
    }
    browser.run("document.body.dataset.light = ''").await;
    browser.tab_to("record").await;
    browser.press(&Key::Enter.to_string()).await;
    browser.find("main[data-state=recording] #steps .done").await;
    browser.find("main[data-state=end][data-outcome=FAILED]").await;
    assert!(browser.text("#more").await.ends_with("Tries left: 1"));
    let href = browser.find("#back").await.attr("href").await.expect("it is there");
    assert_eq!(href.as_deref(), Some("https://bank.example/back"));
    assert_eq!(browser.text("#back").await, "Back to Example Bank");
    browser.assert_accessible("failed").await;
    assert_eq!(provider.result(&session).await["consentVersion"], "2026-02");

    // The next attempt is the last. Another text wants to be agreed to anew.
    dress(&provider.server, "2026-03");
    browser.tab_to("again").await;
    browser.press(&Key::Enter.to_string()).await;
    browser.find("main[data-state=start]").await;
    assert_eq!(provider.result(&session).await["attempt"], 2);
    assert_eq!(browser.run("return document.getElementById('accepted').checked").await, json!(false));
    browser.click("#accepted").await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.click("#record").await;
    browser.find("main[data-state=recording]").await;
    browser.assert_accessible("recording").await;
    // The server answers only after the page has been checked in this state.
    provider.server.pause();
    browser.find("main[data-state=sending]").await;
    browser.assert_accessible("sending").await;
    provider.server.go_on();
    browser.find("main[data-state=end][data-outcome=FAILED]").await;
    assert_eq!(browser.text("#more").await, "");
    assert!(!browser.find("#again").await.is_displayed().await.expect("it is there"));
    browser.end().await;
}

#[tokio::test]
async fn the_page_says_how_to_bring_the_face_into_the_oval() {
    let provider = Provider::start();
    let (browser, session) = before(&provider, &json!({ "type": "LIVENESS_ACTIVE" })).await;
    browser.click("#open").await;
    for (scene, told) in [
        ("none", "faceNone"),
        ("far", "faceFar"),
        ("near", "faceNear"),
        ("aside", "faceAside"),
        ("two", "faceSeveral"),
        ("dark", "faceDark"),
    ] {
        browser.run(&format!("globalThis.scene = '{scene}'")).await;
        browser.find(&format!("main[data-state=ready][data-face={told}]")).await;
        assert_eq!(
            browser.find("#record").await.attr("aria-disabled").await.expect("it is there").as_deref(),
            Some("true")
        );
        browser.click("#record").await;
        assert_eq!(browser.run("return document.querySelector('main').dataset.state").await, json!("ready"), "{scene}");
    }
    browser.run("globalThis.scene = 'face'").await;
    browser.find("main[data-face=faceGood]").await;
    assert_eq!(browser.text("#prompt").await, "Good. Hold still and begin.");
    browser.click("#record").await;
    browser.find("main[data-state=recording]").await;
    browser.run("globalThis.scene = 'none'").await;
    browser.find("main[data-state=end][data-outcome=faceLost]").await;
    browser.assert_accessible("face lost").await;
    // Nothing was sent, so the same check remains open.
    assert_eq!(provider.status(&session).await, "INITIALIZED");
    browser.run("globalThis.scene = 'face'").await;
    browser.click("#again").await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.end().await;
}

#[tokio::test]
async fn a_browser_without_the_guide_films_without_it() {
    let provider = Provider::start();
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    let browser = Browser::open("about:blank").await;
    browser.before_pages(&format!("{}; delete globalThis.Worker;", camera())).await;
    browser.page.goto(&provider.address(&session).await).await.expect("it opens");
    browser.click("main[data-state=start] #open").await;
    browser.find("main[data-state=ready] #record[aria-disabled=false]").await;
    browser.click("#record").await;
    browser.find("main[data-state=waiting], main[data-state=end]").await;
    assert_ne!(provider.status(&session).await, "INITIALIZED");
    browser.end().await;
}

#[tokio::test]
async fn movements_are_said_until_that_is_switched_off() {
    let provider = Provider::start();
    let (browser, _) = before(&provider, &json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 1 })).await;
    browser.find("#language").await.select_by_value("de").await.expect("there is German");
    browser.find("html[lang=de]").await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.click("#record").await;
    browser.find("main[data-state=recording]:not([data-challenge=''])").await;
    let said = browser.run("return globalThis.said").await;
    let asked = browser.text("#prompt").await;
    let said: Vec<&str> = said.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(
        said.contains(&"de: Sehen Sie gerade in die Kamera") && said.contains(&&*format!("de: {asked}")),
        "{said:?}"
    );
    // The figure moves; with reduced motion it rests where the movement leads.
    let moves =
        "return [...document.querySelectorAll('.figure *')].filter((part) => part.getAnimations().length).length";
    assert!(browser.run(moves).await.as_i64().expect("a number") > 0);
    browser.find("main[data-state=end]").await;

    let (browser, _) = before(&provider, &json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 1 })).await;
    browser.still().await;
    browser.click("#spoken").await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.click("#record").await;
    browser.find("main[data-state=recording]:not([data-challenge=''])").await;
    assert_eq!(browser.run("return globalThis.said").await, json!([]));
    assert_eq!(browser.run(moves).await, json!(0));
    browser.end().await;
}

#[tokio::test]
async fn people_are_met_in_their_language() {
    let provider = Provider::start();
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 1 })).await;
    let address = provider.address(&session).await;
    let browser = Browser::with(&["--accept-lang=fr-CA,fr"], &address).await;
    browser.find("html[lang=fr][dir=ltr] main[data-state=start]").await;
    assert_eq!(browser.text("h1").await, "Vérification du visage");
    browser.find("#language").await.select_by_value("ar").await.expect("there is Arabic");
    browser.find("html[lang=ar][dir=rtl]").await;
    assert_eq!(browser.text("#open").await, "تشغيل الكاميرا");
    browser.assert_accessible("start in Arabic").await;
    for (language, title) in
        [("de", "Gesichtsprüfung"), ("es", "Comprobación del rostro"), ("pt", "Verificação do rosto")]
    {
        browser.page.goto("about:blank").await.expect("it opens");
        browser.page.goto(&address.replace('?', &format!("?lang={language}&"))).await.expect("it opens");
        browser.find(&format!("html[lang={language}] main[data-state=start]")).await;
        assert_eq!(browser.text("h1").await, title);
        let over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(over).await, json!(0));
    }
    browser.end().await;
}

#[tokio::test]
async fn the_page_says_why_it_cannot_work() {
    let provider = Provider::start();
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    let address = provider.address(&session).await;
    let port = provider.server.url.rsplit(':').next().expect("it has a port").to_owned();
    let elsewhere = address.replace(&provider.server.url, &format!("http://bank.example:{port}"));
    let far = ["--host-resolver-rules=MAP bank.example 127.0.0.1"];
    let nothing = "delete Navigator.prototype.mediaDevices;";
    let fake = ["--use-fake-device-for-media-stream", "--deny-permission-prompts"];
    let taken =
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotReadableError'); };";
    for (arguments, script, address, outcome) in [
        (&far[..], "", &elsewhere, "insecure"),
        (&[], nothing, &address, "unable"),
        (&[], "", &address, "noCamera"),
        (&fake, "", &address, "denied"),
        (&[], taken, &address, "cameraBusy"),
    ] {
        let browser = Browser::with(arguments, "about:blank").await;
        browser.before_pages(script).await;
        browser.page.goto(address).await.expect("it opens");
        if !["insecure", "unable"].contains(&outcome) {
            browser.click("main[data-state=start] #open").await;
        }
        browser.find(&format!("main[data-state=end][data-outcome={outcome}]")).await;
        browser.assert_accessible(outcome).await;
        browser.end().await;
    }
    let browser = Browser::open("about:blank").await;
    browser.before_pages("delete globalThis.fetch;").await;
    browser.page.goto(&address).await.expect("it opens");
    browser.find("main[data-state=old] #old").await;
    browser.assert_accessible("old").await;
    browser.end().await;

    let (browser, _) = before(&provider, &json!({ "type": "LIVENESS_PASSIVE" })).await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    provider.server.kill();
    browser.click("#record").await;
    browser.find("main[data-state=end][data-outcome=connection]").await;
    browser.assert_accessible("connection").await;
    browser.end().await;
}

#[tokio::test]
async fn what_goes_wrong_on_the_way_can_be_begun_again() {
    let provider = Provider::start();
    let check = json!({ "type": "LIVENESS_PASSIVE_VIDEO" });
    let (browser, session) = before(&provider, &check).await;
    let film = async || {
        browser.click("main[data-state=start] #open").await;
        browser.find("main[data-state=ready][data-face=faceGood]").await;
        browser.click("#record").await;
        browser.find("main[data-state=recording]").await;
    };
    film().await;
    // The same event fires when another page comes to the front.
    browser.run("document.dispatchEvent(new Event('visibilitychange'))").await;
    browser.find("main[data-state=end][data-outcome=interrupted]").await;
    browser.assert_accessible("interrupted").await;
    assert_eq!(provider.status(&session).await, "INITIALIZED");
    browser.click("#again").await;
    film().await;
    // The provider has begun another check in the meantime, so the capture is refused.
    provider.begin_in(&session, &check).await;
    browser.find("main[data-state=end][data-outcome=refused]").await;
    browser.assert_accessible("refused").await;
    browser.click("#again").await;
    film().await;
    // Nor does it show that the person agreed to what the provider asks for meanwhile.
    dress(&provider.server, "2026-02");
    browser.find("main[data-state=end][data-outcome=consentChanged]").await;
    browser.assert_accessible("consent changed").await;
    assert_eq!(provider.status(&session).await, "INITIALIZED");
    browser.click("#again").await;
    browser.click("main[data-state=start] #accepted").await;
    film().await;
    browser.find("main[data-state=end]:not([data-outcome=consentChanged])").await;
    assert_ne!(provider.status(&session).await, "INITIALIZED");
    browser.end().await;
}
