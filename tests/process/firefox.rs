//! The server's pages in Firefox: a person passes the check on the capture page, and the other pages open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evaluate::performer::{self, FRAME_MS, Performance};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::provider::{Provider, portrait};

/// A camera cannot wait for a busy machine, and a film with gaps is refused.
const TRIES_MAX: usize = 3;
/// The number of pictures at each end of the film in which the face is at rest.
const REST: usize = 6;

/// A camera before which a person rests until the page films, then does what the film shows, and rests again. At rest
/// it plays the same pictures forwards and backwards, so that the face never jumps.
const CAMERA: &str = "
const [everyMs, rest] = arguments;
const canvas = document.createElement('canvas');
[canvas.width, canvas.height] = [480, 640];
const context = canvas.getContext('2d');
const pictures = window.pictures.film;
const last = pictures.length - 1;
const swing = (step) => rest - 1 - Math.abs(step % (2 * rest - 2) - (rest - 1));
let [since, first] = [performance.now(), undefined];
const draw = () => {
  const step = Math.floor((performance.now() - since) / everyMs);
  if (first === undefined && document.querySelector('main').dataset.state === 'recording') {
    [since, first] = [performance.now(), swing(step)];
    return;
  }
  const place = first === undefined ? swing(step) : first + step;
  context.drawImage(pictures[place > last ? last - swing(place - last) : place], 0, 0);
};
draw();
setInterval(draw, 20);
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
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
    browser.page.execute(CAMERA, vec![json!(FRAME_MS), json!(REST)]).await.expect("it is a camera");
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

    let mut results = vec![];
    while results.len() < TRIES_MAX && results.last().is_none_or(|result: &Value| result["status"] != "SUCCESS") {
        results.push(result(&provider, &browser).await);
    }
    assert_eq!(results.last().expect("it was tried")["status"], "SUCCESS", "{results:?}");
    assert_eq!(browser.text("#outcome").await, "You have passed the check");
    browser.assert_accessible("success").await;
    browser.end().await;
}
