//! Detectors find possible faces in a picture, and their eyes.

use crate::values::picture::{FaceBox, Point};

pub mod blazeface;
pub mod yunet;

/// A row shows a possible face if its confidence is above this.
const CONFIDENCE_MIN: f32 = 0.5;
/// A row hints at a face that may be too small for the detector if its confidence is above this. BlazeFace finds faces from
/// 20 pixels on, and nearly all that are half as wide have more; few places without a face have.
pub const HINT_MIN: f32 = 0.1;
/// Two rows show one face if their boxes overlap by more than this.
pub const OVERLAP_MAX: f32 = 0.3;
/// The most rows that are merged, most confident first: a picture made to please the network must not stall it.
const ROWS_MAX: usize = 1000;

/// A possible face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    pub face_box: FaceBox,
    /// The eye on the left of the picture comes first.
    pub eyes: [Point; 2],
    /// 0..1
    pub confidence: f32,
}

/// The places of faces that a detector sees, most confident first.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// Possible faces.
    pub faces: Vec<Detection>,
    /// Places where a finer look may find a face: those of the faces, and less confident ones.
    pub hints: Vec<Detection>,
}

/// Reads the outputs of one kind of detector.
pub trait Reader: Send + Sync {
    /// Returns the step of the network's input: its sides are multiples of this.
    fn side_step(&self) -> usize;

    /// Returns names and shapes of the outputs for an input of `width` x `height` pixels.
    fn outputs(&self, width: usize, height: usize) -> Vec<(String, Vec<usize>)>;

    /// Returns the rows of these outputs whose confidence is above [`HINT_MIN`], in pixels of the input.
    fn read(&self, outputs: &[Vec<f32>], width: usize, height: usize) -> Vec<Detection>;
}

impl Detection {
    /// Maps every point and corner with `place`, which must keep upright rectangles upright.
    #[must_use]
    pub fn moved(self, place: impl Fn(Point) -> Point) -> Self {
        let FaceBox { x, y, width, height } = self.face_box;
        let (one, other) = (place(Point { x, y }), place(Point { x: x + width, y: y + height }));
        let face_box = FaceBox {
            x: one.x.min(other.x),
            y: one.y.min(other.y),
            width: (one.x - other.x).abs(),
            height: (one.y - other.y).abs(),
        };
        Self { face_box, eyes: self.eyes.map(&place), ..self }
    }
}

/// Merges the rows of a detector's outputs.
pub fn seen(rows: Vec<Detection>) -> Seen {
    let faces = rows.iter().copied().filter(|row| row.confidence > CONFIDENCE_MIN).collect();
    Seen { faces: merged(faces), hints: merged(rows) }
}

/// Returns true if the box has a size and all numbers are finite.
pub fn usable(found: &Detection) -> bool {
    let FaceBox { x, y, width, height } = found.face_box;
    let [left, right] = found.eyes;
    let finite = [x, y, width, height, left.x, left.y, right.x, right.y].iter().all(|v| v.is_finite());
    width > 0.0 && height > 0.0 && finite
}

/// Merges each detection with those it overlaps that are less confident: their mean, weighted by confidence. Returns
/// the most confident first.
pub fn merged(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(ROWS_MAX);
    let mut merged = Vec::new();
    while !found.is_empty() {
        let best = found.remove(0);
        let (mut same, rest): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|other| overlap(best.face_box, other.face_box) > OVERLAP_MAX);
        found = rest;
        same.push(best);
        merged.push(Detection { confidence: best.confidence, ..mean(&same) });
    }
    merged
}

/// Returns the mean of boxes and points, weighted by confidence.
fn mean(all: &[Detection]) -> Detection {
    let total: f32 = all.iter().map(|d| d.confidence).sum();
    let of = |value: &dyn Fn(&Detection) -> f32| all.iter().map(|d| d.confidence * value(d)).sum::<f32>() / total;
    let face_box = FaceBox {
        x: of(&|d| d.face_box.x),
        y: of(&|d| d.face_box.y),
        width: of(&|d| d.face_box.width),
        height: of(&|d| d.face_box.height),
    };
    let eye = |k: usize| Point { x: of(&|d| d.eyes[k].x), y: of(&|d| d.eyes[k].y) };
    Detection { face_box, eyes: [eye(0), eye(1)], confidence: total }
}

/// Returns the intersection over union of two boxes, 0..1.
pub fn overlap(a: FaceBox, b: FaceBox) -> f32 {
    let shared = |a0: f32, a: f32, b0: f32, b: f32| ((a0 + a).min(b0 + b) - a0.max(b0)).max(0.0);
    let both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
    both / (area(a) + area(b) - both)
}

pub fn area(face_box: FaceBox) -> f32 {
    face_box.width * face_box.height
}

pub fn centre(face_box: FaceBox) -> Point {
    Point { x: face_box.x + face_box.width / 2.0, y: face_box.y + face_box.height / 2.0 }
}

/// Returns true if `point` lies in `face_box`.
pub fn holds(face_box: FaceBox, point: Point) -> bool {
    let within = |at: f32, start: f32, len: f32| (start..start + len).contains(&at);
    within(point.x, face_box.x, face_box.width) && within(point.y, face_box.y, face_box.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, confidence: f32) -> Detection {
        let face_box = FaceBox { x, y: 0.0, width: 10.0, height: 10.0 };
        let point = Point { x, y: 0.0 };
        Detection { face_box, eyes: [point; 2], confidence }
    }

    #[test]
    fn what_overlaps_is_averaged_by_confidence() {
        let merged = merged(vec![at(3.0, 0.6), at(0.0, 0.9), at(100.0, 0.55)]);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].face_box.x - 1.2).abs() < 1e-5);
        assert!((merged[0].eyes[1].x - 1.2).abs() < 1e-5);
        assert_eq!((merged[0].confidence, merged[1]), (0.9, at(100.0, 0.55)));
    }

    #[test]
    fn overlaps_are_shares() {
        let a = FaceBox { x: 0.0, y: 0.0, width: 2.0, height: 2.0 };
        assert_eq!(overlap(a, a), 1.0);
        assert_eq!(overlap(a, FaceBox { x: 1.0, ..a }), 1.0 / 3.0);
        assert_eq!(overlap(a, FaceBox { x: 5.0, ..a }), 0.0);
        assert!(holds(a, centre(a)) && !holds(a, Point { x: 2.0, y: 1.0 }));
    }
}
