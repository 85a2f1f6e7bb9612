//! Degrades photographs in defined ways and grades.
//!
//! Lengths are in units of the face: one unit is a pixel of the face in the input of a recognizer, 112x112 pixels,
//! where the eyes are 35 units apart.

use std::f32::consts::TAU;

use face::find::{self, Turns};
use face::image::Image;
use face::mesh::Mesh;
use face::networks::Networks;
use face::values::picture::Point;
use face::{DescribedFace, Picture, describe};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, RgbImage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use strum::{IntoStaticStr, VariantArray};

use crate::performer::landmarks::{CHEEKS, CHIN, OUTLINE};

/// Interocular distance, in units.
const IOD_UNITS: f32 = 35.2;
/// Side length of the face, in units: the side of a recognizer's input.
const FACE_UNITS: f32 = 112.0;
/// Vertices of the mesh: the bridge of the nose, its tip, and the two points where the face's outline meets the ears.
const BRIDGE: usize = 6;
const NOSE_TIP: usize = 4;
const EARS: [usize; 2] = [234, 454];
/// The indices in [`OUTLINE`] of the lower half of the outline, from ear to ear.
const JAW: std::ops::Range<usize> = 9..28;

/// In little light, a sensor's response follows this power; it adds noise of this many levels of brightness.
const DARK_GAMMA: f32 = 1.6;
const DARK_NOISE: f32 = 4.0;

const MASK: [u8; 3] = [150, 185, 205];
const GLASSES: [u8; 3] = [28, 26, 30];
const BAR: [u8; 3] = [0, 0, 0];

/// A way to degrade a photograph of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Degradation {
    /// Low resolution: the grade is the width of the face, in pixels.
    Small,
    /// Low resolution, then enlarged to the original size.
    Enlarged,
    /// Out of focus: the grade is the standard deviation of a Gaussian blur, in units.
    Blur,
    /// Motion blur: the grade is the length of the motion, in units; along rows, down a slope, along columns, up a
    /// slope.
    MovedAcross,
    MovedDownwards,
    MovedDown,
    MovedUpwards,
    /// Little light: the grade is the share of the light that is left; the noise of a sensor is added.
    Dark,
    /// JPEG compression: the grade is the quality.
    Compressed,
    /// A mask over mouth and nose.
    Mask,
    Sunglasses,
    /// A bar over the eyes.
    Bar,
    /// A hand before the mouth.
    Hand,
    /// The picture ends within the face: the grade is the share of the face that is cut off, at the top, the bottom or
    /// the left.
    CutAbove,
    CutBelow,
    CutAside,
}

face::named!(Degradation);

impl Degradation {
    /// The grades, from slight to strong.
    pub fn grades(self) -> &'static [f32] {
        match self {
            Self::Small => &[35.0, 20.0],
            Self::Enlarged => &[30.0, 20.0, 14.0, 10.0],
            Self::Blur => &[2.0, 4.0, 6.0, 8.0],
            Self::MovedAcross | Self::MovedDown => &[10.0, 15.0, 22.0, 30.0],
            Self::MovedDownwards | Self::MovedUpwards => &[15.0, 30.0],
            Self::Dark => &[0.3, 0.1],
            Self::Compressed => &[20.0, 8.0, 3.0],
            Self::Mask | Self::Sunglasses | Self::Bar | Self::Hand => &[1.0],
            Self::CutAbove => &[0.3, 0.45],
            Self::CutBelow | Self::CutAside => &[0.2, 0.35],
        }
    }
}

/// A photograph and the mesh of the face in its middle.
pub struct Photograph {
    pixels: RgbImage,
    mesh: Mesh,
}

impl Photograph {
    /// # Errors
    /// The picture cannot be read, or shows no face.
    pub fn read(networks: &mut Networks, picture: &Picture) -> Result<Self, face::Error> {
        let image = Image::decode(&picture.bytes, networks.settings().pixels_max, networks.memory())?;
        let found = find::central(networks, &image, Turns::None)?.ok_or(face::Error::NoFace)?;
        let view = image.view();
        let pixel = |x, y| image::Rgb(view.pixel(x as usize, y as usize));
        Ok(Self { pixels: RgbImage::from_fn(view.width as u32, view.height as u32, pixel), mesh: found.mesh })
    }

    /// Degrades the photograph and describes its face; fails with the networks' usual error if no face is found.
    pub fn describe(
        &self,
        networks: &mut Networks,
        how: Degradation,
        grade: f32,
    ) -> Result<DescribedFace, face::Error> {
        let worse = self.degraded(how, grade);
        let image = Image::new(worse.width() as usize, worse.height() as usize, worse.into_raw());
        let found = find::central(networks, &image, Turns::None)?.ok_or(face::Error::NoFace)?;
        describe::face(networks, image.view(), &found, String::new())
    }

    pub fn degraded(&self, how: Degradation, grade: f32) -> RgbImage {
        let (pixels, mesh) = (&self.pixels, &self.mesh);
        let unit = mesh.iod() / IOD_UNITS;
        let small = || shrunk(pixels, grade / (FACE_UNITS * unit));
        match how {
            Degradation::Small => small(),
            Degradation::Enlarged => {
                imageops::resize(&small(), pixels.width(), pixels.height(), FilterType::CatmullRom)
            }
            Degradation::Blur => imageops::blur(pixels, grade * unit),
            Degradation::MovedAcross => moved(pixels, grade * unit, 0.0),
            Degradation::MovedDownwards => moved(pixels, grade * unit, TAU / 8.0),
            Degradation::MovedDown => moved(pixels, grade * unit, TAU / 4.0),
            Degradation::MovedUpwards => moved(pixels, grade * unit, -TAU / 8.0),
            Degradation::Dark => dark(pixels, grade),
            Degradation::Compressed => compressed(pixels, grade as u8),
            Degradation::Mask => painted(pixels, &mask(mesh), MASK),
            Degradation::Sunglasses => painted(pixels, &glasses(mesh), GLASSES),
            Degradation::Bar => painted(pixels, &[bar(mesh)], BAR),
            Degradation::Hand => painted(pixels, &hand(mesh), skin(pixels, mesh)),
            Degradation::CutAbove | Degradation::CutBelow | Degradation::CutAside => self.cut(how, grade),
        }
    }

    /// Removes the part of the photograph beyond a line through the face.
    fn cut(&self, how: Degradation, grade: f32) -> RgbImage {
        let range = |axis: usize| {
            let values = self.mesh.points.iter().map(|point| point[axis]);
            values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        let ((left, right), (top, low)) = (range(0), range(1));
        let (width, height) = self.pixels.dimensions();
        let line = |at: f32, side: u32| at.clamp(1.0, side as f32 - 1.0) as u32;
        let (x, y, across, down) = match how {
            Degradation::CutAbove => {
                let from = line(top + grade * (low - top), height);
                (0, from, width, height - from)
            }
            Degradation::CutBelow => (0, 0, width, line(low - grade * (low - top), height)),
            _ => {
                let from = line(left + grade * (right - left), width);
                (from, 0, width - from, height)
            }
        };
        imageops::crop_imm(&self.pixels, x, y, across, down).to_image()
    }
}

/// Scales the picture by `factor` with a triangle filter; each side keeps at least one pixel.
fn shrunk(pixels: &RgbImage, factor: f32) -> RgbImage {
    let side = |side: u32| ((side as f32 * factor).round() as u32).clamp(1, side);
    imageops::resize(pixels, side(pixels.width()), side(pixels.height()), FilterType::Triangle)
}

/// Averages the picture along a line of `length` pixels; pixels outside repeat the border.
fn moved(pixels: &RgbImage, length: f32, angle: f32) -> RgbImage {
    let steps = (length.ceil() as i32).max(1);
    let (sin, cos) = angle.sin_cos();
    let (right, low) = (pixels.width() as f32 - 1.0, pixels.height() as f32 - 1.0);
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let mut sum = [0.0; 3];
        for step in 0..=steps {
            let along = length * (step as f32 / steps as f32 - 0.5);
            let (u, v) = ((x as f32 + cos * along).clamp(0.0, right), (y as f32 + sin * along).clamp(0.0, low));
            let seen = imageops::interpolate_bilinear(pixels, u, v).unwrap_or(image::Rgb([0; 3]));
            sum = std::array::from_fn(|colour| sum[colour] + f32::from(seen.0[colour]));
        }
        image::Rgb(sum.map(|colour| (colour / (steps + 1) as f32).round() as u8))
    })
}

/// Reduces the light to a share of it; the sensor's noise stays the same.
fn dark(pixels: &RgbImage, share: f32) -> RgbImage {
    let mut random = StdRng::seed_from_u64(1);
    let mut worse = pixels.clone();
    for value in worse.iter_mut() {
        let noise = (0..4).map(|_| random.random::<f32>()).sum::<f32>() - 2.0;
        *value =
            ((f32::from(*value) / 255.0).powf(DARK_GAMMA) * 255.0 * share + DARK_NOISE * noise).clamp(0.0, 255.0) as u8;
    }
    worse
}

fn compressed(pixels: &RgbImage, quality: u8) -> RgbImage {
    let (width, height) = pixels.dimensions();
    let mut jpeg = vec![];
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(pixels, width, height, ExtendedColorType::Rgb8)
        .expect("memory takes every byte");
    image::load_from_memory(&jpeg).expect("it was just written").to_rgb8()
}

type Outline = Vec<Point>;

/// Outlines a mask: from ear to ear, and from the middle of the bridge of the nose to the chin.
fn mask(mesh: &Mesh) -> Vec<Outline> {
    let middle = between(mesh.point(BRIDGE), mesh.point(NOSE_TIP), 0.45);
    let cheeks = EARS.map(|ear| between(mesh.point(ear), middle, 0.7));
    let jaw = OUTLINE[JAW].iter().map(|vertex| mesh.point(*vertex));
    vec![jaw.chain([mesh.point(EARS[0]), cheeks[0], middle, cheeks[1], mesh.point(EARS[1])]).collect()]
}

/// Outlines two lenses and the bridge between them.
fn glasses(mesh: &Mesh) -> Vec<Outline> {
    let eyes = mesh.eyes();
    let angle = (eyes.right.y - eyes.left.y).atan2(eyes.right.x - eyes.left.x);
    let glass = |eye: Point| ellipse(eye, (0.45 * eyes.iod(), 0.34 * eyes.iod()), angle);
    vec![glass(eyes.left), glass(eyes.right), band(eyes.left, eyes.right, 0.0, 0.1)]
}

fn bar(mesh: &Mesh) -> Outline {
    let eyes = mesh.eyes();
    band(eyes.left, eyes.right, 0.45, 0.5)
}

/// Outlines four fingers across mouth and chin.
fn hand(mesh: &Mesh) -> Vec<Outline> {
    let eyes = mesh.eyes();
    let angle = (eyes.right.y - eyes.left.y).atan2(eyes.right.x - eyes.left.x);
    let (nose, chin) = (mesh.point(NOSE_TIP), mesh.point(CHIN));
    (0..4)
        .map(|finger| {
            let middle = between(nose, chin, 0.2 + 0.2 * finger as f32);
            ellipse(middle, (0.8 * eyes.iod(), 0.14 * eyes.iod()), angle)
        })
        .collect()
}

/// Returns the mean colour of the cheeks.
fn skin(pixels: &RgbImage, mesh: &Mesh) -> [u8; 3] {
    let (right, low) = (pixels.width() as f32 - 1.0, pixels.height() as f32 - 1.0);
    let seen = CHEEKS.map(|vertex| {
        let Point { x, y } = mesh.point(vertex);
        pixels.get_pixel(x.clamp(0.0, right) as u32, y.clamp(0.0, low) as u32).0
    });
    std::array::from_fn(|colour| {
        (seen.iter().map(|seen| u32::from(seen[colour])).sum::<u32>() / seen.len() as u32) as u8
    })
}

fn between(a: Point, b: Point, share: f32) -> Point {
    Point { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share }
}

/// Outlines a bar along the line from `a` to `b`. It extends beyond each end by `more` times the line's length, and its
/// height is `height` times that length.
fn band(a: Point, b: Point, more: f32, height: f32) -> Outline {
    let (along, across) = ((b.x - a.x, b.y - a.y), (a.y - b.y, b.x - a.x));
    let corner = |from: Point, out: f32, up: f32| Point {
        x: from.x + out * along.0 + up * across.0,
        y: from.y + out * along.1 + up * across.1,
    };
    let half = height / 2.0;
    vec![corner(a, -more, -half), corner(b, more, -half), corner(b, more, half), corner(a, -more, half)]
}

fn ellipse(centre: Point, (wide, high): (f32, f32), angle: f32) -> Outline {
    let (sin, cos) = angle.sin_cos();
    (0..24)
        .map(|corner| {
            let (y, x) = (TAU * corner as f32 / 24.0).sin_cos();
            Point { x: centre.x + cos * wide * x - sin * high * y, y: centre.y + sin * wide * x + cos * high * y }
        })
        .collect()
}

/// Fills these outlines with a colour.
fn painted(pixels: &RgbImage, outlines: &[Outline], colour: [u8; 3]) -> RgbImage {
    let mut worse = pixels.clone();
    for (x, y, pixel) in worse.enumerate_pixels_mut() {
        if outlines.iter().any(|outline| is_inside(outline, x as f32, y as f32)) {
            pixel.0 = colour;
        }
    }
    worse
}

/// True if a point lies inside the outline: a ray to the right then crosses the outline an odd number of times.
fn is_inside(outline: &[Point], x: f32, y: f32) -> bool {
    let sides = outline.iter().zip(outline.iter().cycle().skip(1));
    let crossed = sides.filter(|(a, b)| (a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
    crossed.count() % 2 == 1
}
