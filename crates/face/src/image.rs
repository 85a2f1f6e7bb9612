//! An image file to pixels: sRGB, 8 bits, upright; or the reason why not.
//!
//! Pixels are stored once, as the file orders them; a [`View`] says how to walk them, so that neither EXIF
//! orientation nor a search through quarter turns copies a picture of 150 MB.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;

use crate::Error;
use crate::memory::{Memory, Reserved};
use crate::values::picture::{ImageFormat, Point};

mod exif;
mod jpeg;
mod jpeg2000;
mod pixels;
mod png;
mod record;
mod unread;
mod webp;

/// Most pixels decoded, unless the operator says otherwise: a sheet of A4 scanned at 600 dpi has 35 million.
pub const PIXELS_MAX: u64 = 50_000_000;

/// Most bytes that one file may take while it is decoded. Forms that need many bytes per pixel (progressive JPEG, WebP)
/// are therefore held to fewer pixels than [`PIXELS_MAX`].
const BYTES_MAX: u64 = 250_000_000;

/// A side this many times as long as the other one leaves too few pixels for a face, however finely the picture is
/// looked at.
const ASPECT_MAX: u64 = 256;

/// A decoded picture. Holds its share of [`Memory`] as long as it lives.
pub struct Image {
    /// Red, green, blue; rows of `width` pixels, as the file has them.
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    orientation: Orientation,
    _reserved: Option<Reserved>,
}

/// A picture as it is looked at: upright, mirrored or turned without a copy.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pixels: &'a [u8],
    pub width: usize,
    pub height: usize,
    /// Pixel `(x, y)` is number `origin + x * step_x + y * step_y`.
    origin: isize,
    step_x: isize,
    step_y: isize,
}

/// The size of a picture and the memory that decoding it takes, known before it is decoded.
struct Header {
    width: u64,
    height: u64,
    /// Needed at the peak of decoding, for each pixel.
    bytes_per_pixel: f64,
    /// Needed beside the pixels.
    bytes_beside: u64,
}

/// The format of a picture file, by its first bytes.
pub fn format(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [0, 0, 0, 0x0c, b'j', b'P', b' ', b' ', ..] => Some(ImageFormat::Jp2),
        [0xff, 0x4f, 0xff, 0x51, ..] => Some(ImageFormat::J2c),
        _ => None,
    }
}

/// The picture file in what was sent: that of the first face in an ISO/IEC 19794-5 record, else all of it. Refuses what
/// is of no format that is read, and names it.
pub fn file(sent: &[u8]) -> Result<(ImageFormat, &[u8]), Error> {
    let file = record::picture(sent)?;
    format(file).map(|format| (format, file)).ok_or_else(|| undecodable(unread::reason(file)))
}

/// Width and height of a JPEG file as stored, read from its headers alone; `None` if it is none.
pub fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    jpeg::size(bytes)
}

impl Image {
    /// An upright picture of `width` x `height` pixels, red, green and blue.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), 3 * width * height, "three bytes for each pixel");
        Self { pixels, width, height, orientation: Orientation::NoTransforms, _reserved: None }
    }

    /// Reads JPEG, PNG, WebP or JPEG 2000, known by their first bytes, also in an ISO/IEC 19794-5 record. Of an animation
    /// the first picture is read.
    ///
    /// Waits until `memory` has room for the picture. Nothing is read but what pixels are made from and the
    /// orientation; colours are taken for sRGB.
    pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Self, Error> {
        // The decoders are not ours. What makes one of them panic is a broken file, not a broken server.
        let decoded = catch_unwind(AssertUnwindSafe(|| Self::decode_file(bytes, pixels_max, memory)));
        decoded.unwrap_or_else(|_| Err(undecodable("its decoder gave up")))
    }

    fn decode_file(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Self, Error> {
        let (format, file) = file(bytes)?;
        match format {
            ImageFormat::Jpeg => jpeg::decode(file, pixels_max, memory),
            ImageFormat::Png => png::decode(file, pixels_max, memory),
            ImageFormat::WebP => webp::decode(file, pixels_max, memory),
            ImageFormat::Jp2 | ImageFormat::J2c => jpeg2000::decode(file, pixels_max, memory),
        }
    }

    fn finish(pixels: Vec<u8>, (width, height): (u32, u32), orientation: Orientation, mut reserved: Reserved) -> Self {
        reserved.shrink(pixels.len() as u64);
        Self { pixels, width: width as usize, height: height as usize, orientation, _reserved: Some(reserved) }
    }

    /// The same picture in another size, from pixels stored as this one's are.
    #[must_use]
    pub fn like(&self, width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self { orientation: self.orientation, ..Self::new(width, height, pixels) }
    }

    /// Width and height of the picture as stored, before its orientation.
    pub fn stored_size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Row `y` of the picture as stored.
    pub fn stored_row(&self, y: usize) -> &[u8] {
        &self.pixels[3 * y * self.width..3 * (y + 1) * self.width]
    }

    /// Upright, as its EXIF orientation asks.
    pub fn view(&self) -> View<'_> {
        let stored = View {
            pixels: &self.pixels,
            width: self.width,
            height: self.height,
            origin: 0,
            step_x: 1,
            step_y: self.width as isize,
        };
        match self.orientation {
            Orientation::NoTransforms => stored,
            Orientation::FlipHorizontal => stored.mirrored(),
            Orientation::Rotate180 => stored.turned(2),
            Orientation::FlipVertical => stored.turned(2).mirrored(),
            Orientation::Rotate90FlipH => stored.turned(1).mirrored(),
            Orientation::Rotate90 => stored.turned(1),
            Orientation::Rotate270FlipH => stored.turned(3).mirrored(),
            Orientation::Rotate270 => stored.turned(3),
        }
    }
}

impl View<'_> {
    /// As it looks after so many quarter turns clockwise.
    #[must_use]
    pub fn turned(self, quarters: usize) -> Self {
        (0..quarters % 4).fold(self, |view, _| View {
            width: view.height,
            height: view.width,
            origin: view.origin + (view.height as isize - 1) * view.step_y,
            step_x: -view.step_y,
            step_y: view.step_x,
            ..view
        })
    }

    /// Left and right exchanged.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self { origin: self.origin + (self.width as isize - 1) * self.step_x, step_x: -self.step_x, ..self }
    }

    /// Where `point` of this view turned by so many quarters lies in this view.
    pub fn unturned(self, quarters: usize, point: Point) -> Point {
        let last = |side: usize| side as f32 - 1.0;
        match quarters % 4 {
            0 => point,
            1 => Point { x: point.y, y: last(self.height) - point.x },
            2 => Point { x: last(self.width) - point.x, y: last(self.height) - point.y },
            _ => Point { x: last(self.width) - point.y, y: point.x },
        }
    }

    /// Red, green and blue.
    ///
    /// # Panics
    /// If it lies outside.
    pub fn pixel(self, x: usize, y: usize) -> [u8; 3] {
        debug_assert!(x < self.width && y < self.height, "{x}, {y}");
        let at = 3 * (self.origin + x as isize * self.step_x + y as isize * self.step_y) as usize;
        let pixel = &self.pixels[at..at + 3];
        [pixel[0], pixel[1], pixel[2]]
    }

    /// The luma of one pixel (ITU-R BT.601), 0 to 255.
    ///
    /// # Panics
    /// If it lies outside.
    pub fn luma(self, x: usize, y: usize) -> f32 {
        let [red, green, blue] = self.pixel(x, y).map(f32::from);
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    /// Whether a point lies in the picture.
    pub fn holds(self, point: Point) -> bool {
        let within = |at: f32, side: usize| (0.0..side as f32).contains(&(at + 0.5));
        within(point.x, self.width) && within(point.y, self.height)
    }

    pub fn longer_side(self) -> usize {
        self.width.max(self.height)
    }
}

impl Header {
    /// Reserves the memory that the picture takes, or refuses it as [`Header::check`] does.
    fn admit(&self, pixels_max: u64, memory: &Memory) -> Result<Reserved, Error> {
        let bytes = self.check(pixels_max)?;
        Ok(memory.reserve(bytes))
    }

    /// The bytes that the picture takes. Refuses one that is too large, or that can hold no face.
    fn check(&self, pixels_max: u64) -> Result<u64, Error> {
        let &Self { width, height, bytes_per_pixel, bytes_beside } = self;
        let pixels = width * height;
        if pixels == 0 {
            return Err(undecodable("it has no pixels"));
        }
        let room = BYTES_MAX.saturating_sub(bytes_beside);
        if room == 0 {
            return Err(undecodable("decoding it would take too much memory"));
        }
        let pixels_max = pixels_max.min((room as f64 / bytes_per_pixel) as u64);
        if pixels > pixels_max {
            return Err(Error::TooManyPixels { pixels, pixels_max });
        }
        if width.max(height) > ASPECT_MAX * width.min(height) {
            return Err(Error::TooNarrow { width, height });
        }
        Ok((pixels as f64 * bytes_per_pixel) as u64 + bytes_beside)
    }
}

fn undecodable(reason: impl Into<Box<dyn std::error::Error>>) -> Error {
    Error::Undecodable(reason.into().to_string())
}
