//! Decodes all kinds of JPEG that libjpeg-turbo reads: in one scan, in several or progressive, with Huffman or
//! arithmetic codes; grey, colour, CMYK.

use crate::Error;
use crate::image::exif::orientation;
use crate::image::jpeg::head::Head;
use crate::image::jpeg::library::Decoder;
use crate::image::{Header, Image};
use crate::memory::Memory;

mod head;
mod library;

const BYTES_PER_PIXEL: f64 = 3.0;

/// Tolerates sloppy headers, which some cameras write, and a missing end marker, but no missing or damaged picture
/// data: a lenient decoder would paint the rest grey, and grey is no face.
pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    let head = Head::read(bytes);
    let decoder = Decoder::new(bytes)?;
    let (width, height) = decoder.size();
    let pixels = u64::from(width) * u64::from(height);
    let header = Header {
        width: width.into(),
        height: height.into(),
        bytes_per_pixel: BYTES_PER_PIXEL + decoder.coefficient_bytes() as f64 / pixels as f64,
        bytes_beside: decoder.row_bytes(),
    };
    let reserved = header.admit(pixels_max, memory)?;
    let pixels = decoder.read(head.may_lack_end())?;
    Ok(Image::finish(pixels, (width, height), orientation(head.exif), reserved))
}

/// Reads width and height from the headers alone.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    Decoder::new(bytes).ok().map(|decoder| decoder.size())
}
