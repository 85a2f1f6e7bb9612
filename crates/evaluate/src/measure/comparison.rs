//! Compares templates with each other: the cosines of genuine pairs (one person) and of impostor pairs (two people).

use face::discount::Discounts;
use face::values::template::Template;
use rayon::slice::ParallelSliceMut;

use crate::measure::comparison::impostors::{BINS, ImpostorPair, Impostors};
use crate::measure::comparison::vectors::{Pair, Vectors};

pub mod impostors;
mod vectors;

/// A described picture of a person; without a template if no face could be described.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Numbered from 0 without gaps.
    pub person: usize,
    pub template: Option<Template>,
    /// The quality of the face.
    pub quality: i32,
    /// 0 or 1: the kind of the picture, where pictures of two kinds are compared with each other.
    pub side: usize,
}

/// The samples that are compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Each sample with every other.
    All,
    /// Each sample of one side with each of the other side.
    Across,
}

/// A labelled pair: it is known whether it shows one person, but not who that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Listed {
    pub same: bool,
    /// `None` if a picture has no template.
    pub cosine: Option<f32>,
    /// The lower of the two qualities.
    pub quality: i32,
}

/// All pairs of a set of samples.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// True if it is known who is on the pictures. If not, everybody has the number 0.
    pub people_known: bool,
    pub pairing: Pairing,
    /// The number of each person's pictures that have a template, for each side, indexed by the person's number.
    pub templates: Vec<[u32; 2]>,
    /// Pairs of one person, highest cosine first.
    ///
    /// A pair in which a picture has no template is included: it never matches, so its cosine is minus infinity.
    pub genuine: Vec<GenuinePair>,
    pub impostors: Impostors,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenuinePair {
    pub cosine: f32,
    pub person: u32,
    /// The lower quality of the two pictures; 0 if one has no template.
    pub quality: i32,
}

impl Comparison {
    /// Compares the samples as `pairing` says. Results do not depend on the number of threads.
    pub fn new(samples: &[Sample], pairing: Pairing) -> Self {
        Self::discounted(samples, pairing, &Discounts::default())
    }

    /// Does the same with discounted cosines for poor pictures.
    pub fn discounted(samples: &[Sample], pairing: Pairing, discounts: &Discounts) -> Self {
        let people = samples.iter().map(|sample| sample.person + 1).max().unwrap_or(0);
        let mut templates = vec![[0; 2]; people];
        let mut missing = templates.clone();
        for sample in samples {
            let counts = if sample.template.is_some() { &mut templates } else { &mut missing };
            counts[sample.person][sample.side] += 1;
        }
        let vectors = Vectors::new(samples, pairing, discounts);

        let found = vectors.fold(First::default, First::add, First::join);
        let First { histogram, mut genuine } = found;
        let cut = impostors::tail_bin(&histogram);
        let mut tail = vectors.fold(Vec::new, |tail, pair| keep(tail, &pair, cut), joined);

        genuine.extend(unmatched(&templates, &missing, pairing));
        genuine.sort_by(|a, b| {
            b.cosine.total_cmp(&a.cosine).then(a.person.cmp(&b.person)).then(a.quality.cmp(&b.quality))
        });
        tail.par_sort_unstable_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.people.cmp(&b.people)));
        let pairs = histogram.iter().sum();
        let impostors = Impostors { pairs, people_pairs: people_pairs(&templates, pairing), histogram, tail };
        Self { people_known: true, pairing, templates, genuine, impostors }
    }

    /// Makes a comparison of a list of pairs. `templates` is the number of pictures that have a template.
    ///
    /// Impostor pairs in which a picture has no template are left out, as in all comparisons.
    pub fn listed(pairs: &[Listed], templates: usize) -> Self {
        let mut histogram = vec![0; BINS];
        let (mut genuine, mut tail) = (Vec::new(), Vec::new());
        for Listed { same, cosine, quality } in pairs {
            if *same {
                genuine.push(GenuinePair { cosine: cosine.unwrap_or(f32::NEG_INFINITY), person: 0, quality: *quality });
            } else if let Some(cosine) = *cosine {
                histogram[impostors::bin(cosine)] += 1;
                tail.push(ImpostorPair { cosine, people: [0, 0] });
            }
        }
        genuine.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.quality.cmp(&b.quality)));
        tail.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
        let pairs = tail.len() as u64;
        let impostors = Impostors { pairs, people_pairs: pairs, histogram, tail };
        let templates = vec![[templates as u32, 0]];
        Self { people_known: false, pairing: Pairing::All, templates, genuine, impostors }
    }

    /// Returns the number of people with a template, if people are known.
    pub fn people(&self) -> Option<usize> {
        self.people_known.then(|| self.templates.iter().filter(|count| **count != [0, 0]).count())
    }

    /// Returns the number of pictures with a template.
    pub fn pictures(&self) -> usize {
        self.templates.iter().flatten().map(|count| *count as usize).sum()
    }
}

/// The results of the first pass over all pairs.
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
    fn add(&mut self, Pair { cosine, people, quality }: Pair) {
        if people[0] == people[1] {
            self.genuine.push(GenuinePair { cosine, person: people[0], quality });
        } else {
            self.histogram[impostors::bin(cosine)] += 1;
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

fn keep(tail: &mut Vec<ImpostorPair>, pair: &Pair, cut: usize) {
    let Pair { cosine, people, .. } = *pair;
    if people[0] != people[1] && impostors::bin(cosine) >= cut {
        tail.push(ImpostorPair { cosine, people });
    }
}

fn joined<T>(mut all: Vec<T>, more: Vec<T>) -> Vec<T> {
    all.extend(more);
    all
}

/// Returns the number of pairs of people that the impostor pairs come from.
fn people_pairs(templates: &[[u32; 2]], pairing: Pairing) -> u64 {
    let shown = |on: fn(&[u32; 2]) -> bool| templates.iter().filter(|counts| on(counts)).count() as u64;
    let among = |people: u64| people * people.saturating_sub(1) / 2;
    match pairing {
        Pairing::All => among(shown(|counts| counts[0] + counts[1] > 0)),
        Pairing::Across => {
            let (first, second) = (shown(|counts| counts[0] > 0), shown(|counts| counts[1] > 0));
            let both = shown(|counts| counts[0] > 0 && counts[1] > 0);
            // Two people who are both on both sides would be counted twice.
            first * second - both - among(both)
        }
    }
}

/// Returns the genuine pairs in which at least one picture has no template.
fn unmatched(templates: &[[u32; 2]], missing: &[[u32; 2]], pairing: Pairing) -> Vec<GenuinePair> {
    let pairs = |[first, second]: [u32; 2]| match pairing {
        Pairing::All => (first + second) * (first + second).saturating_sub(1) / 2,
        Pairing::Across => first * second,
    };
    let lacking = |(person, (has, lacks)): (usize, (&[u32; 2], &[u32; 2]))| {
        let count = pairs([has[0] + lacks[0], has[1] + lacks[1]]) - pairs(*has);
        (0..count).map(move |_| GenuinePair { cosine: f32::NEG_INFINITY, person: person as u32, quality: 0 })
    };
    templates.iter().zip(missing).enumerate().flat_map(lacking).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(person: usize, degrees: f32) -> Sample {
        let angle = degrees.to_radians();
        Sample { person, template: Template::new(1, &[angle.cos(), angle.sin()]), ..Sample::default() }
    }

    fn cosines(tail: &[ImpostorPair]) -> Vec<(i32, [u32; 2])> {
        tail.iter().map(|pair| ((pair.cosine * 100.0).round() as i32, pair.people)).collect()
    }

    #[test]
    fn every_pair_is_counted_once() {
        let samples = [sample(0, 0.0), sample(0, 60.0), sample(1, 90.0), sample(2, 180.0)];
        let all = Comparison::new(&samples, Pairing::All);
        assert_eq!(all.templates, [[2, 0], [1, 0], [1, 0]]);
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
        let none = |person| Sample { person, ..Sample::default() };
        let samples = [sample(0, 0.0), sample(0, 1.0), none(0), none(0), sample(1, 90.0), none(2)];
        let all = Comparison::new(&samples, Pairing::All);
        assert_eq!(all.genuine.len(), 6);
        assert_eq!(all.genuine.iter().filter(|pair| pair.cosine == f32::NEG_INFINITY).count(), 5);
        assert_eq!((all.impostors.pairs, all.impostors.people_pairs, all.people()), (2, 1, Some(2)));
    }

    /// 900 people in 1200 pictures, which is five blocks, with templates in arbitrary directions.
    fn many() -> Vec<Sample> {
        let template = |at: usize| Template::new(1, &[0.7f32, 1.9, 3.3, 5.1, 7.7, 11.3].map(|k| (k * at as f32).sin()));
        (0..1200).map(|at| Sample { person: at % 900, template: template(at + 1), ..Sample::default() }).collect()
    }

    #[test]
    fn blocks_give_the_cosines_of_templates() {
        let samples = many();
        let all = Comparison::new(&samples, Pairing::All);
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
        let mut impostors = Comparison::new(&many(), Pairing::All).impostors;
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
    fn two_kinds_of_pictures_are_compared_across() {
        // Person 0 is on both sides, with and without a template on the second; 1 is on both; 2 is on the first alone.
        let mut samples = [(0, 0.0), (0, 60.0), (0, 0.0), (1, 90.0), (1, 180.0), (2, 90.0)].map(|(p, d)| sample(p, d));
        (samples[2].template, samples[1].quality) = (None, -3);
        for at in [1, 2, 4] {
            samples[at].side = 1;
        }
        let across = Comparison::new(&samples, Pairing::Across);
        assert_eq!(across.templates, [[1, 1], [1, 1], [1, 0]]);
        let genuine: Vec<_> =
            across.genuine.iter().map(|p| ((p.cosine * 100.0).round(), p.person, p.quality)).collect();
        assert_eq!(genuine, [(50.0, 0, -3), (0.0, 1, 0), (f32::NEG_INFINITY, 0, 0)]);
        let mut found = cosines(&across.impostors.tail);
        found.sort_by_key(|(cosine, people)| (-cosine, *people));
        assert_eq!(found, [(87, [0, 1]), (87, [0, 2]), (0, [1, 2]), (-100, [0, 1])]);
        assert_eq!((across.impostors.pairs, across.impostors.people_pairs), (4, 3));
    }

    #[test]
    fn listed_pairs_are_taken_as_they_are() {
        let pair = |same, cosine, quality| Listed { same, cosine, quality };
        let list = [pair(true, Some(0.5), 7), pair(false, None, 1), pair(true, None, 0), pair(false, Some(0.75), 1)];
        let listed = Comparison::listed(&list, 3);
        let genuine: Vec<_> = listed.genuine.iter().map(|pair| (pair.cosine, pair.quality)).collect();
        assert_eq!(genuine, [(0.5, 7), (f32::NEG_INFINITY, 0)]);
        assert_eq!((listed.impostors.pairs, listed.impostors.cosine_at(1.0)), (1, Some(0.75)));
        assert_eq!((listed.people(), listed.pictures()), (None, 3));
    }

    #[test]
    fn an_empty_set_has_no_pairs() {
        let none = Comparison::new(&[], Pairing::All);
        assert_eq!((none.genuine.len(), none.impostors.pairs, none.people()), (0, 0, Some(0)));
        assert_eq!(none.impostors.cosine_at(0.5), None);
    }
}
