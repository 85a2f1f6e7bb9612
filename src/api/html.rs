//! Escapes text for HTML pages.

/// Escapes text for HTML content or for the value of an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
