use std::collections::BTreeSet;

use face::values::lights::Light;
use face::values::liveness::{Challenge, Reason};
use strum::VariantArray as _;

use super::*;
use crate::domain::liveness::LivenessStatus;

fn text_of(name: &str) -> &'static str {
    let path = format!("/capture/{name}");
    PARTS.iter().find(|(part, ..)| *part == path).unwrap_or_else(|| panic!("{name}")).2
}

fn scripts() -> impl Iterator<Item = &'static str> {
    PARTS.iter().filter(|(path, kind, _)| *kind == SCRIPT && *path != "/capture/jose.js").map(|(.., text)| *text)
}

/// Splits a text at its quotes, so that quoted words stand alone.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '\'', '`'])
}

#[test]
fn every_place_of_the_page_is_filled() {
    for (language, written) in LANGUAGES {
        let filled = page(language, written, "/faces");
        assert!(filled.contains(r#"data-prefix="/faces""#) && filled.contains(&format!("<html lang=\"{language}\"")));
        assert!(!filled.contains("{{"), "{filled}");
    }
    let (language, written) = LANGUAGES[0];
    assert!(page(language, written, "/\"><i>").contains("data-prefix=\"/&quot;>&lt;i>\""));
}

/// The texts are exactly those that page and scripts name and those that follow from the contract.
#[test]
fn the_texts_are_those_that_are_used() {
    let known = texts(LANGUAGES[0].1);
    let mut used: BTreeSet<String> =
        PAGE.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.to_owned())).collect();
    for own in ["language", "languages", "prefix"] {
        assert!(used.remove(own), "{own}");
    }
    let ends = [
        "link",
        "slow",
        "denied",
        "noCamera",
        "cameraBusy",
        "insecure",
        "unable",
        "interrupted",
        "faceLost",
        "connection",
        "refused",
        "consentChanged",
    ];
    let states = LivenessStatus::ALL.map(LivenessStatus::name);
    let states = states.into_iter().filter(|state| !["INITIALIZED", "IN_PROGRESS"].contains(state));
    for end in ends.into_iter().chain(states) {
        used.extend([end.to_owned(), format!("{end}_advice")]);
    }
    used.extend(Challenge::ALL.map(|challenge| challenge.name().to_owned()));
    used.extend(Reason::VARIANTS.iter().filter(|reason| reason.helps()).map(|reason| reason.name().to_owned()));
    used.insert("languageName".to_owned());
    used.extend(scripts().flat_map(words).filter(|word| known.contains_key(*word)).map(str::to_owned));
    let known: BTreeSet<String> = known.into_keys().collect();
    assert_eq!(used, known);
}

#[test]
fn lights_and_movements_are_those_of_the_server() {
    for light in Light::ALL {
        let [red, green, blue] = light.srgb();
        let rule = format!("[data-light=\"{light}\"] {{ background: #{red:02x}{green:02x}{blue:02x}; }}");
        assert!(text_of("style.css").contains(&rule), "{rule}");
    }
    for challenge in Challenge::ALL {
        assert!(text_of("filming.js").contains(&format!("{challenge}: '")), "{challenge}");
        assert!(text_of("figure.css").contains(&format!("[data-challenge=\"{challenge}\"]")), "{challenge}");
    }
}

/// The page loads nothing from another host, and holds nothing that its own policy would block.
#[test]
fn the_page_is_at_home_here_alone() {
    let used: Vec<&str> = words(PAGE).filter(|word| word.starts_with("/capture")).collect();
    assert!(used.len() > 2 && used.iter().all(|path| serves(path)), "{used:?}");
    assert!(!PAGE.contains("://") && !PAGE.contains("style=") && !PAGE.contains("onclick="));
    let mut imports = 0;
    for script in scripts() {
        for file in words(script).filter_map(|word| word.strip_prefix("./")) {
            assert!(serves(&format!("/capture/{file}")), "{file}");
            imports += 1;
        }
        assert!(!script.contains("://"), "{script}");
    }
    assert!(imports > 10);
    assert!(serves(DETECTOR) && serves("/capture/texts/ar.json") && !serves("/capture/texts/xx.json"));
}

#[test]
fn only_allowed_origins_may_show_it() {
    let told = |embedders: &[&str]| {
        let embedders: Vec<String> = embedders.iter().map(ToString::to_string).collect();
        policy(&embedders).to_str().expect("it is text").rsplit_once("; ").expect("it has parts").1.to_owned()
    };
    assert_eq!(told(&[]), "frame-ancestors 'none'");
    assert_eq!(
        told(&["https://a.example", "https://b.example"]),
        "frame-ancestors https://a.example https://b.example"
    );
}
