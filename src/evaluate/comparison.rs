//! Every template against every other: the cosines of pairs of one person, and of pairs of two.

use nalgebra::DMatrix;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;

use crate::domain::template::Template;

/// A person's picture, described; `None` where there was no face to describe.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Numbered from 0 without gaps.
    pub person: usize,
    pub template: Option<Template>,
}

/// All pairs of a set of samples.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many of each person's pictures have a template, by the person's number.
    pub templates: Vec<u32>,
    /// Pairs of one person, highest cosine first.
    ///
    /// Pairs of which a picture has no template are among them: they match nothing, so their cosine is minus infinity.
    pub genuine: Vec<GenuinePair>,
    pub impostors: Impostors,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenuinePair {
    pub cosine: f32,
    pub person: u32,
}

/// Pairs of two people, both with templates: a histogram of all, and the highest one by one.
#[derive(Debug, Clone)]
pub struct Impostors {
    pub pairs: u64,
    /// How many pairs of people these come from.
    pub people_pairs: u64,
    /// Counts over -1..1, in [`BINS`] bins of one width.
    histogram: Vec<u64>,
    /// Highest cosine first; every pair from the lower edge of some bin upwards.
    pub tail: Vec<ImpostorPair>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImpostorPair {
    pub cosine: f32,
    pub people: [u32; 2],
}

/// Width 3e-5: less than a point of any score.
const BINS: usize = 1 << 16;
/// The tail holds one pair in so many, five times what a false acceptance rate of 1 % needs: a resampled set's threshold may lie lower.
const TAIL_SHARE: u64 = 20;
/// And at least so many (12 MB), which is all pairs of a small set.
const TAIL_PAIRS_MIN: u64 = 1_000_000;
/// Templates per side of a block of the matrix of cosines: it and its sides stay in a core's cache.
const BLOCK: usize = 256;

impl Comparison {
    /// Compares all with all. Results do not depend on the number of threads.
    pub fn new(samples: &[Sample]) -> Self {
        let people = samples.iter().map(|sample| sample.person + 1).max().unwrap_or(0);
        let mut templates = vec![0; people];
        let mut missing = vec![0; people];
        for sample in samples {
            let counts = if sample.template.is_some() { &mut templates } else { &mut missing };
            counts[sample.person] += 1;
        }
        let vectors = Vectors::new(samples);

        let found = vectors.fold(First::default, First::add, First::join);
        let First { histogram, mut genuine } = found;
        let cut = tail_bin(&histogram);
        let mut tail = vectors.fold(Vec::new, |tail, pair| keep(tail, pair, cut), joined);

        genuine.extend(unmatched(&templates, &missing));
        genuine.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.person.cmp(&b.person)));
        tail.par_sort_unstable_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.people.cmp(&b.people)));
        let pairs = histogram.iter().sum();
        let shown = templates.iter().filter(|count| **count > 0).count() as u64;
        let people_pairs = shown * shown.saturating_sub(1) / 2;
        Self { templates, genuine, impostors: Impostors { pairs, people_pairs, histogram, tail } }
    }

    /// People of whom there is a template.
    pub fn people(&self) -> usize {
        self.templates.iter().filter(|count| **count > 0).count()
    }
}

impl Impostors {
    /// The share of the pairs whose cosine is `cosine` or more: exact within the tail, to a fraction of a bin below it.
    pub fn share_from(&self, cosine: f64) -> f64 {
        self.count_from(cosine) / self.pairs as f64
    }

    /// How many these are.
    pub fn count_from(&self, cosine: f64) -> f64 {
        if self.tail.len() as u64 == self.pairs || self.tail.last().is_some_and(|last| f64::from(last.cosine) <= cosine)
        {
            return self.tail.partition_point(|pair| f64::from(pair.cosine) >= cosine) as f64;
        }
        let place = (f64::midpoint(cosine, 1.0) * BINS as f64).clamp(0.0, BINS as f64);
        let bin = (place as usize).min(BINS - 1);
        let above: u64 = self.histogram[bin + 1..].iter().sum();
        above as f64 + self.histogram[bin] as f64 * (bin as f64 + 1.0 - place)
    }

    /// The cosine that a share of the pairs reaches, 0 < `share` <= 1; `None` if there are no pairs, or less than one of them is asked for.
    pub fn cosine_at(&self, share: f64) -> Option<f64> {
        let wanted = share * self.pairs as f64;
        if !(wanted >= 1.0 && share <= 1.0) {
            return None;
        }
        if let Some(pair) = self.tail.get(wanted as usize - 1) {
            return Some(f64::from(pair.cosine));
        }
        let mut above = 0.0;
        for (bin, count) in self.histogram.iter().enumerate().rev() {
            let count = *count as f64;
            if above + count >= wanted {
                let place = bin as f64 + 1.0 - (wanted - above) / count;
                return Some(place / BINS as f64 * 2.0 - 1.0);
            }
            above += count;
        }
        None
    }
}

/// What the first pass over all pairs collects.
struct First {
    histogram: Vec<u64>,
    genuine: Vec<GenuinePair>,
}

impl Default for First {
    fn default() -> Self {
        Self { histogram: vec![0; BINS], genuine: Vec::new() }
    }
}

impl First {
    fn add(&mut self, Pair { cosine, people }: Pair) {
        if people[0] == people[1] {
            self.genuine.push(GenuinePair { cosine, person: people[0] });
        } else {
            self.histogram[bin(cosine)] += 1;
        }
    }

    fn join(mut self, other: Self) -> Self {
        for (count, more) in self.histogram.iter_mut().zip(other.histogram) {
            *count += more;
        }
        self.genuine.extend(other.genuine);
        self
    }
}

/// The bin of the histogram that a cosine falls into.
fn bin(cosine: f32) -> usize {
    (f64::midpoint(f64::from(cosine), 1.0) * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize
}

/// The lowest bin of the tail.
fn tail_bin(histogram: &[u64]) -> usize {
    let pairs: u64 = histogram.iter().sum();
    let wanted = (pairs / TAIL_SHARE).max(TAIL_PAIRS_MIN);
    let mut above = 0;
    for (bin, count) in histogram.iter().enumerate().rev() {
        above += count;
        if above >= wanted {
            return bin;
        }
    }
    0
}

fn keep(tail: &mut Vec<ImpostorPair>, Pair { cosine, people }: Pair, cut: usize) {
    if people[0] != people[1] && bin(cosine) >= cut {
        tail.push(ImpostorPair { cosine, people });
    }
}

fn joined<T>(mut all: Vec<T>, more: Vec<T>) -> Vec<T> {
    all.extend(more);
    all
}

/// The pairs of one person of which at least one picture has no template.
fn unmatched(templates: &[u32], missing: &[u32]) -> Vec<GenuinePair> {
    let pairs = |(person, (has, lacks)): (usize, (&u32, &u32))| {
        let count = has * lacks + lacks * lacks.saturating_sub(1) / 2;
        (0..count).map(move |_| GenuinePair { cosine: f32::NEG_INFINITY, person: person as u32 })
    };
    templates.iter().zip(missing).enumerate().flat_map(pairs).collect()
}

struct Pair {
    cosine: f32,
    people: [u32; 2],
}

/// Templates of length one, as the rows of a matrix and as the columns of another.
struct Vectors {
    rows: DMatrix<f32>,
    columns: DMatrix<f32>,
    people: Vec<u32>,
}

impl Vectors {
    fn new(samples: &[Sample]) -> Self {
        let coded: Vec<(u32, &[f32])> = samples
            .iter()
            .filter_map(|sample| Some((sample.person as u32, sample.template.as_ref()?.values())))
            .collect();
        let dimension = coded.first().map_or(0, |(_, values)| values.len());
        // A template's values are rounded to 16 bits, which leaves its length a little off one.
        let unit = coded.iter().flat_map(|(_, values)| {
            let length = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
            values.iter().map(move |v| (f64::from(*v) / length) as f32)
        });
        let columns = DMatrix::from_iterator(dimension, coded.len(), unit);
        Self { rows: columns.transpose(), columns, people: coded.iter().map(|(person, _)| *person).collect() }
    }

    /// Visits every pair once, in blocks on all cores.
    fn fold<T: Send>(
        &self,
        start: impl Fn() -> T + Sync + Send,
        visit: impl Fn(&mut T, Pair) + Sync,
        join: impl Fn(T, T) -> T + Sync + Send,
    ) -> T {
        let blocks = self.people.len().div_ceil(BLOCK);
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
        let height = BLOCK.min(self.people.len() - from_i);
        let width = BLOCK.min(self.people.len() - from_j);
        let mut cosines = DMatrix::zeros(height, width);
        cosines.gemm(1.0, &self.rows.rows(from_i, height), &self.columns.columns(from_j, width), 0.0);
        for column in 0..width {
            // Of a block on the diagonal, only what lies above the diagonal.
            let rows = if i == j { column } else { height };
            for row in 0..rows {
                let people = [self.people[from_i + row], self.people[from_j + column]];
                visit(Pair { cosine: cosines[(row, column)], people });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(person: usize, degrees: f32) -> Sample {
        let angle = degrees.to_radians();
        Sample { person, template: Template::new(1, &[angle.cos(), angle.sin()]) }
    }

    fn cosines(tail: &[ImpostorPair]) -> Vec<(i32, [u32; 2])> {
        tail.iter().map(|pair| ((pair.cosine * 100.0).round() as i32, pair.people)).collect()
    }

    #[test]
    fn every_pair_is_counted_once() {
        let samples = [sample(0, 0.0), sample(0, 60.0), sample(1, 90.0), sample(2, 180.0)];
        let all = Comparison::new(&samples);
        assert_eq!(all.templates, [2, 1, 1]);
        assert_eq!(all.genuine.len(), 1);
        assert!((all.genuine[0].cosine - 0.5).abs() < 1e-3);
        let expected = [(87, [0, 1]), (0, [0, 1]), (0, [1, 2]), (-50, [0, 2]), (-100, [0, 2])];
        assert_eq!(all.impostors.pairs, 5);
        assert_eq!(all.impostors.people_pairs, 3);
        let mut found = cosines(&all.impostors.tail);
        found.sort_by_key(|(cosine, people)| (-cosine, *people));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_picture_without_template_matches_nothing() {
        let none = |person| Sample { person, template: None };
        let all = Comparison::new(&[sample(0, 0.0), sample(0, 1.0), none(0), none(0), sample(1, 90.0), none(2)]);
        assert_eq!(all.genuine.len(), 6);
        assert_eq!(all.genuine.iter().filter(|pair| pair.cosine == f32::NEG_INFINITY).count(), 5);
        assert_eq!((all.impostors.pairs, all.impostors.people_pairs, all.people()), (2, 1, 2));
    }

    /// 900 people in five blocks' worth of pictures, with templates that point anywhere.
    fn many() -> Vec<Sample> {
        let template = |at: usize| Template::new(1, &[0.7f32, 1.9, 3.3, 5.1, 7.7, 11.3].map(|k| (k * at as f32).sin()));
        (0..1200).map(|at| Sample { person: at % 900, template: template(at + 1) }).collect()
    }

    #[test]
    fn blocks_give_the_cosines_of_templates() {
        let samples = many();
        let all = Comparison::new(&samples);
        assert_eq!(all.genuine.len(), 300);
        assert_eq!(all.impostors.pairs, 1200 * 1199 / 2 - 300);
        assert_eq!(all.impostors.tail.len() as u64, all.impostors.pairs);
        let mut expected = Vec::new();
        for (at, a) in samples.iter().enumerate() {
            for b in &samples[..at] {
                if a.person != b.person {
                    let (a, b) = (a.template.as_ref().expect("it has one"), b.template.as_ref().expect("it has one"));
                    expected.push(a.cosine(b));
                }
            }
        }
        expected.sort_by(|a, b| b.total_cmp(a));
        for (pair, expected) in all.impostors.tail.iter().zip(&expected) {
            assert!((f64::from(pair.cosine) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn shares_and_cosines_are_inverse_in_the_tail_and_below_it() {
        let mut impostors = Comparison::new(&many()).impostors;
        let whole: Vec<f64> = [1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9].map(|s| impostors.cosine_at(s).expect("enough")).into();
        impostors.tail.truncate(1000);
        for (share, exact) in [1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9].into_iter().zip(whole) {
            let cosine = impostors.cosine_at(share).expect("there are enough pairs");
            assert!((cosine - exact).abs() < 4e-5, "{share}: {cosine} {exact}");
            assert!((impostors.share_from(cosine) / share - 1.0).abs() < 0.02, "{share}");
        }
        assert_eq!(impostors.cosine_at(1e-7), None);
        assert_eq!(impostors.cosine_at(1.1), None);
        assert_eq!(impostors.share_from(-1.0), 1.0);
        assert_eq!(impostors.share_from(1.5), 0.0);
    }

    #[test]
    fn an_empty_set_has_no_pairs() {
        let none = Comparison::new(&[]);
        assert_eq!((none.genuine.len(), none.impostors.pairs, none.people()), (0, 0, 0));
        assert_eq!(none.impostors.cosine_at(0.5), None);
    }
}
