//! `bioserver verify`: whether a saved answer was signed, and says what was signed.

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

/// Answers with images are the largest that anyone saves.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// A key set has a few kilobytes.
const JWKS_BYTES_MAX: usize = 1 << 20;
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A saved JSON answer with a `signature`, or a bare JWS; - reads standard input
    file: PathBuf,
    /// The key set to check against, a URL or a file [default: the keys in this server's database]
    #[arg(long, value_name = "URL|FILE")]
    jwks: Option<String>,
}

/// What the check came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer is what was signed, byte for byte.
    Same,
    /// The same values, written in another way since.
    SameValues,
    /// There was only a JWS, and it is good.
    Signed,
    Not(String),
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let text = read(&args.file)?;
    let jwks = match args.jwks {
        Some(place) if place.starts_with("https://") || place.starts_with("http://") => fetch(&place).await?,
        Some(path) => serde_json::from_str(&read(Path::new(&path))?).with_context(|| format!("{path} is no JSON"))?,
        None => stored(config).await?,
    };
    let mut out = std::io::stdout().lock();
    let (verdict, key) = check(&text, &jwks);
    match verdict {
        Verdict::Same => writeln!(out, "Verified: the answer is as it was signed, byte for byte; {key}.")?,
        Verdict::SameValues => writeln!(
            out,
            "Verified: the answer has the values that were signed; it was written in another way since; {key}."
        )?,
        Verdict::Signed => writeln!(out, "Verified: the JWS is good; {key}.")?,
        Verdict::Not(why) => {
            writeln!(out, "NOT verified: {why}.")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The verdict, and which key is said to have signed.
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
    // A detached signature is over the answer itself, less the signature.
    let attached = answer.as_ref().and_then(|answer| sign::attached(jws, without_signature(answer).as_bytes()));
    let verdict = match (sign::verify(attached.as_deref().unwrap_or(jws), jwks), answer) {
        (Err(error), _) => Verdict::Not(error.to_string()),
        (Ok(_), None) => Verdict::Signed,
        (Ok(payload), Some(answer)) => compare(text, answer, &payload),
    };
    (verdict, key)
}

/// Whether `answer`, as it stands in `text`, is `payload` and its signature.
fn compare(text: &str, mut answer: Map<String, Value>, payload: &[u8]) -> Verdict {
    // Written again it gives the same text only if nobody has laid it out anew.
    let is_untouched = compact(&answer) == text;
    answer.shift_remove("signature");
    if is_untouched && compact(&answer).as_bytes() == payload {
        return Verdict::Same;
    }
    match serde_json::from_slice::<Map<String, Value>>(payload) {
        // The answer less its signature: a member named twice would show its reader another value.
        Ok(signed) if signed == answer && colons(text) == members(&Value::Object(answer)) + 1 => Verdict::SameValues,
        _ => Verdict::Not("the answer is not what was signed: it was changed after signing".to_owned()),
    }
}

fn without_signature(answer: &Map<String, Value>) -> String {
    let mut answer = answer.clone();
    answer.shift_remove("signature");
    compact(&answer)
}

fn compact(answer: &Map<String, Value>) -> String {
    serde_json::to_string(answer).expect("JSON that was read can be written")
}

/// How many members the objects in `value` have.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(array) => array.iter().map(members).sum(),
        _ => 0,
    }
}

/// How many members the objects in a JSON text have, each time that one is named.
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

async fn stored(config: &Config) -> anyhow::Result<Value> {
    if let Settings::Sqlite(path) = &config.store
        && !path.exists()
    {
        bail!("there is no database at {} to take keys from; name a key set with --jwks", path.display());
    }
    let store = Store::open(&config.store).await?;
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
    serde_json::from_slice(&body).with_context(|| format!("{url} answered no JSON"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
    };
    let len = read.with_context(|| path.display().to_string())?;
    if len as u64 > FILE_BYTES_MAX {
        bail!("{} is longer than {FILE_BYTES_MAX} bytes", path.display());
    }
    Ok(text)
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

    /// As the server answers: the payload, and its signature as one more member.
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
            "no JSON".to_owned(),
            String::new(),
        ];
        for text in changed {
            assert!(matches!(check(&text, &signer.jwks()).0, Verdict::Not(_)), "{text}");
        }
        assert!(matches!(check(&answer, &other.jwks()).0, Verdict::Not(_)));
    }
}
