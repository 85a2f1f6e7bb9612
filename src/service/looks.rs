//! The looks of the capture page: reads the operator's file, and returns what the page shows.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use serde::Deserialize;

use crate::domain::look::{Colours, Consent, ConsentText, Look};
use crate::domain::{Caller, Moment, Permission, ProviderId, SessionId};
use crate::service::{Deps, Error, require_in, sessions};
use crate::store::{self, Store, Tx};

const NAME_LEN_MAX: usize = 80;
/// The largest logo file: the page loads it each time.
const LOGO_BYTES_MAX: usize = 64 << 10;
const VERSION_LEN_MAX: usize = 64;
const TEXT_LEN_MAX: usize = 4000;
const TEXTS_MAX: usize = 20;
/// The least contrast of text (WCAG 2.2, 1.4.3).
const CONTRAST_MIN: f64 = 4.5;

/// The reason why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the file is not valid: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("'{0}' must have 1 to {1} characters")]
    Length(&'static str, usize),
    #[error("the logo {0}")]
    Logo(String),
    #[error("'{0}' is not a colour such as #0b4f8a")]
    Colour(String),
    #[error("'colour' and 'text_colour' must both be set, or neither")]
    LonelyColour,
    #[error("'{text}' on '{button}' has a contrast of {ratio:.1}:1, but readable text needs {CONTRAST_MIN}:1")]
    Contrast { button: String, text: String, ratio: f64 },
    #[error("'{0}' is not a language such as de or pt-BR")]
    Language(String),
    #[error("'consent' needs 1 to {TEXTS_MAX} texts")]
    Texts,
}

/// The file of the operator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    /// The name of the logo's file.
    logo: Option<String>,
    colour: Option<String>,
    text_colour: Option<String>,
    consent: Option<WrittenConsent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConsent {
    version: String,
    texts: BTreeMap<String, String>,
}

/// Reads the operator's file; `file` returns the bytes of the logo's file.
pub fn read(text: &str, file: impl Fn(&str) -> io::Result<Vec<u8>>) -> Result<Look, Fault> {
    let Written { name, logo, colour, text_colour, consent } = toml::from_str(text)?;
    if let Some(name) = &name {
        check_length("name", name, NAME_LEN_MAX)?;
    }
    let logo = logo.map(|path| {
        let bytes = file(&path).map_err(|error| Fault::Logo(format!("'{path}' cannot be read: {error}")))?;
        data_url(&bytes)
    });
    let colours = match (colour, text_colour) {
        (Some(button), Some(text)) => Some(colours(button, text)?),
        (None, None) => None,
        _ => return Err(Fault::LonelyColour),
    };
    Ok(Look { name, logo: logo.transpose()?, colours, consent: consent.map(agreed).transpose()? })
}

fn check_length(what: &'static str, text: &str, max: usize) -> Result<(), Fault> {
    let is_good = (1..=max).contains(&text.chars().count()) && !text.trim().is_empty();
    if is_good { Ok(()) } else { Err(Fault::Length(what, max)) }
}

fn agreed(WrittenConsent { version, texts }: WrittenConsent) -> Result<Consent, Fault> {
    check_length("version", &version, VERSION_LEN_MAX)?;
    if !(1..=TEXTS_MAX).contains(&texts.len()) {
        return Err(Fault::Texts);
    }
    let text = |(language, text): (String, String)| {
        let mut parts = language.split('-');
        let is_main = parts.next().is_some_and(|main| (2..=3).contains(&main.len()));
        if !is_main || !language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(Fault::Language(language));
        }
        check_length("text", &text, TEXT_LEN_MAX)?;
        Ok(ConsentText { language, text })
    };
    Ok(Consent { version, texts: texts.into_iter().map(text).collect::<Result<_, _>>()? })
}

/// Returns a picture as a data: URL, since pages load nothing from elsewhere. SVG runs no scripts as a picture.
fn data_url(bytes: &[u8]) -> Result<String, Fault> {
    if bytes.len() > LOGO_BYTES_MAX {
        return Err(Fault::Logo(format!("has {} bytes, but at most {LOGO_BYTES_MAX} are allowed", bytes.len())));
    }
    let media_type = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => "image/png",
        Ok(ImageFormat::Jpeg) => "image/jpeg",
        Ok(ImageFormat::WebP) => "image/webp",
        _ if str::from_utf8(bytes).is_ok_and(|text| text.trim_start().starts_with('<') && text.contains("<svg")) => {
            "image/svg+xml"
        }
        _ => return Err(Fault::Logo("is not a PNG, JPEG, WebP or SVG image".to_owned())),
    };
    Ok(format!("data:{media_type};base64,{}", STANDARD.encode(bytes)))
}

fn colours(button: String, text: String) -> Result<Colours, Fault> {
    let ratio = contrast(luminance(&button)?, luminance(&text)?);
    if ratio < CONTRAST_MIN {
        return Err(Fault::Contrast { button, text, ratio });
    }
    Ok(Colours { button, text })
}

/// Returns the contrast of two colours (WCAG 2.2), from 1 to 21.
fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Returns the relative luminance of an sRGB colour (WCAG 2.2), from 0 to 1.
fn luminance(colour: &str) -> Result<f64, Fault> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
    let channel = |place: usize| u8::from_str_radix(&digits?[place..place + 2], 16).ok();
    let (Some(red), Some(green), Some(blue)) = (channel(0), channel(2), channel(4)) else {
        return Err(Fault::Colour(colour.to_owned()));
    };
    let linear = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Ok(0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue))
}

/// Gives a provider this look, or removes its look; `false` if there is no provider of that name.
pub async fn set(store: &Store, provider: &str, look: Option<&Look>) -> Result<bool, Error> {
    let written = look.map(serde_json::to_string).transpose();
    let written = written.map_err(|error| Error::Failed(format!("the look of the page cannot be stored: {error}")))?;
    let mut tx = store.begin().await?;
    let Some(provider) = store::providers::named(&mut tx, provider).await? else { return Ok(false) };
    store::providers::set_look(&mut tx, provider.id, written.as_deref()).await?;
    tx.commit().await?;
    Ok(true)
}

/// The content of the capture page besides the check.
pub struct CapturePage {
    pub look: Look,
    /// The URL to which the page leads the person in the end.
    pub return_url: Option<String>,
    pub image_storage_enabled: bool,
    pub expires: Moment,
}

/// Returns the content of the page for a session.
pub async fn page(deps: &Deps, caller: &Caller, session: SessionId) -> Result<CapturePage, Error> {
    require_in(caller, Permission::Liveness, session)?;
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    Ok(CapturePage {
        look: look(&mut tx, caller.provider).await?,
        return_url: caller.only.as_ref().and_then(|grant| grant.return_url.clone()),
        image_storage_enabled: stored.image_storage_enabled,
        expires: stored.expires,
    })
}

async fn look(tx: &mut Tx, provider: ProviderId) -> Result<Look, Error> {
    let written = store::providers::look(tx, provider).await?;
    let look = written.map(|written| serde_json::from_str(&written)).transpose();
    Ok(look
        .map_err(|error| Error::Failed(format!("the stored look of the page cannot be read: {error}")))?
        .unwrap_or_default())
}

/// The version of the text that the provider's people have to agree to before a capture; `None` where there is no text.
pub async fn consent_version(tx: &mut Tx, provider: ProviderId) -> Result<Option<String>, Error> {
    Ok(look(tx, provider).await?.consent.map(|consent| consent.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    fn file(name: &str) -> io::Result<Vec<u8>> {
        match name {
            "logo.png" => Ok(PNG.to_vec()),
            "logo.svg" => Ok(b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
            "large.png" => Ok([PNG, &vec![0; LOGO_BYTES_MAX]].concat()),
            "page.html" => Ok(b"<html></html>".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn fault(text: &str) -> String {
        read(text, file).expect_err("it has a fault").to_string()
    }

    #[test]
    fn a_look_is_read_whole() {
        let text = "name = 'Example Bank'\nlogo = 'logo.svg'\ncolour = '#0b4f8a'\ntext_colour = '#FFFFFF'\n\
             [consent]\nversion = '2026-02'\ntexts = { en = 'I agree.', pt-BR = 'Concordo.' }\n";
        let look = read(text, file).expect("it is whole");
        assert_eq!(look.name.as_deref(), Some("Example Bank"));
        assert!(look.logo.is_some_and(|logo| logo.starts_with("data:image/svg+xml;base64,")));
        assert_eq!(look.colours.map(|colours| colours.text), Some("#FFFFFF".to_owned()));
        let consent = look.consent.expect("it is there");
        let languages: Vec<_> = consent.texts.iter().map(|text| text.language.as_str()).collect();
        assert_eq!((consent.version.as_str(), languages), ("2026-02", vec!["en", "pt-BR"]));
        assert_eq!(read("", file).expect("all may be left out"), Look::default());
        assert!(read("logo = 'logo.png'", file).is_ok_and(|look| look.logo.is_some()));
    }

    #[test]
    fn each_fault_is_named() {
        assert!(fault("nam = 'x'").contains("nam"));
        assert!(fault("name = ' '").contains("'name' must have"));
        assert!(fault("logo = 'gone.png'").contains("'gone.png' cannot be read"));
        assert!(fault("logo = 'large.png'").contains("at most 65536"));
        assert!(fault("logo = 'page.html'").contains("not a PNG"));
        assert!(fault("colour = '#0b4f8a'").contains("must both be set"));
        assert!(fault("colour = 'blue'\ntext_colour = '#ffffff'").contains("'blue' is not a colour"));
        assert!(fault("colour = '#0b4fé'\ntext_colour = '#ffffff'").contains("not a colour"));
        assert!(fault("colour = '#777777'\ntext_colour = '#ffffff'").contains("4.5:1"));
        assert!(fault("[consent]\nversion = '1'\ntexts = {}").contains("needs 1 to"));
        assert!(fault("[consent]\nversion = ''\ntexts = { en = 'x' }").contains("'version'"));
        assert!(fault("[consent]\nversion = '1'\ntexts = { 'e n' = 'x' }").contains("'e n' is not a language"));
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let of = |one, other| contrast(luminance(one).expect("a colour"), luminance(other).expect("a colour"));
        assert!((of("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((of("#767676", "#ffffff") - 4.54).abs() < 0.005);
        assert!(of("#777777", "#ffffff") < CONTRAST_MIN);
    }
}
