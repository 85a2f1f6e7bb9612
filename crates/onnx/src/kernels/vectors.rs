//! The channels of one pixel, as many as a kernel takes, in vectors of an instruction set.

#![expect(clippy::inline_always, reason = "each must become part of a function compiled for the instruction set")]

use crate::kernels::simd::Simd;

/// Defines methods of [`Vectors`] that apply the [`Simd`] function of the same name to every vector.
macro_rules! lanewise {
    ($($(#[$about:meta])* $function:ident($($other:ident),*);)*) => {
        $($(#[$about])*
        #[inline(always)]
        pub(super) unsafe fn $function(mut self, $($other: Self),*) -> Self {
            // SAFETY: the caller's contract.
            unsafe {
                for l in 0..L {
                    self.long[l] = S::$function(self.long[l], $($other.long[l]),*);
                }
                for n in 0..N {
                    self.short[n] = S::Short::$function(self.short[n], $($other.short[n]),*);
                }
            }
            self
        })*
    };
}

/// The channels of one pixel that a kernel works on: `L` long vectors, then `N` short ones.
pub(super) struct Vectors<S: Simd, const L: usize, const N: usize> {
    long: [S::V; L],
    short: [<S::Short as Simd>::V; N],
}

impl<S: Simd, const L: usize, const N: usize> Clone for Vectors<S, L, N> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd, const L: usize, const N: usize> Copy for Vectors<S, L, N> {}

/// The methods use loops: closures would not be compiled for the instruction set.
///
/// # Safety
/// The processor has `S`. Pointers point to as many floats as the vectors hold.
impl<S: Simd, const L: usize, const N: usize> Vectors<S, L, N> {
    pub(super) const FLOATS: usize = L * S::LANES + N * S::Short::LANES;

    #[inline(always)]
    pub(super) unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller's contract.
        unsafe { Self { long: [S::splat(x); L], short: [S::Short::splat(x); N] } }
    }

    #[inline(always)]
    pub(super) unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let mut vectors = Self::splat(0.0);
            for l in 0..L {
                vectors.long[l] = S::load(from.add(l * S::LANES));
            }
            for n in 0..N {
                vectors.short[n] = S::Short::load(from.add(L * S::LANES + n * S::Short::LANES));
            }
            vectors
        }
    }

    #[inline(always)]
    pub(super) unsafe fn store(&self, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe {
            for l in 0..L {
                S::store(to.add(l * S::LANES), self.long[l]);
            }
            for n in 0..N {
                S::Short::store(to.add(L * S::LANES + n * S::Short::LANES), self.short[n]);
            }
        }
    }

    /// Computes `x * weights + self` in place.
    #[inline(always)]
    pub(super) unsafe fn add_scaled(&mut self, x: f32, weights: &Self) {
        // SAFETY: the caller's contract.
        unsafe {
            let mut x = S::splat(x);
            if L > 0 && N > 0 {
                // Otherwise the compiler broadcasts twice, for long and for short vectors.
                x = S::held(x);
            }
            for l in 0..L {
                self.long[l] = S::fma(x, weights.long[l], self.long[l]);
            }
            for n in 0..N {
                self.short[n] = S::Short::fma(S::low(x), weights.short[n], self.short[n]);
            }
        }
    }

    lanewise!(
        /// Returns `self * b + c`.
        fma(b, c);
        add(b);
        min(b);
        max(b);
    );
}
