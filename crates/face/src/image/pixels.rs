//! Converts samples of any kind to red, green and blue of eight bits.

/// The middle grey that shows through transparent pixels.
pub const GREY: u8 = 128;

/// The layout of the samples in a row of pixels.
#[derive(Clone, Copy)]
pub struct Samples {
    /// Samples of a pixel: 1 for grey, 2 for grey and alpha, 3 for colours, 4 for colours and alpha.
    pub channels: usize,
    /// Each sample has sixteen bits, the upper eight first; otherwise it has eight.
    pub wide: bool,
}

impl Samples {
    /// Returns the number of pixels in a row.
    pub fn count(self, row: &[u8]) -> usize {
        row.len() / (self.channels * (1 + usize::from(self.wide)))
    }

    /// Converts as many pixels as both slices hold.
    pub fn to_rgb(self, row: &[u8], rgb: &mut [u8]) {
        match (self.channels, self.wide) {
            (1, false) => each(row, rgb, |[l]| [l; 3]),
            (2, false) => each(row, rgb, |[l, a]| over_grey([l; 3], a)),
            (3, false) => rgb.copy_from_slice(row),
            (4, false) => each(row, rgb, |[r, g, b, a]| over_grey([r, g, b], a)),
            (1, true) => each(row, rgb, |sample: [u8; 2]| [byte(sample); 3]),
            (2, true) => each(row, rgb, |[l0, l1, a0, a1]| over_grey([byte([l0, l1]); 3], byte([a0, a1]))),
            (3, true) => each(row, rgb, |[r0, r1, g0, g1, b0, b1]| [byte([r0, r1]), byte([g0, g1]), byte([b0, b1])]),
            (4, true) => each(row, rgb, |[r0, r1, g0, g1, b0, b1, a0, a1]| {
                over_grey([byte([r0, r1]), byte([g0, g1]), byte([b0, b1])], byte([a0, a1]))
            }),
            (channels, _) => unreachable!("pixels have at most four samples, not {channels}"),
        }
    }
}

/// Returns the nearest of 256 levels to one of 65536.
fn byte(sample: [u8; 2]) -> u8 {
    ((u32::from(u16::from_be_bytes(sample)) + 128) / 257) as u8
}

fn over_grey(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    colour.map(|value| ((u32::from(value) * alpha + u32::from(GREY) * (255 - alpha) + 127) / 255) as u8)
}

fn each<const N: usize>(samples: &[u8], rgb: &mut [u8], to_rgb: impl Fn([u8; N]) -> [u8; 3]) {
    for (pixel, out) in samples.as_chunks::<N>().0.iter().zip(rgb.as_chunks_mut::<3>().0) {
        *out = to_rgb(*pixel);
    }
}

/// Converts cyan, magenta, yellow and black, with 255 for no ink, as Adobe's programs write them. Converts as many
/// pixels as both slices hold.
pub fn inks_to_rgb(inks: &[u8], rgb: &mut [u8]) {
    let shown = |ink: u8, black: u8| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8;
    each(inks, rgb, |[c, m, y, k]| [c, m, y].map(|ink| shown(ink, k)));
}

/// Blends the pixels over grey, in place: a large picture is not held twice.
pub fn without_alpha(mut samples: Vec<u8>) -> Vec<u8> {
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
    fn black_ink_darkens_the_others() {
        let mut rgb = [0; 12];
        inks_to_rgb(&[255, 255, 255, 255, 0, 255, 255, 255, 255, 128, 0, 128, 9, 9, 9, 0], &mut rgb);
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 128, 64, 0, 0, 0, 0]);
    }

    #[test]
    fn sixteen_bits_round_to_eight() {
        assert_eq!([0, 128, 129, 65535, 257 * 7].map(|sample: u16| byte(sample.to_be_bytes())), [0, 0, 1, 255, 7]);
    }

    #[test]
    fn samples_of_each_kind_become_colours() {
        let rgb = |channels, wide, row: &[u8]| {
            let samples = Samples { channels, wide };
            let mut rgb = vec![0; 3 * samples.count(row)];
            samples.to_rgb(row, &mut rgb);
            rgb
        };
        assert_eq!(rgb(1, false, &[7, 9]), [7, 7, 7, 9, 9, 9]);
        assert_eq!(rgb(2, false, &[7, 255, 9, 0]), [7, 7, 7, 128, 128, 128]);
        assert_eq!(rgb(3, false, &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(rgb(4, false, &[1, 2, 3, 255]), [1, 2, 3]);
        assert_eq!(rgb(1, true, &[7, 7]), [7, 7, 7]);
        assert_eq!(rgb(2, true, &[7, 7, 0, 0]), [128, 128, 128]);
        assert_eq!(rgb(3, true, &[1, 1, 2, 2, 3, 3]), [1, 2, 3]);
        assert_eq!(rgb(4, true, &[1, 1, 2, 2, 3, 3, 255, 255]), [1, 2, 3]);
    }
}
