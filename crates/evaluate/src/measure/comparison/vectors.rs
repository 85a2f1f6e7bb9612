//! Computes the cosines of all pairs of templates, block by block on all cores.

use face::discount::Discounts;
use face::values::template::{Template, Traits};
use nalgebra::DMatrix;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::measure::comparison::{Pairing, Sample};

/// Templates on each side of a block of the matrix of cosines: the block and its sides fit into a core's cache.
const BLOCK: usize = 256;

/// Two templates.
pub struct Pair {
    pub cosine: f32,
    pub people: [u32; 2],
    /// The lower of the two qualities.
    pub quality: i32,
}

/// Unit vectors of the templates, as the rows of one matrix and as the columns of another.
pub struct Vectors {
    rows: DMatrix<f32>,
    columns: DMatrix<f32>,
    labels: Vec<Label>,
    pairing: Pairing,
    discounts: Discounts,
}

#[derive(Clone, Copy)]
struct Label {
    person: u32,
    side: usize,
    quality: i32,
    traits: Traits,
}

impl Vectors {
    pub fn new(samples: &[Sample], pairing: Pairing, discounts: &Discounts) -> Self {
        let described: Vec<(&Sample, &Template)> =
            samples.iter().filter_map(|sample| Some((sample, sample.template.as_ref()?))).collect();
        let dimension = described.first().map_or(0, |(_, template)| template.values().len());
        // A template's values are rounded to 16 bits, so its length differs slightly from one.
        let unit = described.iter().flat_map(|(_, template)| {
            let values = template.values();
            let length = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
            values.iter().map(move |v| (f64::from(*v) / length) as f32)
        });
        let columns = DMatrix::from_iterator(dimension, described.len(), unit);
        let label = |(sample, template): &(&Sample, &Template)| Label {
            person: sample.person as u32,
            side: sample.side,
            quality: sample.quality,
            traits: template.traits(),
        };
        let labels = described.iter().map(label).collect();
        Self { rows: columns.transpose(), columns, labels, pairing, discounts: discounts.clone() }
    }

    /// Visits every pair of the pairing once, in blocks on all cores.
    pub fn fold<T: Send>(
        &self,
        start: impl Fn() -> T + Sync + Send,
        visit: impl Fn(&mut T, Pair) + Sync,
        join: impl Fn(T, T) -> T + Sync + Send,
    ) -> T {
        let blocks = self.labels.len().div_ceil(BLOCK);
        let corners: Vec<(usize, usize)> = (0..blocks).flat_map(|i| (i..blocks).map(move |j| (i, j))).collect();
        corners
            .par_iter()
            .fold(&start, |mut found, corner| {
                self.block(*corner, |pair| visit(&mut found, pair));
                found
            })
            .reduce(&start, join)
    }

    fn block(&self, (i, j): (usize, usize), mut visit: impl FnMut(Pair)) {
        let (from_i, from_j) = (i * BLOCK, j * BLOCK);
        let height = BLOCK.min(self.labels.len() - from_i);
        let width = BLOCK.min(self.labels.len() - from_j);
        let mut cosines = DMatrix::zeros(height, width);
        cosines.gemm(1.0, &self.rows.rows(from_i, height), &self.columns.columns(from_j, width), 0.0);
        for column in 0..width {
            // In a block on the diagonal, only pairs above the diagonal count.
            let rows = if i == j { column } else { height };
            let b = self.labels[from_j + column];
            for (row, a) in self.labels[from_i..from_i + rows].iter().enumerate() {
                if self.pairing == Pairing::Across && a.side == b.side {
                    continue;
                }
                let cosine = self.discounts.left(f64::from(cosines[(row, column)]), [a.traits, b.traits]) as f32;
                let quality = a.quality.min(b.quality);
                visit(Pair { cosine, people: [a.person, b.person], quality });
            }
        }
    }
}
