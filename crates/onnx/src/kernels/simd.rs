//! One vector of floats, for each instruction set.

#![expect(clippy::inline_always, reason = "each must become part of a function compiled for the instruction set")]

/// Vector arithmetic. Every method is inlined into a function compiled for the instruction set.
///
/// # Safety
/// Callers must run on a processor that has the set, and pass pointers to `LANES` floats.
pub(super) trait Simd {
    type V: Copy;
    const LANES: usize;
    /// The same set's vectors of [`super::isa::Isa::GRANULE`] floats.
    type Short: Simd;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// Returns `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// Returns the first floats of `a` as a short vector.
    unsafe fn low(a: Self::V) -> <Self::Short as Simd>::V;
    /// Returns `a`. The compiler no longer knows where it came from, and keeps it in one register.
    unsafe fn held(a: Self::V) -> Self::V;
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($name:ident, $vector:ty, $lanes:literal, $short:ident, $splat:ident, $load:ident, $store:ident,
     $fma:ident, $add:ident, $min:ident, $max:ident, $low:path, $held:path) => {
        pub(super) struct $name;

        // SAFETY: each body is one instruction of the set the trait's contract demands.
        impl Simd for $name {
            type V = $vector;
            const LANES: usize = $lanes;
            type Short = $short;

            #[inline(always)]
            unsafe fn splat(x: f32) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { std::arch::x86_64::$splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self::V {
                // SAFETY: as above, and `from` points to `LANES` floats.
                unsafe { std::arch::x86_64::$load(from) }
            }
            #[inline(always)]
            unsafe fn store(to: *mut f32, v: Self::V) {
                // SAFETY: as above, and `to` points to `LANES` floats.
                unsafe { std::arch::x86_64::$store(to, v) }
            }
            #[inline(always)]
            unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { std::arch::x86_64::$fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { std::arch::x86_64::$add(a, b) }
            }
            #[inline(always)]
            unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { std::arch::x86_64::$min(a, b) }
            }
            #[inline(always)]
            unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { std::arch::x86_64::$max(a, b) }
            }
            #[inline(always)]
            #[allow(unused_unsafe, reason = "of the shortest vectors, the first floats are all")]
            unsafe fn low(a: Self::V) -> <Self::Short as Simd>::V {
                // SAFETY: the caller's processor has the set.
                unsafe { $low(a) }
            }
            #[inline(always)]
            #[allow(unused_unsafe, reason = "a set without shorter vectors has nothing to do")]
            unsafe fn held(a: Self::V) -> Self::V {
                // SAFETY: the caller's processor has the set.
                unsafe { $held(a) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    Avx512,
    std::arch::x86_64::__m512,
    16,
    Avx2,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    std::arch::x86_64::_mm512_castps512_ps256,
    held_by_avx512
);
#[cfg(target_arch = "x86_64")]
x86!(
    Avx2,
    std::arch::x86_64::__m256,
    8,
    Avx2,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    std::convert::identity,
    std::convert::identity
);

/// See [`Simd::held`].
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn held_by_avx512(mut a: std::arch::x86_64::__m512) -> std::arch::x86_64::__m512 {
    // SAFETY: no instruction runs.
    unsafe { std::arch::asm!("/* {0} */", inout(zmm_reg) a, options(pure, nomem, nostack, preserves_flags)) };
    a
}

pub(super) struct Portable;

impl Portable {
    #[inline(always)]
    fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        std::array::from_fn(|lane| f(a[lane], b[lane]))
    }
}

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    type Short = Self;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: `from` points to eight floats.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: `to` points to eight floats.
        unsafe { to.cast::<Self::V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // In a base instruction set without a fused form, `mul_add` would be a library call.
        let fused = cfg!(target_arch = "aarch64");
        let each = |lane| {
            if fused { f32::mul_add(a[lane], b[lane], c[lane]) } else { a[lane] * b[lane] + c[lane] }
        };
        std::array::from_fn(each)
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn low(a: Self::V) -> Self::V {
        a
    }
    #[inline(always)]
    unsafe fn held(a: Self::V) -> Self::V {
        a
    }
}
