//! A reproducible source of random numbers, and pictures made with it that are damaged, empty or extreme.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageFormat};

use crate::project;

/// Random numbers by xorshift64: the same seed gives the same numbers.
pub struct Disorder(pub u64);

impl Disorder {
    /// Returns 0 to 2^64 - 1.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns 0 to `limit` - 1.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.number() as u8).collect()
    }

    /// Returns the bytes after one to six changes: flipped, overwritten, cut, doubled, taken out or put in.
    pub fn damaged(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(6) {
            let (at, len) = (self.below(bytes.len() + 1), self.below(64));
            let end = (at + len).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                3 => {
                    let new = self.bytes(len);
                    bytes.splice(at..at, new);
                }
                4 => {
                    // Values at which counting goes wrong.
                    let number = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
                    bytes[at..end].iter_mut().take(4).for_each(|byte| *byte = number);
                }
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        bytes
    }

    /// Makes some 250 files: cut, flipped and spliced photographs, noise, and the [`extreme`] ones.
    pub fn pictures(&mut self) -> Vec<Vec<u8>> {
        let photograph = image::load_from_memory(&project::sample("obama2.jpg")).expect("it is a JPEG");
        let small = photograph.thumbnail(160, 160);
        let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];
        let mut all = vec![
            Vec::new(),
            b"\xff".to_vec(),
            b"\xff\xd8\xff".to_vec(),
            b"\x89PNG\r\n\x1a\n".to_vec(),
            b"RIFF".to_vec(),
        ];
        for original in formats.map(|format| encoded(&small, format)) {
            for _ in 0..24 {
                all.push(original[..self.below(original.len())].to_vec());
                let mut flipped = original.clone();
                for _ in 0..=self.below(12) {
                    let at = self.below(flipped.len());
                    flipped[at] ^= 1 << self.below(8);
                }
                all.push(flipped);
                let mut spliced = original.clone();
                let (from, len) = (self.below(spliced.len()), self.below(64));
                spliced.splice(from..from, self.bytes(len));
                all.push(spliced);
            }
        }
        all.extend(extreme());
        all.extend([10, 1000, 100_000].map(|len| self.bytes(len)));
        all
    }
}

/// Makes whole files that few programs meet: 16 bits, one pixel, one row, the most pixels that are read and more, and
/// every form of file that the pipeline is tested with.
pub fn extreme() -> Vec<Vec<u8>> {
    let mut all = vec![
        encoded(&DynamicImage::new_rgb16(300, 200), ImageFormat::Png),
        encoded(&DynamicImage::new_luma8(1, 1), ImageFormat::Png),
        encoded(&DynamicImage::new_luma8(5000, 1), ImageFormat::Jpeg),
        encoded(&DynamicImage::new_rgba16(64, 64), ImageFormat::Png),
        // Few bytes, many pixels: read to the limit, refused beyond it.
        encoded(&DynamicImage::new_luma8(7000, 7000), ImageFormat::Png),
        encoded(&DynamicImage::new_luma8(7000, 7000), ImageFormat::Jpeg),
        encoded(&DynamicImage::new_luma8(7100, 7100), ImageFormat::Png),
    ];
    let forms = std::fs::read_dir(project::path("crates/face/tests/pipeline/files")).expect("they are here");
    all.extend(forms.map(|form| std::fs::read(form.expect("it is listed").path()).expect("it can be read")));
    all
}

/// Makes small pictures in each form that is read.
pub fn small() -> Vec<Vec<u8>> {
    let photograph = image::load_from_memory(&project::sample("obama2.jpg")).expect("it is a JPEG").thumbnail(48, 48);
    let of = |image: DynamicImage, format| encoded(&image, format);
    let mut all = vec![
        of(photograph.clone(), ImageFormat::Jpeg),
        of(photograph.clone(), ImageFormat::Png),
        of(photograph.clone(), ImageFormat::WebP),
        of(photograph.to_luma_alpha8().into(), ImageFormat::Png),
        of(photograph.to_luma16().into(), ImageFormat::Png),
        of(photograph.to_rgba16().into(), ImageFormat::Png),
    ];
    let forms = std::fs::read_dir(project::path("crates/face/tests/pipeline/files")).expect("they are here");
    let forms = forms.map(|form| std::fs::read(form.expect("it is listed").path()).expect("it can be read"));
    all.extend(forms.filter(|form| form.len() < 60_000));
    all
}

/// Makes the largest file of each form that takes many bytes per pixel while it is decoded, and so may have fewer
/// pixels.
pub fn costly() -> Vec<Vec<u8>> {
    vec![
        encoded(&DynamicImage::new_rgb16(5200, 5300), ImageFormat::Png),
        encoded(&DynamicImage::new_rgba16(4700, 4800), ImageFormat::Png),
        encoded(&DynamicImage::new_rgb8(5600, 5700), ImageFormat::WebP),
    ]
}

/// Encodes a picture as a file; all formats but PNG as red, green and blue.
///
/// # Panics
/// If the format cannot be written.
pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    if format == ImageFormat::Png {
        // The best compression of a picture of 50 megapixels takes half a minute.
        let quick = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::NoFilter);
        image.write_with_encoder(quick).expect("it can be written");
    } else {
        image.to_rgb8().write_to(&mut bytes, format).expect("it can be written");
    }
    bytes.into_inner()
}
