//! Spells the document's names in Rust's way.

use proc_macro2::{Ident, Span};

/// Turns `bioSessionId` into `bio_session_id`, and `callbackURL` into `callback_url`.
pub fn snake(name: &str) -> String {
    let mut written = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && after_lower {
            written.push('_');
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
        written.push(if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    written
}

/// Turns `createFace` into `CreateFace`, `ID_DOCUMENT` into `IdDocument`, and `F6_4_VID60X` into `F6_4Vid60x`: an
/// underscore between digits stays, since it separates two numbers.
pub fn pascal(name: &str) -> String {
    let mut written = String::new();
    for word in name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let digits_meet = written.ends_with(|letter: char| letter.is_ascii_digit())
            && word.starts_with(|letter: char| letter.is_ascii_digit());
        if digits_meet {
            written.push('_');
        }
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        written.push_str(&first.to_uppercase());
        let shouted = !word.contains(char::is_lowercase);
        written.push_str(&if shouted { rest.to_lowercase() } else { rest.to_owned() });
    }
    written
}

/// Returns an identifier, which is raw if it is a keyword.
pub fn ident(name: &str) -> Ident {
    syn::parse_str::<Ident>(name).unwrap_or_else(|_| Ident::new_raw(name, Span::call_site()))
}

/// Returns the variant that stands for a status.
pub fn status(code: u16) -> Option<&'static str> {
    Some(match code {
        200 => "Ok",
        201 => "Created",
        202 => "Accepted",
        204 => "NoContent",
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        408 => "RequestTimeout",
        409 => "Conflict",
        413 => "PayloadTooLarge",
        415 => "UnsupportedMediaType",
        422 => "UnprocessableEntity",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        503 => "ServiceUnavailable",
        _ => return None,
    })
}
