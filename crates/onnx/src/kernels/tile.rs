//! Register tiles of a convolution: the inner loops, generic over the instruction set.

#![expect(clippy::inline_always, reason = "each must become part of a function compiled for the instruction set")]
#![expect(
    clippy::needless_range_loop,
    reason = "indices run over several arrays at once, which must stay in registers: iterators get in the way"
)]

use std::ops::Range;

use crate::kernels::conv::{Activation, Conv, Depth, Panel, width};
use crate::kernels::isa::Kind;
#[cfg(target_arch = "x86_64")]
use crate::kernels::simd::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::kernels::simd::Avx512;
use crate::kernels::simd::{Portable, Simd};
use crate::kernels::tiling::{SHARED, Tile};
use crate::kernels::vectors::Vectors;

/// Input floats that are processed before the next panel of weights: they stay in the second-level cache.
const CHUNK_FLOATS: usize = 1 << 16;

/// Computes the output pixels of some tiles. Panics if there are no such tiles, or if the arena is shorter than the
/// places demand.
pub fn run(conv: &Conv, tiles: Range<usize>, arena: &mut [f32]) {
    assert!(conv.reach <= arena.len(), "the arena was sized by the same plan");
    let base = arena.as_mut_ptr();
    let tiles = &conv.tiling.tiles[tiles];
    match conv.isa.kind() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` names what this processor has; `reach` bounds every place.
        Kind::Avx512 => unsafe { run_avx512(conv, tiles, base) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { run_avx2(conv, tiles, base) },
        // SAFETY: as above; plain Rust runs on any processor.
        Kind::Portable => unsafe { run_tiles::<Portable>(conv, tiles, base) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run_avx512(conv: &Conv, tiles: &[Tile], base: *mut f32) {
    // SAFETY: the caller's contract is the same.
    unsafe { run_tiles::<Avx512>(conv, tiles, base) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(conv: &Conv, tiles: &[Tile], base: *mut f32) {
    // SAFETY: the caller's contract is the same.
    unsafe { run_tiles::<Avx2>(conv, tiles, base) }
}

/// # Safety
/// The processor has `S`; the tiles are those of `conv`; `base` points to an arena no shorter than its bound.
#[inline(always)]
unsafe fn run_tiles<S: Simd>(conv: &Conv, tiles: &[Tile], base: *mut f32) {
    match &conv.depth {
        Depth::Channelwise { .. } | Depth::Shared { .. } | Depth::Largest => {
            let first = match conv.depth {
                Depth::Channelwise { weights } | Depth::Shared { weights } => weights,
                _ => 0,
            };
            for tile in tiles {
                let mut channel = 0;
                while channel < conv.stride {
                    let width = width(conv.isa, conv.stride - channel);
                    let job = Job { conv, base, tile, channel, weights: first + channel, input: channel };
                    // SAFETY: the caller's contract.
                    unsafe { job.run::<S>(1, width) };
                    channel += width;
                }
            }
        }
        Depth::Dense { channels, panels } => {
            let per_tile = channels * tiles.first().map_or(1, |tile| tile.count);
            for tiles in tiles.chunks((CHUNK_FLOATS / per_tile).max(1)) {
                for panel in panels {
                    for tile in tiles {
                        let &Panel { output: channel, input, weights, width } = panel;
                        let job = Job { conv, base, tile, channel, weights, input };
                        // SAFETY: the caller's contract.
                        unsafe { job.run::<S>(*channels, width) };
                    }
                }
            }
        }
    }
}

/// One register tile: `tile` pixels of the output channels from `channel` on.
struct Job<'a> {
    conv: &'a Conv,
    base: *mut f32,
    tile: &'a Tile,
    channel: usize,
    /// Index of the first weight. `input` is the first input channel within a pixel.
    weights: usize,
    input: usize,
}

impl Job<'_> {
    /// Runs the kernel. `width` must be a result of the function [`width`].
    ///
    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn run<S: Simd>(&self, channels: usize, width: usize) {
        let vectors = (width / S::LANES, width % S::LANES / S::Short::LANES);
        macro_rules! tile {
            ([$($pixels:literal)*] $vectors:tt) => {
                match self.tile.count {
                    $($pixels => tile!($pixels $vectors),)*
                    _ => unreachable!("tiles have the sizes of Isa::tile_pixels"),
                }
            };
            ($pixels:literal [$($long:literal $short:literal)*]) => {
                match vectors {
                    // SAFETY: the caller's contract.
                    $(($long, $short) => unsafe { self.tile::<S, $pixels, $long, $short>(channels) },)*
                    _ => unreachable!("vectors are as `width` has them"),
                }
            };
        }
        // The condition is constant, so the other branch is not compiled.
        if const { S::LANES > S::Short::LANES } {
            tile!([14 7 4 2 1] [2 0 1 1 1 0 0 1]);
        } else {
            tile!([6 4 2 1] [2 0 1 0]);
        }
    }

    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const L: usize, const N: usize>(&self, channels: usize) {
        match self.conv.depth {
            // SAFETY: the caller's contract.
            Depth::Dense { .. } => unsafe { self.dense::<S, P, L, N>(channels) },
            // SAFETY: as above.
            Depth::Channelwise { .. } => unsafe { self.channelwise::<S, P, L, N>() },
            // SAFETY: as above.
            Depth::Shared { .. } => unsafe { self.shared::<S, P, L, N>() },
            // SAFETY: as above.
            Depth::Largest => unsafe { self.largest::<S, P, L, N>() },
        }
    }

    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn dense<S: Simd, const P: usize, const L: usize, const N: usize>(&self, channels: usize) {
        // SAFETY: the bound covers the places; weights hold taps x channels vectors here.
        unsafe {
            let mut sums = self.start::<S, P, L, N>();
            let mut weight = self.conv.weights.as_ptr().add(self.weights);
            let mut place = self.conv.tiling.offsets.as_ptr().add(self.tile.offsets);
            let base = self.base.add(self.tile.base + self.input).cast_const();
            for _ in 0..self.conv.taps {
                let mut pixels = [base; P];
                for p in 0..P {
                    pixels[p] = pixels[p].add(*place.add(p) as usize);
                }
                place = place.add(P);
                for c in 0..channels {
                    let w = Vectors::<S, L, N>::load(weight);
                    weight = weight.add(Vectors::<S, L, N>::FLOATS);
                    for p in 0..P {
                        sums[p].add_scaled(*pixels[p].add(c), &w);
                    }
                }
            }
            self.finish(sums);
        }
    }

    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn channelwise<S: Simd, const P: usize, const L: usize, const N: usize>(&self) {
        // SAFETY: the bound covers the places; weights hold taps x stride floats.
        unsafe {
            let mut sums = self.start::<S, P, L, N>();
            let mut weight = self.conv.weights.as_ptr().add(self.weights);
            let mut place = self.conv.tiling.offsets.as_ptr().add(self.tile.offsets);
            let base = self.base.add(self.tile.base + self.input).cast_const();
            for _ in 0..self.conv.taps {
                let w = Vectors::load(weight);
                for p in 0..P {
                    let x = Vectors::load(base.add(*place.add(p) as usize));
                    sums[p] = x.fma(w, sums[p]);
                }
                place = place.add(P);
                weight = weight.add(self.conv.stride);
            }
            self.finish(sums);
        }
    }

    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn shared<S: Simd, const P: usize, const L: usize, const N: usize>(&self) {
        // SAFETY: as for `channelwise`; for each row, a tile has one place for each column that its pixels see.
        unsafe {
            let mut sums = self.start::<S, P, L, N>();
            let mut weight = self.conv.weights.as_ptr().add(self.weights);
            let mut place = self.conv.tiling.offsets.as_ptr().add(self.tile.offsets);
            let base = self.base.add(self.tile.base + self.input).cast_const();
            for _ in 0..self.conv.taps / SHARED {
                let mut w = [Vectors::splat(0.0); SHARED];
                for k in 0..SHARED {
                    w[k] = Vectors::load(weight);
                    weight = weight.add(self.conv.stride);
                }
                for column in 0..P + SHARED - 1 {
                    let x = Vectors::load(base.add(*place as usize));
                    place = place.add(1);
                    for k in 0..SHARED {
                        if column >= k && column - k < P {
                            sums[column - k] = x.fma(w[k], sums[column - k]);
                        }
                    }
                }
            }
            self.finish(sums);
        }
    }

    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn largest<S: Simd, const P: usize, const L: usize, const N: usize>(&self) {
        // SAFETY: the bound covers the places.
        unsafe {
            let mut tops = [Vectors::<S, L, N>::splat(f32::NEG_INFINITY); P];
            let mut place = self.conv.tiling.offsets.as_ptr().add(self.tile.offsets);
            let base = self.base.add(self.tile.base + self.input).cast_const();
            for _ in 0..self.conv.taps {
                for p in 0..P {
                    let x = Vectors::load(base.add(*place.add(p) as usize));
                    tops[p] = x.max(tops[p]);
                }
                place = place.add(P);
            }
            self.finish(tops);
        }
    }

    /// Returns sums that start from the bias.
    ///
    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn start<S: Simd, const P: usize, const L: usize, const N: usize>(&self) -> [Vectors<S, L, N>; P] {
        let bias = self.conv.bias[self.channel..].as_ptr();
        // SAFETY: the bias is padded to whole vectors.
        [unsafe { Vectors::load(bias) }; P]
    }

    /// Adds the residual, applies the activation and stores.
    ///
    /// # Safety
    /// The contract is that of [`run_tiles`].
    #[inline(always)]
    unsafe fn finish<S: Simd, const P: usize, const L: usize, const N: usize>(&self, mut sums: [Vectors<S, L, N>; P]) {
        let conv = self.conv;
        let first = self.tile.pixel * conv.stride + self.channel;
        // SAFETY: the bound covers output and residual; slopes are padded like the bias.
        unsafe {
            if let Some(residual) = conv.residual {
                let from = self.base.add(residual + first);
                for p in 0..P {
                    sums[p] = sums[p].add(Vectors::load(from.add(p * conv.stride)));
                }
            }
            match &conv.activation {
                Activation::None => {}
                Activation::Slope(slope) => {
                    let (zero, slope) = (Vectors::splat(0.0), Vectors::load(slope.as_ptr().add(self.channel)));
                    for p in 0..P {
                        sums[p] = sums[p].min(zero).fma(slope, sums[p].max(zero));
                    }
                }
                Activation::Clamp(low, high) => {
                    let (low, high) = (Vectors::splat(*low), Vectors::splat(*high));
                    for p in 0..P {
                        sums[p] = sums[p].max(low).min(high);
                    }
                }
            }
            let to = self.base.add(conv.output + first);
            for p in 0..P {
                sums[p].store(to.add(p * conv.stride));
            }
        }
    }
}
