//! The look of the capture page for a provider's people, and the consent that it asks for.
//!
//! It is kept as JSON: a new version must read the old one.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Look {
    /// The provider's name on the page.
    pub name: Option<String>,
    /// The logo as a data: URL.
    pub logo: Option<String>,
    pub colours: Option<Colours>,
    pub consent: Option<Consent>,
}

/// Colours as `#rrggbb`; their contrast is high enough to read one on the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colours {
    pub button: String,
    pub text: String,
}

/// A text that a person agrees to before the camera opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The version, which the result of a check repeats.
    pub version: String,
    /// The text in one or more languages.
    pub texts: Vec<ConsentText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentText {
    /// The language as a BCP 47 tag.
    pub language: String,
    pub text: String,
}
