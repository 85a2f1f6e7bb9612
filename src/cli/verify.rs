//! `bioserver verify`: tests if a saved answer has a valid signature, and if the answer is what was signed.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::service::signing;
use crate::sign;
use crate::store::Store;
use crate::store::settings::Settings;

/// The largest file: answers with images are the largest that anyone saves.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The largest key set; real ones have a few kilobytes.
const JWKS_BYTES_MAX: usize = 1 << 20;
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A saved JSON answer with a `signature`, a list of such answers, or a bare JWS; - reads standard input
    file: PathBuf,
    /// The key set to verify with, a URL or a file [default: the keys in this server's database]
    #[arg(long, value_name = "URL|FILE")]
    jwks: Option<String>,
}

/// The verdict on an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer equals the signed payload, byte for byte.
    Same,
    /// The answer has the signed values, but its text was laid out anew.
    SameValues,
    /// The text is a bare JWS with a valid signature.
    Signed,
    Not(String),
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let text = read(&args.file)?;
    let jwks = key_set(config, args.jwks).await?;
    let mut out = std::io::stdout().lock();
    let checked = check_all(&text, &jwks);
    let has_failed = checked.iter().any(|(_, verdict, _)| matches!(verdict, Verdict::Not(_)));
    for (place, verdict, key) in checked {
        let place = place.map(|place| format!("[{place}] ")).unwrap_or_default();
        match verdict {
            Verdict::Same => {
                writeln!(out, "{place}Verified: the answer is byte for byte as signed; {key}.")?;
            }
            Verdict::SameValues => {
                writeln!(out, "{place}Verified: the answer has the signed values, but another layout; {key}.")?;
            }
            Verdict::Signed => writeln!(out, "{place}Verified: the JWS is valid; {key}.")?,
            Verdict::Not(why) => writeln!(out, "{place}NOT verified: {why}.")?,
        }
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns the verdict on each answer of a list, with its index, or the verdict on a single answer.
fn check_all(text: &str, jwks: &Value) -> Vec<(Option<usize>, Verdict, String)> {
    let Ok(list) = serde_json::from_str::<Vec<Value>>(text) else {
        let (verdict, key) = check(text, jwks);
        return vec![(None, verdict, key)];
    };
    let is_untouched = serde_json::to_string(&list).is_ok_and(|compact| compact == text.trim());
    let one_each = colons(text) == list.iter().map(members).sum::<usize>();
    let checked = list.iter().enumerate().map(|(place, answer)| {
        // If the list was laid out anew, its answers count as laid out anew, too.
        let text = if is_untouched { answer.to_string() } else { format!("{answer:#}") };
        let (verdict, key) = if one_each { check(&text, jwks) } else { (twice(), String::new()) };
        (Some(place), verdict, key)
    });
    let checked: Vec<_> = checked.collect();
    if checked.is_empty() { vec![(None, Verdict::Not("the list is empty".to_owned()), String::new())] } else { checked }
}

fn twice() -> Verdict {
    Verdict::Not("a member occurs twice, so that parsers may read different values".to_owned())
}

/// Returns the verdict, and the key that the signature names.
pub(super) fn check(text: &str, jwks: &Value) -> (Verdict, String) {
    let text = text.trim();
    let answer: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    let jws = match &answer {
        Some(answer) => answer.get("signature").and_then(Value::as_str),
        None => Some(text),
    };
    let Some(jws) = jws else {
        return (Verdict::Not("the answer has no 'signature'".to_owned()), String::new());
    };
    let key = sign::header(jws).map_or(String::new(), |header| format!("key {}, {}", header.kid, header.alg));
    // A detached signature covers the answer without the signature.
    let attached = answer.as_ref().and_then(|answer| sign::attached(jws, without_signature(answer).as_bytes()));
    let verdict = match (sign::verify(attached.as_deref().unwrap_or(jws), jwks), answer) {
        (Err(error), _) => Verdict::Not(error.to_string()),
        (Ok(_), None) => Verdict::Signed,
        (Ok(payload), Some(answer)) => compare(text, answer, &payload),
    };
    (verdict, key)
}

/// Compares `answer`, whose text is `text`, with the signed `payload`.
fn compare(text: &str, mut answer: Map<String, Value>, payload: &[u8]) -> Verdict {
    // Writing the answer again gives the same text only if it was not laid out anew.
    let is_untouched = compact(&answer) == text;
    answer.shift_remove("signature");
    if is_untouched && compact(&answer).as_bytes() == payload {
        return Verdict::Same;
    }
    match serde_json::from_slice::<Map<String, Value>>(payload) {
        Ok(signed) if signed == answer => {
            // The comparison leaves out the signature, which is one member.
            let one_each = colons(text) == members(&Value::Object(answer)) + 1;
            if one_each { Verdict::SameValues } else { twice() }
        }
        Ok(signed) => Verdict::Not(match difference(&signed, &answer) {
            Some(member) => format!("the answer was changed after signing: {member}"),
            None => "the answer was changed after signing".to_owned(),
        }),
        Err(_) => Verdict::Not("the signed payload is not an answer".to_owned()),
    }
}

/// Describes the first member that differs from the signed one. Values are personal data, so they are not shown.
fn difference(signed: &Map<String, Value>, answer: &Map<String, Value>) -> Option<String> {
    let changed = answer.iter().find_map(|(name, value)| match (signed.get(name), value) {
        (None, _) => Some(format!("'{name}' was added")),
        (Some(Value::Object(signed)), Value::Object(value)) => {
            difference(signed, value).map(|inner| format!("in '{name}', {inner}"))
        }
        (Some(signed), value) if signed != value => Some(format!("'{name}' differs")),
        (Some(_), _) => None,
    });
    changed
        .or_else(|| signed.keys().find(|name| !answer.contains_key(*name)).map(|name| format!("'{name}' is missing")))
}

fn without_signature(answer: &Map<String, Value>) -> String {
    let mut answer = answer.clone();
    answer.shift_remove("signature");
    compact(&answer)
}

fn compact(answer: &Map<String, Value>) -> String {
    serde_json::to_string(answer).expect("JSON that was read can be written")
}

/// Counts the members of all objects in `value`.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(array) => array.iter().map(members).sum(),
        _ => 0,
    }
}

/// Counts the members of all objects in a JSON text; a repeated name counts each time.
fn colons(json: &str) -> usize {
    let (mut count, mut in_string, mut is_escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

/// Returns the key set at a URL or in a file, or that of the store.
pub(super) async fn key_set(config: &Config, place: Option<String>) -> anyhow::Result<Value> {
    match place {
        Some(place) if place.starts_with("https://") || place.starts_with("http://") => fetch(&place).await,
        Some(path) => serde_json::from_str(&read(Path::new(&path))?).with_context(|| format!("{path} is not JSON")),
        None => stored(config).await,
    }
}

async fn stored(config: &Config) -> anyhow::Result<Value> {
    if let Settings::Sqlite(path) = &config.store
        && !path.exists()
    {
        bail!("the database {} with the keys does not exist; give a key set with --jwks", path.display());
    }
    let store = Store::open_unchanged(&config.store).await?;
    let jwks = signing::published(&store, &config.master_key.master()?, &config.signing).await?;
    store.close().await;
    Ok(jwks)
}

async fn fetch(url: &str) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > JWKS_BYTES_MAX {
            bail!("{url}: the key set is longer than {JWKS_BYTES_MAX} bytes");
        }
    }
    serde_json::from_slice(&body).with_context(|| format!("{url} did not answer JSON"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let len = read.with_context(|| path.display().to_string())?;
    if len as u64 > FILE_BYTES_MAX {
        bail!("{} is longer than {FILE_BYTES_MAX} bytes", path.display());
    }
    text_of(bytes).with_context(|| format!("{} is not UTF-8 or UTF-16 text", path.display()))
}

/// Decodes text as shells and editors save it: UTF-8, or UTF-16 with a byte order mark.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    let units =
        |of: fn([u8; 2]) -> u16| -> Vec<u16> { bytes[2..].chunks_exact(2).map(|two| of([two[0], two[1]])).collect() };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => String::from_utf16(&units(u16::from_le_bytes)).ok(),
        [0xfe, 0xff, ..] => String::from_utf16(&units(u16::from_be_bytes)).ok(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::domain::Moment;
    use crate::sign::key::Key;
    use crate::sign::{Algorithm, Signer};

    const PAYLOAD: &str = r#"{"score":7771.43408203125,"reference":{"id":"a","name":"é: \\"},"far":1e-15}"#;

    fn signer() -> Signer {
        let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        Signer::new(Key::make(Algorithm::Es256, now).unwrap(), vec![])
    }

    /// Returns an answer like the server's: the payload, with its signature as one more member.
    fn answer(signer: &Signer) -> String {
        let jws = signer.sign(PAYLOAD.as_bytes()).unwrap();
        format!(r#"{},"signature":"{jws}"}}"#, PAYLOAD.strip_suffix('}').unwrap())
    }

    #[test]
    fn a_detached_signature_is_over_the_answer_itself() {
        let signer = signer();
        let jws = signer.sign_detached(PAYLOAD.as_bytes()).unwrap();
        assert!(jws.contains(".."));
        let answer = format!(r#"{},"signature":"{jws}"}}"#, PAYLOAD.strip_suffix('}').unwrap());
        assert_eq!(check(&answer, &signer.jwks()).0, Verdict::Same);
        let spaced = answer.replace(r#""score":"#, r#""score": "#);
        assert_eq!(check(&spaced, &signer.jwks()).0, Verdict::SameValues);
        let changed = answer.replace("7771", "7772");
        assert!(matches!(check(&changed, &signer.jwks()).0, Verdict::Not(_)));
    }

    #[test]
    fn an_answer_verifies_as_it_came() {
        let signer = signer();
        let (verdict, key) = check(&(answer(&signer) + "\n"), &signer.jwks());
        assert_eq!(verdict, Verdict::Same);
        assert!(key.ends_with(", ES256"));
        let bare = signer.sign(PAYLOAD.as_bytes()).unwrap();
        assert_eq!(check(&bare, &signer.jwks()).0, Verdict::Signed);
    }

    #[test]
    fn an_answer_laid_out_anew_is_told_apart() {
        let signer = signer();
        let value: Value = serde_json::from_str(&answer(&signer)).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let escaped = pretty.replace('é', "\\u00e9");
        for text in [pretty, escaped] {
            assert_eq!(check(&text, &signer.jwks()).0, Verdict::SameValues, "{text}");
        }
    }

    #[test]
    fn a_changed_answer_is_not_verified() {
        let (signer, other) = (signer(), signer());
        let answer = answer(&signer);
        let twice = answer.replacen('{', r#"{"score":9999,"#, 1);
        let pretty_twice = answer.replacen('{', "{\n\"score\": 9999,", 1);
        let changed = [
            answer.replace("7771.4", "7772.4"),
            answer.replace(r#","far":1e-15"#, ""),
            answer.replacen('{', r#"{"extra":1,"#, 1),
            twice,
            pretty_twice,
            json!({ "score": 1 }).to_string(),
            r#"{"signature":"x"}"#.to_owned(),
            "not JSON".to_owned(),
            String::new(),
        ];
        for text in changed {
            assert!(matches!(check(&text, &signer.jwks()).0, Verdict::Not(_)), "{text}");
        }
        assert!(matches!(check(&answer, &other.jwks()).0, Verdict::Not(_)));
    }

    #[test]
    fn the_member_that_was_changed_is_named() {
        let signer = signer();
        let answer = answer(&signer);
        for (changed, named) in [
            (answer.replace("7771.4", "7772.4"), "'score' differs"),
            (answer.replace(r#""id":"a""#, r#""id":"b""#), "in 'reference', 'id' differs"),
            (answer.replace(r#","far":1e-15"#, ""), "'far' is missing"),
            (answer.replacen('{', r#"{"extra":1,"#, 1), "'extra' was added"),
            (answer.replacen('{', "{\n\"score\": 9999,", 1), "a member occurs twice"),
        ] {
            let Verdict::Not(why) = check(&changed, &signer.jwks()).0 else { panic!("{changed}") };
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn each_answer_in_a_list_has_its_verdict() {
        let signer = signer();
        let answer = answer(&signer);
        let verdicts = |text: &str| -> Vec<_> {
            check_all(text, &signer.jwks()).into_iter().map(|(place, verdict, _)| (place, verdict)).collect()
        };
        let list = format!("[{answer},{answer}]\n");
        assert_eq!(verdicts(&list), [(Some(0), Verdict::Same), (Some(1), Verdict::Same)]);
        assert_eq!(verdicts(&list.replace(',', ", "))[1], (Some(1), Verdict::SameValues));
        let forged = verdicts(&format!("[{answer},{}]", answer.replace("7771", "7772")));
        assert!(forged[0].1 == Verdict::Same && matches!(&forged[1].1, Verdict::Not(why) if why.contains("'score'")));
        let twice = verdicts(&format!("[{answer},{}]", answer.replacen('{', r#"{"score":1,"#, 1)));
        assert!(twice.iter().all(|(_, verdict)| matches!(verdict, Verdict::Not(_))));
        assert!(matches!(&verdicts("[]")[..], [(None, Verdict::Not(_))]));
    }

    #[test]
    fn text_is_read_as_shells_save_it() {
        let units: Vec<u16> = "é{}".encode_utf16().collect();
        let little: Vec<u8> = [0xfeff].iter().chain(&units).flat_map(|unit: &u16| unit.to_le_bytes()).collect();
        let big: Vec<u8> = [0xfeff].iter().chain(&units).flat_map(|unit: &u16| unit.to_be_bytes()).collect();
        for saved in [little, big, "\u{feff}é{}".into(), "é{}".into()] {
            assert_eq!(text_of(saved).as_deref(), Some("é{}"));
        }
        assert_eq!(text_of(vec![0xe9]), None);
    }
}
