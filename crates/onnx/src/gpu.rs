//! Finds and opens the graphics processor that networks run on, once for the process.

use std::fmt;

use ::burn::tensor::Device;

/// True if the program was built with the feature `gpu`. Without it, [`Gpu::open`] fails.
pub const IS_BUILT_IN: bool = cfg!(feature = "gpu");

/// An open graphics processor. A clone refers to the same one.
#[derive(Debug, Clone)]
pub struct Gpu {
    device: Device,
    adapter: String,
    #[cfg(feature = "gpu")]
    logical: ::burn::tensor::wgpu::wgpu::Device,
}

/// The reason why no GPU can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("this program was built without the feature `gpu`")]
    NotBuiltIn,
    #[error("{0}")]
    Failed(String),
    #[error("{0} computes on the CPU, slower than the server does without it")]
    Software(String),
}

impl Gpu {
    /// Opens the most powerful graphics processor that Vulkan offers, on Apple's systems Metal, or the one that the variable
    /// `CUBECL_WGPU_DEFAULT_DEVICE` names: `DiscreteGpu(1)`, or `Cpu` for a driver that computes on the CPU.
    ///
    /// The first call opens it; later calls return the same result.
    pub fn open() -> Result<Self, Unavailable> {
        adapter::open()
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Makes the GPU fail from now on, in the whole process, as after a reset by its driver.
    #[cfg(feature = "gpu")]
    pub fn lose(&self) {
        self.logical.destroy();
    }
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.adapter)
    }
}

#[cfg(not(feature = "gpu"))]
mod adapter {
    use super::{Gpu, Unavailable};

    pub fn open() -> Result<Gpu, Unavailable> {
        Err(Unavailable::NotBuiltIn)
    }
}

#[cfg(feature = "gpu")]
mod adapter {
    use std::env;
    use std::sync::OnceLock;

    use ::burn::tensor::wgpu::WgpuBackend;
    use ::burn::tensor::wgpu::wgpu::DeviceType;

    use super::{Device, Gpu, Unavailable};

    /// The variable by which burn's runtime chooses an adapter.
    const CHOICE: &str = "CUBECL_WGPU_DEFAULT_DEVICE";

    /// One is named, since a search would also try OpenGL, whose libraries write errors to the terminal.
    const API: WgpuBackend = if cfg!(target_vendor = "apple") { WgpuBackend::Metal } else { WgpuBackend::Vulkan };

    pub fn open() -> Result<Gpu, Unavailable> {
        // The runtime can be set up only once in a process.
        static OPENED: OnceLock<Result<Gpu, Unavailable>> = OnceLock::new();
        OPENED.get_or_init(first).clone()
    }

    fn first() -> Result<Gpu, Unavailable> {
        let found = Device::wgpu_options().graphics_api(API).init_with_setup();
        let (device, setup) = found.map_err(|error| Unavailable::Failed(error.to_string()))?;
        let info = setup.adapter.get_info();
        let adapter = format!("{} ({})", info.name, info.backend);
        if info.device_type == DeviceType::Cpu && env::var_os(CHOICE).is_none() {
            return Err(Unavailable::Software(adapter));
        }
        Ok(Gpu { device, adapter, logical: setup.device })
    }
}
