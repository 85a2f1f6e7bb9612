//! Films a scripted camera on the capture page in a real browser.

use std::io::Cursor;

use bytes::Bytes;
use evaluate::performer::{self, FRAME_MS, Performance};
use image::{ImageFormat, Rgb};
use serde_json::json;
use tempfile::TempPath;

use crate::browser::Browser;
use crate::provider::{Provider, portrait};

/// Milliseconds between pictures of the browser's camera, which repeats a file of JPEG pictures.
const CAMERA_MS: u32 = 33;
/// Frames of a face at rest before the film: the page starts during the first half of them.
const REST_FRAMES: usize = 10;
/// Enough frames for the page's film of two movements, and a margin.
const SHOWN_FRAMES: usize = 130;
const FILM_FRAMES_MAX: usize = 72;
/// The number of frames at either end of the film in which the face is at rest.
const END_FRAMES: usize = 6;
/// A square in the corner marks the beginning of the film.
const MARK: Rgb<u8> = Rgb([255, 0, 255]);
const MARK_SIDE: u32 = 32;
/// A camera cannot wait for a busy machine, and a film with gaps is refused.
const TRIES_MAX: usize = 3;

/// Starts filming when the mark is visible.
const BEGIN: &str = "
const done = arguments[arguments.length - 1];
const video = document.getElementById('preview');
const context = document.createElement('canvas').getContext('2d');
const look = () => {
  context.drawImage(video, 4, 4, 16, 16, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  if (red > 180 && green < 100 && blue > 180) {
    document.getElementById('record').click();
    done();
  } else {
    setTimeout(look, 10);
  }
};
look();
";

/// The file that the browser's camera shows; it is deleted with this value.
struct Film(TempPath);

impl Film {
    /// Extends the pictures with rest before and after: their ends forwards and backwards, so that nothing jumps.
    fn of(pictures: &[Bytes]) -> Self {
        let end = END_FRAMES.min(pictures.len());
        let fold =
            |step: usize| if end == 1 { 0 } else { (step % (2 * end - 2)).min(2 * end - 2 - step % (2 * end - 2)) };
        let before = (1..=REST_FRAMES).rev().map(|step| &pictures[fold(step)]);
        let after = (1..).map(|step| &pictures[pictures.len() - 1 - fold(step)]);
        let shown = before.chain(pictures).chain(after).take(SHOWN_FRAMES);
        let mut file = vec![];
        for (number, picture) in shown.enumerate() {
            let picture = if number < REST_FRAMES / 2 { marked(picture) } else { picture.clone() };
            for _ in 0..FRAME_MS / CAMERA_MS {
                file.extend_from_slice(&picture);
            }
        }
        let kept = tempfile::Builder::new().suffix(".mjpeg").tempfile().expect("there is room");
        std::fs::write(&kept, file).expect("there is room");
        Self(kept.into_temp_path())
    }
}

fn marked(jpeg: &Bytes) -> Bytes {
    let mut picture = image::load_from_memory(jpeg).expect("it is a JPEG").to_rgb8();
    for (x, y) in (0..MARK_SIDE).flat_map(|x| (0..MARK_SIDE).map(move |y| (x, y))) {
        picture.put_pixel(x, y, MARK);
    }
    let mut marked = Cursor::new(vec![]);
    picture.write_to(&mut marked, ImageFormat::Jpeg).expect("memory takes it");
    marked.into_inner().into()
}

impl Provider {
    /// Shows this film to the page; returns the outcome on the page, which must equal the provider's.
    async fn outcome(&self, session: &str, film: &Film) -> String {
        let file = format!("--use-file-for-fake-video-capture={}", film.0.display());
        let camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", &file];
        let browser = Browser::with(&camera, &self.address(session).await).await;
        browser.click("main[data-state=start] #open").await;
        browser.find("main[data-state=ready][data-face=faceGood]").await;
        browser.page.execute_async(BEGIN, vec![]).await.expect("the mark is seen");
        let end = browser.find("main[data-state=end]").await;
        let outcome = end.attr("data-outcome").await.expect("it is there").expect("it has an outcome");
        // Each of the two movements has two cues.
        let cues = browser.find("main").await.attr("data-cues").await.expect("it is there");
        assert_eq!(cues.as_deref(), Some("4"));
        browser.page.clone().close().await.expect("it closes");
        assert_eq!(self.status(session).await, outcome);
        outcome
    }
}

#[tokio::test]
async fn a_person_who_does_what_the_page_asks_passes() {
    let (provider, portrait) = (Provider::start(), portrait());
    let mut outcomes = vec![];
    while outcomes.len() < TRIES_MAX && outcomes.last().is_none_or(|outcome| outcome != "SUCCESS") {
        let (session, check) = provider.begin(&json!({ "type": "LIVENESS_ACTIVE" })).await;
        let performance = Performance { asked: check.asked, seed: 7, frame_ms: FRAME_MS };
        let frames = performer::perform(&portrait, &performance);
        assert!(frames.len() <= FILM_FRAMES_MAX, "the page does not film for so long: {}", frames.len());
        let pictures: Vec<Bytes> = frames.into_iter().map(|frame| frame.jpeg).collect();
        outcomes.push(provider.outcome(&session, &Film::of(&pictures)).await);
    }
    assert_eq!(outcomes.last().map(String::as_str), Some("SUCCESS"), "{outcomes:?}");
}

#[tokio::test]
async fn a_photograph_before_the_camera_fails() {
    let (provider, portrait) = (Provider::start(), portrait());
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_ACTIVE" })).await;
    let performance = Performance { asked: check.asked, seed: 7, frame_ms: FRAME_MS };
    let frames = performer::perform(&portrait, &performance);
    let outcome = provider.outcome(&session, &Film::of(std::slice::from_ref(&frames[0].jpeg))).await;
    assert!(outcome == "FAILED" || outcome == "SPOOF", "{outcome}");
}

#[tokio::test]
async fn a_link_that_is_not_whole_says_so() {
    let provider = Provider::start();
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    let address = provider.address(&session).await;
    for broken in [address.split('#').next().expect("it has a beginning"), &address[..address.len() - 4]] {
        let browser = Browser::with(&[], broken).await;
        browser.find("main[data-outcome=link]").await;
        browser.assert_accessible("link").await;
        browser.page.clone().close().await.expect("it closes");
    }
    assert_eq!(provider.status(&session).await, "INITIALIZED");
}
