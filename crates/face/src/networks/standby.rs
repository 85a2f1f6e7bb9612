//! Replaces the networks on a GPU that fails by the same networks on the CPU.

use std::sync::OnceLock;

use crate::Error;
use crate::networks::{Compiled, Settings};
use crate::pack::{Fault, Pack};

/// Compiles the networks of a pack for the CPU once the GPU fails.
pub struct Standby {
    pack: Pack,
    settings: Settings,
    compiled: OnceLock<Result<Compiled, String>>,
}

impl Standby {
    /// Returns `None` if the networks run on the CPU already.
    pub fn of(pack: &Pack, settings: &Settings) -> Option<Self> {
        settings.gpu.as_ref()?;
        Some(Self { pack: pack.clone(), settings: settings.without_gpu(), compiled: OnceLock::new() })
    }

    /// Returns the networks on the CPU. The first call compiles them and logs why they are needed.
    pub fn replace(&self, why: &str) -> Result<Compiled, Error> {
        let compile = || on_cpu(&self.pack, self.settings.clone(), why).map_err(|fault| fault.to_string());
        self.compiled.get_or_init(compile).clone().map_err(Error::Failed)
    }

    /// Returns the networks on the CPU if the GPU has failed before.
    pub fn replaced(&self) -> Option<Compiled> {
        self.compiled.get()?.clone().ok()
    }
}

/// Compiles the networks with settings for the CPU, and logs why.
pub fn on_cpu(pack: &Pack, settings: Settings, why: &str) -> Result<Compiled, Fault> {
    tracing::warn!("networks run on the CPU until the next start, since the GPU failed: {why}");
    Compiled::new(pack, settings)
}
