//! Finds the boxes of a JP2 file that its picture is made from.

/// The first box of a JP2 file.
pub const SIGNATURE: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";
const FILE_TYPE: &[u8] = b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 ";
const HEAD_LEN: usize = 8;

pub struct Boxes<'a> {
    /// The colours; `None` for a bare codestream.
    header: Option<&'a [u8]>,
    pub codestream: &'a [u8],
}

/// Iterates over name and content of each box. A box that claims to be longer than the file ends where the file does.
struct Each<'a>(&'a [u8]);

impl<'a> Boxes<'a> {
    /// Finds the first header and the first codestream of a file; `None` if one is missing.
    pub fn find(file: &'a [u8]) -> Option<Self> {
        if !file.starts_with(SIGNATURE) {
            return Some(Self { header: None, codestream: file });
        }
        let first = |wanted: &[u8]| Each(file).find(|(name, _)| *name == wanted).map(|(_, content)| content);
        Some(Self { header: Some(first(b"jp2h")?), codestream: first(b"jp2c")? })
    }

    /// Returns true if pixels are indices into a palette.
    pub fn has_palette(&self) -> bool {
        self.header.is_some_and(|header| Each(header).any(|(name, _)| name == b"pclr"))
    }

    /// Makes a file of these boxes and nothing else.
    pub fn file(&self) -> Vec<u8> {
        let Some(header) = self.header else { return self.codestream.to_vec() };
        let head = |name: &[u8], content: &[u8]| [&((HEAD_LEN + content.len()) as u32).to_be_bytes(), name].concat();
        let (before, after) = (head(b"jp2h", header), head(b"jp2c", self.codestream));
        [SIGNATURE, FILE_TYPE, &before, header, &after, self.codestream].concat()
    }
}

impl<'a> Iterator for Each<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_at_checked(HEAD_LEN)?;
        let (length, name) = head.split_first_chunk()?;
        let (length, rest) = match u32::from_be_bytes(*length) {
            0 => (rest.len(), rest),
            1 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::try_from(u64::from_be_bytes(*length)).ok()?.checked_sub(2 * HEAD_LEN)?, rest)
            }
            length => ((length as usize).checked_sub(HEAD_LEN)?, rest),
        };
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Some((name, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_boxes_of_each_kind_are_kept() {
        let part =
            |name: &[u8], content: &[u8]| [&((HEAD_LEN + content.len()) as u32).to_be_bytes(), name, content].concat();
        let long = [&1u32.to_be_bytes()[..], b"uuid", &20u64.to_be_bytes(), b"more"].concat();
        let parts = [part(b"jp2h", b"colours"), long, part(b"jp2c", b"data"), part(b"jp2c", b"other")].concat();
        let file = [SIGNATURE, FILE_TYPE, &parts].concat();
        let boxes = Boxes::find(&file).expect("it has both");
        assert_eq!((boxes.header, boxes.codestream), (Some(&b"colours"[..]), &b"data"[..]));
        let kept = [SIGNATURE, FILE_TYPE, &part(b"jp2h", b"colours"), &part(b"jp2c", b"data")].concat();
        assert_eq!(boxes.file(), kept);
        assert!(Boxes::find(&file[..60]).is_none());
        let open = [&kept[..kept.len() - 12], &[0; 4], b"jp2cdata"].concat();
        assert_eq!(Boxes::find(&open).map(|boxes| boxes.file()), Some(kept));
    }
}
