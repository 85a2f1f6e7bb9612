//! Decodes the first picture of a WebP file, and its orientation.

use std::io::Cursor;

use image_webp::WebPDecoder;

use crate::Error;
use crate::image::exif::orientation;
use crate::image::pixels::{GREY, without_alpha};
use crate::image::{BYTES_MAX, Header, Image, undecodable};
use crate::memory::Memory;

mod tables;

const RIFF_HEADER_LEN: usize = 12;
/// Place, size, duration and flags of an animation frame.
const FRAME_HEADER_LEN: usize = 16;
const FLAG_ALPHA: u8 = 0x10;
const FLAG_ANIMATION: u8 = 0x02;
/// A signature and the size.
const LOSSLESS_HEADER_LEN: usize = 5;
/// These bits of the first byte say how transparency is coded; this value means a lossless picture.
const ALPHA_METHOD: u8 = 0b11;
const ALPHA_LOSSLESS: u8 = 0b01;
/// Compressed data are held in three copies while they are decoded.
const COPIES: u64 = 3;

type Size = (u32, u32);

/// A picture as the file stores it. A frame may take a part of the canvas.
struct Still<'a> {
    canvas: Size,
    place: Size,
    size: Size,
    transparent: bool,
    alpha: Option<&'a [u8]>,
    picture: Chunk<'a>,
    exif: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
}

/// The chunks of a file, or of a frame. Chunks that are cut short are left out.
#[derive(Clone)]
struct Chunks<'a>(&'a [u8]);

pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    let still = Still::find(bytes).ok_or_else(|| undecodable("its image data are incomplete"))?;
    let header = still.header();
    header.check(pixels_max)?;
    let tables = still.table_bytes().ok_or_else(|| undecodable("its codes are damaged"))?;
    let header = Header { bytes_beside: header.bytes_beside + tables, ..header };
    let reserved = header.admit(pixels_max, memory)?;
    // The decoder gets a file of the picture alone, so that it cannot find another picture than was checked.
    let mut decoder = WebPDecoder::new(Cursor::new(still.file())).map_err(undecodable)?;
    let len = decoder.output_buffer_size().ok_or_else(|| undecodable("it is too large"))?;
    let mut samples = vec![0; len];
    decoder.read_image(&mut samples).map_err(undecodable)?;
    drop(decoder);
    let pixels = if still.transparent { without_alpha(samples) } else { samples };
    let pixels = if still.size == still.canvas { pixels } else { still.on_canvas(&pixels) };
    Ok(Image::finish(pixels, still.canvas, orientation(still.exif), reserved))
}

impl<'a> Still<'a> {
    fn find(bytes: &'a [u8]) -> Option<Self> {
        let chunks = Chunks(bytes.get(RIFF_HEADER_LEN..)?);
        let first = chunks.clone().next()?;
        if first.name != b"VP8X" {
            let (size, transparent) = (first.size()?, first.has_alpha());
            let place = (0, 0);
            return Some(Self { canvas: size, place, size, transparent, alpha: None, picture: first, exif: None });
        }
        let (flags, canvas) = (*first.data.first()?, (plus_one(first.data, 4)?, plus_one(first.data, 7)?));
        let exif = chunks.first_of(&[b"EXIF"]).map(|chunk| chunk.data);
        let (inner, place, size) = if flags & FLAG_ANIMATION == 0 {
            (chunks, (0, 0), canvas)
        } else {
            let frame = chunks.first_of(&[b"ANMF"])?.data;
            let place = (2 * number(frame, 0)?, 2 * number(frame, 3)?);
            (Chunks(frame.get(FRAME_HEADER_LEN..)?), place, (plus_one(frame, 6)?, plus_one(frame, 9)?))
        };
        let picture = inner.first_of(&[b"VP8 ", b"VP8L"])?;
        let is_within = place.0 + size.0 <= canvas.0 && place.1 + size.1 <= canvas.1;
        if picture.size()? != size || !is_within {
            return None;
        }
        let wanted = flags & (FLAG_ALPHA | FLAG_ANIMATION) != 0;
        let alpha = inner.first_of(&[b"ALPH"]).filter(|_| wanted && !picture.is_lossless()).map(|chunk| chunk.data);
        let transparent = alpha.is_some() || wanted && picture.is_lossless();
        Some(Self { canvas, place, size, transparent, alpha, picture, exif })
    }

    fn header(&self) -> Header {
        let bytes_per_pixel = match (self.picture.is_lossless(), self.transparent) {
            // Four bytes, which become three if nothing is transparent; and tables for every few pixels.
            (true, true) => 4.7,
            (true, false) => 7.7,
            (false, false) => 4.5,
            // Transparency is decoded like a lossless picture.
            (false, true) => 10.5,
        };
        let (width, height) = self.canvas;
        let canvas = if self.size == self.canvas { 0 } else { 3 * u64::from(width) * u64::from(height) };
        let compressed = self.picture.data.len() + self.alpha.map_or(0, <[u8]>::len);
        Header {
            width: width.into(),
            height: height.into(),
            bytes_per_pixel,
            bytes_beside: canvas + COPIES * compressed as u64,
        }
    }

    /// Returns the bytes of the tables: see [`tables::bytes`].
    fn table_bytes(&self) -> Option<u64> {
        match (self.picture.is_lossless(), self.alpha) {
            (true, _) => tables::bytes(self.picture.data.get(LOSSLESS_HEADER_LEN..)?, self.size, BYTES_MAX),
            (false, Some([info, coded @ ..])) if info & ALPHA_METHOD == ALPHA_LOSSLESS => {
                tables::bytes(coded, self.size, BYTES_MAX)
            }
            (false, _) => Some(0),
        }
    }

    /// Makes a file of this picture and nothing else.
    fn file(&self) -> Vec<u8> {
        let compressed = self.picture.data.len() + self.alpha.map_or(0, <[u8]>::len);
        let mut file = Vec::with_capacity(compressed + 64);
        file.extend(b"RIFF\0\0\0\0WEBP");
        let side = |side: u32| (side - 1).to_le_bytes().into_iter().take(3);
        let flags = if self.transparent { FLAG_ALPHA } else { 0 };
        let head: Vec<u8> = [flags, 0, 0, 0].into_iter().chain(side(self.size.0)).chain(side(self.size.1)).collect();
        let alpha = self.alpha.map(|data| Chunk { name: b"ALPH", data });
        for chunk in [Some(Chunk { name: b"VP8X", data: &head }), alpha, Some(self.picture)].into_iter().flatten() {
            file.extend(chunk.name);
            file.extend((chunk.data.len() as u32).to_le_bytes());
            file.extend(chunk.data);
            file.resize(file.len().next_multiple_of(2), 0);
        }
        let len = file.len() as u32 - 8;
        file[4..8].copy_from_slice(&len.to_le_bytes());
        file
    }

    /// Puts a frame that takes a part of its canvas into place. The rest of the canvas shows as transparent pixels do.
    fn on_canvas(&self, pixels: &[u8]) -> Vec<u8> {
        let stride = |(width, _): Size| 3 * width as usize;
        let mut canvas = vec![GREY; stride(self.canvas) * self.canvas.1 as usize];
        let rows = canvas.chunks_exact_mut(stride(self.canvas)).skip(self.place.1 as usize);
        for (row, line) in rows.zip(pixels.chunks_exact(stride(self.size))) {
            row[stride(self.place)..][..line.len()].copy_from_slice(line);
        }
        canvas
    }
}

impl Chunk<'_> {
    fn is_lossless(&self) -> bool {
        self.name == b"VP8L"
    }

    /// Reads width and height from the picture's own header.
    fn size(&self) -> Option<Size> {
        let bits = self.lossless_header();
        let (width, height) = match self.name {
            b"VP8L" => (1 + (bits? & 0x3fff), 1 + (bits? >> 14 & 0x3fff)),
            b"VP8 " if self.data.get(3..6)? == [0x9d, 0x01, 0x2a] => {
                let side =
                    |at: usize| Some(u32::from(u16::from_le_bytes(*self.data.get(at..)?.first_chunk()?)) & 0x3fff);
                (side(6)?, side(8)?)
            }
            _ => return None,
        };
        (width > 0 && height > 0).then_some((width, height))
    }

    fn has_alpha(&self) -> bool {
        self.is_lossless() && self.lossless_header().is_some_and(|bits| bits >> 28 & 1 == 1)
    }

    fn lossless_header(&self) -> Option<u32> {
        let (signature, rest) = self.data.split_first()?;
        let bits = u32::from_le_bytes(*rest.first_chunk()?);
        (*signature == 0x2f).then_some(bits)
    }
}

impl<'a> Chunks<'a> {
    fn first_of(&self, names: &[&[u8; 4]]) -> Option<Chunk<'a>> {
        self.clone().find(|chunk| names.iter().any(|name| chunk.name == *name))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_at_checked(8)?;
        let (name, len) = head.split_at(4);
        let len = u32::from_le_bytes(*len.first_chunk()?) as usize;
        let data = rest.get(..len)?;
        self.0 = rest.get(len.next_multiple_of(2)..).unwrap_or_default();
        Some(Chunk { name, data })
    }
}

/// Reads a number of three bytes, lowest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let &[low, middle, high] = bytes.get(at..)?.first_chunk::<3>()?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

/// Reads a size, which is stored as one less.
fn plus_one(bytes: &[u8], at: usize) -> Option<u32> {
    Some(number(bytes, at)? + 1)
}
