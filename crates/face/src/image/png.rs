//! Decodes PNG row by row: no more than a few rows are held beside the picture.

use std::borrow::Cow;
use std::io::Cursor;

use png::{Decoder, InterlaceInfo, Limits, Reader, Transformations, expand_interlaced_row};

use crate::Error;
use crate::image::exif::orientation;
use crate::image::pixels::Samples;
use crate::image::{Header, Image, undecodable};
use crate::memory::Memory;

/// The most bytes of a chunk that is read (EXIF), and of a row. Texts and profiles are not read.
const CHUNK_BYTES_MAX: usize = 4 << 20;
/// Bytes held beside the pixels. A chunk is held twice and grows by doubling, and so does the window of rows.
const BYTES_BESIDE: u64 = 6 * CHUNK_BYTES_MAX as u64;
const BYTES_PER_PIXEL: u8 = 3;

const SIGNATURE_LEN: usize = 8;
/// Length, name and checksum.
const CHUNK_LEN: usize = 12;
/// The whole last chunk.
const END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";
/// Apple's own chunk, which comes before the header in pictures that are packed into apps.
const APPLE: &[u8] = b"CgBI";

pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    if bytes.get(SIGNATURE_LEN + 4..).is_some_and(|chunk| chunk.starts_with(APPLE)) {
        return Err(undecodable(
            "it is Apple's PNG variant for apps (CgBI), which is not a valid PNG: send the original",
        ));
    }
    let file = ended(bytes);
    let mut decoder = Decoder::new_with_limits(Cursor::new(file.as_ref()), Limits { bytes: CHUNK_BYTES_MAX });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and samples of fewer than eight bits become whole bytes.
    decoder.set_transformations(Transformations::EXPAND);
    let (width, height) = decoder.read_header_info().map_err(undecodable)?.size();
    let header = Header {
        width: width.into(),
        height: height.into(),
        bytes_per_pixel: BYTES_PER_PIXEL.into(),
        bytes_beside: BYTES_BESIDE + file.len() as u64,
    };
    let reserved = header.admit(pixels_max, memory)?;
    let mut reader = decoder.read_info().map_err(undecodable)?;
    let orientation = orientation(reader.info().exif_metadata.as_deref());
    Ok(Image::finish(pixels(&mut reader)?, (width, height), orientation, reserved))
}

/// Adds the last chunk if it is missing, as some programs leave it out. A file that is cut within a chunk stays as it
/// is.
fn ended(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = bytes.get(SIGNATURE_LEN..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk() {
        if after.starts_with(b"IEND") {
            break;
        }
        let chunk_len = CHUNK_LEN.saturating_add(u32::from_be_bytes(*length) as usize);
        match rest.get(chunk_len..) {
            Some([]) => return [bytes, END].concat().into(),
            Some(following) => rest = following,
            None => break,
        }
    }
    bytes.into()
}

/// Reads the pixels: red, green, blue.
fn pixels(reader: &mut Reader<Cursor<&[u8]>>) -> Result<Vec<u8>, Error> {
    let (colours, depth) = reader.output_color_type();
    let samples = Samples { channels: colours.samples(), wide: depth as u8 == 16 };
    let (width, height) = reader.info().size();
    let stride = usize::from(BYTES_PER_PIXEL) * width as usize;
    let mut pixels = vec![0; stride * height as usize];
    let mut converted = vec![0; stride];
    let mut rows = 0;
    while let Some(row) = reader.next_interlaced_row().map_err(undecodable)? {
        match row.interlace() {
            InterlaceInfo::Null(_) => samples.to_rgb(row.data(), &mut pixels[rows * stride..][..stride]),
            InterlaceInfo::Adam7(pass) => {
                let converted = &mut converted[..samples.count(row.data()) * usize::from(BYTES_PER_PIXEL)];
                samples.to_rgb(row.data(), converted);
                expand_interlaced_row(&mut pixels, stride, converted, pass, 8 * BYTES_PER_PIXEL);
            }
        }
        rows += 1;
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use png::{BitDepth, ColorType, Encoder};

    use super::*;
    use crate::image::PIXELS_MAX;

    const WIDTH: usize = 11;
    const HEIGHT: usize = 9;
    /// The first column and row of each pass of an interlaced picture, and its steps across and down.
    const PASSES: [[usize; 4]; 7] =
        [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

    fn sample(x: usize, y: usize, channel: usize) -> u8 {
        (x * 23 + y * 7 + channel * 91) as u8
    }

    fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [&name[..], data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
    }

    /// Makes an interlaced file: rows of filter 0, in one block that is not compressed.
    fn interlaced() -> Vec<u8> {
        let mut rows = Vec::new();
        for [left, top, right, down] in PASSES {
            for y in (top..HEIGHT).step_by(down).filter(|_| left < WIDTH) {
                rows.push(0);
                (left..WIDTH).step_by(right).for_each(|x| rows.extend([0, 1, 2].map(|c| sample(x, y, c))));
            }
        }
        let len = rows.len() as u16;
        let sums = rows.iter().fold((1u32, 0u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65521;
            (a, (b + a) % 65521)
        });
        let adler = (sums.1 << 16 | sums.0).to_be_bytes();
        let zlib = [&[0x78, 1, 1][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &rows, &adler].concat();
        let [width, height] = [WIDTH, HEIGHT].map(|side| (side as u32).to_be_bytes());
        let header = [&width[..], &height, &[8, 2, 0, 0, 1]].concat();
        [b"\x89PNG\r\n\x1a\n", &chunk(*b"IHDR", &header)[..], &chunk(*b"IDAT", &zlib), &chunk(*b"IEND", &[])].concat()
    }

    fn written(colours: ColorType, depth: BitDepth) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, WIDTH as u32, HEIGHT as u32);
        encoder.set_color(colours);
        encoder.set_depth(depth);
        let wide = depth == BitDepth::Sixteen;
        let samples = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        let samples = samples.flat_map(|(x, y)| (0..colours.samples()).map(move |channel| sample(x, y, channel)));
        let data: Vec<u8> = samples.flat_map(|sample| vec![sample; 1 + usize::from(wide)]).collect();
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&data)).expect("memory takes it");
        file
    }

    fn read(file: &[u8]) -> Image {
        decode(file, PIXELS_MAX, &Memory::new(PIXELS_MAX)).expect("it is a picture")
    }

    #[test]
    fn rows_of_every_kind_become_colours() {
        for colours in [ColorType::Grayscale, ColorType::GrayscaleAlpha, ColorType::Rgb, ColorType::Rgba] {
            for depth in [BitDepth::Eight, BitDepth::Sixteen] {
                let image = read(&written(colours, depth));
                for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x))) {
                    let of = |channel: usize| sample(x, y, channel.min(colours.samples() - 1));
                    let (own, alpha) = match colours {
                        ColorType::Grayscale => ([of(0); 3], 255),
                        ColorType::GrayscaleAlpha => ([of(0); 3], of(1)),
                        ColorType::Rgb => ([of(0), of(1), of(2)], 255),
                        _ => ([of(0), of(1), of(2)], of(3)),
                    };
                    let over =
                        |value: u8| (f64::from(value) * f64::from(alpha) + 128.0 * f64::from(255 - alpha)) / 255.0;
                    let expected = own.map(|value| over(value).round() as u8);
                    assert_eq!(image.stored_row(y)[3 * x..][..3], expected, "{colours:?}, {depth:?}, {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn passes_are_put_together() {
        let image = read(&interlaced());
        for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x))) {
            assert_eq!(image.stored_row(y)[3 * x..][..3], [0, 1, 2].map(|c| sample(x, y, c)), "{x}, {y}");
        }
    }
}
