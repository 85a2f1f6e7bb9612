//! A camera with varying exposure, an imperfect lens, a sensor's noise and JPEG compression.

use bytes::Bytes;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::performer::raster::Canvas;

/// The number of noise values to draw from: enough that no repetition is visible.
const NOISE_LEN: usize = 1 << 14;

pub struct Camera {
    random: StdRng,
    /// Standard normal values.
    noise: Vec<f32>,
    /// The standard deviation of the noise, in levels of brightness.
    noise_size: f32,
    exposure: f32,
    quality: u8,
}

impl Camera {
    pub fn new(random: &mut StdRng) -> Self {
        let noise = (0..NOISE_LEN).map(|_| normal(random)).collect();
        Self {
            noise,
            noise_size: random.random_range(1.0..3.5),
            exposure: random.random_range(0.92..1.08),
            quality: random.random_range(82..93),
            random: rand::SeedableRng::seed_from_u64(random.random()),
        }
    }

    /// Takes the next picture and returns it as a JPEG file.
    pub fn shot(&mut self, seen: &Canvas) -> Bytes {
        self.exposure = (self.exposure + 0.004 * normal(&mut self.random)).clamp(0.85, 1.15);
        let mut bytes = Vec::with_capacity(3 * seen.pixels.len());
        for row in soft(seen).pixels.chunks(seen.width) {
            let mut place = self.random.random_range(0..NOISE_LEN);
            for value in row.iter().flatten() {
                place = if place + 1 == NOISE_LEN { 0 } else { place + 1 };
                let level = value * self.exposure + self.noise[place] * self.noise_size;
                bytes.push(level.round().clamp(0.0, 255.0) as u8);
            }
        }
        let mut jpeg = vec![];
        JpegEncoder::new_with_quality(&mut jpeg, self.quality)
            .encode(&bytes, seen.width as u32, seen.height as u32, ExtendedColorType::Rgb8)
            .expect("memory takes every byte");
        jpeg.into()
    }
}

/// Returns the sum of twelve uniform numbers minus their mean: close enough to normal for noise.
fn normal(random: &mut StdRng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

/// Blurs like a lens: half of a 1 2 1 filter along rows and columns.
fn soft(canvas: &Canvas) -> Canvas {
    let (width, height) = (canvas.width, canvas.height);
    let blurred = |pixels: &[[f32; 3]], step: usize, at: &dyn Fn(usize) -> bool| -> Vec<[f32; 3]> {
        let mix = |(place, own): (usize, &[f32; 3])| {
            if at(place) {
                let (before, after) = (pixels[place - step], pixels[place + step]);
                std::array::from_fn(|c| 0.125 * before[c] + 0.75 * own[c] + 0.125 * after[c])
            } else {
                *own
            }
        };
        pixels.iter().enumerate().map(mix).collect()
    };
    let across = blurred(&canvas.pixels, 1, &|place| place % width != 0 && place % width != width - 1);
    let pixels = blurred(&across, width, &|place| place >= width && place < width * (height - 1));
    Canvas { width, height, pixels }
}
