//! Decodes JPEG 2000, which the chips of passports hold portraits in: a JP2 file, or a bare codestream.

use hayro_jpeg2000::{ColorSpace, DecodeSettings, DecodedImage, DecoderContext, Image as Decoder};
use image::metadata::Orientation;

use crate::Error;
use crate::image::jpeg2000::boxes::Boxes;
use crate::image::jpeg2000::codestream::Codestream;
use crate::image::pixels::{Samples, inks_to_rgb};
use crate::image::{Header, Image, undecodable};
use crate::memory::Memory;

mod boxes;
mod codestream;

/// The most components: colours have three; inks, or colours and transparency, have four.
const COMPONENTS_MAX: u16 = 4;

pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    let boxes = Boxes::find(bytes).ok_or_else(|| undecodable("it has no codestream"))?;
    if boxes.has_palette() {
        return Err(undecodable("it has a palette, which is not supported"));
    }
    let codestream = Codestream::read(boxes.codestream)?;
    if codestream.components > COMPONENTS_MAX {
        return Err(undecodable(format!(
            "it has {} components; 1 to {COMPONENTS_MAX} are supported",
            codestream.components
        )));
    }
    let components = f64::from(codestream.components);
    let header = Header {
        width: codestream.width.into(),
        height: codestream.height.into(),
        // Components as numbers of four bytes, held twice while they are reordered; coefficients and two steps of the
        // transform, for one component at a time; samples; and pixels.
        bytes_per_pixel: 2.0 * 4.0 * components + 3.0 * 4.0 + components + 3.0,
        bytes_beside: codestream.bytes_beside() + bytes.len() as u64,
    };
    let reserved = header.admit(pixels_max, memory)?;
    // The decoder gets a file of these parts alone, so that it cannot find another codestream than was measured.
    let file = boxes.file();
    let decoder = Decoder::new(&file, &DecodeSettings::default()).map_err(|_| damaged())?;
    let size = (decoder.width(), decoder.height());
    if u64::from(size.0) * u64::from(size.1) > header.width * header.height {
        return Err(damaged());
    }
    let mut context = DecoderContext::default();
    let decoded = decoder.decode(&mut context).map_err(|_| damaged())?;
    let pixels = rgb(&decoded, decoder.color_space(), size)?;
    Ok(Image::finish(pixels, size, Orientation::NoTransforms, reserved))
}

/// Converts the components to red, green, blue.
fn rgb(decoded: &DecodedImage, colours: &ColorSpace, (width, height): (u32, u32)) -> Result<Vec<u8>, Error> {
    let count = width as usize * height as usize;
    let channels = decoded.components().len();
    if !(1..=usize::from(COMPONENTS_MAX)).contains(&channels)
        || decoded.components().iter().any(|component| component.samples().len() != count)
    {
        return Err(damaged());
    }
    let mut samples = decoded.data_u8();
    let mut pixels = vec![0; 3 * count];
    if matches!(colours, ColorSpace::CMYK) {
        for ink in &mut samples {
            *ink = 255 - *ink;
        }
        inks_to_rgb(&samples, &mut pixels);
    } else {
        Samples { channels, wide: false }.to_rgb(&samples, &mut pixels);
    }
    Ok(pixels)
}

/// Gives one reason for all faults: the decoder describes hundreds of them, in words for authors of decoders.
fn damaged() -> Error {
    undecodable("its data are cut short or damaged")
}
