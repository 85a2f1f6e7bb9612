//! Samples of any kind to red, green and blue of eight bits.

use image::DynamicImage;

/// What shows through transparent pixels: a middle grey.
const GREY: u32 = 128;

/// Takes the place of the picture where its samples allow it.
pub fn rgb(image: DynamicImage) -> Vec<u8> {
    match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageRgba8(image) => without_alpha(image.into_raw()),
        DynamicImage::ImageLuma8(image) => each(image.as_raw(), |&[l]: &[u8; 1]| [l; 3]),
        DynamicImage::ImageLumaA8(image) => each(image.as_raw(), |&[l, a]: &[u8; 2]| over_grey([l; 3], a)),
        DynamicImage::ImageLuma16(image) => each(image.as_raw(), |&[l]: &[u16; 1]| [byte(l); 3]),
        DynamicImage::ImageLumaA16(image) => {
            each(image.as_raw(), |&[l, a]: &[u16; 2]| over_grey([byte(l); 3], byte(a)))
        }
        DynamicImage::ImageRgb16(image) => each(image.as_raw(), |pixel: &[u16; 3]| pixel.map(byte)),
        DynamicImage::ImageRgba16(image) => {
            each(image.as_raw(), |&[r, g, b, a]: &[u16; 4]| over_grey([r, g, b].map(byte), byte(a)))
        }
        other => other.into_rgb8().into_raw(),
    }
}

/// The nearest of 256 levels to one of 65536.
fn byte(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

fn over_grey(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    colour.map(|value| ((u32::from(value) * alpha + GREY * (255 - alpha) + 127) / 255) as u8)
}

fn each<S, const N: usize>(samples: &[S], to_rgb: impl Fn(&[S; N]) -> [u8; 3]) -> Vec<u8> {
    let pixels = samples.as_chunks::<N>().0;
    let mut out = Vec::with_capacity(3 * pixels.len());
    for pixel in pixels {
        out.extend_from_slice(&to_rgb(pixel));
    }
    out
}

/// In place: a large picture is not held twice.
fn without_alpha(mut samples: Vec<u8>) -> Vec<u8> {
    let pixels = samples.len() / 4;
    for at in 0..pixels {
        let [r, g, b, a] = [0, 1, 2, 3].map(|channel| samples[4 * at + channel]);
        samples[3 * at..3 * at + 3].copy_from_slice(&over_grey([r, g, b], a));
    }
    samples.truncate(3 * pixels);
    samples.shrink_to_fit();
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_shows_grey() {
        assert_eq!(without_alpha(vec![9, 8, 7, 255, 200, 0, 255, 0]), [9, 8, 7, 128, 128, 128]);
        assert_eq!(over_grey([255, 0, 128], 128), [192, 64, 128]);
    }

    #[test]
    fn sixteen_bits_round_to_eight() {
        assert_eq!([0, 128, 129, 65535, 257 * 7].map(byte), [0, 0, 1, 255, 7]);
    }
}
