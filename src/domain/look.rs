//! How the capture page looks for a provider's people, and what it asks them to agree to.
//!
//! It is kept as JSON: a new form must read the old one.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Look {
    /// What the provider is called on the page.
    pub name: Option<String>,
    /// A data: URL.
    pub logo: Option<String>,
    pub colours: Option<Colours>,
    pub consent: Option<Consent>,
}

/// As `#rrggbb`, so far apart that people can read one on the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colours {
    pub button: String,
    pub text: String,
}

/// A text that a person agrees to before the camera opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Repeated by the result of a check.
    pub version: String,
    /// In at least one language.
    pub texts: Vec<ConsentText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentText {
    /// As BCP 47 names it.
    pub language: String,
    pub text: String,
}
