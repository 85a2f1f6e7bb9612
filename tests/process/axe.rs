//! Judges pages with axe-core, and shows them in dark mode, at small sizes and without motion.

use std::str::FromStr;

use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use testkit::node;

use crate::browser::{Browser, Kind};

/// Runs all rules, including best practices; returns each violation with its place.
const JUDGE: &str = "
const done = arguments[arguments.length - 1];
axe.run({ resultTypes: ['violations'] }).then(({ violations }) => done(violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`))));
";

/// A command that only one of the browsers knows: the end of its path, and its body.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

/// Runs in Firefox itself: sets the colour scheme, 0 for dark and 1 for light, and lets the window become as narrow as
/// a phone.
const FIREFOX_VIEW: &str = "
Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', arguments[0]);
document.documentElement.style.minWidth = 0;
";
/// The height of Firefox's toolbars in pixels.
const FIREFOX_BARS: u32 = 86;
const HEIGHT: u32 = 844;

/// The screen and the colour scheme of a user.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub width: u32,
    pub is_dark: bool,
}

pub const VIEWS: [View; 4] = [
    View { width: 390, is_dark: false },
    View { width: 390, is_dark: true },
    View { width: 1280, is_dark: false },
    View { width: 1280, is_dark: true },
];

impl Browser {
    async fn own(&self, path: &'static str, body: Value) {
        let command = Own(path, body);
        self.page.issue_cmd(command).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    async fn devtools(&self, command: &'static str, parameters: Value) {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    /// Switches the page to this view.
    pub async fn view(&self, View { width, is_dark }: View) {
        if self.kind == Kind::Firefox {
            self.own("moz/context", json!({ "value": "chrome" })).await;
            self.page.execute(FIREFOX_VIEW, vec![json!(u8::from(!is_dark))]).await.expect("it may set this");
            self.own("moz/context", json!({ "value": "content" })).await;
            self.page.set_window_size(width, HEIGHT + FIREFOX_BARS).await.expect("it has a window");
            assert_eq!(self.run("return innerWidth").await, json!(width));
            return;
        }
        let size = json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Switches the page to reduced motion.
    pub async fn still(&self) {
        let features = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Runs this script in every page before the page's own scripts.
    pub async fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Asserts that the page in its current state is accessible in every view: axe-core finds no violation, and nothing
    /// extends beyond the screen.
    pub async fn assert_accessible(&self, state: &str) {
        let script = std::fs::read_to_string(node::modules().join("axe-core/axe.min.js")).expect("it is installed");
        self.page.execute(&script, vec![]).await.expect("it is a script");
        for view in VIEWS {
            self.view(view).await;
            let faults = self.page.execute_async(JUDGE, vec![]).await.expect("it judges");
            assert_eq!(faults, json!([]), "{state}, {view:?}");
            let over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let over = self.page.execute(over, vec![]).await.expect("it is a number");
            assert_eq!(over, json!(0), "{state} is wider than the screen, {view:?}");
        }
    }
}
