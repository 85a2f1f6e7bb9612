//! Runs ONNX files through packed CPU kernels, or on burn tensors on the CPU or a GPU. The crate knows tensors, not faces.
//!
//! ```text
//! file --graph--> Graph --resolve, lower, fold, simplify--> Net --plan--> packed kernels
//!                                                            `--burn--> burn tensors
//! ```
//!
//! Everything is checked while loading: an unknown operator or an impossible shape is refused with
//! the node's name. A loaded network only refuses inputs of the wrong size.

use std::sync::Arc;

use strum::{Display, EnumString, VariantNames};

use crate::batches::Batches;
use crate::burn::Executor;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::kernels::isa::Isa;
use crate::network::Net;
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::worker::Worker;

pub mod error;
pub mod gpu;
pub mod graph;
pub mod kernels;
pub mod proto;

mod arena;
mod batches;
mod burn;
mod fold;
mod lower;
mod nest;
pub mod network;
mod operator;
mod plan;
pub mod resolve;
pub mod scratch;
mod simplify;
mod step;
pub mod tensor;
mod worker;

/// The device that networks run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Device {
    #[default]
    Cpu,
    Gpu,
}

/// The executor that runs a network on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Engine {
    /// The fastest: packed kernels.
    #[default]
    Auto,
    /// Burn tensors: the reference.
    Burn,
    /// A plan of packed kernels.
    Packed,
}

/// The values of every input, or of every output, of one run: row-major.
pub type Values = Vec<Vec<f32>>;

/// A named input or output of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    /// Sizes in ONNX order: images are `[N, C, H, W]`.
    pub shape: Vec<usize>,
}

/// A network compiled for fixed shapes. Clones share the weights and may run on any number of threads.
#[derive(Clone)]
pub struct Executable {
    program: Program,
    inputs: Arc<[Port]>,
    outputs: Arc<[Port]>,
}

#[derive(Clone)]
enum Program {
    Burn(Arc<Executor>),
    Gpu(Arc<Batches>),
    Packed(Arc<Plan>),
}

impl Executable {
    /// Compiles `graph` for the given input shapes; inputs not named keep the file's shape, with a batch of one.
    ///
    /// Fails, naming the node, on operators, parameters or shapes that are not known.
    pub fn new(graph: &Graph, engine: Engine, shapes: &[(&str, &[usize])]) -> Result<Self, Error> {
        let net = resolve::network(graph, shapes)?;
        let program = match engine {
            Engine::Burn => Program::Burn(Arc::new(Executor::new(&net, ::burn::tensor::Device::flex())?)),
            Engine::Auto | Engine::Packed => Program::Packed(Arc::new(Plan::new(&net)?)),
        };
        Ok(Self::of(&net, program))
    }

    /// Compiles like [`Executable::new`], with packed kernels for one instruction set of this processor.
    pub fn for_isa(graph: &Graph, isa: Isa, shapes: &[(&str, &[usize])]) -> Result<Self, Error> {
        let net = resolve::network(graph, shapes)?;
        let program = Program::Packed(Arc::new(Plan::for_isa(&net, isa)?));
        Ok(Self::of(&net, program))
    }

    /// Compiles as [`Executable::new`] does, for a GPU: for one run, and for batches of runs that wait at the same time. It
    /// copies the weights there, and runs the network a few times, since the first run compiles the shaders. Fails also if
    /// such a run fails.
    pub fn on_gpu(graph: &Graph, gpu: &Gpu, shapes: &[(&str, &[usize])]) -> Result<Self, Error> {
        let net = resolve::network(graph, shapes)?;
        let program = Program::Gpu(Arc::new(Batches::new(graph, &net, gpu)?));
        Ok(Self::of(&net, program))
    }

    fn of(net: &Net, program: Program) -> Self {
        let port = |&id: &usize| Port { name: net.values[id].name.clone(), shape: net.values[id].shape.clone() };
        let inputs = net.inputs.iter().map(port).collect();
        let outputs = net.outputs.iter().map(port).collect();
        Self { program, inputs, outputs }
    }

    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Returns the number of runs that the device does as one: 1 on the CPU.
    pub fn batch(&self) -> usize {
        match &self.program {
            Program::Gpu(batches) => batches.largest(),
            Program::Burn(_) | Program::Packed(_) => 1,
        }
    }
}

/// Runs a network on one thread.
pub struct Runner {
    memory: Memory,
    inputs: Arc<[Port]>,
}

enum Memory {
    Burn { executor: Arc<Executor>, pool: rayon::ThreadPool },
    Gpu(Arc<Batches>),
    Packed(Worker),
}

impl Runner {
    /// Makes a runner with memory of its own for intermediate values.
    pub fn new(executable: &Executable) -> Self {
        Self::sharing(executable, &Scratch::default())
    }

    /// Makes a runner that shares its memory for intermediate values with others. Only packed kernels use it.
    pub fn sharing(executable: &Executable, scratch: &Scratch) -> Self {
        let memory = match &executable.program {
            Program::Burn(executor) => {
                // Each runner has its own pool, so that its operators do not queue behind those of another runner.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
                Memory::Burn { executor: executor.clone(), pool: pool.expect("one more thread can be started") }
            }
            Program::Gpu(batches) => Memory::Gpu(batches.clone()),
            Program::Packed(plan) => Memory::Packed(Worker::new(plan.clone(), scratch.clone())),
        };
        Self { memory, inputs: executable.inputs.clone() }
    }

    /// Runs on row-major inputs in the order of [`Executable::inputs`], images as `[N, C, H, W]`;
    /// returns row-major outputs in the order of [`Executable::outputs`].
    ///
    /// Fails if the inputs differ from the network's in number or size, or if the GPU fails.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Result<Values, Error> {
        self.check(inputs)?;
        let owned = || inputs.iter().map(|values| values.to_vec()).collect();
        match &mut self.memory {
            Memory::Burn { executor, pool } => pool.install(|| executor.run(owned())).map_err(Error::Device),
            Memory::Gpu(batches) => Ok(batches.run(vec![owned()])?.remove(0)),
            Memory::Packed(worker) => Ok(worker.run(inputs)),
        }
    }

    /// Does several runs as [`Runner::run`] does each: on a GPU as one batch if it can, on the CPU one after the other.
    pub fn run_all(&mut self, runs: Vec<Values>) -> Result<Vec<Values>, Error> {
        if let Memory::Gpu(batches) = &self.memory {
            runs.iter().try_for_each(|inputs| self.check(&slices(inputs)))?;
            return batches.run(runs);
        }
        runs.iter().map(|inputs| self.run(&slices(inputs))).collect()
    }

    fn check(&self, inputs: &[&[f32]]) -> Result<(), Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::Inputs { given: inputs.len(), wanted: self.inputs.len() });
        }
        for (port, values) in self.inputs.iter().zip(inputs) {
            if values.len() != port.shape.iter().product::<usize>() {
                let reason = format!("{} values for shape {:?}", values.len(), port.shape);
                return Err(Error::Input { name: port.name.clone(), reason });
            }
        }
        Ok(())
    }
}

fn slices(values: &Values) -> Vec<&[f32]> {
    values.iter().map(Vec::as_slice).collect()
}
