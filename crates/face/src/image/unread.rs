//! Names the formats that people send in the place of a picture that is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::image::format;

/// An SVG is recognised within this many bytes: it may begin with declarations and comments.
const SVG_WITHIN: usize = 1024;
/// Characters of base64 that stand for the first bytes of a file; a multiple of four.
const BASE64_CHARACTERS: usize = 24;

/// Completes "the image cannot be decoded: ".
pub fn reason(bytes: &[u8]) -> String {
    if let Some(name) = name(bytes) {
        return format!("it is a {name}");
    }
    let text = bytes.trim_ascii_start();
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    if text.len() >= 5 && text[..5].eq_ignore_ascii_case(b"data:") {
        "it is a data URI: send the decoded bytes".to_owned()
    } else if is_base64(text) {
        "it is a picture in base64: send the decoded bytes".to_owned()
    } else if bytes.is_empty() {
        "it is empty".to_owned()
    } else {
        "it is neither JPEG, PNG, WebP nor JPEG 2000".to_owned()
    }
}

fn name(bytes: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let svg = &bytes[..bytes.len().min(SVG_WITHIN)];
    Some(match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"avif" | b"avis" => "AVIF picture",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "HEIC picture",
            _ => "film",
        },
        _ if begins(b"GIF8") => "GIF picture",
        _ if begins(b"BM") => "BMP picture",
        _ if begins(b"II*\0") || begins(b"MM\0*") => "TIFF picture",
        _ if begins(b"%PDF-") => "PDF document",
        _ if begins(b"8BPS") => "Photoshop document",
        _ if begins(b"\xff\x0a") || begins(b"\0\0\0\x0cJXL ") => "JPEG XL picture",
        _ if begins(b"\x1aE\xdf\xa3") => "film",
        _ if svg.windows(4).any(|tag| tag == b"<svg") => "SVG drawing",
        _ => return None,
    })
}

fn is_base64(text: &[u8]) -> bool {
    let start = text.get(..BASE64_CHARACTERS).and_then(|start| STANDARD.decode(start).ok());
    start.is_some_and(|bytes| format(&bytes).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_are_not_read_have_their_names() {
        for (bytes, named) in [
            (&b"GIF89a.........."[..], "GIF"),
            (b"BM\x36\0\0\0", "BMP"),
            (b"MM\0*\0\0", "TIFF"),
            (b"\0\0\0\x18ftypheic\0\0", "HEIC"),
            (b"\0\0\0\x18ftypmif1\0\0", "HEIC"),
            (b"\0\0\0\x1cftypavif\0\0", "AVIF"),
            (b"\0\0\0\x1cftypisom\0\0", "film"),
            (b"%PDF-1.7", "PDF"),
            (b"<?xml version=\"1.0\"?>\n<svg/>", "SVG"),
            (b"\xff\x0a\xff", "JPEG XL"),
            (b" DATA:image/jpeg;base64,/9j/4AAQ", "data URI"),
            (b"/9j/4AAQSkZJRgABAQAAAQABAAD", "base64"),
            (b"\"iVBORw0KGgoAAAANSUhEUgAA\"", "base64"),
            (b"", "empty"),
            (b"0123456789012345678901234567890", "neither JPEG"),
        ] {
            assert!(reason(bytes).contains(named), "{}: {named}", reason(bytes));
        }
    }
}
