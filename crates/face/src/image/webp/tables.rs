//! Counts the memory of a lossless picture's tables before they are built: a file of a megabyte can ask for hundreds.
//! The file is read up to its entropy codes, as the specification of lossless WebP has them (RFC 9649, 3).

use crate::image::webp::Size;

const CODE_LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const LEN_MAX: usize = 15;
/// Sizes of the five alphabets of a group: green, lengths and cached colours; red; blue; alpha; distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
const CACHED_FROM: usize = 256 + 24;
const LENGTHS_FROM: usize = 256;

/// Bits that the decoder looks up at once, with four bytes for each entry. Longer codes continue in a tree.
const LOOKED_UP_BITS: usize = 10;
const LOOKED_UP_BYTES: u64 = 4;
/// Bytes of the tree for each longer code.
const LONGER_BYTES: u64 = 2 * 16;
/// Bytes of a group beside its tables, while the list of groups grows.
const GROUP_BYTES: u64 = 1024;
const MULTIPLIER: u32 = 0x1e35_a7bd;

/// Nearby pixels in the order of their codes: the distance to the left (to the right if negative), and the distance up.
#[rustfmt::skip]
const NEARBY: [(i8, i8); 120] = [
    (0, 1), (1, 0), (1, 1), (-1, 1), (0, 2), (2, 0), (1, 2), (-1, 2), (2, 1), (-2, 1), (2, 2), (-2, 2), (0, 3), (3, 0),
    (1, 3), (-1, 3), (3, 1), (-3, 1), (2, 3), (-2, 3), (3, 2), (-3, 2), (0, 4), (4, 0), (1, 4), (-1, 4), (4, 1), (-4, 1),
    (3, 3), (-3, 3), (2, 4), (-2, 4), (4, 2), (-4, 2), (0, 5), (3, 4), (-3, 4), (4, 3), (-4, 3), (5, 0), (1, 5), (-1, 5),
    (5, 1), (-5, 1), (2, 5), (-2, 5), (5, 2), (-5, 2), (4, 4), (-4, 4), (3, 5), (-3, 5), (5, 3), (-5, 3), (0, 6), (6, 0),
    (1, 6), (-1, 6), (6, 1), (-6, 1), (2, 6), (-2, 6), (6, 2), (-6, 2), (4, 5), (-4, 5), (5, 4), (-5, 4), (3, 6), (-3, 6),
    (6, 3), (-6, 3), (0, 7), (7, 0), (1, 7), (-1, 7), (5, 5), (-5, 5), (7, 1), (-7, 1), (4, 6), (-4, 6), (6, 4), (-6, 4),
    (2, 7), (-2, 7), (7, 2), (-7, 2), (3, 7), (-3, 7), (7, 3), (-7, 3), (5, 6), (-5, 6), (6, 5), (-6, 5), (8, 0), (4, 7),
    (-4, 7), (7, 4), (-7, 4), (8, 1), (8, 2), (6, 6), (-6, 6), (8, 3), (5, 7), (-5, 7), (7, 5), (-7, 5), (8, 4), (6, 7),
    (-6, 7), (7, 6), (-7, 6), (8, 5), (7, 7), (-7, 7), (8, 6), (8, 7),
];

/// Returns the bytes that the tables of a picture of this size take; `None` if it is damaged and cannot be decoded.
/// `data` must begin after the header that gives the size. Counting stops above `bytes_max`.
pub fn bytes(data: &[u8], size: Size, bytes_max: u64) -> Option<u64> {
    let mut reader = Reader { bits: Bits { data, at: 0 }, table_bytes: 0, bytes_max };
    let width = reader.transforms(size)?;
    reader.groups((width, size.1), true)?;
    Some(reader.table_bytes)
}

struct Reader<'a> {
    bits: Bits<'a>,
    table_bytes: u64,
    bytes_max: u64,
}

/// Reads bits, lowest first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

/// A canonical code (RFC 1951, 3.2.2): the number of codes of each length, and the symbols in the order of their codes.
struct Code {
    counts: [usize; LEN_MAX + 1],
    symbols: Vec<usize>,
}

/// Recent colours, by a hash of them.
struct Cache {
    bits: u32,
    colours: Vec<u32>,
}

impl Reader<'_> {
    /// Skips the transforms. Returns the width of what is coded after them.
    fn transforms(&mut self, (width, height): Size) -> Option<u32> {
        let mut coded_width = width;
        let mut seen = [false; 4];
        while self.bits.take(1)? == 1 {
            let kind = self.bits.take(2)?;
            if std::mem::replace(&mut seen[kind], true) {
                return None;
            }
            match kind {
                // Predictors and changes of colour have data for each block.
                0 | 1 => {
                    let shift = self.bits.take(3)? + 2;
                    self.image((blocks(coded_width, shift), blocks(height, shift)))?;
                }
                // The transform that subtracts green has no data.
                2 => {}
                // A palette. If it has few colours, several pixels are packed into one.
                _ => {
                    let colours = self.bits.take(8)? as u32 + 1;
                    self.image((colours, 1))?;
                    let shift = match colours {
                        0..=2 => 3,
                        3..=4 => 2,
                        5..=16 => 1,
                        _ => 0,
                    };
                    coded_width = blocks(coded_width, shift);
                }
            }
        }
        Some(coded_width)
    }

    /// Reads an image within the file. Returns its colours as alpha, red, green, blue.
    fn image(&mut self, size: Size) -> Option<Vec<u32>> {
        let (codes, mut cache) = self.groups(size, false)?;
        let [green, red, blue, alpha, distance] = &codes[..] else { return None };
        let (width, len) = (size.0 as usize, size.0 as usize * size.1 as usize);
        let mut colours: Vec<u32> = Vec::with_capacity(len);
        while colours.len() < len {
            let symbol = green.read(&mut self.bits)?;
            let from = colours.len();
            if symbol < LENGTHS_FROM {
                let [red, blue, alpha] = [red, blue, alpha].map(|code| code.read(&mut self.bits));
                colours.push((alpha? << 24 | red? << 16 | symbol << 8 | blue?) as u32);
            } else if symbol < CACHED_FROM {
                let count = self.bits.number(symbol - LENGTHS_FROM)?;
                let symbol = distance.read(&mut self.bits)?;
                let back = back(self.bits.number(symbol)?, width);
                if back > from || count > len - from {
                    return None;
                }
                (0..count).for_each(|at| colours.push(colours[from + at - back]));
            } else {
                colours.push(*cache.as_ref()?.colours.get(symbol - CACHED_FROM)?);
            }
            if let Some(cache) = &mut cache {
                colours[from..].iter().for_each(|colour| cache.put(*colour));
            }
        }
        Some(colours)
    }

    /// Returns the codes of the first group, and the cache. Counts the tables of all groups, of which the picture may
    /// have many.
    fn groups(&mut self, size: Size, of_picture: bool) -> Option<(Vec<Code>, Option<Cache>)> {
        let cache = if self.bits.take(1)? == 1 { Some(Cache::new(self.bits.take(4)?)?) } else { None };
        let mut count = 1;
        if of_picture && self.bits.take(1)? == 1 {
            let shift = self.bits.take(3)? + 2;
            let groups = self.image((blocks(size.0, shift), blocks(size.1, shift)))?;
            count = groups.into_iter().map(|colour| 1 + (colour >> 8 & 0xffff)).max()?;
        }
        let cached = cache.as_ref().map_or(0, |cache| cache.colours.len());
        let mut first = Vec::new();
        for group in 0..count {
            self.table_bytes += GROUP_BYTES;
            for (place, alphabet) in ALPHABETS.into_iter().enumerate() {
                let code = self.code(alphabet + if place == 0 { cached } else { 0 })?;
                self.table_bytes += code.table_bytes();
                if group == 0 {
                    first.push(code);
                }
            }
            if self.table_bytes > self.bytes_max {
                break;
            }
        }
        Some((first, cache))
    }

    fn code(&mut self, alphabet: usize) -> Option<Code> {
        if self.bits.take(1)? == 1 {
            let is_pair = self.bits.take(1)? == 1;
            let len = if self.bits.take(1)? == 1 { 8 } else { 1 };
            let first = self.bits.take(len)?;
            let symbols = if is_pair { vec![first, self.bits.take(8)?] } else { vec![first] };
            let mut counts = [0; LEN_MAX + 1];
            counts[symbols.len() - 1] = symbols.len();
            return symbols.iter().all(|symbol| *symbol < alphabet).then_some(Code { counts, symbols });
        }
        let mut lengths = [0; CODE_LENGTH_ORDER.len()];
        let count = 4 + self.bits.take(4)?;
        for place in &CODE_LENGTH_ORDER[..count] {
            lengths[*place] = self.bits.take(3)?;
        }
        Code::of(&self.lengths(&Code::of(&lengths)?, alphabet)?)
    }

    /// Reads the lengths of a code's symbols, which are coded themselves.
    fn lengths(&mut self, code: &Code, alphabet: usize) -> Option<Vec<usize>> {
        let mut left = if self.bits.take(1)? == 1 {
            let len = 2 + 2 * self.bits.take(3)?;
            2 + self.bits.take(len)?
        } else {
            alphabet
        };
        if left > alphabet {
            return None;
        }
        let (mut lengths, mut last) = (Vec::with_capacity(alphabet), 8);
        while lengths.len() < alphabet && left > 0 {
            left -= 1;
            let (length, times) = match code.read(&mut self.bits)? {
                length @ 0..=LEN_MAX => (length, 1),
                16 => (last, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                _ => (0, 11 + self.bits.take(7)?),
            };
            if length > 0 {
                last = length;
            }
            lengths.resize(lengths.len() + times, length);
        }
        (lengths.len() <= alphabet).then_some(lengths)
    }
}

impl Code {
    /// Returns `None` if there is no symbol, or if some sequence of bits has no meaning.
    fn of(lengths: &[usize]) -> Option<Self> {
        let mut counts = [0; LEN_MAX + 1];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[*length] += 1);
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        if symbols.len() == 1 {
            // A single symbol takes no bits.
            counts = [0; LEN_MAX + 1];
            counts[0] = 1;
            return Some(Self { counts, symbols });
        }
        let used: usize = (1..=LEN_MAX).map(|length| counts[length] << (LEN_MAX - length)).sum();
        (used == 1 << LEN_MAX).then_some(Self { counts, symbols })
    }

    fn read(&self, bits: &mut Bits) -> Option<usize> {
        let (mut code, mut first, mut place) = (0, 0, 0);
        for count in self.counts {
            if code < first + count {
                return self.symbols.get(place + code - first).copied();
            }
            place += count;
            first = (first + count) << 1;
            code = code << 1 | bits.take(1)?;
        }
        None
    }

    fn table_bytes(&self) -> u64 {
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let longer: usize = self.counts[LOOKED_UP_BITS + 1..].iter().sum();
        if longest == 0 { 0 } else { (LOOKED_UP_BYTES << longest.min(LOOKED_UP_BITS)) + LONGER_BYTES * longer as u64 }
    }
}

impl Cache {
    fn new(bits: usize) -> Option<Self> {
        (1..=11).contains(&bits).then(|| Self { bits: bits as u32, colours: vec![0; 1 << bits] })
    }

    fn put(&mut self, colour: u32) {
        self.colours[(MULTIPLIER.wrapping_mul(colour) >> (32 - self.bits)) as usize] = colour;
    }
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut number = 0;
        for place in 0..count {
            let byte = *self.data.get(self.at / 8)?;
            number |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }

    /// Reads a length or a distance. The symbol gives its highest bits.
    fn number(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let extra = (symbol - 2) >> 1;
        Some(((2 + (symbol & 1)) << extra) + self.take(extra)? + 1)
    }
}

/// Returns the number of pixels that a distance code leads back.
fn back(code: usize, width: usize) -> usize {
    let Some((left, up)) = NEARBY.get(code - 1) else { return code - NEARBY.len() };
    (isize::from(*left) + isize::from(*up) * width as isize).max(1) as usize
}

fn blocks(side: u32, shift: usize) -> u32 {
    side.div_ceil(1 << shift)
}

#[cfg(test)]
mod tests {
    use testkit::hostile::many_tables;

    use super::*;

    const ANY: u64 = u64::MAX;
    const GROUP: u64 = GROUP_BYTES + (LOOKED_UP_BYTES << LOOKED_UP_BITS) + 2048 * LONGER_BYTES;

    fn of_picture(groups: usize, bytes_max: u64) -> Option<u64> {
        bytes(&many_tables(groups)[5..], (16, 4), bytes_max)
    }

    #[test]
    fn the_tables_of_each_group_are_counted() {
        // One more group belongs to the image that says which group is where.
        assert_eq!(of_picture(1 << 16, ANY), Some((1 << 16) * GROUP + GROUP_BYTES));
        // Counting stops once the file must be refused.
        assert_eq!(of_picture(3, 2 * GROUP), Some(2 * GROUP + GROUP_BYTES));
        assert_eq!(of_picture(3, ANY), None, "it announces more groups than it has");
    }

    #[test]
    fn what_programs_write_takes_little() {
        let picture = testkit::disorder::small().into_iter().find(|file| file.get(12..16) == Some(b"VP8L"));
        let picture = picture.expect("one is lossless");
        let size = (u32::from(picture[21]) | u32::from(picture[22] & 0x3f) << 8) + 1;
        let height = (u32::from_le_bytes(picture[21..25].try_into().expect("four bytes")) >> 14 & 0x3fff) + 1;
        let taken = bytes(&picture[25..], (size, height), ANY).expect("it is whole");
        assert!((1..1 << 20).contains(&taken), "{taken}");
        assert_eq!(bytes(&picture[25..60], (size, height), ANY), None);
    }
}
