//! Reads the headers of a codestream, to know what decoding it takes.

use crate::Error;
use crate::image::undecodable;

const SOC: u8 = 0x4f;
const SIZ: u8 = 0x51;
const COD: u8 = 0x52;
const COC: u8 = 0x53;
const QCD: u8 = 0x5c;
const QCC: u8 = 0x5d;
const RGN: u8 = 0x5e;
const POC: u8 = 0x5f;
const SOT: u8 = 0x90;
const SOD: u8 = 0x93;
const EOC: u8 = 0xd9;
/// Length of a tile-part header: marker, length, and the facts about the part.
const SOT_LEN: usize = 12;
/// Length of the facts about a picture, without the three bytes for each component.
const SIZ_LEN: usize = 36;
/// Length of the coding style, without the sizes of precincts.
const COD_LEN: usize = 10;
/// The most levels: a picture that is halved 31 times has one pixel.
const LEVELS_MAX: u8 = 31;

/// The most tiles: each costs a kilobyte or two, and some time.
const TILES_MAX: u64 = 1024;
const TILE_BYTES: u64 = 2048;
/// Each level of the transform has three bands.
const BANDS: u64 = 3;
/// Bytes of a precinct: a set of code blocks, and the trees that say which of them are coded.
const PRECINCT_BYTES: u64 = 512;
/// Bytes of a code block with its leaves in those trees.
const BLOCK_BYTES: u64 = 256;
/// Bytes of one layer of a code block, and of its piece of data.
const LAYER_BYTES: u64 = 64;
/// Copies of a list: it grows by doubling, and the old list lies beside the new one meanwhile.
const COPIES: u64 = 3;
/// Bytes that are held for each byte of data if each coding pass has data of its own.
const BYTES_PER_PASS_BYTE: u64 = 100;
/// The coding styles in which passes have their own data: selective bypass, and termination after each pass.
const PASSES_APART: u8 = 0b0000_0101;

/// The size of a picture and the parts it is divided into.
#[derive(Debug, PartialEq, Eq)]
pub struct Codestream {
    /// The size of the reference grid, which no component exceeds.
    pub width: u32,
    pub height: u32,
    pub components: u16,
    tiles: u64,
    precincts: u64,
    blocks: u64,
    layers: u64,
    /// The length of the data if the style has [`PASSES_APART`]; else zero.
    pass_bytes: u64,
}

/// A marker and the body of its segment.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
}

impl Codestream {
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = bytes.strip_prefix(&[0xff, SOC]).ok_or_else(cut)?;
        let size = Segment::next(&mut rest).filter(|segment| segment.marker == SIZ).ok_or_else(cut)?;
        let mut style = None;
        while !rest.starts_with(&[0xff, SOT]) {
            let segment = Segment::next(&mut rest).filter(Segment::is_exact).ok_or_else(cut)?;
            match segment.marker {
                COD => style = Some(segment.body),
                COC | POC => return Err(varied()),
                _ => {}
            }
        }
        check_tiles(rest)?;
        let found = style.and_then(|style| Self::sized(size.body)?.styled(style, bytes.len())).ok_or_else(cut)?;
        if found.tiles > TILES_MAX {
            return Err(undecodable(format!("it is divided into more than {TILES_MAX} tiles")));
        }
        Ok(found)
    }

    /// Returns the bytes that its parts take beside its pixels.
    pub fn bytes_beside(&self) -> u64 {
        let block_bytes = BLOCK_BYTES + LAYER_BYTES * self.layers;
        let parts =
            [(self.precincts, PRECINCT_BYTES), (self.blocks, block_bytes), (self.pass_bytes, BYTES_PER_PASS_BYTE)];
        let parts = parts.iter().fold(0u64, |sum, (count, bytes)| sum.saturating_add(count.saturating_mul(*bytes)));
        parts.saturating_mul(COPIES).saturating_add(TILE_BYTES * self.tiles)
    }

    fn sized(body: &[u8]) -> Option<Self> {
        let components = u16::from_be_bytes(*body.get(SIZ_LEN - 2..)?.first_chunk()?);
        if body.len() != SIZ_LEN + 3 * usize::from(components) {
            return None;
        }
        let long = |at: usize| Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?));
        let [right, bottom, left, top] = [long(2)?, long(6)?, long(10)?, long(14)?];
        let [across, down] = [long(18)?, long(22)?].map(u64::from);
        let [from_left, from_top] = [long(26)?, long(30)?].map(u64::from);
        let count = |end: u32, start: u64, side: u64| Some(u64::from(end).checked_sub(start)?.checked_div(side)? + 1);
        Some(Self {
            width: right.checked_sub(left)?,
            height: bottom.checked_sub(top)?,
            components,
            tiles: count(right, from_left, across)?.saturating_mul(count(bottom, from_top, down)?),
            precincts: 0,
            blocks: 0,
            layers: 0,
            pass_bytes: 0,
        })
    }

    /// Counts the parts of the whole picture as if it were one tile: several tiles have their parts one after the
    /// other.
    fn styled(self, body: &[u8], len: usize) -> Option<Self> {
        let &[flags, _progression, l0, l1, _mixed, levels, block_width, block_height, passes, _transform] =
            body.first_chunk()?;
        let sizes = &body[COD_LEN..];
        if levels > LEVELS_MAX || sizes.len() != usize::from(flags & 1) * (usize::from(levels) + 1) {
            return None;
        }
        let (mut precincts, mut blocks) = (0u64, 0u64);
        for level in 0..=levels {
            let size = sizes.get(usize::from(level)).copied().unwrap_or(0xff);
            // The finest level has the full size, and each level before it half the size of the next.
            let half = |side: u32| u64::from(side >> (levels - level)) + 1;
            let parts = |side: u32, size: u8| (half(side) >> size) + 2;
            let pieces = |side: u32, size: u8, block: u8| {
                (half(side) >> size.saturating_sub(1).min(block.saturating_add(2))) + 2 + parts(side, size)
            };
            let sets = parts(self.width, size & 15).saturating_mul(parts(self.height, size >> 4));
            let across = pieces(self.width, size & 15, block_width);
            let all = across.saturating_mul(pieces(self.height, size >> 4, block_height));
            precincts = precincts.saturating_add(BANDS * sets.min(u64::from(u32::MAX)));
            blocks = blocks.saturating_add(BANDS * all.min(u64::from(u32::MAX)));
        }
        let components = u64::from(self.components);
        Some(Self {
            precincts: precincts.saturating_mul(components),
            blocks: blocks.saturating_mul(components),
            layers: u16::from_be_bytes([l0, l1]).into(),
            pass_bytes: if passes & PASSES_APART == 0 { 0 } else { len as u64 },
            ..self
        })
    }
}

/// Refuses tile-parts whose coding differs from the main header, and those that do not end where they say: they might
/// take any amount of memory. Refuses a part that is cut short: it would be blurred.
fn check_tiles(mut parts: &[u8]) -> Result<(), Error> {
    while parts.starts_with(&[0xff, SOT]) {
        let length = parts.get(6..).and_then(<[u8]>::first_chunk).map(|length| u32::from_be_bytes(*length));
        let (part, following) = match length.ok_or_else(cut)? as usize {
            // The last part may leave its length open.
            0 if parts.ends_with(&[0xff, EOC]) => (parts, &[][..]),
            0 => return Err(cut()),
            length => parts.split_at_checked(length).ok_or_else(cut)?,
        };
        let mut header = part.get(SOT_LEN..).ok_or_else(cut)?;
        while !header.starts_with(&[0xff, SOD]) {
            match Segment::next(&mut header).filter(Segment::is_exact).ok_or_else(cut)?.marker {
                COD | COC | POC => return Err(varied()),
                _ => {}
            }
        }
        parts = following;
    }
    Ok(())
}

fn cut() -> Error {
    undecodable("it is cut short or damaged")
}

fn varied() -> Error {
    undecodable("its coding changes within the picture, which is not supported")
}

impl<'a> Segment<'a> {
    /// Returns true if the segment has the length that its content needs. The decoder goes by the content, and would
    /// read what is left as segments that were not checked here.
    fn is_exact(&self) -> bool {
        let is_steps = |steps: &[u8]| match steps.first().map(|style| style & 0x1f) {
            Some(0) => true,
            Some(1) => steps.len() == 3,
            Some(2) => steps.len() % 2 == 1,
            _ => false,
        };
        match self.marker {
            QCD => is_steps(self.body),
            QCC => self.body.get(1..).is_some_and(is_steps),
            RGN => self.body.len() == 3,
            _ => true,
        }
    }

    /// Takes the next segment from `rest`.
    fn next(rest: &mut &'a [u8]) -> Option<Self> {
        let (&[0xff, marker], after) = rest.split_first_chunk()? else { return None };
        let len = match marker {
            0x30..=0x3f => 0,
            _ => usize::from(u16::from_be_bytes(*after.first_chunk()?)).max(2),
        };
        let (segment, following) = after.split_at_checked(len)?;
        *rest = following;
        Some(Self { marker, body: segment.get(2..).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    }

    /// Makes the headers of a picture of 480 x 640 pixels in tiles of `tile` pixels, and one tile-part.
    fn stream(tile: u32, style: &[u8], in_part: &[u8]) -> Vec<u8> {
        let sides = [480, 640, 0, 0, tile, tile, 0, 0].map(u32::to_be_bytes).concat();
        let size = [&[0, 0][..], &sides, &[0, 3], &[7, 1, 1].repeat(3)].concat();
        let part = [in_part, &[0xff, SOD], b"data"].concat();
        let length = ((SOT_LEN + part.len()) as u32).to_be_bytes();
        let start = segment(SOT, &[&[0, 0][..], &length, &[0, 1]].concat());
        [&[0xff, SOC][..], &segment(SIZ, &size), &segment(COD, style), &start, &part, &[0xff, 0xd9]].concat()
    }

    /// Five levels, blocks of 64 x 64, one layer.
    const USUAL: [u8; 10] = [0, 0, 0, 1, 1, 5, 4, 4, 0, 0];

    fn reason(bytes: &[u8]) -> String {
        match Codestream::read(bytes) {
            Err(Error::Undecodable(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_usual_portrait_takes_little_beside_its_pixels() {
        let found = Codestream::read(&stream(1024, &USUAL, &[])).expect("it is whole");
        assert_eq!((found.width, found.height, found.components, found.tiles), (480, 640, 3, 1));
        assert!(found.bytes_beside() < 4 << 20, "{found:?}");
    }

    #[test]
    fn small_parts_many_layers_and_passes_apart_cost_more() {
        let bytes = |style: &[u8]| Codestream::read(&stream(1024, style, &[])).expect("it is whole").bytes_beside();
        let usual = bytes(&USUAL);
        let precincts = [&[1, 0, 0, 1, 1, 5, 4, 4, 0, 0][..], &[0x11; 6]].concat();
        assert!(bytes(&precincts) > 250_000_000);
        assert!(bytes(&[0, 0, 0, 32, 1, 5, 0, 0, 0, 0]) > 250_000_000);
        assert!(bytes(&[0, 0, 0, 1, 1, 5, 4, 4, 4, 0]) > usual);
    }

    #[test]
    fn what_varies_within_a_picture_is_refused() {
        assert!(reason(&stream(8, &USUAL, &[])).contains("tiles"));
        assert!(reason(&stream(1024, &USUAL, &segment(COD, &USUAL))).contains("changes"));
        // A style is hidden behind the end of another one.
        let hidden = [&USUAL[..], &segment(COD, &[0, 0, 0, 32, 1, 5, 0, 0, 0, 0])].concat();
        assert!(reason(&stream(1024, &hidden, &[])).contains("damaged"));
        assert!(reason(&stream(1024, &USUAL, &segment(RGN, &[0; 16]))).contains("damaged"));
        assert!(reason(&stream(1024, &USUAL, &segment(QCD, &[1; 16]))).contains("damaged"));
        let whole = stream(1024, &USUAL, &[]);
        for end in 0..whole.len() - 2 {
            assert!(reason(&whole[..end]).contains("cut short"), "{end}");
        }
    }
}
