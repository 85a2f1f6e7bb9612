//! The segments of a JPEG file: which of them a picture is made from, and what it takes to decode it.

use crate::Error;
use crate::image::{EXIF_PREFIX, undecodable};

const SOF_BASELINE: u8 = 0xc0;
const SOF_PROGRESSIVE: u8 = 0xc2;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;
/// Ten are usual in a progressive file. Each may cost as much as the first.
const SCANS_MAX: usize = 100;
/// Segments between scans that are neither tables nor scans: there is no use for them.
const STRAYS_MAX: usize = 64;

/// The parts of a file that its picture is made from: no profiles, texts or thumbnails, and nothing after the picture.
pub struct Needed<'a> {
    pub file: Vec<u8>,
    pub exif: Option<&'a [u8]>,
    pub frame: Frame,
}

/// The frame header, and the number of components in the first scan.
pub struct Frame {
    pub width: u16,
    pub height: u16,
    progressive: bool,
    /// Samples per pixel, all components together.
    samples: f64,
    components: u8,
    components_in_first_scan: u8,
}

/// A marker, and the segment after it if it has one.
struct Segment<'a> {
    marker: u8,
    whole: &'a [u8],
    /// After the marker and the length.
    body: &'a [u8],
}

/// Ends where the file does, or where a segment is cut short.
struct Segments<'a>(&'a [u8]);

impl<'a> Needed<'a> {
    pub fn find(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut file = Vec::with_capacity(bytes.len());
        file.extend([0xff, SOI]);
        let (mut exif, mut frame) = (None, None);
        let (mut scans, mut strays) = (0, 0);
        let mut segments = Segments::of(bytes);
        while let Some(segment) = segments.next() {
            match segment.marker {
                SOF_BASELINE..=SOF_PROGRESSIVE if frame.is_none() => frame = Frame::read(&segment),
                SOS => {
                    scans += 1;
                    frame = frame.map(|frame| if scans == 1 { frame.begun(&segment) } else { frame });
                }
                APP1 if scans == 0 => exif = segment.body.strip_prefix(EXIF_PREFIX).or(exif),
                _ => {}
            }
            let is_needed = segment.is_needed();
            strays += usize::from(scans > 0 && !is_needed);
            if scans > SCANS_MAX || strays > STRAYS_MAX {
                return Err(undecodable(format!("it has more than {SCANS_MAX} scans, or too much between them")));
            }
            // Something between scans may be damage, which the decoder is to see.
            if is_needed || scans > 0 {
                file.extend(segment.whole);
            }
            if segment.marker == EOI {
                break;
            }
            if segment.marker == SOS {
                file.extend(segments.coded());
            }
        }
        match frame.filter(|_| scans > 0) {
            Some(frame) => Ok(Self { file, exif, frame }),
            None => Err(undecodable("it has no frame")),
        }
    }
}

/// The frame of a file that has one, and picture data after it.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut frame = None;
    for segment in Segments::of(bytes) {
        match segment.marker {
            SOF_BASELINE..=SOF_PROGRESSIVE if frame.is_none() => frame = Frame::read(&segment),
            SOS => return frame,
            _ => {}
        }
    }
    None
}

impl Frame {
    fn read(segment: &Segment) -> Option<Self> {
        let &[_precision, h0, h1, w0, w1, components] = segment.body.first_chunk()?;
        let factors = segment.body[6..].chunks_exact(3).take(components.into()).map(|c| (c[1] >> 4, c[1] & 15));
        let most = factors.clone().fold((1, 1), |most, (h, v)| (h.max(most.0), v.max(most.1)));
        let blocks = factors.map(|(h, v)| f64::from(h) * f64::from(v)).sum::<f64>();
        Some(Self {
            width: u16::from_be_bytes([w0, w1]),
            height: u16::from_be_bytes([h0, h1]),
            progressive: segment.marker == SOF_PROGRESSIVE,
            samples: blocks / (f64::from(most.0) * f64::from(most.1)),
            components,
            components_in_first_scan: 0,
        })
    }

    /// With what the header of the first scan says.
    fn begun(self, scan: &Segment) -> Self {
        Self { components_in_first_scan: scan.body.first().copied().unwrap_or(0), ..self }
    }

    /// When a pixel is spread over several scans, the coefficients of the whole picture are kept: two bytes each.
    pub fn coefficient_bytes_per_pixel(&self) -> f64 {
        let spread = self.progressive || self.components_in_first_scan < self.components;
        if spread { 2.0 * self.samples } else { 0.0 }
    }
}

impl Segment<'_> {
    /// Frames, tables, scans, restarts, the end; and what says how colours are coded (APP0, APP14).
    fn is_needed(&self) -> bool {
        matches!(self.marker, 0xc0..=0xcf | EOI | SOS | 0xdb..=0xdd | 0xe0 | 0xee)
    }
}

impl<'a> Segments<'a> {
    fn of(file: &'a [u8]) -> Self {
        Self(file.strip_prefix(&[0xff, SOI]).unwrap_or_default())
    }

    /// The coded data after a scan's header, up to the next marker that is no restart.
    fn coded(&mut self) -> &'a [u8] {
        let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
        let end = self.0.windows(2).position(ends).unwrap_or(self.0.len());
        let (coded, rest) = self.0.split_at(end);
        self.0 = rest;
        coded
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fill bytes, and some others, may stand before a marker.
        let start = self.0.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
        let from = &self.0[start..];
        let marker = from[1];
        let is_alone = matches!(marker, 0x01 | 0xd0..=EOI);
        let len = match (is_alone, from.get(2..4)) {
            (true, _) => 2,
            (false, length) => 2 + usize::from(u16::from_be_bytes(*length?.first_chunk()?)).max(2),
        };
        let (whole, rest) = from.split_at_checked(len)?;
        self.0 = rest;
        Some(Segment { marker, whole, body: whole.get(4..).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(marker: u8, factors: [u8; 3], in_first_scan: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, SOI, 0xff, 0xe0, 0, 4, 1, 2, 0xff, marker, 0, 17, 8, 0, 16, 0, 32, 3];
        factors.iter().enumerate().for_each(|(id, factor)| bytes.extend([id as u8, *factor, 0]));
        bytes.extend([0xff, SOS, 0, 6, in_first_scan, 0, 0, 0]);
        bytes
    }

    fn needed(bytes: &[u8]) -> Needed<'_> {
        Needed::find(bytes).expect("it has a frame")
    }

    #[test]
    fn only_what_is_spread_over_scans_keeps_coefficients() {
        let of = |bytes: &[u8]| needed(bytes).frame.coefficient_bytes_per_pixel();
        assert_eq!(of(&head(SOF_BASELINE, [0x22, 0x11, 0x11], 3)), 0.0);
        assert_eq!(of(&head(SOF_BASELINE, [0x22, 0x11, 0x11], 1)), 3.0);
        assert_eq!(of(&head(SOF_PROGRESSIVE, [0x22, 0x11, 0x11], 3)), 3.0);
        assert_eq!(of(&head(SOF_PROGRESSIVE, [0x11, 0x11, 0x11], 3)), 6.0);
        let whole = head(SOF_BASELINE, [0x22, 0x11, 0x11], 3);
        assert!((0..whole.len()).all(|end| Needed::find(&whole[..end]).is_err()));
        assert!(frame(&whole).is_some_and(|frame| (frame.width, frame.height) == (32, 16)));
    }

    #[test]
    fn what_no_pixel_is_made_from_is_left_out() {
        let whole = [&head(SOF_BASELINE, [0x22, 0x11, 0x11], 3)[..], b"\x01\xff\x00\xff\xd0\x02\xff\xd9"].concat();
        let exif = [&[0xff, APP1, 0, 9][..], EXIF_PREFIX, &[7]].concat();
        let added = [&[0xff, 0xe2, 0, 4, 1, 2][..], &exif, &[0xff, 0xfe, 0, 3, 9], &[0xff, 0xff]].concat();
        let with = [&whole[..2], &added, &whole[2..], b"a second picture"].concat();
        let found = needed(&with);
        assert_eq!((found.file.as_slice(), found.exif), (whole.as_slice(), Some(&[7][..])));
    }

    #[test]
    fn scans_and_what_stands_between_them_are_bounded() {
        let head = head(SOF_PROGRESSIVE, [0x11, 0x11, 0x11], 3);
        let scans = |count: usize| [&head[..], &[0xff, SOS, 0, 6, 1, 0, 0, 0, 5].repeat(count)].concat();
        assert_eq!(needed(&scans(99)).file, scans(99));
        assert!(Needed::find(&scans(100)).is_err());
        let strays = |count: usize| [&head[..], &[0xff, 0xe2, 0, 3, 1].repeat(count)].concat();
        assert_eq!(needed(&strays(64)).file, strays(64));
        assert!(Needed::find(&strays(65)).is_err());
    }
}
