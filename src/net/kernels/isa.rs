//! Which instruction set a plan is compiled for.

/// A vector instruction set. Only ever names one that this processor has: see [`Isa::available`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust on eight floats at a time, which compilers turn into NEON or SSE.
    Portable,
}

impl Isa {
    /// What this processor has, best first; never empty.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                found.push(Self(Kind::Avx512));
            }
            if fma {
                found.push(Self(Kind::Avx2));
            }
        }
        found.push(Self(Kind::Portable));
        found
    }

    pub fn best() -> Self {
        Self::available()[0]
    }

    pub(in crate::net) fn kind(self) -> Kind {
        self.0
    }

    /// Whether multiply and add round once. All sets that fuse give the same bits.
    pub fn is_fused(self) -> bool {
        self.0 != Kind::Portable || cfg!(target_arch = "aarch64")
    }

    /// Floats in one vector; channels are padded to a multiple of it.
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 16,
            _ => 8,
        }
    }

    /// Pixel counts of one register tile, largest first: as many as the registers hold.
    pub fn tile_pixels(self) -> &'static [usize] {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => &[14, 7, 4, 2, 1],
            _ => &[6, 4, 2, 1],
        }
    }
}
