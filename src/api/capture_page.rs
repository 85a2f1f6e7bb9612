//! The page on which a person's camera makes a capture: served at the root of the host, and at home with this server alone.
//!
//! A provider sends the person to `/capture?session=ID#TOKEN`; the token is that of `createCaptureToken`.

use std::collections::BTreeMap;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Endpoint, Response, Route, get};

const PAGE: &str = include_str!("capture_page/index.html");
/// Everything that people read on the page.
const TEXTS: &str = include_str!("capture_page/texts.json");

/// The paths that this module serves.
pub const PATHS: [&str; 9] = [
    "/capture",
    "/capture/style.css",
    "/capture/page.js",
    "/capture/camera.js",
    "/capture/capture.js",
    "/capture/cues.js",
    "/capture/server.js",
    "/capture/jose.js",
    "/capture/texts.json",
];

/// Scripts and styles are files of this server; the camera's film stays in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The camera, and nothing else of the device.
const PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=(), display-capture=()";

/// The page, which finds the server's paths under `prefix`.
pub fn page(prefix: &str) -> String {
    let texts: BTreeMap<String, String> = serde_json::from_str(TEXTS).expect("texts.json holds texts by their names");
    let filled = texts.iter().fold(PAGE.to_owned(), |page, (name, text)| {
        let place = format!("{{{{{name}}}}}");
        page.replace(&place, &escaped(text))
    });
    filled.replace("{{prefix}}", &escaped(prefix))
}

/// As text of HTML, or the value of an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Adds the page to what is served.
pub fn add(routes: Route, prefix: &str) -> Route {
    let [page_path, style, script, camera, capture, cues, server, jose, texts] = PATHS;
    routes
        .at(page_path, get(file("text/html; charset=utf-8", page(prefix))))
        .at(style, get(file("text/css; charset=utf-8", include_str!("capture_page/style.css"))))
        .at(script, get(code(include_str!("capture_page/page.js"))))
        .at(camera, get(code(include_str!("capture_page/camera.js"))))
        .at(capture, get(code(include_str!("capture_page/capture.js"))))
        .at(cues, get(code(include_str!("capture_page/cues.js"))))
        .at(server, get(code(include_str!("capture_page/server.js"))))
        .at(jose, get(code(include_str!("capture_page/jose.js"))))
        .at(texts, get(file("application/json", TEXTS)))
}

fn code(text: &'static str) -> impl Endpoint<Output = Response> {
    file("text/javascript; charset=utf-8", text)
}

fn file(content_type: &'static str, text: impl Into<String>) -> impl Endpoint<Output = Response> {
    let text = text.into();
    make_sync(move |_| {
        Response::builder()
            .content_type(content_type)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header("permissions-policy", PERMISSIONS)
            .header("cross-origin-opener-policy", "same-origin")
            .header("cross-origin-resource-policy", "same-origin")
            .body(text.clone())
    })
}

#[cfg(test)]
mod tests {
    use face::values::lights::Light;
    use face::values::liveness::Challenge;

    use super::*;
    use crate::domain::liveness::LivenessStatus;

    #[test]
    fn every_place_of_the_page_is_filled() {
        let filled = page("/faces");
        assert!(filled.contains(r#"data-prefix="/faces""#));
        assert!(!filled.contains("{{"), "{filled}");
        assert!(page("/\"><i>").contains("data-prefix=\"/&quot;>&lt;i>\""));
    }

    /// Names that the scripts take from the texts, and what the contract's words are followed by.
    #[test]
    fn the_texts_are_there() {
        let texts: BTreeMap<String, String> = serde_json::from_str(TEXTS).expect("it is JSON");
        let script = include_str!("capture_page/page.js");
        let mut named = 0;
        for name in script.split("texts.").skip(1).filter(|rest| !rest.starts_with("json")) {
            let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
            assert!(texts.contains_key(&name[..end]), "{}", &name[..end]);
            named += 1;
        }
        assert!(named > 5);
        let ended = script.split("end('").skip(1).filter_map(|rest| rest.split('\'').next());
        let states = LivenessStatus::ALL.map(LivenessStatus::name);
        let states = states.into_iter().filter(|state| !["INITIALIZED", "IN_PROGRESS"].contains(state));
        let found = ["denied", "noCamera", "cameraBusy"].into_iter();
        for name in ended.chain(states).chain(found) {
            assert!(texts.contains_key(name) && texts.contains_key(&format!("{name}_advice")), "{name}");
        }
        let style = include_str!("capture_page/style.css");
        for light in Light::ALL {
            let [red, green, blue] = light.srgb();
            let rule = format!("[data-light=\"{light}\"] {{ background: #{red:02x}{green:02x}{blue:02x}; }}");
            assert!(style.contains(&rule), "{rule}");
        }
        for challenge in Challenge::ALL {
            assert!(texts.contains_key(challenge.name()) && script.contains(&format!("{}: '", challenge.name())));
        }
    }

    /// Nothing comes from another host, and nothing stands in the page that its policy would stop.
    #[test]
    fn the_page_is_at_home_here_alone() {
        let page = page("/bioserver-app");
        let used = page.split(['"', '\'']).filter(|word| word.starts_with("/capture"));
        let used: Vec<&str> = used.collect();
        assert!(!used.is_empty() && used.iter().all(|path| PATHS.contains(path)), "{used:?}");
        assert!(!page.contains("://") && !page.contains("style=") && !page.contains("onclick="));
        for script in [include_str!("capture_page/page.js"), include_str!("capture_page/capture.js")] {
            let imported = script.lines().filter_map(|line| line.strip_prefix("import ")?.split('\'').nth(1));
            for file in imported {
                assert!(PATHS.contains(&file.replacen("./", "/capture/", 1).as_str()), "{file}");
            }
        }
    }
}
