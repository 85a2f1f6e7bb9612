//! The networks of a pack, compiled: shared weights, and one set of runners for each thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use onnx::graph::Graph;
use onnx::{Engine, Executable, Port, Runner};

use crate::Error;
use crate::align::Alignment;
use crate::curves::Curves;
use crate::detect::blazeface::Blazeface;
use crate::detect::yunet::Yunet;
use crate::detect::{self, Detection, Reader};
use crate::geometry::{Five, Square};
use crate::image::{self, View};
use crate::memory::Memory;
use crate::mesh::{self, Mesh};
use crate::pack::input::Input;
use crate::pack::liveness::Liveness;
use crate::pack::manifest::ReadOut;
use crate::pack::{self, Fault, Network, Pack};
use crate::resample::{self, Planes};
use crate::values::picture::FaceBox;
use crate::values::template::Template;

/// Room for decoded pictures, all workers together: three of 25 megapixels, or one of the largest.
const PICTURE_BYTES_MAX: u64 = 250_000_000;

/// The time that a network takes for one picture, by its role.
pub const INFERENCE_SECONDS: &str = "bioserver_inference_seconds";

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
    landmarks: Stage,
    film_landmarks: Stage,
    recognizers: Vec<Recognizer>,
    age: Stage,
    spoofs: Vec<Spoof>,
    liveness: Liveness,
    curves: Option<Curves>,
    template_version: u16,
    memory: Memory,
}

struct Detector {
    network: Network,
    reader: &'static dyn Reader,
    graph: Graph,
    coarse: Stage,
}

struct Recognizer {
    stage: Stage,
    alignment: Alignment,
    length: Option<f32>,
}

struct Spoof {
    stage: Stage,
    crop: f32,
}

/// A network for one size of input.
struct Stage {
    /// Names the network where times are told, as in `detector`.
    role: &'static str,
    executable: Executable,
    input: Input,
    /// Of each output that is wanted, its place among those of the network.
    places: Vec<usize>,
}

/// The networks on one thread, with their working memory.
pub struct Networks {
    shared: Compiled,
    coarse: Runner,
    /// The detector for the finer pass that was last made.
    finer: Option<Finer>,
    landmarks: Runner,
    film_landmarks: Runner,
    recognizers: Vec<Runner>,
    age: Runner,
    spoofs: Vec<Runner>,
}

/// The detector for one size of a finer pass. Compiling takes as long as running, and the two together some 80 MB:
/// it is kept for the parts of one picture, not for the next picture.
struct Finer {
    width: usize,
    height: usize,
    stage: Stage,
    runner: Runner,
}

impl Compiled {
    /// Compiles every network of the pack.
    pub fn new(pack: &Pack, settings: Settings) -> Result<Self, Fault> {
        let engine = settings.engine;
        let one = |role, network: &Network, wanted: &[(&str, &[usize])]| {
            let wanted = wanted.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
            Stage::new(role, network, &graph(network)?, engine, [network.input.width, network.input.height], wanted)
        };
        let spoof = |spoof: &pack::Spoof| {
            Ok(Spoof { stage: one("spoof", &spoof.network, &[("", &[1, 3])])?, crop: spoof.crop })
        };
        let recognizer = |recognizer: &pack::Recognizer| {
            let stage = one("recognizer", &recognizer.network, &[("", &[1, recognizer.dimension])])?;
            Ok(Recognizer { stage, alignment: recognizer.alignment.clone(), length: recognizer.length })
        };
        let points: [(&str, &[usize]); 2] = [("points", &[1, mesh::POINTS, 3]), ("presence", &[1, 1])];
        Ok(Self(Arc::new(Shared {
            detector: Detector::new(&pack.detector, engine)?,
            landmarks: one("landmarks", &pack.landmarks, &points)?,
            film_landmarks: one("film_landmarks", &pack.film_landmarks, &points)?,
            recognizers: pack.recognizers.iter().map(recognizer).collect::<Result<_, Fault>>()?,
            age: one("age", &pack.age, &[("age", &[1, 1])])?,
            spoofs: pack.spoofs.iter().map(spoof).collect::<Result<_, Fault>>()?,
            liveness: pack.liveness.clone(),
            curves: pack.curves(),
            settings,
            template_version: pack.template_version,
            memory: Memory::new(PICTURE_BYTES_MAX),
        })))
    }
}

impl Detector {
    fn new(network: &Network, engine: Engine) -> Result<Self, Fault> {
        let ports = |reason| Fault::Ports { file: network.file.clone(), reason };
        let reader = reader(network.read_out).ok_or_else(|| ports("its read-out is no detector's".into()))?;
        let side = network.input.width;
        if !side.is_multiple_of(reader.side_step()) {
            return Err(ports(format!("its input must be a multiple of {} pixels wide", reader.side_step())));
        }
        let graph = graph(network)?;
        let coarse = Self::stage(network, reader, &graph, engine, [side; 2])?;
        let network = Network { onnx: Bytes::new(), ..network.clone() }; // the graph has it all
        Ok(Self { network, reader, graph, coarse })
    }

    fn finer(&self, engine: Engine, width: usize, height: usize) -> Result<Finer, Fault> {
        let stage = Self::stage(&self.network, self.reader, &self.graph, engine, [width, height])?;
        let runner = Runner::new(&stage.executable);
        Ok(Finer { width, height, stage, runner })
    }

    fn stage(
        network: &Network,
        reader: &dyn Reader,
        graph: &Graph,
        engine: Engine,
        size: [usize; 2],
    ) -> Result<Stage, Fault> {
        Stage::new("detector", network, graph, engine, size, reader.outputs(size[0], size[1]))
    }
}

/// How a detector's numbers are read; `None` if the read-out is no detector's.
fn reader(read_out: ReadOut) -> Option<&'static dyn Reader> {
    match read_out {
        ReadOut::Blazeface => Some(&Blazeface),
        ReadOut::Yunet => Some(&Yunet),
        ReadOut::Facemesh | ReadOut::Age | ReadOut::UnitVector | ReadOut::PrintedRealShown => None,
    }
}

fn graph(network: &Network) -> Result<Graph, Fault> {
    let fault = |source| Fault::Network { file: network.file.clone(), source };
    Graph::from_bytes(network.onnx.clone()).map_err(fault)
}

impl Stage {
    /// Fails when the network does not take one picture of this size, or lacks an output of that name and shape;
    /// an output without a name is the only one.
    fn new(
        role: &'static str,
        network: &Network,
        graph: &Graph,
        engine: Engine,
        [width, height]: [usize; 2],
        wanted: Vec<(String, Vec<usize>)>,
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
        Ok(Self { role, executable, input: network.input, places })
    }

    /// The outputs that were wanted, in that order. The time is told to whoever keeps numbers in this process.
    fn run(&self, runner: &mut Runner, planes: &Planes) -> Result<Vec<Vec<f32>>, Error> {
        let begun = Instant::now();
        let mut outputs = runner.run(&[&self.input.fill(planes)]).map_err(failed)?;
        metrics::histogram!(INFERENCE_SECONDS, "network" => self.role).record(begun.elapsed().as_secs_f64());
        Ok(self.places.iter().map(|place| std::mem::take(&mut outputs[*place])).collect())
    }

    fn mesh(&self, runner: &mut Runner, view: View, square: Square) -> Result<Mesh, Error> {
        let map = square.crop(self.input.width);
        let planes = resample::warped(view, map, self.input.width);
        let outputs = self.run(runner, &planes)?;
        Ok(mesh::read(&outputs[0], outputs[1][0], map))
    }
}

impl Networks {
    /// Cheap: weights are shared, working memory is new.
    pub fn new(compiled: &Compiled) -> Self {
        let Shared { detector, landmarks, film_landmarks, recognizers, age, spoofs, .. } = &*compiled.0;
        Self {
            coarse: Runner::new(&detector.coarse.executable),
            finer: None,
            landmarks: Runner::new(&landmarks.executable),
            film_landmarks: Runner::new(&film_landmarks.executable),
            recognizers: recognizers.iter().map(|one| Runner::new(&one.stage.executable)).collect(),
            age: Runner::new(&age.executable),
            spoofs: spoofs.iter().map(|one| Runner::new(&one.stage.executable)).collect(),
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

    /// What the sides of the detector's input are multiples of.
    pub fn detector_step(&self) -> usize {
        self.shared.0.detector.reader.side_step()
    }

    /// Possible faces, in pixels of `planes`, whose sides are multiples of [`Networks::detector_step`]; surest first.
    pub fn detect(&mut self, planes: &Planes) -> Result<Vec<Detection>, Error> {
        let Shared { detector, settings, .. } = &*self.shared.0;
        let (width, height) = (planes.width, planes.height);
        let side = detector.network.input.width;
        let outputs = if (width, height) == (side, side) {
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
        Ok(detect::merged(detector.reader.read(&outputs, width, height)))
    }

    /// Frees what finer passes over a picture needed.
    pub fn end_detection(&mut self) {
        self.finer = None;
    }

    /// The mesh of the face in a square of the picture.
    pub fn landmarks(&mut self, view: View, square: Square) -> Result<Mesh, Error> {
        self.shared.0.landmarks.mesh(&mut self.landmarks, view, square)
    }

    /// The same of a film's frame: slower, and lids and lips lie where they are.
    pub fn film_landmarks(&mut self, view: View, square: Square) -> Result<Mesh, Error> {
        self.shared.0.film_landmarks.mesh(&mut self.film_landmarks, view, square)
    }

    /// How many recognizers the pack has.
    pub fn recognizers(&self) -> usize {
        self.recognizers.len()
    }

    /// The picture of a face as a recognizer takes it; `None` when the points lie in one place.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn aligned(&self, which: usize, view: View, mesh: &Mesh, five: &Five) -> Option<Planes> {
        let Recognizer { stage, alignment, .. } = &self.shared.0.recognizers[which];
        Some(resample::warped(view, alignment.fit(mesh, five)?, stage.input.width))
    }

    /// What a recognizer says of an aligned face: a vector whose direction counts.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn recognize(&mut self, which: usize, aligned: &Planes) -> Result<Vec<f32>, Error> {
        let outputs = self.shared.0.recognizers[which].stage.run(&mut self.recognizers[which], aligned)?;
        Ok(outputs.into_iter().flatten().collect())
    }

    /// The length of the vector that a good picture gives, if poor ones give shorter ones.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn length(&self, which: usize) -> Option<f32> {
        self.shared.0.recognizers[which].length
    }

    /// A square of the picture as the age network takes it.
    pub fn age_crop(&self, view: View, square: Square) -> Planes {
        let side = self.shared.0.age.input.width;
        resample::warped_over_edges(view, square.crop(side), side)
    }

    /// What the age network says of such a picture: years, unbounded.
    pub fn years(&mut self, crop: &Planes) -> Result<f32, Error> {
        let outputs = self.shared.0.age.run(&mut self.age, crop)?;
        Ok(outputs[0][0])
    }

    /// Of each network against spoofs, how much of the picture around a face it is shown: sides in those of its box.
    pub fn spoof_crops(&self) -> Vec<f32> {
        self.shared.0.spoofs.iter().map(|spoof| spoof.crop).collect()
    }

    /// What a network against spoofs says of this part of a picture: how much speaks for print, a face and a display.
    ///
    /// # Panics
    /// If `which` is not one of [`Networks::spoof_crops`].
    pub fn spoof(&mut self, which: usize, view: View, part: FaceBox) -> Result<Vec<f32>, Error> {
        let stage = &self.shared.0.spoofs[which].stage;
        let planes = resample::part(view, part, stage.input.width);
        let outputs = stage.run(&mut self.spoofs[which], &planes)?;
        Ok(outputs.into_iter().flatten().collect())
    }

    /// What the pack holds a capture to.
    pub fn liveness(&self) -> &Liveness {
        &self.shared.0.liveness
    }

    /// How this pack scores templates; `None` if it cannot.
    pub fn curves(&self) -> Option<&Curves> {
        self.shared.0.curves.as_ref()
    }

    /// A template of this pack from the recognizers' vectors; `None` when it has no direction.
    pub fn template(&self, vector: &[f32]) -> Option<Template> {
        Template::new(self.shared.0.template_version, vector)
    }
}

/// Sides without those of length one at the end, which exporters leave or not.
fn extents(shape: &[usize]) -> &[usize] {
    let len = shape.iter().rposition(|side| *side != 1).map_or(0, |last| last + 1);
    &shape[..len]
}

fn failed(fault: impl std::error::Error) -> Error {
    Error::Failed(fault.to_string())
}
