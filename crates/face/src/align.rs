//! The places that a recognizer expects the points of a face in.

use serde::Deserialize;

use crate::geometry::{Five, Similarity};
use crate::mesh::{self, Mesh};
use crate::values::picture::Point;

/// Points of the face, and the places they take in a recognizer's input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub enum Alignment {
    /// Vertices of the mesh.
    Mesh { vertices: Vec<usize>, points: Vec<Point> },
    /// Eyes, tip of the nose and corners of the mouth, as [`Mesh::five`] gives them.
    Five(Five),
}

impl Alignment {
    /// Returns the map from the picture to the recognizer's input; `None` if the points lie in one place.
    ///
    /// All points are the mesh's, also where the detector gives some. With YuNet's five points, two of three recognizers
    /// missed a quarter more pairs of one person, at a false acceptance rate of 0.01 % on half of LFW, and one as many.
    pub fn fit(&self, mesh: &Mesh) -> Option<Similarity> {
        match self {
            Self::Mesh { vertices, points } => {
                let from: Vec<Point> = vertices.iter().map(|vertex| mesh.point(*vertex)).collect();
                Similarity::fit(&from, points)
            }
            Self::Five(places) => Similarity::fit(&mesh.five(), places),
        }
    }
}

/// The form in a pack's manifest: `{ vertices = […], points = [[x, y], …] }` or `{ five = [[x, y], …] }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    vertices: Option<Vec<usize>>,
    points: Option<Vec<[f32; 2]>>,
    five: Option<Vec<[f32; 2]>>,
}

impl TryFrom<Table> for Alignment {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        match table {
            Table { vertices: Some(vertices), points: Some(points), five: None } => of_mesh(vertices, &points),
            Table { vertices: None, points: None, five: Some(five) } => {
                let five: Vec<Point> = places(&five)?;
                let count = five.len();
                let five = five.try_into().map_err(|_| format!("the alignment must have five points, not {count}"))?;
                Ok(Self::Five(five))
            }
            _ => Err("an alignment must have vertices and points, or five points".into()),
        }
    }
}

fn of_mesh(vertices: Vec<usize>, points: &[[f32; 2]]) -> Result<Alignment, String> {
    if vertices.len() != points.len() {
        return Err(format!("the alignment has {} vertices and {} points", vertices.len(), points.len()));
    }
    if vertices.len() < 2 {
        return Err("an alignment needs at least two points".into());
    }
    if let Some(vertex) = vertices.iter().find(|vertex| **vertex >= mesh::POINTS) {
        return Err(format!("vertex {vertex} of the alignment is not below {}", mesh::POINTS));
    }
    Ok(Alignment::Mesh { vertices, points: places(points)? })
}

fn places(points: &[[f32; 2]]) -> Result<Vec<Point>, String> {
    if points.iter().flatten().any(|value| !value.is_finite()) {
        return Err("a point of the alignment is not finite".into());
    }
    Ok(points.iter().map(|[x, y]| Point { x: *x, y: *y }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_brought_to_its_places() {
        let alignment: Alignment =
            toml::from_str("vertices = [1, 0]\npoints = [[10.0, 10.0], [20.0, 10.0]]").expect("it is one");
        let mut points = vec![[0.0; 3]; mesh::POINTS];
        points[0] = [5.0, 25.0, 9.0];
        points[1] = [5.0, 5.0, 9.0];
        let map = alignment.fit(&Mesh { points, presence: 1.0 }).expect("it has extent");
        let place = map.point(Point { x: 5.0, y: 15.0 });
        assert!((place.x - 15.0).abs() < 1e-5 && (place.y - 10.0).abs() < 1e-5, "{place:?}");
        assert!((map.scale() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn five_points_are_brought_to_their_places() {
        let points = (0..mesh::POINTS).map(|at| [(at % 37) as f32, (at / 37) as f32, 0.0]).collect();
        let mesh = Mesh { points, presence: 1.0 };
        let places = mesh.five().map(|point| [10.0 + 0.5 * point.x, 20.0 + 0.5 * point.y]);
        let alignment: Alignment = toml::from_str(&format!("five = {places:?}")).expect("it is one");
        let map = alignment.fit(&mesh).expect("it has extent");
        assert!((map.scale() - 0.5).abs() < 1e-6);
        assert!((map.point(mesh.five()[4]).x - places[4][0]).abs() < 1e-4);
        let nothing = Mesh { points: vec![[1.0; 3]; mesh::POINTS], presence: 0.0 };
        assert_eq!(alignment.fit(&nothing), None);
    }

    #[test]
    fn what_is_no_alignment_is_refused() {
        for (text, reason) in [
            ("vertices = [1]\npoints = [[1.0, 2.0], [3.0, 4.0]]", "1 vertices and 2 points"),
            ("vertices = [1]\npoints = [[1.0, 2.0]]", "at least two"),
            ("vertices = [1, 468]\npoints = [[1.0, 2.0], [3.0, 4.0]]", "vertex 468"),
            ("vertices = [1, 2]\npoints = [[1.0, nan], [3.0, 4.0]]", "not finite"),
            ("five = [[1.0, 2.0], [3.0, 4.0]]", "five points, not 2"),
            ("vertices = [1, 2]", "or five"),
        ] {
            let error = toml::from_str::<Alignment>(text).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
