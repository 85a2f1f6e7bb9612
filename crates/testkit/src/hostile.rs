//! Pictures that are made to harm: small files that would take much memory or time.

use image::{DynamicImage, ImageFormat};

use crate::disorder::encoded;

/// The size of an inflated chunk: more than one picture may take.
const INFLATED_BYTES: usize = 400 << 20;
/// The largest file that a server takes by default.
const FILE_BYTES: usize = 10 << 20;
/// Both sides of the largest progressive picture that is read.
const PROGRESSIVE_SIDE: u16 = 7000;
/// The most scans that are read, the first one included.
const SCANS: usize = 100;

/// The kind of a picture that would take much memory, and its file.
pub type Named = (&'static str, Vec<u8>);

/// Makes pictures that hold more than the picture, or claim to.
pub fn pictures() -> Vec<Named> {
    let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; INFLATED_BYTES], 1);
    let png = |name: [u8; 4], head: &[u8], data: &[u8]| png_with(name, &[head, data].concat());
    vec![
        ("PNG with a profile that inflates", png(*b"iCCP", b"profile\0\0", &zeros)),
        ("PNG with a text that inflates", png(*b"zTXt", b"text\0\0", &zeros)),
        ("PNG with an international text that inflates", png(*b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0", &zeros)),
        ("PNG with large EXIF", png(*b"eXIf", b"MM\0*", &vec![0; FILE_BYTES])),
        ("PNG in one row", encoded(&DynamicImage::new_luma8(48_000_000, 1), ImageFormat::Png)),
        ("JPEG of tiny profiles", jpeg_with(&segment(0xe2, b"ICC_PROFILE\0\x01\x01\0"))),
        ("JPEG of large profiles", jpeg_with(&segment(0xe2, &[&b"ICC_PROFILE\0\x01\x01"[..], &[0; 65_000]].concat()))),
        ("JPEG of tiny extended XMP", jpeg_with(&extended_xmp())),
        ("JPEG of EXIF", jpeg_with(&segment(0xe1, &[&b"Exif\0\0MM\0*"[..], &[0; 65_000]].concat()))),
        ("JPEG with many scans", progressive(PROGRESSIVE_SIDE, SCANS)),
        ("JPEG with too many scans", progressive(640, 10_000)),
        (
            "JPEG 2000 of tiny sets of blocks",
            jpeg2000([480, 640], 1024, &[1, 0, 0, 1, 1, 5, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("JPEG 2000 of tiny blocks in many layers", jpeg2000([2000, 2500], 4096, &[0, 0, 0, 32, 1, 5, 0, 0, 0, 0])),
        ("JPEG 2000 of many tiles", jpeg2000([2000, 2500], 16, &[0, 0, 0, 1, 1, 5, 4, 4, 0, 0])),
        ("JPEG 2000 as large as is read", jpeg2000([2150, 2400], 4096, &[0, 0, 0, 1, 1, 5, 4, 4, 0, 0])),
        ("JPEG 2000 in the smallest parts that are read", jpeg2000([500, 600], 4096, &[0, 0, 0, 4, 1, 5, 1, 1, 0, 0])),
        ("WebP with EXIF of 4 GB", webp((8, 8), &[(b"VP8L", &lossless()), (b"EXIF", b"")], Some(u32::MAX - 9))),
        ("WebP whose picture is larger than it says", webp((8, 8), &[(b"VP8 ", &lossy_header(16_383, 16_383))], None)),
        ("WebP of many tables", webp((16, 4), &[(b"VP8L", &many_tables(9_000))], None)),
        ("WebP with transparency of many tables", webp_with_transparent_tables()),
    ]
}

/// Makes a small picture with another chunk.
fn png_with(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let png = encoded(&DynamicImage::new_rgb8(64, 64), ImageFormat::Png);
    // Splits after the signature and the header.
    let (head, rest) = png.split_at(8 + 25);
    let body = [&name[..], data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [head, &length, &body, &crc32fast::hash(&body).to_be_bytes(), rest].concat()
}

/// Makes a small picture with this segment as often as a file has room for.
fn jpeg_with(segment: &[u8]) -> Vec<u8> {
    let jpeg = encoded(&DynamicImage::new_rgb8(64, 64), ImageFormat::Jpeg);
    [&jpeg[..2], &segment.repeat(FILE_BYTES / segment.len()), &jpeg[2..]].concat()
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
}

fn extended_xmp() -> Vec<u8> {
    let place = [0, 0, 1, 0, 0, 0, 0, 0];
    segment(0xe1, &[&b"http://ns.adobe.com/xmp/extension/\0"[..], &[b'a'; 32], &place].concat())
}

/// Makes a grey progressive picture: its first scan, and then scans that say that nothing more follows.
fn progressive(side: u16, scans: usize) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let codes = |class: u8, symbol: u8| {
        let counts = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        segment(0xc4, &[&[class][..], &counts, &[symbol]].concat())
    };
    let mut file = vec![0xff, 0xd8];
    file.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    file.extend(segment(0xc2, &[8, high, low, high, low, 1, 1, 0x11, 0]));
    // The codes of a difference of zero, and of an end-of-band run of 2^14 blocks and more.
    file.extend(codes(0x00, 0x00));
    file.extend(codes(0x10, 0xe0));
    file.extend(segment(0xda, &[1, 1, 0x00, 0, 0, 0]));
    file.extend(vec![0; blocks.div_ceil(8)]);
    for _ in 1..scans {
        file.extend(segment(0xda, &[1, 1, 0x00, 1, 63, 0]));
        // The first of 15 bits is the code; the others are the number of blocks beyond 2^14.
        let bits = Bits::reversed(&[(0, 15)].repeat(blocks.div_ceil(1 << 14)));
        file.extend(bits);
    }
    file.extend([0xff, 0xd9]);
    file
}

/// Makes a picture in colour whose headers say how it is divided, without data.
fn jpeg2000([width, height]: [u32; 2], tile: u32, style: &[u8]) -> Vec<u8> {
    let sides = [width, height, 0, 0, tile, tile, 0, 0].map(u32::to_be_bytes).concat();
    let size = [&[0, 0][..], &sides, &[0, 3], &[7, 1, 1].repeat(3)].concat();
    // No quantisation: an exponent for each of sixteen bands.
    let steps = [&[0x40][..], &[8 << 3; 16]].concat();
    let parts = [segment(0x51, &size), segment(0x52, style), segment(0x5c, &steps)].concat();
    // One part of the first tile, as long as its headers: twelve bytes, and a marker before its data.
    let tile = [segment(0x90, &[0, 0, 0, 0, 0, 14, 0, 1]), vec![0xff, 0x93]].concat();
    [&[0xff, 0x4f][..], &parts, &tile, &[0xff, 0xd9]].concat()
}

/// Makes a file of these chunks; the last one may claim another length.
fn webp((width, height): (u32, u32), chunks: &[(&[u8; 4], &[u8])], last_len: Option<u32>) -> Vec<u8> {
    let flags = chunks.iter().fold(0, |flags, (name, _)| match *name {
        b"ALPH" => flags | 0x10,
        b"EXIF" => flags | 0x08,
        _ => flags,
    });
    let side = |side: u32| (side - 1).to_le_bytes().into_iter().take(3);
    let head: Vec<u8> = [flags, 0, 0, 0].into_iter().chain(side(width)).chain(side(height)).collect();
    let mut body = b"WEBP".to_vec();
    for (name, data) in [(b"VP8X", head.as_slice())].iter().chain(chunks) {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    if let Some(len) = last_len {
        let at = body.len() - 4;
        body[at..].copy_from_slice(&len.to_le_bytes());
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// Makes a lossless picture of 8 x 8 pixels.
fn lossless() -> Vec<u8> {
    encoded(&DynamicImage::new_rgb8(8, 8), ImageFormat::WebP)[20..].to_vec()
}

/// Makes the header of a lossy picture.
fn lossy_header(width: u16, height: u16) -> Vec<u8> {
    [&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes(), &[0; 600]].concat()
}

/// Makes a lossless picture of 16 x 4 pixels that announces 65,536 groups of entropy codes, and begins with `groups` of
/// them.
pub fn many_tables(groups: usize) -> Vec<u8> {
    let mut bits = Bits(vec![(0x2f, 8), (15, 14), (3, 14), (0, 4)]);
    bits.tables(groups);
    bits.bytes()
}

/// Makes a file whose transparency holds the same tables.
fn webp_with_transparent_tables() -> Vec<u8> {
    let mut bits = Bits(vec![(1, 8)]);
    bits.tables(9_000);
    webp((16, 4), &[(b"ALPH", &bits.bytes()), (b"VP8 ", &lossy_header(16, 4))], None)
}

/// Numbers, each with its length in bits.
struct Bits(Vec<(u64, u32)>);

impl Bits {
    /// Writes a lossless picture from the end of its size on.
    fn tables(&mut self, groups: usize) {
        let single = (0b0001, 4);
        // No transform; a cache of 2^11 colours; groups of codes for each 4 x 4 pixels.
        self.0.extend([(0, 1), (1, 1), (11, 4), (1, 1), (0, 3)]);
        // The image that says which group is where has the last of 65,536 everywhere.
        let all = (0b101 | 255 << 3, 11);
        self.0.extend([(0, 1), all, all, single, single, single]);
        for _ in 0..groups {
            // The symbols of code lengths 18 (2 bits), 16 (1 bit) and 11 (2 bits) have codes, of the first 15 in their
            // order.
            self.0.extend([(0, 1), (11, 4)]);
            let lengths = (0..15).map(|place| match place {
                1 | 14 => (2, 3),
                8 => (1, 3),
                _ => (0, 3),
            });
            self.0.extend(lengths);
            // All symbols: 280 of no length, then 2,048 of eleven bits.
            self.0.extend([(0, 1), (0b11, 2), (127, 7), (0b11, 2), (120, 7), (0b11, 2), (0, 7)]);
            self.0.extend([(0b01, 2); 2]);
            self.0.extend([(0, 1), (3, 2)].repeat(341));
            self.0.extend([single; 4]);
        }
    }

    /// Packs the numbers, lowest bit first.
    fn bytes(&self) -> Vec<u8> {
        let (mut bytes, mut pending, mut count) = (Vec::new(), 0u64, 0);
        for (number, len) in &self.0 {
            pending |= number << count;
            count += len;
            while count >= 8 {
                bytes.push(pending as u8);
                pending >>= 8;
                count -= 8;
            }
        }
        bytes.push(pending as u8);
        bytes
    }

    /// Packs the numbers, highest bit first, and fills up with ones; no byte of the result may be 255.
    fn reversed(numbers: &[(u64, u32)]) -> Vec<u8> {
        let bits: Vec<u8> =
            numbers.iter().flat_map(|(number, len)| (0..*len).rev().map(move |at| (number >> at & 1) as u8)).collect();
        bits.chunks(8).map(|byte| (0..8).fold(0, |all, at| all << 1 | byte.get(at).unwrap_or(&1))).collect()
    }
}
