//! The server's pages in Firefox: a person passes the check on the capture page, and the other pages open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evaluate::performer::{self, FRAME_MS, Performance};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::person::passed;
use crate::provider::{Provider, portrait};

/// The number of pictures at each end of the film in which the face is at rest.
const REST: usize = 6;

/// Shows a person who rests until the page films, then does what the film shows, and rests again. At rest the same
/// pictures are shown forwards and backwards, so that the face never jumps.
const PICTURE: &str = "
const [everyMs, rest] = arguments;
const pictures = window.pictures.film;
const last = pictures.length - 1;
const swing = (step) => rest - 1 - Math.abs(step % (2 * rest - 2) - (rest - 1));
let [since, first] = [performance.now(), undefined];
const picture = () => {
  const step = Math.floor((performance.now() - since) / everyMs);
  if (first === undefined && document.querySelector('main').dataset.state === 'recording') {
    [since, first] = [performance.now(), swing(step)];
    return undefined;
  }
  const place = first === undefined ? swing(step) : first + step;
  return pictures[place > last ? last - swing(place - last) : place];
};
";

/// The signed result of a check in which a person does what the page asks.
async fn result(provider: &Provider, browser: &Browser) -> Value {
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_ACTIVE", "nbChallenge": 1 })).await;
    let performance = Performance { asked: check.asked, seed: 7, frame_ms: FRAME_MS };
    let frames = performer::perform(&portrait(), &performance);
    let pictures: Vec<String> = frames.iter().map(|frame| STANDARD.encode(&frame.jpeg)).collect();
    browser.page.goto(&provider.address(&session).await).await.expect("it opens");
    browser.find("main[data-state=start]").await;
    browser.assert_accessible("start").await;
    browser.keep("film", &pictures).await;
    browser.film(PICTURE, vec![json!(FRAME_MS), json!(REST)]).await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.assert_accessible("ready").await;
    browser.click("#record").await;
    browser.find("main[data-state=recording] #steps .done").await;
    browser.find("main[data-state=end]").await;
    provider.result(&session).await
}

#[tokio::test]
async fn the_pages_work_in_firefox() {
    let provider = Provider::start();
    let browser = Browser::firefox(&provider.server.url).await;
    assert!(browser.text("main").await.contains("It is ready."));
    browser.assert_accessible("the root").await;
    browser.page.goto(&format!("{}/docs", provider.server.url)).await.expect("it opens");
    browser.find("#operations-Sessions-createBioSession").await;

    passed(async || result(&provider, &browser).await).await;
    assert_eq!(browser.text("#outcome").await, "You have passed the check");
    browser.assert_accessible("success").await;
    browser.end().await;
}
