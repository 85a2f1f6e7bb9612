//! Measures the colours of a face and of the background, frame by frame.

use crate::image::View;
use crate::mesh::Mesh;
use crate::values::picture::Point;

/// Points of the mesh whose skin faces the camera: forehead and the front of the cheeks.
const FRONT: [usize; 9] = [151, 108, 337, 50, 280, 205, 425, 101, 330];
/// Points of the face's outline at temples, cheek bones and jaw, and the share of the way from there to the face's
/// centre at which skin is read.
const SIDES: [usize; 8] = [127, 356, 234, 454, 93, 323, 132, 361];
const INWARDS: f32 = 0.15;
/// Half the side of the squares that are averaged around a point, in interocular distances.
const FRONT_REACH: f32 = 0.12;
const SIDE_REACH: f32 = 0.05;
/// Points that are read along each side of a square.
const READ: usize = 8;
/// The background is read in strips at the frame's left and right: their share of its width, and of its height from the
/// top.
const STRIP: f32 = 0.08;
const STRIP_DOWN: f32 = 0.6;
/// Distance that hair and ears reach from the centre of the face, in half sides of the square around its mesh.
const HEAD: f32 = 1.35;
/// A background outside this range does not show the camera's white balance: noise or clipping decides its colour.
const USABLE: std::ops::RangeInclusive<f32> = 0.01..=0.9;

/// Mean colours of one frame: linear light, 0 to 1, red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colours {
    pub front: [f32; 3],
    pub sides: [f32; 3],
    /// `None` if the frame shows no usable background.
    pub behind: Option<[f32; 3]>,
}

impl Colours {
    pub fn of(view: View<'_>, mesh: &Mesh) -> Self {
        let iod = mesh.iod();
        let middle = mesh.square_of(1.0);
        let inwards = |place: usize| {
            let point = mesh.point(place);
            let inner = |own: f32, centre: f32| own + INWARDS * (centre - own);
            Point { x: inner(point.x, middle.centre.x), y: inner(point.y, middle.centre.y) }
        };
        let front = FRONT.iter().flat_map(|place| square(mesh.point(*place), FRONT_REACH * iod));
        let sides = SIDES.iter().flat_map(|place| square(inwards(*place), SIDE_REACH * iod));
        let half = HEAD * 0.5 * middle.side;
        let is_behind = |point: &Point| (point.x - middle.centre.x).hypot(point.y - middle.centre.y) > half;
        let behind = mean(view, strips(view).filter(is_behind));
        Self {
            front: mean(view, front).unwrap_or_default(),
            sides: mean(view, sides).unwrap_or_default(),
            behind: behind.filter(|colour| colour.iter().all(|value| USABLE.contains(value))),
        }
    }
}

/// Returns points of the upright square around a point.
fn square(about: Point, reach: f32) -> impl Iterator<Item = Point> {
    let at = move |step: usize| reach * (2.0 * step as f32 / (READ - 1) as f32 - 1.0);
    (0..READ * READ).map(move |place| Point { x: about.x + at(place % READ), y: about.y + at(place / READ) })
}

/// Returns points of the strips at the frame's left and right.
fn strips(view: View<'_>) -> impl Iterator<Item = Point> {
    let (width, height) = (view.width as f32, view.height as f32);
    let at = move |step: usize, of: usize| (step as f32 + 0.5) / of as f32;
    let strip = move |left: f32| {
        let place = move |place: usize| Point {
            x: left + width * STRIP * at(place % READ, READ),
            y: height * STRIP_DOWN * at(place / READ, 4 * READ),
        };
        (0..4 * READ * READ).map(place)
    };
    strip(0.0).chain(strip(width * (1.0 - STRIP)))
}

/// Returns the mean of the points that lie in the picture, in linear light; `None` if there are none.
fn mean(view: View<'_>, points: impl Iterator<Item = Point>) -> Option<[f32; 3]> {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for point in points.filter(|point| view.holds(*point)) {
        let pixel = view.pixel(point.x as usize, point.y as usize);
        sum = std::array::from_fn(|channel| sum[channel] + linear(pixel[channel]));
        count += 1.0;
    }
    (count > 0.0).then(|| sum.map(|value| value / count))
}

/// Converts to linear light, 0 to 1, by the transfer function of sRGB (IEC 61966-2-1).
pub fn linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}
