//! Runs a check with light on the capture page in a real browser. One camera shows a face that reflects the page's
//! light; another shows a face that does not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::Asked;
use face::values::lights::{LIGHT_MS, Light, ShownLight};
use face::values::liveness::LivenessType;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::person::passed;
use crate::provider::{Provider, portrait};

/// The length of the page's longest film.
const FILM_MS: u32 = 6000;
/// Shows the film in the page's light if the face reflects it, forwards and backwards.
const PICTURE: &str = "
const [everyMs, reacts] = arguments;
const picture = () => {
  const light = (reacts && document.body.dataset.light) || 'NONE';
  const all = window.pictures[light];
  const place = Math.floor(performance.now() / everyMs) % (2 * all.length - 2);
  return all[place < all.length ? place : 2 * all.length - 2 - place];
};
";

/// Returns the same film in each light: the light's name, and its pictures in base64.
fn films() -> Vec<(String, Vec<String>)> {
    let portrait = portrait();
    let film = |light: Option<Light>| {
        // All films are equally long, with or without light.
        let from_ms = if light.is_some() { 0 } else { FILM_MS - LIGHT_MS };
        let lit = (from_ms..FILM_MS).step_by(LIGHT_MS as usize);
        let light_of = light.unwrap_or(Light::Sky);
        let lights = lit.map(|from_ms| ShownLight { from_ms, light: light_of }).collect();
        let asked = Asked { lights, ..Asked::passive(LivenessType::PassiveVideo) };
        let frames = performer::perform(&portrait, &Performance { asked, seed: 7, frame_ms: FRAME_MS });
        let shown = frames.iter().take_while(|frame| frame.t_ms < FILM_MS - LIGHT_MS);
        let encoded = |jpeg: &Bytes| STANDARD.encode(jpeg);
        // The first frames are from before the light comes on.
        (light.map_or("NONE", Light::name).to_owned(), shown.skip(3).map(|frame| encoded(&frame.jpeg)).collect())
    };
    std::iter::once(None).chain(Light::ALL.map(Some)).map(film).collect()
}

/// Returns the signed result that the provider reads after a person with this camera went through the page.
async fn result(provider: &Provider, films: &[(String, Vec<String>)], reacts: bool) -> Value {
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE_VIDEO", "lightChallenge": true })).await;
    let browser = Browser::with(&[], &provider.address(&session).await).await;
    browser.find("main[data-state=start] #light").await;
    for (light, pictures) in films {
        browser.keep(light, pictures).await;
    }
    browser.film(PICTURE, vec![json!(FRAME_MS), json!(reacts)]).await;
    browser.click("#open").await;
    browser.find("main[data-state=ready][data-face=faceGood]").await;
    browser.click("#record").await;
    browser.find("body[data-light=SKY], body[data-light=MINT], body[data-light=SUN], body[data-light=ROSE]").await;
    browser.find("main[data-state=end]").await;
    browser.page.clone().close().await.expect("it closes");
    provider.result(&session).await
}

#[tokio::test]
async fn a_face_before_the_page_reflects_its_colours_and_a_film_does_not() {
    let (provider, films) = (Provider::start(), films());
    let passed = passed(async || result(&provider, &films, true).await).await;
    let measures = passed["measures"].as_array().expect("it names the measures");
    assert!(measures.contains(&json!("LIGHT")), "{measures:?}");
    let refused = result(&provider, &films, false).await;
    assert_eq!(refused["status"], "FAILED", "{refused}");
}
