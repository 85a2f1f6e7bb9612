//! Makes a picture file smaller, for people to look at.

use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::Error;
use crate::image::Image;
use crate::memory::Memory;

/// JPEG quality, 1 to 100; below 80 faces lose detail that the recognizer uses.
const QUALITY: u8 = 85;

/// Memory for decoding. The largest picture takes all of it, and others wait meanwhile.
static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(150_000_000));

/// Returns the picture as an upright JPEG. Blocks this thread while it works or waits for memory that other pictures
/// hold.
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
