//! Convolution of channels-last images, with bias, residual and activation in the same pass.
//!
//! A table holds the arena index of the pixel that each tap reads, so no patches are copied (no im2col). A tap outside
//! the image points to the zeros at the start of the arena. A register tile is a few output pixels times one or two
//! vectors of output channels.

use crate::kernels::isa::Isa;

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
    pub(super) tiles: Vec<Tile>,
    pub(super) offsets: Vec<u32>,
    /// Reads and writes stay below this arena index.
    pub(super) reach: usize,
}

/// The input channels that one output channel reads.
#[derive(Debug)]
pub(super) enum Depth {
    /// Its own channel. The weights `[tap][channel]` start at `weights`.
    Channelwise { weights: usize },
    /// The same with [`SHARED`] columns, which neighbouring output pixels share; offsets are `[row][tile column]`.
    Shared { weights: usize },
    /// Its own channel. The result is the largest tap; there are no weights.
    Largest,
    /// `channels` of its group; weights `[panel][tap][channel][lane]`.
    Dense { channels: usize, panels: Vec<Panel> },
}

/// Columns of a channelwise window whose inputs are read once for all output pixels of a tile.
pub(super) const SHARED: usize = 3;

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

/// Output pixels `pixel..pixel + count`; their places start at `offsets`, ordered by tap, or by row and column.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) pixel: usize,
    pub(super) count: usize,
    pub(super) offsets: usize,
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
    pub taps: usize,
    /// Taps of one row of the window.
    pub columns: usize,
    /// For each output pixel, the arena place of each tap's pixel; [`OUTSIDE`] where there is none.
    pub places: Vec<u32>,
    pub output: usize,
    pub residual: Option<usize>,
}

/// The place of a tap outside the image: the arena starts with zeros, enough for one pixel.
pub const OUTSIDE: u32 = 0;

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
            Depth::Channelwise { weights } => tile_shared(isa, parts).map(|tiles| (Depth::Shared { weights }, tiles)),
            _ => None,
        };
        let (depth, (tiles, offsets)) = shared.unwrap_or_else(|| (depth, tile(isa, parts.taps, &parts.places)));
        let mut conv = Self {
            isa,
            taps: parts.taps,
            depth,
            weights,
            bias: padded(parts.bias),
            activation,
            output: parts.output,
            stride,
            residual: parts.residual,
            tiles,
            offsets,
            reach: 0,
        };
        conv.reach = conv.bound();
        conv
    }

    /// Takes the largest tap of each window instead of a weighted sum.
    pub fn largest(isa: Isa, channels: usize, taps: usize, places: &[u32], output: usize) -> Self {
        let (tiles, offsets) = tile(isa, taps, places);
        let mut conv = Self {
            isa,
            taps,
            depth: Depth::Largest,
            weights: vec![],
            bias: vec![],
            activation: Activation::None,
            output,
            stride: channels.next_multiple_of(Isa::GRANULE),
            residual: None,
            tiles,
            offsets,
            reach: 0,
        };
        conv.reach = conv.bound();
        conv
    }

    /// Returns one past the last arena index that is read or written.
    fn bound(&self) -> usize {
        let pixels = self.tiles.iter().map(|tile| tile.pixel + tile.count).max().unwrap_or(0);
        let images = self.residual.unwrap_or(0).max(self.output) + pixels * self.stride;
        let read = match &self.depth {
            Depth::Channelwise { .. } | Depth::Shared { .. } | Depth::Largest => self.stride,
            Depth::Dense { channels, panels } => channels + panels.last().map_or(0, |panel| panel.input),
        };
        let last = self.offsets.iter().max().map_or(0, |&place| place as usize);
        images.max(last + read)
    }
}

/// Reorders weights so that a tile reads them front to back.
fn pack(isa: Isa, parts: &Parts) -> (Depth, Vec<f32>) {
    let out = parts.bias.len();
    let padded = out.next_multiple_of(Isa::GRANULE);
    let taps = parts.taps;
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

/// Cuts the output into register tiles. The last tile may repeat pixels of the one before it.
fn tile(isa: Isa, taps: usize, places: &[u32]) -> (Vec<Tile>, Vec<u32>) {
    let pixels = places.len() / taps;
    let (mut tiles, mut offsets) = (Vec::new(), Vec::with_capacity(places.len()));
    let mut done = 0;
    while done < pixels {
        let left = pixels - done;
        let sizes = isa.tile_pixels();
        let covering = sizes.iter().rev().find(|&&size| size >= left && size <= pixels);
        let fitting = sizes.iter().find(|&&size| size <= left);
        let count = *covering.or(fitting).expect("a tile of one pixel always fits");
        let pixel = done.min(pixels - count);
        tiles.push(Tile { pixel, count, offsets: offsets.len() });
        for tap in 0..taps {
            offsets.extend((pixel..pixel + count).map(|p| places[p * taps + tap]));
        }
        done = pixel + count;
    }
    (tiles, offsets)
}

/// Cuts the output into tiles whose pixels share input columns: the taps of each pixel are those of its neighbour,
/// shifted by one column. Returns `None` if the tiles would be too small, as with a stride.
fn tile_shared(isa: Isa, parts: &Parts) -> Option<(Vec<Tile>, Vec<u32>)> {
    let (taps, rows) = (parts.taps, parts.taps / SHARED);
    let pixels = parts.places.len() / taps;
    let at = |pixel: usize, row: usize, column: usize| parts.places[pixel * taps + row * SHARED + column];
    let follows = |pixel: usize| {
        (0..rows).all(|row| (1..SHARED).all(|column| at(pixel, row, column - 1) == at(pixel - 1, row, column)))
    };
    if parts.columns != SHARED {
        return None;
    }
    let (mut tiles, mut offsets) = (Vec::new(), Vec::new());
    let mut done = 0;
    while done < pixels {
        let run = 1 + (done + 1..pixels).take_while(|&pixel| follows(pixel)).take(isa.shared_pixels()[0] - 1).count();
        let count = *isa.shared_pixels().iter().find(|&&size| size <= run).expect("a tile of one pixel always fits");
        tiles.push(Tile { pixel: done, count, offsets: offsets.len() });
        for row in 0..rows {
            offsets.extend((done..done + count).map(|pixel| at(pixel, row, 0)));
            offsets.extend((1..SHARED).map(|column| at(done + count - 1, row, column)));
        }
        done += count;
    }
    (2 * tiles.len() <= pixels).then_some((tiles, offsets))
}
