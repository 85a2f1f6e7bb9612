//! Decodes an image file to upright sRGB pixels of 8 bits, or says why it cannot.
//!
//! Pixels are stored once, in the order of the file. A [`View`] says how to walk them, so that neither EXIF orientation
//! nor a search through quarter turns copies a picture of 150 MB.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;

use crate::Error;
use crate::geometry::Affine;
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

/// The most pixels that are decoded, unless the operator sets another limit: an A4 sheet scanned at 600 dpi has 35
/// million.
pub const PIXELS_MAX: u64 = 50_000_000;

/// The most bytes that decoding one file may take. Formats that need many bytes per pixel (progressive JPEG, WebP) are
/// therefore limited to fewer pixels than [`PIXELS_MAX`].
const BYTES_MAX: u64 = 250_000_000;

/// The highest ratio of the sides. A longer picture has too few pixels for a face at any scale.
const ASPECT_MAX: u64 = 256;

/// A decoded picture. It holds its share of [`Memory`] as long as it lives.
pub struct Image {
    /// Red, green, blue; rows of `width` pixels, as the file has them.
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    orientation: Orientation,
    _reserved: Option<Reserved>,
}

/// A picture as the pipeline sees it: upright, mirrored or turned without a copy.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pixels: &'a [u8],
    pub width: usize,
    pub height: usize,
    /// Pixel `(x, y)` is number `origin + x * step_x + y * step_y`.
    origin: isize,
    step_x: isize,
    step_y: isize,
    /// The number of pixels in a row as they are stored.
    stride: usize,
}

/// The pixels behind a [`View`], in rows as they are stored.
pub struct Stored<'a> {
    pixels: &'a [u8],
    pub width: usize,
    /// Maps a place in the view to its place in these rows.
    pub place: Affine,
}

/// The size of a picture and the memory that decoding it takes, known before it is decoded.
struct Header {
    width: u64,
    height: u64,
    /// Bytes for each pixel at the peak of decoding.
    bytes_per_pixel: f64,
    /// Bytes needed beside the pixels.
    bytes_beside: u64,
}

/// Returns the format of a picture file, by its first bytes; `None` if it is not read.
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

/// Returns the picture file in `sent`: that of the first face in an ISO/IEC 19794-5 record, else all of `sent`. Refuses
/// a format that is not read, and names it.
pub fn file(sent: &[u8]) -> Result<(ImageFormat, &[u8]), Error> {
    let file = record::picture(sent)?;
    format(file).map(|format| (format, file)).ok_or_else(|| undecodable(unread::reason(file)))
}

/// Returns width and height of a JPEG file as stored, read from its headers alone; `None` if it is no JPEG.
pub fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    jpeg::size(bytes)
}

impl Image {
    /// Makes an upright picture of `width` x `height` pixels from red, green and blue.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), 3 * width * height, "three bytes for each pixel");
        Self { pixels, width, height, orientation: Orientation::NoTransforms, _reserved: None }
    }

    /// Reads JPEG, PNG, WebP or JPEG 2000, recognised by their first bytes, also in an ISO/IEC 19794-5 record. Reads
    /// the first picture of an animation.
    ///
    /// Waits until `memory` has room for the picture. Reads only the pixels and the orientation, and takes colours for
    /// sRGB.
    pub fn decode(bytes: &[u8], pixels_max: u64, memory: &Memory) -> Result<Self, Error> {
        // The decoders are third-party code. If one panics, the file is broken, not the server.
        let decoded = catch_unwind(AssertUnwindSafe(|| Self::decode_file(bytes, pixels_max, memory)));
        decoded.unwrap_or_else(|_| Err(undecodable("the decoder failed")))
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

    /// Returns the same picture in another size, from pixels stored in the same order.
    #[must_use]
    pub fn like(&self, width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self { orientation: self.orientation, ..Self::new(width, height, pixels) }
    }

    /// Returns width and height of the picture as stored, before its orientation.
    pub fn stored_size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Returns row `y` of the picture as stored.
    pub fn stored_row(&self, y: usize) -> &[u8] {
        &self.pixels[3 * y * self.width..3 * (y + 1) * self.width]
    }

    /// Returns the picture upright, as its EXIF orientation asks.
    pub fn view(&self) -> View<'_> {
        let stored = View {
            pixels: &self.pixels,
            width: self.width,
            height: self.height,
            origin: 0,
            step_x: 1,
            step_y: self.width as isize,
            stride: self.width,
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

impl Stored<'_> {
    pub fn height(&self) -> usize {
        self.pixels.len() / (3 * self.width)
    }

    /// Returns red, green and blue of some pixels of row `y`.
    ///
    /// # Panics
    /// If they lie outside.
    pub fn row(&self, y: usize, columns: Range<usize>) -> &[u8] {
        &self.pixels[3 * y * self.width..][..3 * self.width][3 * columns.start..3 * columns.end]
    }
}

impl View<'_> {
    /// Turns the view by `quarters` quarter turns clockwise.
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

    /// Exchanges left and right.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self { origin: self.origin + (self.width as isize - 1) * self.step_x, step_x: -self.step_x, ..self }
    }

    /// Maps `point` of this view, turned by `quarters` quarter turns, back to this view.
    pub fn unturned(self, quarters: usize, point: Point) -> Point {
        let last = |side: usize| side as f32 - 1.0;
        match quarters % 4 {
            0 => point,
            1 => Point { x: point.y, y: last(self.height) - point.x },
            2 => Point { x: last(self.width) - point.x, y: last(self.height) - point.y },
            _ => Point { x: last(self.width) - point.y, y: point.x },
        }
    }

    /// Returns red, green and blue.
    ///
    /// # Panics
    /// If the pixel lies outside. Without debug assertions, it may return another pixel instead.
    pub fn pixel(self, x: usize, y: usize) -> [u8; 3] {
        debug_assert!(x < self.width && y < self.height, "{x}, {y}");
        let at = 3 * (self.origin + x as isize * self.step_x + y as isize * self.step_y) as usize;
        let pixel = &self.pixels[at..at + 3];
        [pixel[0], pixel[1], pixel[2]]
    }

    /// Returns the picture as it is stored.
    pub fn stored(&self) -> Stored<'_> {
        let stride = self.stride as isize;
        // In a picture that is one pixel wide, each step leads to another row.
        let steps = |step: isize| if step % stride == 0 { (0, step / stride) } else { (step, 0) };
        let ((x_by_x, y_by_x), (x_by_y, y_by_y)) = (steps(self.step_x), steps(self.step_y));
        let number = |whole: isize| whole as f64;
        let place = Affine {
            x: [x_by_x, x_by_y].map(number),
            y: [y_by_x, y_by_y].map(number),
            shift_x: number(self.origin % stride),
            shift_y: number(self.origin / stride),
        };
        Stored { pixels: self.pixels, width: self.stride, place }
    }

    /// Returns the luma of one pixel (ITU-R BT.601), 0 to 255.
    ///
    /// # Panics
    /// Like [`View::pixel`].
    pub fn luma(self, x: usize, y: usize) -> f32 {
        let [red, green, blue] = self.pixel(x, y).map(f32::from);
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    /// Returns true if a point lies in the picture.
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

    /// Returns the bytes that the picture takes. Refuses one that is too large, or that can hold no face.
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
