//! JPEG, all kinds that cameras and scanners write: baseline and progressive, grey, colour, CMYK.

use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::Error;
use crate::image::{Header, Image, undecodable};
use crate::memory::Memory;

const SOF_BASELINE: u8 = 0xc0;
const SOF_EXTENDED: u8 = 0xc1;
const SOF_PROGRESSIVE: u8 = 0xc2;
const SOS: u8 = 0xda;

/// Headers may be sloppy, as those of some cameras are; picture data may not: where it is cut short or
/// damaged a lenient decoder paints the rest grey, and grey is no face.
pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Image, Error> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| undecodable(format!("{e:?}")))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| undecodable("it has no size"))?;
    let frame = Frame::find(bytes).ok_or_else(|| undecodable("it has no frame"))?;
    let bytes_per_pixel = 3.0 + frame.coefficient_bytes_per_pixel();
    let header = Header { width: width as u64, height: height as u64, bytes_per_pixel };
    let reserved = header.admit(pixels_max, memory)?;

    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    decoder.set_options(options.set_strict_mode(true));
    let mut pixels = vec![0; 3 * width * height];
    decoder.decode_into(&mut pixels).map_err(|e| undecodable(format!("{e:?}")))?;
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    Ok(Image::finish(pixels, (width as u32, height as u32), orientation, reserved))
}

/// What the markers before the picture data say.
struct Frame {
    progressive: bool,
    /// Samples per pixel, all components together.
    samples: f64,
    components: u8,
    components_in_first_scan: u8,
}

impl Frame {
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut frame = None;
        let mut at = 2;
        loop {
            // Fill bytes may stand before a marker.
            while *bytes.get(at)? != 0xff || matches!(bytes.get(at + 1), Some(0 | 0xff)) {
                at += 1;
            }
            let marker = *bytes.get(at + 1)?;
            let segment = bytes.get(at + 4..)?;
            match marker {
                SOF_BASELINE | SOF_EXTENDED | SOF_PROGRESSIVE => frame = Some(Self::read(marker, segment)?),
                SOS => {
                    let components_in_first_scan = *segment.first()?;
                    return frame.map(|frame: Self| Self { components_in_first_scan, ..frame });
                }
                _ => {}
            }
            let alone = matches!(marker, 0x01 | 0xd0..=0xd8);
            let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
            at += if alone { 2 } else { 2 + length.max(2) };
        }
    }

    fn read(marker: u8, segment: &[u8]) -> Option<Self> {
        let components = *segment.get(5)?;
        let factors = segment.get(6..)?.chunks_exact(3).take(components.into()).map(|c| (c[1] >> 4, c[1] & 15));
        let most = factors.clone().fold((1, 1), |most, (h, v)| (h.max(most.0), v.max(most.1)));
        let blocks = factors.map(|(h, v)| f64::from(h) * f64::from(v)).sum::<f64>();
        Some(Self {
            progressive: marker == SOF_PROGRESSIVE,
            samples: blocks / (f64::from(most.0) * f64::from(most.1)),
            components,
            components_in_first_scan: 0,
        })
    }

    /// When a pixel is spread over several scans, the coefficients of the whole picture are kept: two bytes each.
    fn coefficient_bytes_per_pixel(&self) -> f64 {
        let spread = self.progressive || self.components_in_first_scan < self.components;
        if spread { 2.0 * self.samples } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(marker: u8, factors: [u8; 3], in_first_scan: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, marker, 0, 17, 8, 0, 16, 0, 16, 3];
        factors.iter().enumerate().for_each(|(id, factor)| bytes.extend([id as u8, *factor, 0]));
        bytes.extend([0xff, 0xda, 0, 12, in_first_scan, 0, 0, 0]);
        bytes
    }

    #[test]
    fn only_what_is_spread_over_scans_keeps_coefficients() {
        let of = |bytes: &[u8]| Frame::find(bytes).expect("it has a frame").coefficient_bytes_per_pixel();
        assert_eq!(of(&head(SOF_BASELINE, [0x22, 0x11, 0x11], 3)), 0.0);
        assert_eq!(of(&head(SOF_BASELINE, [0x22, 0x11, 0x11], 1)), 3.0);
        assert_eq!(of(&head(SOF_PROGRESSIVE, [0x22, 0x11, 0x11], 3)), 3.0);
        assert_eq!(of(&head(SOF_PROGRESSIVE, [0x11, 0x11, 0x11], 3)), 6.0);
        let whole = head(SOF_BASELINE, [0x22, 0x11, 0x11], 3);
        assert!((0..whole.len() - 4).all(|end| Frame::find(&whole[..end]).is_none()));
    }
}
