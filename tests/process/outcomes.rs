//! The last words of the capture page and the next step that it offers, for ends that no person brings about.

use face::samples;
use face::values::liveness::Frame;
use serde_json::json;

use crate::browser::Browser;
use crate::provider::Provider;

/// Replaces the state in the server's answer by `sessionStorage.told` if that is set, and shortens the second between
/// two polls to a millisecond. A check times out only after five minutes, and only a fault makes it fail or last long.
const TOLD: &str = "
const [ask, later] = [window.fetch, window.setTimeout];
window.setTimeout = (act, ms) => later(act, ms === 1000 ? 1 : ms);
window.fetch = async (path, options) => {
  const answer = await ask(path, options);
  if (!sessionStorage.told || !answer.ok || !path.endsWith('/replay-liveness-metadata')) {
    return answer;
  }
  const { reason, ...standing } = await answer.json();
  return Response.json({ ...standing, status: sessionStorage.told });
};
";

/// A film that lacks more than a second in its middle.
fn cut() -> Vec<Frame> {
    let frame = |t_ms| Frame { t_ms, jpeg: samples::ONE[0].1.into() };
    (0..10).chain(25..35).map(|number| frame(100 * number)).collect()
}

impl Browser {
    /// Loads the page again with this state, and returns its last words.
    async fn told(&self, state: &str, outcome: &str) -> [String; 3] {
        self.run(&format!("sessionStorage.told = '{state}'")).await;
        self.page.refresh().await.expect("it opens again");
        self.last_words(outcome).await
    }

    async fn last_words(&self, outcome: &str) -> [String; 3] {
        self.find(&format!("main[data-state=end][data-outcome={outcome}]")).await;
        self.assert_accessible(outcome).await;
        [self.text("#outcome").await, self.text("#advice").await, self.text("#more").await]
    }

    async fn offers_another_try(&self) -> bool {
        self.find("#again").await.is_displayed().await.expect("it is there")
    }
}

#[tokio::test]
async fn each_end_says_what_to_do_next() {
    let provider = Provider::start();
    let new_check = "Go back to where you came from and ask for a new check.";
    let browser = Browser::open("about:blank").await;
    browser.before_pages(TOLD).await;

    // The heading is that of other failures. An attack ends the check, however many attempts are left.
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE_VIDEO", "attemptsMax": 3 })).await;
    provider.send(&session, &check, cut()).await;
    assert_eq!(provider.status(&session).await, "SPOOF");
    browser.page.goto(&provider.address(&session).await).await.expect("it opens");
    let words = browser.last_words("SPOOF").await;
    assert_eq!(words, ["The check did not succeed", "This check cannot be tried again.", new_check]);
    assert!(!browser.offers_another_try().await);

    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE", "attemptsMax": 2 })).await;
    provider.send_nobody(&session, &check).await;
    browser.page.goto(&provider.address(&session).await).await.expect("it opens");
    browser.find("main[data-outcome=FAILED]").await;
    let [outcome, advice, more] = browser.told("TIMEOUT", "TIMEOUT").await;
    assert_eq!(
        (&*outcome, &*advice),
        ("The time for this check is over", "The pictures did not arrive within five minutes.")
    );
    assert!(more.ends_with("Tries left: 1"), "{more}");
    browser.run("sessionStorage.told = ''").await;
    browser.click("#again").await;
    browser.find("main[data-state=start] #open").await;
    assert_eq!(provider.result(&session).await["attempt"], 2);

    let words = browser.told("ERROR", "ERROR").await;
    assert_eq!(words, ["The check could not be made", "The fault is the server's, not yours.", new_check]);
    assert!(!browser.offers_another_try().await, "it was the last attempt");

    let [outcome, advice, _] = browser.told("IN_PROGRESS", "slow").await;
    assert!(outcome == "The check is taking long" && advice.contains("You can close this page"), "{advice}");
    assert!(!browser.offers_another_try().await);
    browser.end().await;
}
