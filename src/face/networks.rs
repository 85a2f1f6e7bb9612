//! The networks of a pack, compiled: shared weights, and one set of runners for each thread.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::template::Template;
use crate::face::Error;
use crate::face::align::Alignment;
use crate::face::detect;
use crate::face::detect::Detection;
use crate::face::geometry::Square;
use crate::face::image;
use crate::face::image::View;
use crate::face::memory::Memory;
use crate::face::mesh;
use crate::face::mesh::Mesh;
use crate::face::pack::Fault;
use crate::face::pack::Input;
use crate::face::pack::Network;
use crate::face::pack::Pack;
use crate::face::resample;
use crate::face::resample::Planes;

use crate::net::Engine;
use crate::net::Executable;
use crate::net::Port;
use crate::net::Runner;
use crate::net::graph::Graph;

/// Room for decoded pictures, all workers together: three of 25 megapixels, or one of the largest.
const PICTURE_BYTES_MAX: u64 = 250_000_000;
/// Numbers in the detector's rows.
const BOX: usize = 16;

/// How networks are run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub engine: Engine,
    /// Larger pictures are refused before they are decoded.
    pub pixels_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { engine: Engine::Auto, pixels_max: image::PIXELS_MAX }
    }
}

/// The networks of a pack, checked and compiled. A clone shares everything.
#[derive(Clone)]
pub struct Compiled(Arc<Shared>);

struct Shared {
    settings: Settings,
    /// The detector takes every size: it is compiled for the pass at hand.
    detector: Detector,
    landmarks: Stage<2>,
    recognizer: Stage<1>,
    alignment: Alignment,
    age: Option<Stage<1>>,
    template_version: u16,
    memory: Memory,
}

struct Detector {
    network: Network,
    graph: Graph,
    coarse: Stage<2>,
}

/// A network for one size of input, and where its `N` outputs stand.
struct Stage<const N: usize> {
    executable: Executable,
    input: Input,
    /// Of each output that is wanted, its place among those of the network.
    places: [usize; N],
}

/// The networks on one thread, with their working memory.
pub struct Networks {
    shared: Compiled,
    coarse: Runner,
    /// The detector for the finer pass that was last made.
    finer: Option<Finer>,
    landmarks: Runner,
    recognizer: Runner,
    age: Option<Runner>,
}

/// The detector for one size of a finer pass. Compiling takes as long as running, and the two together some 80 MB:
/// it is kept for the parts of one picture, not for the next picture.
struct Finer {
    width: usize,
    height: usize,
    stage: Stage<2>,
    runner: Runner,
}

impl Compiled {
    /// Compiles every network of the pack.
    pub fn new(pack: &Pack, settings: Settings) -> Result<Self, Fault> {
        let engine = settings.engine;
        let age = |age: &Network| {
            let side = [age.input.width, age.input.height];
            Stage::new(age, &graph(age)?, engine, side, [("age", &[1, 1])])
        };
        let (landmarks, recognizer) = (&pack.landmarks, &pack.recognizer);
        let side = [landmarks.input.width, landmarks.input.height];
        let wanted: [(&str, &[usize]); 2] = [("points", &[1, mesh::POINTS, 3]), ("presence", &[1, 1])];
        let landmarks = Stage::new(landmarks, &graph(landmarks)?, engine, side, wanted)?;
        let side = [recognizer.input.width, recognizer.input.height];
        let recognizer = Stage::new(recognizer, &graph(recognizer)?, engine, side, [("", &[1, pack.dimension])])?;
        Ok(Self(Arc::new(Shared {
            settings,
            detector: Detector::new(&pack.detector, engine)?,
            landmarks,
            recognizer,
            alignment: pack.alignment.clone(),
            age: pack.age.as_ref().map(age).transpose()?,
            template_version: pack.template_version,
            memory: Memory::new(PICTURE_BYTES_MAX),
        })))
    }
}

impl Detector {
    fn new(network: &Network, engine: Engine) -> Result<Self, Fault> {
        let side = network.input.width;
        if !side.is_multiple_of(detect::SIDE_STEP) {
            let reason = format!("a detector's input must be a multiple of {} pixels wide", detect::SIDE_STEP);
            return Err(Fault::Ports { file: network.file.clone(), reason });
        }
        let graph = graph(network)?;
        let coarse = Self::stage(network, &graph, engine, side, side)?;
        let network = Network { onnx: Bytes::new(), ..network.clone() }; // the graph has it all
        Ok(Self { network, graph, coarse })
    }

    fn finer(&self, engine: Engine, width: usize, height: usize) -> Result<Finer, Fault> {
        let stage = Self::stage(&self.network, &self.graph, engine, width, height)?;
        let runner = Runner::new(&stage.executable);
        Ok(Finer { width, height, stage, runner })
    }

    fn stage(network: &Network, graph: &Graph, engine: Engine, width: usize, height: usize) -> Result<Stage<2>, Fault> {
        let rows = detect::rows(width, height);
        let wanted: [(&str, &[usize]); 2] = [("boxes", &[1, rows, BOX]), ("scores", &[1, rows, 1])];
        Stage::new(network, graph, engine, [width, height], wanted)
    }
}

fn graph(network: &Network) -> Result<Graph, Fault> {
    let fault = |source| Fault::Network { file: network.file.clone(), source };
    Graph::from_bytes(network.onnx.clone()).map_err(fault)
}

impl<const N: usize> Stage<N> {
    /// Fails when the network does not take one picture of this size, or lacks an output of that name and shape;
    /// an output without a name is the only one.
    fn new(
        network: &Network,
        graph: &Graph,
        engine: Engine,
        [width, height]: [usize; 2],
        wanted: [(&str, &[usize]); N],
    ) -> Result<Self, Fault> {
        let ports = |reason: String| Fault::Ports { file: network.file.clone(), reason };
        let shape = [1, 3, height, width];
        let [input] = graph.inputs.as_slice() else {
            return Err(ports(format!("it has {} inputs, not one", graph.inputs.len())));
        };
        let compiled = Executable::new(graph, engine, &[(&input.name, &shape)]);
        let executable = compiled.map_err(|source| Fault::Network { file: network.file.clone(), source })?;
        let found = &executable.inputs()[0].shape;
        if found[..] != shape {
            return Err(ports(format!("its input has shape {found:?}, not {shape:?}")));
        }
        let outputs = executable.outputs();
        let mut places = [0; N];
        for (place, (name, shape)) in places.iter_mut().zip(wanted) {
            let known = outputs.iter().position(|output| output.name == name || name.is_empty() && outputs.len() == 1);
            *place = known.ok_or_else(|| ports(format!("it has no output '{name}'")))?;
            let found = &outputs[*place];
            if found.shape != shape {
                let Port { name, shape: has } = found;
                return Err(ports(format!("its output '{name}' has shape {has:?}, not {shape:?}")));
            }
        }
        Ok(Self { executable, input: network.input, places })
    }

    fn run(&self, runner: &mut Runner, planes: &Planes) -> Result<[Vec<f32>; N], Error> {
        let mut outputs = runner.run(&[&self.input.fill(planes)]).map_err(failed)?;
        Ok(self.places.map(|place| std::mem::take(&mut outputs[place])))
    }
}

impl Networks {
    /// Cheap: weights are shared, working memory is new.
    pub fn new(compiled: &Compiled) -> Self {
        let Shared { detector, landmarks, recognizer, age, .. } = &*compiled.0;
        Self {
            coarse: Runner::new(&detector.coarse.executable),
            finer: None,
            landmarks: Runner::new(&landmarks.executable),
            recognizer: Runner::new(&recognizer.executable),
            age: age.as_ref().map(|age| Runner::new(&age.executable)),
            shared: compiled.clone(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.shared.0.settings
    }

    /// Room for decoded pictures, shared with the networks of all threads.
    pub fn memory(&self) -> &Memory {
        &self.shared.0.memory
    }

    /// Side of the coarsest pass of the detector, in pixels.
    pub fn detector_side(&self) -> usize {
        self.shared.0.detector.network.input.width
    }

    /// Possible faces, in pixels of `planes`, whose sides are multiples of [`detect::SIDE_STEP`].
    pub fn detect(&mut self, planes: &Planes) -> Result<Vec<Detection>, Error> {
        let Shared { detector, settings, .. } = &*self.shared.0;
        let (width, height) = (planes.width, planes.height);
        let side = detector.network.input.width;
        let [boxes, scores] = if (width, height) == (side, side) {
            detector.coarse.run(&mut self.coarse, planes)?
        } else {
            let kept = self.finer.take().filter(|finer| (finer.width, finer.height) == (width, height));
            let finer = match kept {
                Some(finer) => finer,
                None => detector.finer(settings.engine, width, height).map_err(failed)?,
            };
            let Finer { stage, runner, .. } = self.finer.insert(finer);
            stage.run(runner, planes)?
        };
        Ok(detect::read(&boxes, &scores, width, height))
    }

    /// Frees what finer passes over a picture needed.
    pub fn end_detection(&mut self) {
        self.finer = None;
    }

    /// The mesh of the face in a square of the picture.
    pub fn landmarks(&mut self, view: View, square: Square) -> Result<Mesh, Error> {
        let stage = &self.shared.0.landmarks;
        let map = square.crop(stage.input.width);
        let planes = resample::warped(view, map, stage.input.width);
        let [points, presence] = stage.run(&mut self.landmarks, &planes)?;
        Ok(mesh::read(&points, presence[0], map))
    }

    /// The picture of a face as the recognizer takes it; `None` when the mesh has no extent.
    pub fn aligned(&self, view: View, mesh: &Mesh) -> Option<Planes> {
        let Shared { alignment, recognizer, .. } = &*self.shared.0;
        Some(resample::warped(view, alignment.fit(mesh)?, recognizer.input.width))
    }

    /// What the recognizer says of an aligned face: a vector whose direction counts.
    pub fn recognize(&mut self, aligned: &Planes) -> Result<Vec<f32>, Error> {
        let [vector] = self.shared.0.recognizer.run(&mut self.recognizer, aligned)?;
        Ok(vector)
    }

    /// A square of the picture as the age network takes it.
    pub fn age_crop(&self, view: View, square: Square) -> Result<Planes, Error> {
        let side = self.shared.0.age.as_ref().ok_or(Error::NoAges)?.input.width;
        Ok(resample::warped_over_edges(view, square.crop(side), side))
    }

    /// What the age network says of such a picture: years, unbounded.
    pub fn years(&mut self, crop: &Planes) -> Result<f32, Error> {
        let (Some(stage), Some(runner)) = (&self.shared.0.age, &mut self.age) else { return Err(Error::NoAges) };
        let [years] = stage.run(runner, crop)?;
        Ok(years[0])
    }

    /// A template of this pack from a recognizer's vector; `None` when it has no direction.
    pub fn template(&self, vector: &[f32]) -> Option<Template> {
        Template::new(self.shared.0.template_version, vector)
    }
}

fn failed(fault: impl std::error::Error) -> Error {
    Error::Failed(fault.to_string())
}
