//! Runs consecutive convolutions of large images band by band: a band of rows goes through all of them while it is in
//! the cache, in place of each whole image through one after the other.

use std::ops::Range;

use crate::kernels::conv::{Conv, Piece};
use crate::kernels::tile;

/// A convolution belongs to a band if it reads and writes at least this many floats, which fill a second-level cache of
/// one mebibyte, and if its weights, which each band reads again, are few beside them.
const IMAGES_MIN: usize = 1 << 18;
const WEIGHTS_MAX: usize = 1 << 13;
/// Floats that a convolution writes in one turn.
const PIECE: usize = 1 << 14;

/// Convolutions, and the order in which their tiles run. The results are those of one convolution after the other.
#[derive(Debug)]
pub struct Bands {
    convs: Vec<Conv>,
    turns: Vec<Turn>,
}

/// Consecutive tiles of one convolution.
#[derive(Debug)]
struct Turn {
    conv: usize,
    tiles: Range<usize>,
}

/// Returns true if a convolution gains by bands.
pub fn suit(conv: &Conv) -> bool {
    let Piece { reads: [input, _], writes, .. } = conv.whole();
    input.len() + writes.len() >= IMAGES_MIN && conv.weights.len() <= WEIGHTS_MAX
}

impl Bands {
    /// Orders the work: the last convolution whose next tiles may run has its turn.
    pub fn new(convs: Vec<Conv>) -> Self {
        let mut left: Vec<Left> = convs.iter().map(|conv| Left::new(conv.pieces(PIECE))).collect();
        let mut turns = vec![];
        while let Some(conv) = (0..convs.len()).rev().find(|&conv| may_run(&left[..=conv])) {
            turns.push(Turn { conv, tiles: left[conv].take() });
        }
        Self { convs, turns }
    }

    /// Computes every output pixel. Panics if the arena is shorter than the places demand.
    pub fn run(&self, arena: &mut [f32]) {
        for Turn { conv, tiles } in &self.turns {
            tile::run(&self.convs[*conv], tiles.clone(), arena);
        }
    }
}

/// Returns true if the next piece of the last of these has no conflict with what is left of those before it.
fn may_run(left: &[Left]) -> bool {
    let [before @ .., own] = left else { return false };
    own.pieces.get(own.next).is_some_and(|piece| !before.iter().any(|other| other.conflicts(piece)))
}

/// The pieces of a convolution, of which the first have run.
struct Left {
    pieces: Vec<Piece>,
    /// For each piece, all from it on as one.
    rests: Vec<Piece>,
    next: usize,
}

impl Left {
    fn new(pieces: Vec<Piece>) -> Self {
        let mut rests: Vec<Piece> = pieces.clone();
        for at in (1..rests.len()).rev() {
            rests[at - 1] = rests[at - 1].joined(&rests[at]);
        }
        Self { pieces, rests, next: 0 }
    }

    fn take(&mut self) -> Range<usize> {
        self.next += 1;
        self.pieces[self.next - 1].tiles.clone()
    }

    /// Returns true if a piece of a later convolution reads what is still to be written, or writes what is still to be
    /// read or written.
    fn conflicts(&self, later: &Piece) -> bool {
        let overlap = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start) < a.end.min(b.end);
        self.rests.get(self.next).is_some_and(|rest| {
            let read = later.reads.iter().any(|reads| overlap(reads, &rest.writes));
            read || rest.reads.iter().chain([&rest.writes]).any(|places| overlap(places, &later.writes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv::{Activation, Parts};
    use crate::kernels::isa::Isa;
    use crate::kernels::tiling::{Outside, Places};
    use crate::nest::View;
    use crate::operator::Window;

    const SIDE: usize = 96;
    const CHANNELS: usize = 24;
    const IMAGE: usize = SIDE * SIDE * CHANNELS;
    /// The arena begins with the zeros outside of the image.
    const FIRST: usize = 64;

    /// A convolution from one image of the arena to another, with a residual from a third.
    fn conv(isa: Isa, from: usize, to: usize, residual: Option<usize>, kernel: usize) -> Conv {
        let start = |image: usize| FIRST + image * IMAGE;
        let strides = vec![IMAGE, 1, SIDE * CHANNELS, CHANNELS];
        let input = View { buffer: 0, start: start(from), shape: vec![1, CHANNELS, SIDE, SIDE], strides };
        let (kernel, before) = ([kernel; 2], [kernel / 2; 2]);
        let window = Window { kernel, stride: [1, 1], dilation: [1, 1], before, after: before };
        let group = if kernel == [1, 1] { 1 } else { CHANNELS };
        let weights = CHANNELS * CHANNELS / group * kernel[0] * kernel[1];
        let weights: Vec<f32> = (0..weights).map(|at| (at % 7) as f32 * 0.03 - 0.08).collect();
        Conv::new(
            isa,
            &Parts {
                weights: &weights,
                bias: &[0.1; CHANNELS],
                activation: Activation::Clamp(0.0, 6.0),
                group,
                places: Places::new(&input, window, [SIDE; 2], Outside::Zeros).expect("it is small"),
                output: start(to),
                residual: residual.map(start),
            },
        )
    }

    /// Two blocks as networks have them. The first writes to the places that it reads.
    fn blocks(isa: Isa) -> Vec<Conv> {
        [(0, 1, None, 3), (1, 0, None, 1), (0, 2, None, 3), (2, 1, Some(0), 1)]
            .map(|(from, to, residual, kernel)| conv(isa, from, to, residual, kernel))
            .into()
    }

    #[test]
    fn bands_give_the_same_bits_as_whole_images() {
        for isa in Isa::available() {
            let mut arena: Vec<f32> = (0..FIRST + 3 * IMAGE + 64).map(|at| (at % 101) as f32 * 0.01 - 0.4).collect();
            arena[..FIRST].fill(0.0);
            let mut whole = arena.clone();
            for conv in &blocks(isa) {
                tile::run(conv, 0..conv.tiles(), &mut whole);
            }
            let bands = Bands::new(blocks(isa));
            bands.run(&mut arena);
            assert_eq!(whole, arena, "{isa:?}");
            let first = |conv: usize| bands.turns.iter().position(|turn| turn.conv == conv).expect("each has turns");
            let last = bands.turns.iter().rposition(|turn| turn.conv == 0).expect("each has turns");
            assert!(first(1) < last && first(2) < last, "a band goes on while the first is not finished: {bands:?}");
        }
    }

    #[test]
    fn only_large_images_go_in_bands() {
        let [large, ..] = &blocks(Isa::best())[..] else { panic!("there are four") };
        assert!(suit(large));
        let input = View { buffer: 0, start: FIRST, shape: vec![1, 8, 4, 4], strides: vec![128, 1, 32, 8] };
        let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
        let places = Places::new(&input, window, [4, 4], Outside::Zeros).expect("it is small");
        assert!(!suit(&Conv::largest(Isa::best(), 8, &places, FIRST + 128)));
    }
}
