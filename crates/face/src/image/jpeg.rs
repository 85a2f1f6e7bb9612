//! JPEG, all kinds that cameras and scanners write: baseline and progressive, grey, colour, CMYK.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::Error;
use crate::image::jpeg::segments::Needed;
use crate::image::{Header, Image, orientation, undecodable};
use crate::memory::Memory;

mod segments;

/// Headers may be sloppy, as those of some cameras are; picture data may not: where it is cut short or
/// damaged a lenient decoder paints the rest grey, and grey is no face.
pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    let needed = Needed::find(bytes)?;
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(needed.file.as_slice()), options);
    decoder.decode_headers().map_err(|e| undecodable(format!("{e:?}")))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| undecodable("it has no size"))?;
    let header = Header {
        width: width as u64,
        height: height as u64,
        bytes_per_pixel: 3.0 + needed.frame.coefficient_bytes_per_pixel(),
        bytes_beside: needed.file.len() as u64,
    };
    let reserved = header.admit(pixels_max, memory)?;

    decoder.set_options(options.set_strict_mode(true));
    let mut pixels = vec![0; 3 * width * height];
    decoder.decode_into(&mut pixels).map_err(|e| undecodable(format!("{e:?}")))?;
    Ok(Image::finish(pixels, (width as u32, height as u32), orientation(needed.exif), reserved))
}

/// Width and height, from the headers alone.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    segments::frame(bytes).map(|frame| (frame.width.into(), frame.height.into()))
}
