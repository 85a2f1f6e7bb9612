//! Runs one network of a pack, compiled for one size of picture, and reads its wanted outputs.

use std::time::Instant;

use onnx::gpu::Gpu;
use onnx::graph::Graph;
use onnx::{Engine, Executable, Port, Runner, Values};

use crate::Error;
use crate::geometry::Square;
use crate::image::View;
use crate::mesh::{self, Mesh};
use crate::networks::INFERENCE_SECONDS;
use crate::pack::input::Input;
use crate::pack::{Fault, Network};
use crate::resample::{Planes, warp};

/// The place where a network runs.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Cpu(Engine),
    Gpu(&'a Gpu),
}

/// A network for one size of input.
pub struct Stage {
    /// The network's name in metrics, such as `detector`.
    role: &'static str,
    pub executable: Executable,
    pub input: Input,
    /// Width and height of the picture that it takes.
    pub size: [usize; 2],
    /// The index among the network's outputs of each wanted output.
    places: Vec<usize>,
}

pub fn graph(network: &Network) -> Result<Graph, Fault> {
    let fault = |source| Fault::Network { file: network.file.clone(), source };
    Graph::from_bytes(network.onnx.clone()).map_err(fault)
}

impl Stage {
    /// Fails if the network does not take one picture of this size, or lacks a wanted output of that name and shape. An
    /// output without a name is the only one.
    pub fn new(
        role: &'static str,
        network: &Network,
        graph: &Graph,
        place: Place,
        size: [usize; 2],
        wanted: Vec<(String, Vec<usize>)>,
    ) -> Result<Self, Fault> {
        let ports = |reason: String| Fault::Ports { file: network.file.clone(), reason };
        let shape = [1, 3, size[1], size[0]];
        let [input] = graph.inputs.as_slice() else {
            return Err(ports(format!("it has {} inputs, not one", graph.inputs.len())));
        };
        let shapes = [(input.name.as_str(), &shape[..])];
        let compiled = match place {
            Place::Cpu(engine) => Executable::new(graph, engine, &shapes),
            Place::Gpu(gpu) => Executable::on_gpu(graph, gpu, &shapes),
        };
        let executable = compiled.map_err(|source| Fault::Network { file: network.file.clone(), source })?;
        let found = &executable.inputs()[0].shape;
        if found[..] != shape {
            return Err(ports(format!("its input has shape {found:?}, not {shape:?}")));
        }
        let outputs = executable.outputs();
        let mut places = Vec::with_capacity(wanted.len());
        for (name, shape) in wanted {
            let known = outputs.iter().position(|output| output.name == name || name.is_empty() && outputs.len() == 1);
            let place = known.ok_or_else(|| ports(format!("it has no output '{name}'")))?;
            if extents(&outputs[place].shape) != extents(&shape) {
                let Port { name, shape: has } = &outputs[place];
                return Err(ports(format!("its output '{name}' has shape {has:?}, not {shape:?}")));
            }
            places.push(place);
        }
        Ok(Self { role, executable, input: network.input, size, places })
    }

    /// Returns the wanted outputs for one picture, in that order. Records the time as a metric.
    pub fn run(&self, runner: &mut Runner, planes: &Planes) -> Result<Values, Error> {
        Ok(self.run_all(runner, &[planes])?.remove(0))
    }

    /// Returns the same for each picture. A GPU runs them as one batch.
    pub fn run_all(&self, runner: &mut Runner, pictures: &[&Planes]) -> Result<Vec<Values>, Error> {
        let begun = Instant::now();
        let inputs = pictures.iter().map(|planes| vec![self.input.fill(planes)]).collect();
        let outputs = runner.run_all(inputs).map_err(|fault| match fault {
            onnx::error::Error::Device(why) => Error::Device(why),
            other => Error::Failed(other.to_string()),
        })?;
        let each_s = begun.elapsed().as_secs_f64() / pictures.len() as f64;
        metrics::histogram!(INFERENCE_SECONDS, "network" => self.role).record_many(each_s, pictures.len());
        let wanted = |mut all: Values| self.places.iter().map(|place| std::mem::take(&mut all[*place])).collect();
        Ok(outputs.into_iter().map(wanted).collect())
    }

    pub fn mesh(&self, runner: &mut Runner, view: View, square: Square) -> Result<Mesh, Error> {
        let map = square.crop(self.input.width);
        let planes = warp::warped(view, map, self.input.width);
        let outputs = self.run(runner, &planes)?;
        Ok(mesh::read(&outputs[0], outputs[1][0], map))
    }
}

/// Returns the shape without trailing dimensions of 1, which exporters keep or drop.
fn extents(shape: &[usize]) -> &[usize] {
    let len = shape.iter().rposition(|side| *side != 1).map_or(0, |last| last + 1);
    &shape[..len]
}
