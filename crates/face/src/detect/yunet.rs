//! Reads the output of YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023): one box and five
//! points in each cell of three grids.

use crate::detect::{self, Detection, HINT_MIN, Reader};
use crate::values::picture::{FaceBox, Point};

/// Pixels from one cell to the next.
const STRIDES: [usize; 3] = [8, 16, 32];
/// The outputs for each stride, in this order, with their numbers per cell: class, object, box, points.
const PARTS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

pub struct Yunet;

impl Reader for Yunet {
    fn side_step(&self) -> usize {
        32
    }

    fn outputs(&self, width: usize, height: usize) -> Vec<(String, Vec<usize>)> {
        let of = |stride: usize| {
            let cells = (width / stride) * (height / stride);
            PARTS.into_iter().map(move |(name, numbers)| (format!("{name}_{stride}"), vec![1, cells, numbers]))
        };
        STRIDES.into_iter().flat_map(of).collect()
    }

    fn read(&self, outputs: &[Vec<f32>], width: usize, _height: usize) -> Vec<Detection> {
        let grids = STRIDES.into_iter().zip(outputs.as_chunks::<4>().0);
        let found = grids.flat_map(|(stride, grid)| cells(stride, width / stride, grid));
        found.filter(detect::usable).collect()
    }
}

/// Returns the faces in the cells of one grid.
fn cells(stride: usize, columns: usize, [class, object, boxes, points]: &[Vec<f32>; 4]) -> Vec<Detection> {
    let numbers = boxes.as_chunks::<4>().0.iter().zip(points.as_chunks::<10>().0);
    let cells = class.iter().zip(object).zip(numbers).enumerate();
    cells
        .filter_map(|(cell, ((class, object), (face_box, points)))| {
            let confidence = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
            let place = ((cell % columns) as f32, (cell / columns) as f32);
            (confidence > HINT_MIN).then(|| detection(stride as f32, place, face_box, points, confidence))
        })
        .collect()
}

/// Decodes a cell: boxes and points are in strides from the cell's corner, and sizes are logarithms of strides.
fn detection(
    stride: f32,
    (column, row): (f32, f32),
    face_box: &[f32; 4],
    points: &[f32; 10],
    confidence: f32,
) -> Detection {
    let [dx, dy, width, height] = *face_box;
    let (width, height) = (width.exp() * stride, height.exp() * stride);
    let (x, y) = ((column + dx) * stride, (row + dy) * stride);
    let point = |k: usize| Point { x: (column + points[2 * k]) * stride, y: (row + points[2 * k + 1]) * stride };
    Detection {
        face_box: FaceBox { x: x - width / 2.0, y: y - height / 2.0, width, height },
        eyes: [point(0), point(1)],
        confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_faces() {
        let mut outputs: Vec<Vec<f32>> =
            Yunet.outputs(64, 32).iter().map(|(_, shape)| vec![0.0; shape.iter().product()]).collect();
        // In the grid of 16 pixels, the third cell of the second row is a face. A cell of another grid has a box that
        // is no number.
        let cell = 4 + 2;
        outputs[4][cell] = 0.81;
        outputs[5][cell] = 1.2;
        outputs[6][4 * cell..][..4].copy_from_slice(&[0.5, 0.25, 2f32.ln(), 0.0]);
        outputs[7][10 * cell..][..4].copy_from_slice(&[0.25, 0.0, 0.75, -0.5]);
        outputs[0][0] = 1.0;
        outputs[1][0] = 1.0;
        outputs[2][0] = f32::NAN;
        let found = Yunet.read(&outputs, 64, 32);
        assert_eq!(found.len(), 1);
        assert!((found[0].confidence - 0.9).abs() < 1e-6);
        let FaceBox { x, y, width, height } = found[0].face_box;
        for (value, expected) in [(x, 24.0), (y, 12.0), (width, 32.0), (height, 16.0)] {
            assert!((value - expected).abs() < 1e-4, "{:?}", found[0]);
        }
        assert_eq!(found[0].eyes, [Point { x: 36.0, y: 16.0 }, Point { x: 44.0, y: 8.0 }]);
    }

    #[test]
    fn outputs_have_a_cell_for_every_stride() {
        let outputs = Yunet.outputs(320, 320);
        assert_eq!(outputs.len(), 12);
        assert_eq!(outputs[0], ("cls_8".into(), vec![1, 1600, 1]));
        assert_eq!(outputs[11], ("kps_32".into(), vec![1, 100, 10]));
    }
}
