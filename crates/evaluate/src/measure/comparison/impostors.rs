//! Impostor pairs: a histogram of their cosines, and the highest cosines one by one.

/// Pairs of two people, both with templates: a histogram of all, and the highest ones individually.
#[derive(Debug, Clone)]
pub struct Impostors {
    pub pairs: u64,
    /// The number of pairs of people that the pairs come from; the number of pairs itself if people are unknown.
    pub people_pairs: u64,
    /// Counts over -1..1, in [`BINS`] bins of equal width.
    pub histogram: Vec<u64>,
    /// The highest pairs, in falling order of cosine: all pairs from the lower edge of some bin upwards.
    pub tail: Vec<ImpostorPair>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImpostorPair {
    pub cosine: f32,
    pub people: [u32; 2],
}

/// Each bin is 3e-5 wide: less than one point of any score.
pub const BINS: usize = 1 << 16;
/// The tail holds one pair in this many, five times what a false acceptance rate of 1 % needs: the threshold of a
/// resampled set may be lower.
const TAIL_SHARE: u64 = 20;
/// The tail also holds at least this many pairs (12 MB), which is all pairs of a small set.
const TAIL_PAIRS_MIN: u64 = 1_000_000;

impl Impostors {
    /// True if the tail holds every pair.
    pub fn whole(&self) -> bool {
        self.tail.len() as u64 == self.pairs
    }

    /// Returns the share of the pairs whose cosine is at least `cosine`: exact within the tail, interpolated within a
    /// bin below it.
    pub fn share_from(&self, cosine: f64) -> f64 {
        self.count_from(cosine) / self.pairs as f64
    }

    /// Returns the number of these pairs.
    pub fn count_from(&self, cosine: f64) -> f64 {
        if self.whole() || self.tail.last().is_some_and(|last| f64::from(last.cosine) <= cosine) {
            return self.tail.partition_point(|pair| f64::from(pair.cosine) >= cosine) as f64;
        }
        let place = (f64::midpoint(cosine, 1.0) * BINS as f64).clamp(0.0, BINS as f64);
        let bin = (place as usize).min(BINS - 1);
        let above: u64 = self.histogram[bin + 1..].iter().sum();
        above as f64 + self.histogram[bin] as f64 * (bin as f64 + 1.0 - place)
    }

    /// Returns the cosine that a share of the pairs reaches, 0 < `share` <= 1; `None` without pairs, or if the share is
    /// less than one pair.
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

/// Returns the bin of the histogram that a cosine falls into.
pub fn bin(cosine: f32) -> usize {
    (f64::midpoint(f64::from(cosine), 1.0) * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize
}

/// Returns the lowest bin of the tail.
pub fn tail_bin(histogram: &[u64]) -> usize {
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
