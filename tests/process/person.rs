//! A person before the capture page: the scenes that a browser's camera shows, and the steps through the page.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use face::samples;
use fantoccini::key::Key;
use image::imageops::{FilterType, crop_imm, overlay, resize};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::provider::Provider;

/// A camera that shows one of several scenes: the one that `globalThis.scene` names.
const CAMERA: &str = "
globalThis.scene = 'face';
const scenes = SCENES;
const pictures = {};
for (const [name, jpeg] of Object.entries(scenes)) {
  pictures[name] = new Image();
  pictures[name].src = `data:image/jpeg;base64,${jpeg}`;
}
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [480, 640];
  const context = canvas.getContext('2d');
  const draw = () => context.drawImage(pictures[globalThis.scene], 0, 0);
  draw();
  setInterval(draw, 33);
  return canvas.captureStream(30);
};
globalThis.said = [];
speechSynthesis.speak = ({ text, lang }) => globalThis.said.push(`${lang}: ${text}`);
";

/// Stores the pictures of a film under its name.
const KEEP: &str = "
const [name, jpegs] = arguments;
const done = arguments[arguments.length - 1];
const pictures = jpegs.map((jpeg) => {
  const bytes = Uint8Array.from(atob(jpeg), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
});
Promise.all(pictures).then((pictures) => {
  window.pictures ??= {};
  window.pictures[name] = pictures;
  done(pictures.length);
});
";

/// Films the picture that the function `picture` returns; where it returns none, the last one stays.
const FILMING: &str = "
const canvas = document.createElement('canvas');
[canvas.width, canvas.height] = [480, 640];
const context = canvas.getContext('2d');
const draw = () => {
  const shown = picture();
  if (shown) {
    context.drawImage(shown, 0, 0);
  }
};
draw();
setInterval(draw, 20);
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
";

/// A camera cannot wait for a busy machine, and a film with gaps is refused.
const TRIES_MAX: usize = 3;

/// The centre of the person's head in the sample, and its width, in pixels.
const HEAD: (f32, f32, f32) = (475.0, 285.0, 265.0);

/// Draws the sample with the middle of the face at (`x`, `y`) and a face `width` pixels wide.
fn scene(x: f32, y: f32, width: f32) -> RgbImage {
    let sample = image::load_from_memory(samples::ONE[0].1).expect("it is a picture").to_rgb8();
    let scale = width / HEAD.2;
    let to = |side: u32| (side as f32 * scale) as u32;
    let small = resize(&sample, to(sample.width()), to(sample.height()), FilterType::Triangle);
    let mut scene = RgbImage::from_pixel(480, 640, Rgb([120, 120, 125]));
    overlay(&mut scene, &small, (x - HEAD.0 * scale) as i64, (y - HEAD.1 * scale) as i64);
    scene
}

pub fn camera() -> String {
    let mut dark = scene(240.0, 290.0, 220.0);
    dark.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| value / 8));
    let mut two = scene(140.0, 290.0, 150.0);
    overlay(&mut two, &crop_imm(&scene(340.0, 290.0, 150.0), 240, 0, 240, 640).to_image(), 240, 0);
    let scenes = [
        ("face", scene(240.0, 290.0, 220.0)),
        ("far", scene(240.0, 290.0, 90.0)),
        ("near", scene(240.0, 300.0, 420.0)),
        ("aside", scene(360.0, 290.0, 220.0)),
        ("two", two),
        ("dark", dark),
        ("none", RgbImage::from_pixel(480, 640, Rgb([120, 120, 125]))),
    ];
    let encoded = scenes.map(|(name, picture)| {
        let mut jpeg = Cursor::new(vec![]);
        picture.write_to(&mut jpeg, ImageFormat::Jpeg).expect("memory takes it");
        (name.to_owned(), Value::from(STANDARD.encode(jpeg.into_inner())))
    });
    CAMERA.replace("SCENES", &Value::Object(encoded.into_iter().collect()).to_string())
}

/// Opens a browser with the camera above before a check of this kind.
pub async fn before(provider: &Provider, check: &Value) -> (Browser, String) {
    let (session, _) = provider.begin(check).await;
    let browser = Browser::open("about:blank").await;
    browser.before_pages(&camera()).await;
    browser.page.goto(&provider.address(&session).await).await.expect("it opens");
    browser.find("main[data-state=start]").await;
    (browser, session)
}

/// Makes checks until one succeeds, and returns its result.
pub async fn passed(mut check: impl AsyncFnMut() -> Value) -> Value {
    let mut results = vec![];
    while results.len() < TRIES_MAX && results.last().is_none_or(|result: &Value| result["status"] != "SUCCESS") {
        results.push(check().await);
    }
    assert_eq!(results.last().expect("it was tried")["status"], "SUCCESS", "{results:?}");
    results.pop().expect("it was tried")
}

impl Browser {
    pub async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.expect("it has a text")
    }

    pub async fn run(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Gives the page a film, whose pictures are in base64, for a camera of the test.
    pub async fn keep(&self, name: &str, pictures: &[String]) {
        let kept = self.page.execute_async(KEEP, vec![json!(name), json!(pictures)]).await;
        assert_eq!(kept.expect("they are pictures"), pictures.len());
    }

    /// Puts a camera before the page that shows what the function `picture` of a script returns.
    pub async fn film(&self, picture: &str, arguments: Vec<Value>) {
        self.page.execute(&format!("{picture}{FILMING}"), arguments).await.expect("it is a camera");
    }

    pub async fn press(&self, keys: &str) {
        let focused = self.page.active_element().await.expect("there is always one");
        focused.send_keys(keys).await.unwrap_or_else(|error| panic!("{keys:?}: {error}"));
    }

    /// Presses the tab key until this element has the focus.
    pub async fn tab_to(&self, id: &str) {
        for _ in 0..20 {
            if self.run("return document.activeElement.id").await == json!(id) {
                let outline = self.run("return getComputedStyle(document.activeElement).outlineStyle").await;
                assert_eq!(outline, json!("solid"), "{id}: whoever uses the keyboard sees where they are");
                return;
            }
            self.press(&Key::Tab.to_string()).await;
        }
        panic!("the keyboard does not reach {id}");
    }

    pub async fn end(self) {
        self.page.clone().close().await.expect("it closes");
    }
}
