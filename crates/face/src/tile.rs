//! Splits a large input into parts that overlap, so that the detector's memory does not grow with it.

/// The widest face that is looked for in parts, in pixels.
pub const WIDTH_MAX: f32 = 96.0;
/// Pixels that neighbouring parts share. A face whose centre is on one side of the middle, and which is no wider than
/// [`WIDTH_MAX`], lies wholly in the part on that side, with a sixth of its width to spare.
const OVERLAP: usize = 128;
/// The longest side of a part. A part of 576 x 576 pixels takes 80 MB while it runs, all of 1024 x 1024 three times
/// that.
const LENGTH_MAX: usize = 640;
/// Two parts may differ by this much in the centre of one face; pixels.
const TOLERANCE: f32 = 8.0;

/// One part of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub start: usize,
    /// A multiple of the detector's step.
    pub len: usize,
    /// The centres that this part reports.
    own: (f32, f32),
}

impl Span {
    pub fn owns(self, centre: f32) -> bool {
        (self.own.0..=self.own.1).contains(&centre)
    }
}

/// Returns the parts of a side of `side` pixels, which must be a multiple of `step`.
pub fn spans(side: usize, step: usize) -> Vec<Span> {
    let count = if side <= LENGTH_MAX { 1 } else { (side - OVERLAP).div_ceil(LENGTH_MAX - OVERLAP) };
    let len = (side + OVERLAP * (count - 1)).div_ceil(count).next_multiple_of(step);
    let start = |part: usize| part * (side - len) / (count - 1).max(1);
    // The middle of the overlap with the part before.
    let seam = |part: usize| (start(part) + start(part - 1) + len) as f32 / 2.0;
    let span = |part: usize| {
        let from = if part == 0 { f32::NEG_INFINITY } else { seam(part) - TOLERANCE };
        let to = if part + 1 == count { f32::INFINITY } else { seam(part + 1) + TOLERANCE };
        Span { start: start(part), len, own: (from, to) }
    };
    (0..count).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_side_and_hold_what_they_own() {
        for (side, step) in
            [32, 64].into_iter().flat_map(|step| (64..=4096).step_by(step).map(move |side| (side, step)))
        {
            let spans = spans(side, step);
            assert!(spans.iter().all(|span| span.len <= LENGTH_MAX.max(side.min(LENGTH_MAX)) && span.len % step == 0));
            assert_eq!((spans[0].start, spans[spans.len() - 1].start + spans[spans.len() - 1].len), (0, side));
            for pair in spans.windows(2) {
                let (end, next) = ((pair[0].start + pair[0].len) as f32, pair[1].start as f32);
                assert!(pair[0].own.1 + WIDTH_MAX / 2.0 <= end && pair[1].own.0 - WIDTH_MAX / 2.0 >= next, "{side}");
                assert!(pair[1].own.0 < pair[0].own.1, "{side}");
            }
        }
        assert_eq!(spans(512, 64).len(), 1);
        assert_eq!(
            spans(1024, 64).iter().map(|span| (span.start, span.len)).collect::<Vec<_>>(),
            [(0, 576), (448, 576)]
        );
    }
}
