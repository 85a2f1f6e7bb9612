//! The languages of the capture page, and the choice of one for a person.

use std::collections::BTreeMap;

use poem::Request;
use poem::http::header;
use serde::Deserialize;

/// The languages by their names in BCP 47. The first is the default.
pub const LANGUAGES: [(&str, &str); 6] = [
    ("en", include_str!("texts/en.json")),
    ("de", include_str!("texts/de.json")),
    ("fr", include_str!("texts/fr.json")),
    ("es", include_str!("texts/es.json")),
    ("pt", include_str!("texts/pt.json")),
    ("ar", include_str!("texts/ar.json")),
];

/// All texts of the page, by their names.
pub type Texts = BTreeMap<String, String>;

/// Parses the texts of a language.
pub fn texts(written: &str) -> Texts {
    serde_json::from_str(written).expect("the file holds texts by their names")
}

#[derive(Deserialize)]
struct Query {
    lang: Option<String>,
}

/// Returns the index in [`LANGUAGES`] of the language for a request: that of the parameter `lang`, else the one that
/// the browser prefers, else the first.
pub fn asked(request: &Request) -> usize {
    let chosen = request.params::<Query>().ok().and_then(|query| known(&query.lang?));
    let preferred = || {
        let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
        preferred(header.to_str().ok()?)
    };
    chosen.or_else(preferred).unwrap_or(0)
}

/// Finds a language whatever its region: `pt-BR` finds `pt`.
fn known(tag: &str) -> Option<usize> {
    let main = tag.trim().split('-').next()?;
    LANGUAGES.iter().position(|(language, _)| language.eq_ignore_ascii_case(main))
}

/// Returns the known language of the greatest weight (RFC 9110, 12.5.4); of equal weights, the first.
fn preferred(header: &str) -> Option<usize> {
    let weighed = header.split(',').filter_map(|item| {
        let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        Some((known(tag)?, weight)).filter(|(_, weight)| *weight > 0.0)
    });
    let best = weighed.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<_> = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn each_language_has_each_text_and_no_other() {
        let english = texts(LANGUAGES[0].1);
        for (language, written) in LANGUAGES {
            let told = texts(written);
            let names = |texts: &Texts| texts.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&told), names(&english), "{language}");
            for (name, text) in &told {
                assert!(!text.trim().is_empty(), "{language}: {name}");
                assert_eq!(places(text), places(&english[name]), "{language}: {name}");
            }
            assert_eq!(told["direction"], if language == "ar" { "rtl" } else { "ltr" });
        }
        let names: std::collections::BTreeSet<_> =
            LANGUAGES.iter().map(|(_, written)| texts(written)["languageName"].clone()).collect();
        assert_eq!(names.len(), LANGUAGES.len());
    }

    #[test]
    fn people_are_met_in_their_language() {
        let language = |uri: &str, header: &str| {
            let request = Request::builder().uri(uri.parse().expect("it is one")).header("accept-language", header);
            LANGUAGES[asked(&request.finish())].0
        };
        assert_eq!(language("/capture", "de-CH, en;q=0.8"), "de");
        assert_eq!(language("/capture", "nl, en;q=0.2, fr;q=0.7"), "fr");
        assert_eq!(language("/capture", "de;q=0, pt-BR"), "pt");
        assert_eq!(language("/capture", "nl"), "en");
        assert_eq!(language("/capture", ";;q=,"), "en");
        assert_eq!(language("/capture?session=1&lang=ar", "de"), "ar");
        assert_eq!(language("/capture?lang=xx", "es"), "es");
        assert_eq!(LANGUAGES[asked(&Request::default())].0, "en");
    }
}
