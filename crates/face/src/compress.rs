//! A picture file made smaller, to be looked at.

use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::Error;
use crate::image::Image;
use crate::memory::Memory;

/// Of 1 to 100; below 80 faces lose what the recogniser looks at.
const QUALITY: u8 = 85;

/// Room for the largest picture that is decoded: others wait for it.
static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(150_000_000));

/// The picture as a JPEG, upright. Blocks this thread while it works, and while others' large pictures do.
pub fn jpeg(bytes: &[u8], pixels_max: u64) -> Result<Vec<u8>, Error> {
    let image = Image::decode(bytes, pixels_max, &MEMORY)?;
    let view = image.view();
    let mut pixels = Vec::with_capacity(3 * view.width * view.height);
    for y in 0..view.height {
        pixels.extend((0..view.width).flat_map(|x| view.pixel(x, y)));
    }
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY)
        .write_image(&pixels, view.width as u32, view.height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| Error::Failed(format!("a JPEG cannot be written: {error}")))?;
    Ok(file)
}
