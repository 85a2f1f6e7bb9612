//! Register tiles of a convolution: the inner loops, generic over the instruction set.

#![expect(clippy::inline_always, reason = "each must become part of a function compiled for the instruction set")]
#![expect(
    clippy::needless_range_loop,
    reason = "indices run over several arrays at once, which must stay in registers: iterators get in the way"
)]

use crate::kernels::conv::{Activation, Conv, Depth, Panel, Tile};
use crate::kernels::isa::Kind;
#[cfg(target_arch = "x86_64")]
use crate::kernels::simd::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::kernels::simd::Avx512;
use crate::kernels::simd::{Portable, Simd};

/// Input floats worked on before the next panel of weights: they stay in the second-level cache.
const CHUNK_FLOATS: usize = 1 << 16;

/// Computes every output pixel. Panics if the arena is shorter than the places demand.
pub fn run(conv: &Conv, arena: &mut [f32]) {
    assert!(conv.reach <= arena.len(), "the arena was sized by the same plan");
    let base = arena.as_mut_ptr();
    match conv.isa.kind() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` names what this processor has; `reach` bounds every place.
        Kind::Avx512 => unsafe { run_avx512(conv, base) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { run_avx2(conv, base) },
        // SAFETY: as above; this one needs nothing of the processor.
        Kind::Portable => unsafe { run_tiles::<Portable>(conv, base) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run_avx512(conv: &Conv, base: *mut f32) {
    // SAFETY: the caller's contract is the same.
    unsafe { run_tiles::<Avx512>(conv, base) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(conv: &Conv, base: *mut f32) {
    // SAFETY: the caller's contract is the same.
    unsafe { run_tiles::<Avx2>(conv, base) }
}

/// # Safety
/// The processor has `S`; `base` points to an arena no shorter than the bound of `conv`.
#[inline(always)]
unsafe fn run_tiles<S: Simd>(conv: &Conv, base: *mut f32) {
    match &conv.depth {
        Depth::Channelwise { .. } | Depth::Largest => {
            let first = match conv.depth {
                Depth::Channelwise { weights } => weights,
                _ => 0,
            };
            for tile in &conv.tiles {
                let mut channel = 0;
                while channel < conv.stride {
                    let vectors = ((conv.stride - channel) / S::LANES).min(2);
                    let job = Job { conv, base, tile, channel, weights: first + channel, input: channel };
                    // SAFETY: the caller's contract.
                    unsafe { job.run::<S>(1, vectors) };
                    channel += vectors * S::LANES;
                }
            }
        }
        Depth::Dense { channels, panels } => {
            let per_tile = channels * conv.tiles.first().map_or(1, |tile| tile.count);
            for tiles in conv.tiles.chunks((CHUNK_FLOATS / per_tile).max(1)) {
                for panel in panels {
                    for tile in tiles {
                        let &Panel { output: channel, input, weights, vectors } = panel;
                        let job = Job { conv, base, tile, channel, weights, input };
                        // SAFETY: the caller's contract.
                        unsafe { job.run::<S>(*channels, vectors) };
                    }
                }
            }
        }
    }
}

/// `N` vectors, one behind the other.
///
/// # Safety
/// The processor has `S`; `from` points to that many floats.
#[inline(always)]
unsafe fn load<S: Simd, const N: usize>(from: *const f32) -> [S::V; N] {
    // A loop, because a closure would not be compiled for the instruction set.
    // SAFETY: the caller's contract.
    unsafe {
        let mut vectors = [S::splat(0.0); N];
        for n in 0..N {
            vectors[n] = S::load(from.add(n * S::LANES));
        }
        vectors
    }
}

/// One register tile: `tile` pixels of the output channels from `channel` on.
struct Job<'a> {
    conv: &'a Conv,
    base: *mut f32,
    tile: &'a Tile,
    channel: usize,
    /// Place of the first weight, and of the first input channel within a pixel.
    weights: usize,
    input: usize,
}

impl Job<'_> {
    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn run<S: Simd>(&self, channels: usize, vectors: usize) {
        macro_rules! tile {
            ($($pixels:literal)*) => {
                match (self.tile.count, vectors) {
                    $(
                        // SAFETY: the caller's contract.
                        ($pixels, 1) => unsafe { self.tile::<S, $pixels, 1>(channels) },
                        // SAFETY: as above.
                        ($pixels, _) => unsafe { self.tile::<S, $pixels, 2>(channels) },
                    )*
                    _ => unreachable!("tiles have the sizes of Isa::tile_pixels"),
                }
            };
        }
        tile!(14 7 6 4 2 1);
    }

    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const N: usize>(&self, channels: usize) {
        match self.conv.depth {
            // SAFETY: the caller's contract.
            Depth::Dense { .. } => unsafe { self.dense::<S, P, N>(channels) },
            // SAFETY: as above.
            Depth::Channelwise { .. } => unsafe { self.channelwise::<S, P, N>() },
            // SAFETY: as above.
            Depth::Largest => unsafe { self.largest::<S, P, N>() },
        }
    }

    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn dense<S: Simd, const P: usize, const N: usize>(&self, channels: usize) {
        // SAFETY: the bound covers the places; weights hold taps x channels x N vectors here.
        unsafe {
            let mut sums = self.start::<S, P, N>();
            let mut weight = self.conv.weights.as_ptr().add(self.weights);
            let mut place = self.conv.offsets.as_ptr().add(self.tile.offsets);
            for _ in 0..self.conv.taps {
                let mut pixels = [self.base.cast_const(); P];
                for p in 0..P {
                    pixels[p] = pixels[p].add(*place.add(p) as usize + self.input);
                }
                place = place.add(P);
                for c in 0..channels {
                    let w = load::<S, N>(weight);
                    weight = weight.add(N * S::LANES);
                    for p in 0..P {
                        let x = S::splat(*pixels[p].add(c));
                        for n in 0..N {
                            sums[p][n] = S::fma(x, w[n], sums[p][n]);
                        }
                    }
                }
            }
            self.finish::<S, P, N>(sums);
        }
    }

    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn channelwise<S: Simd, const P: usize, const N: usize>(&self) {
        // SAFETY: the bound covers the places; weights hold taps x stride floats.
        unsafe {
            let mut sums = self.start::<S, P, N>();
            let mut weight = self.conv.weights.as_ptr().add(self.weights);
            let mut place = self.conv.offsets.as_ptr().add(self.tile.offsets);
            for _ in 0..self.conv.taps {
                let w = load::<S, N>(weight);
                for p in 0..P {
                    let x = self.base.add(*place.add(p) as usize + self.input);
                    for n in 0..N {
                        sums[p][n] = S::fma(S::load(x.add(n * S::LANES)), w[n], sums[p][n]);
                    }
                }
                place = place.add(P);
                weight = weight.add(self.conv.stride);
            }
            self.finish::<S, P, N>(sums);
        }
    }

    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn largest<S: Simd, const P: usize, const N: usize>(&self) {
        // SAFETY: the bound covers the places.
        unsafe {
            let mut tops = [[S::splat(f32::NEG_INFINITY); N]; P];
            let mut place = self.conv.offsets.as_ptr().add(self.tile.offsets);
            for _ in 0..self.conv.taps {
                for p in 0..P {
                    let x = self.base.add(*place.add(p) as usize + self.input);
                    for n in 0..N {
                        tops[p][n] = S::max(S::load(x.add(n * S::LANES)), tops[p][n]);
                    }
                }
                place = place.add(P);
            }
            self.finish::<S, P, N>(tops);
        }
    }

    /// Sums that start from the bias.
    ///
    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn start<S: Simd, const P: usize, const N: usize>(&self) -> [[S::V; N]; P] {
        let bias = self.conv.bias[self.channel..].as_ptr();
        // SAFETY: the bias is padded to whole vectors.
        [unsafe { load::<S, N>(bias) }; P]
    }

    /// Adds the residual, applies the activation and stores.
    ///
    /// # Safety
    /// As [`run_tiles`].
    #[inline(always)]
    unsafe fn finish<S: Simd, const P: usize, const N: usize>(&self, mut sums: [[S::V; N]; P]) {
        let conv = self.conv;
        let first = self.tile.pixel * conv.stride + self.channel;
        // SAFETY: the bound covers output and residual; slopes are padded like the bias.
        unsafe {
            if let Some(residual) = conv.residual {
                let from = self.base.add(residual + first);
                for p in 0..P {
                    for n in 0..N {
                        let x = S::load(from.add(p * conv.stride + n * S::LANES));
                        sums[p][n] = S::add(sums[p][n], x);
                    }
                }
            }
            match &conv.activation {
                Activation::None => {}
                Activation::Slope(slope) => {
                    let zero = S::splat(0.0);
                    for n in 0..N {
                        let slope = S::load(slope.as_ptr().add(self.channel + n * S::LANES));
                        for row in &mut sums {
                            let above = S::max(row[n], zero);
                            row[n] = S::fma(S::min(row[n], zero), slope, above);
                        }
                    }
                }
                Activation::Clamp(low, high) => {
                    let (low, high) = (S::splat(*low), S::splat(*high));
                    for row in &mut sums {
                        for v in row {
                            *v = S::min(S::max(*v, low), high);
                        }
                    }
                }
            }
            let to = self.base.add(conv.output + first);
            for p in 0..P {
                for n in 0..N {
                    S::store(to.add(p * conv.stride + n * S::LANES), sums[p][n]);
                }
            }
        }
    }
}
