//! The segments of a JPEG file before its first scan.

use crate::image::exif::PREFIX;

const SOF_BASELINE: u8 = 0xc0;
const SOF_EXTENDED: u8 = 0xc1;
const SOF_LAST: u8 = 0xcf;
const DHT: u8 = 0xc4;
const DAC: u8 = 0xcc;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;

/// The facts that the decoder does not report.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// The first EXIF segment, without its prefix. Programs that edit a picture write a new one first and may keep the
    /// old one.
    pub exif: Option<&'a [u8]>,
    /// The marker of the frame header, which says how the picture is coded.
    frame: Option<u8>,
}

/// A marker, and the body of its segment; empty if the marker stands alone.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
}

/// The segments of a file. They end where the file does, or where a segment is cut short.
struct Segments<'a>(&'a [u8]);

impl<'a> Head<'a> {
    pub fn read(file: &'a [u8]) -> Self {
        let mut head = Self::default();
        let segments = Segments(file.strip_prefix(&[0xff, SOI]).unwrap_or_default());
        for Segment { marker, body } in segments.take_while(|segment| segment.marker != SOS) {
            match marker {
                APP1 => head.exif = head.exif.or(body.strip_prefix(PREFIX)),
                DHT | DAC => {}
                SOF_BASELINE..=SOF_LAST => head.frame = head.frame.or(Some(marker)),
                _ => {}
            }
        }
        head
    }

    /// Returns true if the end marker may be missing. Only Huffman codes in one pass tell a missing marker from a
    /// picture that is cut short.
    pub fn may_lack_end(&self) -> bool {
        matches!(self.frame, Some(SOF_BASELINE | SOF_EXTENDED))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fill bytes, and some others, may stand before a marker.
        let start = self.0.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
        let (marker, after) = (self.0[start + 1], &self.0[start + 2..]);
        let is_alone = matches!(marker, 0x01 | 0xd0..=EOI);
        let len = if is_alone { 0 } else { usize::from(u16::from_be_bytes(*after.first_chunk()?)).max(2) };
        let (segment, rest) = after.split_at_checked(len)?;
        self.0 = rest;
        Some(Segment { marker, body: segment.get(2..).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    }

    #[test]
    fn the_first_exif_segment_counts() {
        let exif = |byte| segment(APP1, &[PREFIX, &[byte]].concat());
        let xmp = segment(APP1, b"http://ns.adobe.com/xap/1.0/\0");
        let scan = segment(SOS, &[1, 0, 0, 0]);
        let file = [&[0xff, SOI][..], &xmp, &exif(7), &exif(8), &scan, &exif(9)].concat();
        assert_eq!(Head::read(&file).exif, Some(&[7][..]));
        let late = [&[0xff, SOI][..], &[0xff, 0xff], &scan, &exif(9)].concat();
        assert_eq!(Head::read(&late), Head::default());
        assert_eq!(Head::read(&file[..file.len() / 3]), Head::default());
    }

    #[test]
    fn frames_of_one_pass_may_lack_their_end() {
        let file =
            |marker| [&[0xff, SOI][..], &segment(DHT, &[0]), &segment(marker, &[8]), &segment(SOS, &[1])].concat();
        let tolerant = (0xc0..=0xcf).filter(|marker| Head::read(&file(*marker)).may_lack_end());
        assert_eq!(tolerant.collect::<Vec<_>>(), [SOF_BASELINE, SOF_EXTENDED]);
    }
}
