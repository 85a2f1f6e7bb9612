//! Finds faces of every size. A coarse look comes first, and finer looks follow only while no face is found. The last look
//! searches only where the look before it, at half the resolution, has hints of a face. The landmark network must confirm
//! each face.

use crate::detect::{self, Detection, Seen};
use crate::geometry::Square;
use crate::image::{Image, View};
use crate::mesh::{self, Mesh};
use crate::networks::Networks;
use crate::resample::{self, warp};
use crate::values::picture::{Eyes, FaceBox, Point};
use crate::{Error, tile};

/// A mesh with a lower presence shows no face.
const PRESENCE_MIN: f32 = 0.5;
/// Another face counts if it has at least this share of the largest face's area.
const AREA_SHARE_MIN: f32 = 0.25;
/// The widest box that a finer look keeps, in pixels of the network. A wider face breaks into pieces in such a look,
/// and an eye or a mouth passes for a face.
const FINE_WIDTH_MAX: f32 = tile::WIDTH_MAX;
/// The widest box of a hint: in the next look the face is twice as wide.
const HINT_WIDTH_MAX: f32 = FINE_WIDTH_MAX / 2.0;
/// The narrowest box that a look keeps if a finer one follows, which places smaller faces better; pixels of the
/// network.
const COARSE_WIDTH_MIN: f32 = 20.0;
/// A finer look follows if it enlarges the picture by no more than this.
const GROWTH_MAX: f32 = 4.0 / 3.0;
/// The share of the window that the picture takes in a look with a border. The border gives an outline to a face that
/// touches the edges of the picture.
const BORDERED: f32 = 0.65;
/// The most places that the last look searches, the most promising first: a picture full of patterns must not cost more
/// than one with a face.
const HINTED_MAX: usize = 16;
/// The most candidates of a look that the landmark network checks: a wall of portraits must not stall it.
const CONFIRMED_MAX: usize = 16;
/// The line through the eyes of an upright face is less inclined than this, in radians.
const INCLINED_MAX: f32 = std::f32::consts::FRAC_PI_4;

/// A face that was found, in pixels of the upright picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub detection: Detection,
    pub mesh: Mesh,
    /// The other faces that count.
    pub others: Vec<Found>,
}

/// The quarter turns in which a picture is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// The picture is upright.
    None,
    /// The picture may lie on any side.
    Quarters,
}

/// One search of a picture at one scale.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    /// The longer side of the picture, in pixels of the network.
    longer_side: usize,
    area: Area,
    /// The widths of boxes that are kept, in pixels of the network.
    width_min: f32,
    width_max: f32,
}

/// The part of a picture that a look searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    /// All of it, in the middle of a square with this side.
    Square(usize),
    /// All of it, with as little around it as the network's step allows.
    Whole,
    /// Windows around the hints of the look before.
    Hinted,
}

/// The face that is wanted among those that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Largest,
    /// The face nearest the middle of the picture.
    Central,
}

/// Finds the largest face, and those that count beside it; `None` if there is no face.
pub fn largest(networks: &mut Networks, image: &Image, turns: Turns) -> Result<Option<Found>, Error> {
    let found = search(networks, image, turns, Wanted::Largest);
    networks.end_detection();
    found
}

/// Finds the face nearest the middle of the picture, among those that count; `None` if there is no face.
pub fn central(networks: &mut Networks, image: &Image, turns: Turns) -> Result<Option<Found>, Error> {
    let found = search(networks, image, turns, Wanted::Central);
    networks.end_detection();
    found
}

fn search(networks: &mut Networks, image: &Image, turns: Turns, wanted: Wanted) -> Result<Option<Found>, Error> {
    let view = image.view();
    let mut hints: [Vec<Detection>; 4] = Default::default();
    let mut coarse: Option<Image> = None;
    for look in looks([networks.detector_side(), networks.detector_window()], view.longer_side()) {
        let source = coarse.as_ref().filter(|coarse| coarse.view().longer_side() > look.longer_side).unwrap_or(image);
        let small = (look.area != Area::Hinted).then(|| resample::resized(source, look.longer_side));
        let mut best: Option<Found> = None;
        let quarters = if turns == Turns::None { 0..1 } else { 0..4 };
        for quarter in quarters {
            let turned = view.turned(quarter);
            let seen = match &small {
                Some(small) => all_over(networks, look, small.view().turned(quarter), turned)?,
                None => around(networks, look, &hints[quarter], turned)?,
            };
            // The look with a border sees less of small faces than the one before it.
            if look.longer_side >= networks.detector_side() {
                hints[quarter] = seen.hints;
            }
            let Some(found) = confirmed(networks, turned, seen.faces, wanted)? else { continue };
            let upright = found.mesh.presence >= PRESENCE_MIN && found.mesh.angle().abs() < INCLINED_MAX;
            let surer = best.as_ref().is_none_or(|best| found.detection.confidence > best.detection.confidence);
            if turns == Turns::None || upright && surer {
                best = Some(found.turned_back(view, quarter));
            }
        }
        if best.is_some() {
            return Ok(best);
        }
        coarse = coarse.or(small);
    }
    Ok(None)
}

/// Returns the looks from coarse to fine, for a detector whose coarsest input has sides of `side` pixels, and that for a
/// part of a picture `window`.
fn looks([side, window]: [usize; 2], longer_side: usize) -> impl Iterator<Item = Look> {
    let follows = move |fine: usize| fine as f32 <= longer_side as f32 * GROWTH_MAX;
    let width_min = move |next: usize| if follows(next) { COARSE_WIDTH_MIN } else { 0.0 };
    let square = move |longer_side: usize, area: usize| Look {
        longer_side,
        area: Area::Square(area),
        width_min: width_min(2 * side),
        width_max: f32::INFINITY,
    };
    let fine = move |times: usize, area| Look {
        longer_side: times * side,
        area,
        width_min: if area == Area::Hinted { 0.0 } else { COARSE_WIDTH_MIN },
        width_max: FINE_WIDTH_MAX,
    };
    let fines = match (follows(2 * side), follows(4 * side)) {
        (_, true) => [Some(fine(2, Area::Whole)), Some(fine(4, Area::Hinted))],
        (true, false) => [Some(fine(2, Area::Hinted)), None],
        (false, false) => [None, None],
    };
    let bordered = square((window as f32 * BORDERED) as usize, window);
    [square(side, side), bordered].into_iter().chain(fines.into_iter().flatten())
}

/// Returns what the detector sees in `small`, which is all of `view`; in pixels of `view`, the largest faces first.
fn all_over(networks: &mut Networks, look: Look, small: View, view: View) -> Result<Seen, Error> {
    let step = networks.detector_step();
    let ground = |own: usize| if let Area::Square(side) = look.area { side } else { own.next_multiple_of(step) };
    let (width, height) = (ground(small.width), ground(small.height));
    let (left, top) = ((width - small.width) / 2, (height - small.height) / 2);
    let mut all = Seen::default();
    for down in tile::spans(height, step) {
        for across in tile::spans(width, step) {
            let corner = (across.start as isize - left as isize, down.start as isize - top as isize);
            let planes = resample::window(small, corner, (across.len, down.len));
            let place = |p: Point| Point { x: p.x + across.start as f32, y: p.y + down.start as f32 };
            let owned = |seen: &Detection| {
                let centre = detect::centre(seen.face_box);
                across.owns(centre.x) && down.owns(centre.y)
            };
            let Seen { faces, hints } = networks.detect(&planes)?;
            all.faces.extend(faces.into_iter().map(|seen| seen.moved(place)).filter(owned));
            all.hints.extend(hints.into_iter().map(|seen| seen.moved(place)).filter(owned));
        }
    }
    let scale_x = view.width as f32 / small.width as f32;
    let scale_y = view.height as f32 / small.height as f32;
    let place = |p: Point| Point { x: (p.x - left as f32) * scale_x, y: (p.y - top as f32) * scale_y };
    let is_small = |hint: &Detection| hint.face_box.width <= HINT_WIDTH_MAX;
    let hints = detect::merged(all.hints).into_iter().filter(is_small).map(|hint| hint.moved(place)).collect();
    Ok(Seen { faces: kept(look, all.faces).map(|face| face.moved(place)).collect(), hints })
}

/// Returns what the detector sees around these hints, in pixels of `view`, the largest faces first.
fn around(networks: &mut Networks, look: Look, hints: &[Detection], view: View) -> Result<Seen, Error> {
    let side = networks.detector_window();
    let scale = look.longer_side as f32 / view.longer_side() as f32;
    let mut middles: Vec<Point> = Vec::new();
    let mut faces = Vec::new();
    for hint in hints {
        let middle = detect::centre(hint.face_box);
        let is_near = |other: &Point| scale * (middle.x - other.x).hypot(middle.y - other.y) < side as f32 / 4.0;
        if middles.len() == HINTED_MAX || middles.iter().any(is_near) {
            continue;
        }
        middles.push(middle);
        let square = Square { centre: middle, side: side as f32 / scale, angle: 0.0 };
        let planes = warp::warped(view, square.crop(side), side);
        let corner = Point { x: middle.x * scale - side as f32 / 2.0, y: middle.y * scale - side as f32 / 2.0 };
        let place = |p: Point| Point { x: p.x + corner.x, y: p.y + corner.y };
        faces.extend(networks.detect(&planes)?.faces.into_iter().map(|seen| seen.moved(place)));
    }
    let place = |p: Point| Point { x: p.x / scale, y: p.y / scale };
    Ok(Seen { faces: kept(look, faces).map(|face| face.moved(place)).collect(), hints: vec![] })
}

/// Merges the faces of a look and returns those of the widths that it keeps, largest first.
fn kept(look: Look, faces: Vec<Detection>) -> impl Iterator<Item = Detection> {
    let kept = |found: &Detection| (look.width_min..=look.width_max).contains(&found.face_box.width);
    let mut merged = detect::merged(faces);
    merged.retain(kept);
    merged.sort_by(|a, b| detect::area(b.face_box).total_cmp(&detect::area(a.face_box)));
    merged.into_iter()
}

/// Returns the wanted one of the candidates that the landmark network confirms, together with the others.
fn confirmed(
    networks: &mut Networks,
    view: View,
    candidates: Vec<Detection>,
    wanted: Wanted,
) -> Result<Option<Found>, Error> {
    let mut accepted: Vec<(Detection, Mesh)> = Vec::new();
    for candidate in candidates.into_iter().take(CONFIRMED_MAX) {
        let largest = accepted.first().map_or(0.0, |(largest, _)| detect::area(largest.face_box));
        if detect::area(candidate.face_box) < AREA_SHARE_MIN * largest {
            break;
        }
        if accepted.iter().any(|(known, _)| same(known.face_box, candidate.face_box)) {
            continue;
        }
        let mesh = networks.landmarks(view, mesh::square_of_detection(&candidate))?;
        if mesh.presence >= PRESENCE_MIN && shows_eyes(view, &mesh) {
            accepted.push((candidate, mesh));
        }
    }
    if accepted.is_empty() {
        return Ok(None);
    }
    let off = |at: &usize| off_middle(view, detect::centre(accepted[*at].0.face_box));
    let chosen = match wanted {
        Wanted::Largest => 0,
        Wanted::Central => (0..accepted.len()).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0),
    };
    let (detection, first) = accepted.remove(chosen);
    let other = |(detection, mesh)| Found { detection, mesh, others: vec![] };
    let others = accepted.into_iter().map(other).collect();
    // The second pass is centred on the mesh of the first, so its mesh is nearly always the better one.
    let second = networks.landmarks(view, first.square())?;
    let mesh = if second.presence >= PRESENCE_MIN && shows_eyes(view, &second) { second } else { first };
    Ok(Some(Found { detection, mesh, others }))
}

/// Returns true if both eyes lie in the picture: landmarks outside of it are guesses.
fn shows_eyes(view: View, mesh: &Mesh) -> bool {
    let Eyes { left, right } = mesh.eyes();
    view.holds(left) && view.holds(right)
}

/// Returns the distance of a point from the middle of the picture, in pixels.
fn off_middle(view: View, point: Point) -> f32 {
    (point.x - view.width as f32 / 2.0).hypot(point.y - view.height as f32 / 2.0)
}

/// Returns true if two boxes show one face.
fn same(larger: FaceBox, smaller: FaceBox) -> bool {
    detect::holds(larger, detect::centre(smaller)) || detect::overlap(larger, smaller) > detect::OVERLAP_MAX
}

impl Found {
    /// Returns the number of faces that count, including this one.
    pub fn faces(&self) -> usize {
        1 + self.others.len()
    }

    /// Maps a face that was found in `view`, turned by `quarters` quarter turns, back to `view`.
    fn turned_back(self, view: View, quarters: usize) -> Self {
        let place = |point| view.unturned(quarters, point);
        let others = self.others.into_iter().map(|other| other.turned_back(view, quarters)).collect();
        Self { detection: self.detection.moved(place), mesh: self.mesh.moved(place), others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_looks_follow_where_the_picture_has_the_pixels() {
        let sides = |longer: usize| looks([256, 128], longer).map(|look| look.longer_side).collect::<Vec<_>>();
        assert_eq!(sides(250), [256, 83]);
        assert_eq!(sides(384), [256, 83, 512]);
        assert_eq!(sides(767), [256, 83, 512]);
        assert_eq!(sides(3264), [256, 83, 512, 1024]);
        let least = |longer: usize| looks([256, 128], longer).map(|look| look.width_min).collect::<Vec<_>>();
        assert_eq!(least(250), [0.0, 0.0]);
        assert_eq!(least(384), [20.0, 20.0, 0.0]);
        assert_eq!(least(3264), [20.0, 20.0, 20.0, 0.0]);
        for longer in [384, 3264] {
            let areas: Vec<Area> = looks([256, 128], longer).map(|look| look.area).collect();
            assert_eq!(areas.iter().position(|area| *area == Area::Hinted), Some(areas.len() - 1));
        }
    }
}
