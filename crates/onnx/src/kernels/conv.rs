//! Convolution of channels-last images, with bias, residual and activation in the same pass.
//!
//! A table holds the arena index of the pixel that each tap reads, so no patches are copied (no im2col). A tap outside
//! the image points to the zeros at the start of the arena. A register tile is a few output pixels times one or two
//! vectors of output channels.

use std::ops::Range;

use crate::kernels::isa::Isa;
use crate::kernels::tiling::{Places, Tiling};

/// Floats in a cache line. Weights and arena start on one, so that vectors never straddle two.
pub const LINE: usize = 16;

/// A convolution ready to run. Places are float indices into the arena.
#[derive(Debug)]
pub struct Conv {
    pub(super) isa: Isa,
    pub(super) taps: usize,
    pub(super) depth: Depth,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) activation: Activation,
    /// Arena index of the first output pixel, and the distance from one pixel to the next.
    pub(super) output: usize,
    pub(super) stride: usize,
    /// First pixel of an image to add before the activation; its pixels lie `stride` apart.
    pub(super) residual: Option<usize>,
    pub(super) tiling: Tiling,
    /// Reads and writes stay below this arena index.
    pub(super) reach: usize,
}

/// The input channels that one output channel reads.
#[derive(Debug)]
pub(super) enum Depth {
    /// Its own channel. The weights `[tap][channel]` start at `weights`.
    Channelwise { weights: usize },
    /// The same with [`SHARED`](super::tiling::SHARED) columns, which neighbouring output pixels share.
    Shared { weights: usize },
    /// Its own channel. The result is the largest tap; there are no weights.
    Largest,
    /// `channels` of its group; weights `[panel][tap][channel][lane]`.
    Dense { channels: usize, panels: Vec<Panel> },
}

/// Output channels that share a group, as many as one kernel takes: see [`width`].
#[derive(Debug)]
pub(super) struct Panel {
    /// First output channel, first input channel of the group, index of the first weight.
    pub(super) output: usize,
    pub(super) input: usize,
    pub(super) weights: usize,
    /// Output channels, including those that only pad the last vector.
    pub(super) width: usize,
}

/// Consecutive tiles, with the ranges of the arena that they read (input and residual) and write.
#[derive(Clone, Debug)]
pub struct Piece {
    pub tiles: Range<usize>,
    pub reads: [Range<usize>; 2],
    pub writes: Range<usize>,
}

impl Piece {
    /// Returns this piece and the one that follows it as one.
    #[must_use]
    pub fn joined(&self, next: &Self) -> Self {
        let both = |a: &Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Self {
            tiles: both(&self.tiles, &next.tiles),
            reads: [0, 1].map(|at| both(&self.reads[at], &next.reads[at])),
            writes: both(&self.writes, &next.writes),
        }
    }
}

/// The activation of each output channel. The vectors are padded like the bias.
#[derive(Clone, Debug)]
pub enum Activation {
    None,
    /// `max(x, 0) + slope * min(x, 0)`
    Slope(Vec<f32>),
    Clamp(f32, f32),
}

/// The parts of a convolution that do not depend on the instruction set.
pub struct Parts<'a> {
    /// `[out, in / group, taps]`
    pub weights: &'a [f32],
    pub bias: &'a [f32],
    pub activation: Activation,
    pub group: usize,
    pub places: Places,
    pub output: usize,
    pub residual: Option<usize>,
}

impl Conv {
    /// Packs weights and places for `isa`.
    pub fn new(isa: Isa, parts: &Parts) -> Self {
        let out = parts.bias.len();
        let stride = out.next_multiple_of(Isa::GRANULE);
        let padded = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(stride, 0.0);
            values
        };
        let activation = match &parts.activation {
            Activation::Slope(slope) => Activation::Slope(padded(slope)),
            other => other.clone(),
        };
        let (depth, weights) = pack(isa, parts);
        let shared = match depth {
            Depth::Channelwise { weights } => {
                Tiling::shared(isa, &parts.places).map(|tiling| (Depth::Shared { weights }, tiling))
            }
            _ => None,
        };
        let (depth, tiling) = shared.unwrap_or_else(|| (depth, Tiling::new(isa, &parts.places)));
        let mut conv = Self {
            isa,
            taps: parts.places.taps(),
            depth,
            weights,
            bias: padded(parts.bias),
            activation,
            output: parts.output,
            stride,
            residual: parts.residual,
            tiling,
            reach: 0,
        };
        conv.reach = conv.bound();
        conv
    }

    /// Takes the largest tap of each window instead of a weighted sum.
    pub fn largest(isa: Isa, channels: usize, places: &Places, output: usize) -> Self {
        let tiling = Tiling::new(isa, places);
        let mut conv = Self {
            isa,
            taps: places.taps(),
            depth: Depth::Largest,
            weights: vec![],
            bias: vec![],
            activation: Activation::None,
            output,
            stride: channels.next_multiple_of(Isa::GRANULE),
            residual: None,
            tiling,
            reach: 0,
        };
        conv.reach = conv.bound();
        conv
    }

    /// Returns the number of register tiles.
    pub fn tiles(&self) -> usize {
        self.tiling.tiles.len()
    }

    /// Returns all tiles as one piece.
    pub fn whole(&self) -> Piece {
        self.piece(0..self.tiles())
    }

    /// Cuts the tiles into pieces that write about so many floats each.
    pub fn pieces(&self, floats: usize) -> Vec<Piece> {
        let tiles = &self.tiling.tiles;
        let per_tile = tiles.first().map_or(1, |tile| tile.count * self.stride);
        let length = (floats / per_tile).max(1);
        let starts = (0..tiles.len()).step_by(length);
        starts.map(|start| self.piece(start..tiles.len().min(start + length))).collect()
    }

    fn piece(&self, tiles: Range<usize>) -> Piece {
        let own = &self.tiling.tiles[tiles.clone()];
        let first = own.iter().map(|tile| tile.pixel).min().unwrap_or(0);
        let end = own.iter().map(|tile| tile.pixel + tile.count).max().unwrap_or(0);
        let image = |start: usize| start + first * self.stride..start + end * self.stride;
        let [low, high] = self.tiling.reads(&tiles);
        let residual = self.residual.map_or(0..0, image);
        Piece { tiles, reads: [low..high + self.read(), residual], writes: image(self.output) }
    }

    /// Returns the floats that a tap reads from its place on, at most.
    fn read(&self) -> usize {
        match &self.depth {
            Depth::Channelwise { .. } | Depth::Shared { .. } | Depth::Largest => self.stride,
            Depth::Dense { channels, panels } => channels + panels.last().map_or(0, |panel| panel.input),
        }
    }

    /// Returns one past the last arena index that is read or written.
    fn bound(&self) -> usize {
        let Piece { reads: [input, residual], writes, .. } = self.whole();
        input.end.max(residual.end).max(writes.end)
    }
}

/// Reorders weights so that a tile reads them front to back.
fn pack(isa: Isa, parts: &Parts) -> (Depth, Vec<f32>) {
    let out = parts.bias.len();
    let padded = out.next_multiple_of(Isa::GRANULE);
    let taps = parts.places.taps();
    let per_group = parts.weights.len() / (out * taps);
    let at = |o: usize, c: usize, tap: usize| parts.weights[(o * per_group + c) * taps + tap];
    if per_group == 1 && parts.group == out {
        let mut packed = on_a_line(taps * padded);
        let weights = packed.len();
        for tap in 0..taps {
            packed.extend((0..out).map(|o| at(o, 0, tap)));
            packed.resize(weights + (tap + 1) * padded, 0.0);
        }
        return (Depth::Channelwise { weights }, packed);
    }
    let group_out = out / parts.group;
    // Groups that do not fill vectors run as one dense group whose other weights are zero.
    let aligned = parts.group == 1 || group_out.is_multiple_of(Isa::GRANULE);
    let channels = if aligned { per_group } else { per_group * parts.group };
    let mut packed = on_a_line(taps * channels * padded);
    let mut panels = Vec::new();
    let mut output = 0;
    while output < out {
        let group = output / group_out;
        let end = if aligned { (group + 1) * group_out } else { out };
        let width = width(isa, end - output);
        let input = if aligned { group * per_group } else { 0 };
        panels.push(Panel { output, input, weights: packed.len(), width });
        for tap in 0..taps {
            for c in 0..channels {
                for o in output..output + width {
                    let own = o < end && (aligned || c / per_group == o / group_out);
                    packed.push(if own { at(o, c % per_group, tap) } else { 0.0 });
                }
            }
        }
        output += width;
    }
    (Depth::Dense { channels, panels }, packed)
}

/// Returns how many of the `left` channels one kernel takes, with padding: at most two long vectors. Rounds up to short
/// vectors, so that at most the end of the last one is idle.
pub(super) fn width(isa: Isa, left: usize) -> usize {
    left.next_multiple_of(Isa::GRANULE).min(2 * isa.lanes())
}

/// Returns a list whose end lies on a cache line, with room for `len` more floats.
fn on_a_line(len: usize) -> Vec<f32> {
    let mut list: Vec<f32> = Vec::with_capacity(len + LINE);
    let skip = list.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    list.resize(skip, 0.0);
    list
}
