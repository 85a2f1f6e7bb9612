//! The networks of a pack, compiled: shared weights, and one set of runners for each thread.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use onnx::gpu::Gpu;
use onnx::graph::Graph;
use onnx::scratch::Scratch;
use onnx::{Engine, Runner};

use crate::Error;
use crate::align::Alignment;
use crate::curves::Curves;
use crate::detect::blazeface::Blazeface;
use crate::detect::yunet::Yunet;
use crate::detect::{self, Reader, Seen};
use crate::geometry::Square;
use crate::image::{self, View};
use crate::memory::Memory;
use crate::mesh::{self, Mesh};
use crate::networks::stage::{Place, Stage, graph};
use crate::networks::standby::Standby;
use crate::pack::liveness::Liveness;
use crate::pack::manifest::ReadOut;
use crate::pack::{self, Fault, Network, Pack};
use crate::resample::{self, Planes, warp};
use crate::values::picture::FaceBox;
use crate::values::template::Template;

mod stage;
mod standby;

/// Memory for decoded pictures of all workers together: three of 25 megapixels, or one of the largest.
const PICTURE_BYTES_MAX: u64 = 250_000_000;

/// The name of the metric: a network's time for one picture, by its role.
pub const INFERENCE_SECONDS: &str = "bioserver_inference_seconds";

/// The settings that networks run with.
#[derive(Debug, Clone)]
pub struct Settings {
    pub engine: Engine,
    /// Runs the networks, except the finer passes of the detector: each picture asks for another size, and each size
    /// needs its own copy of the weights on the device.
    pub gpu: Option<Gpu>,
    /// Larger pictures are refused before they are decoded.
    pub pixels_max: u64,
}

impl Settings {
    fn without_gpu(&self) -> Self {
        Self { gpu: None, ..*self }
    }

    fn place(&self) -> Place<'_> {
        self.gpu.as_ref().map_or(Place::Cpu(self.engine), Place::Gpu)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { engine: Engine::Auto, gpu: None, pixels_max: image::PIXELS_MAX }
    }
}

/// The networks of a pack, checked and compiled. A clone shares everything.
#[derive(Clone)]
pub struct Compiled(Arc<Shared>);

struct Shared {
    settings: Settings,
    standby: Option<Standby>,
    /// The detector takes every size: a finer pass compiles it for the picture's.
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
    /// Looks at a part of a picture.
    window: Stage,
    /// The latest finer pass of any thread: many pictures have the same size, and compiling takes half as long as
    /// running.
    latest: Mutex<Option<Arc<Stage>>>,
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

/// The networks on one thread, with their working memory.
pub struct Networks {
    shared: Compiled,
    coarse: Runner,
    window: Runner,
    /// The detector for the finer pass of this picture.
    finer: Option<Finer>,
    landmarks: Runner,
    film_landmarks: Runner,
    recognizers: Vec<Runner>,
    age: Runner,
    spoofs: Vec<Runner>,
}

/// The detector for one size of a finer pass. Its working memory is 25 MB and more: it is kept for one picture, not for the
/// next.
struct Finer {
    stage: Arc<Stage>,
    runner: Runner,
}

impl Compiled {
    /// Compiles every network of the pack, on the GPU if there is one that does not fail.
    pub fn new(pack: &Pack, settings: Settings) -> Result<Self, Fault> {
        let without = settings.without_gpu();
        match Self::compile(pack, settings) {
            Err(Fault::Network { source: onnx::error::Error::Device(why), .. }) => standby::on_cpu(pack, without, &why),
            done => done,
        }
    }

    fn compile(pack: &Pack, settings: Settings) -> Result<Self, Fault> {
        let place = settings.place();
        let one = |role, network: &Network, wanted: &[(&str, &[usize])]| {
            let wanted = wanted.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
            Stage::new(role, network, &graph(network)?, place, [network.input.width, network.input.height], wanted)
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
            detector: Detector::new(&pack.detector, place)?,
            landmarks: one("landmarks", &pack.landmarks, &points)?,
            film_landmarks: one("film_landmarks", &pack.film_landmarks, &points)?,
            recognizers: pack.recognizers.iter().map(recognizer).collect::<Result<_, Fault>>()?,
            age: one("age", &pack.age, &[("age", &[1, 1])])?,
            spoofs: pack.spoofs.iter().map(spoof).collect::<Result<_, Fault>>()?,
            liveness: pack.liveness.clone(),
            curves: pack.curves(),
            standby: Standby::of(pack, &settings),
            settings,
            template_version: pack.template_version,
            memory: Memory::new(PICTURE_BYTES_MAX),
        })))
    }
}

impl Detector {
    fn new(network: &Network, place: Place) -> Result<Self, Fault> {
        let ports = |reason| Fault::Ports { file: network.file.clone(), reason };
        let reader = reader(network.read_out).ok_or_else(|| ports("its read-out is not one of a detector".into()))?;
        let side = network.input.width;
        if !side.is_multiple_of(reader.side_step()) {
            return Err(ports(format!("its input must be a multiple of {} pixels wide", reader.side_step())));
        }
        let graph = graph(network)?;
        let square = |side| Self::stage(network, reader, &graph, place, [side; 2]);
        let (coarse, window) = (square(side)?, square((side / 2).next_multiple_of(reader.side_step()))?);
        let network = Network { onnx: Bytes::new(), ..network.clone() }; // the graph holds all of it
        Ok(Self { network, reader, graph, coarse, window, latest: Mutex::new(None) })
    }

    fn finer(&self, engine: Engine, size: [usize; 2]) -> Result<Finer, Fault> {
        let latest = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = latest().clone().filter(|stage| stage.size == size);
        let compile = || Self::stage(&self.network, self.reader, &self.graph, Place::Cpu(engine), size).map(Arc::new);
        let stage = known.map_or_else(compile, Ok)?;
        *latest() = Some(stage.clone());
        let runner = Runner::new(&stage.executable);
        Ok(Finer { stage, runner })
    }

    fn stage(
        network: &Network,
        reader: &dyn Reader,
        graph: &Graph,
        place: Place,
        size: [usize; 2],
    ) -> Result<Stage, Fault> {
        Stage::new("detector", network, graph, place, size, reader.outputs(size[0], size[1]))
    }
}

/// Returns the reader of a detector's outputs; `None` if the read-out is not that of a detector.
fn reader(read_out: ReadOut) -> Option<&'static dyn Reader> {
    match read_out {
        ReadOut::Blazeface => Some(&Blazeface),
        ReadOut::Yunet => Some(&Yunet),
        ReadOut::Facemesh | ReadOut::Age | ReadOut::UnitVector | ReadOut::PrintedRealShown => None,
    }
}

impl Networks {
    /// Makes runners: on the CPU if the GPU has failed. This is cheap: weights are shared, and only working memory is new.
    pub fn new(compiled: &Compiled) -> Self {
        let replaced = compiled.0.standby.as_ref().and_then(Standby::replaced);
        let compiled = replaced.as_ref().unwrap_or(compiled);
        let Shared { detector, landmarks, film_landmarks, recognizers, age, spoofs, .. } = &*compiled.0;
        // A thread runs one network at a time.
        let scratch = Scratch::default();
        let runner = |stage: &Stage| Runner::sharing(&stage.executable, &scratch);
        Self {
            coarse: runner(&detector.coarse),
            window: runner(&detector.window),
            finer: None,
            landmarks: runner(landmarks),
            film_landmarks: runner(film_landmarks),
            recognizers: recognizers.iter().map(|one| runner(&one.stage)).collect(),
            age: runner(age),
            spoofs: spoofs.iter().map(|one| runner(&one.stage)).collect(),
            shared: compiled.clone(),
        }
    }

    /// Does the work. If the GPU fails in it, does it again on the CPU, where all networks of the pack then stay.
    pub fn steadily<T>(&mut self, work: impl Fn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match (work(self), &self.shared.0.standby) {
            (Err(Error::Device(why)), Some(standby)) => {
                *self = Self::new(&standby.replace(&why)?);
                work(self)
            }
            (done, _) => done,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.shared.0.settings
    }

    /// Returns the memory for decoded pictures, which the networks of all threads share.
    pub fn memory(&self) -> &Memory {
        &self.shared.0.memory
    }

    /// Returns the side of the coarsest pass of the detector, in pixels.
    pub fn detector_side(&self) -> usize {
        self.shared.0.detector.network.input.width
    }

    /// Returns the step of the detector's input: its sides are multiples of this.
    pub fn detector_step(&self) -> usize {
        self.shared.0.detector.reader.side_step()
    }

    /// Returns the side of the square in which the detector looks at a part of a picture, in pixels: half that of the
    /// coarsest pass.
    pub fn detector_window(&self) -> usize {
        self.shared.0.detector.window.size[0]
    }

    /// Returns what the detector sees, in pixels of `planes`. Sides must be multiples of [`Networks::detector_step`].
    pub fn detect(&mut self, planes: &Planes) -> Result<Seen, Error> {
        let Shared { detector, settings, .. } = &*self.shared.0;
        let size = [planes.width, planes.height];
        let outputs = if size == detector.coarse.size {
            detector.coarse.run(&mut self.coarse, planes)?
        } else if size == detector.window.size {
            detector.window.run(&mut self.window, planes)?
        } else {
            let kept = self.finer.take().filter(|finer| finer.stage.size == size);
            let compile = || detector.finer(settings.engine, size).map_err(|fault| Error::Failed(fault.to_string()));
            let Finer { stage, runner } = self.finer.insert(kept.map_or_else(compile, Ok)?);
            stage.run(runner, planes)?
        };
        Ok(detect::seen(detector.reader.read(&outputs, planes.width, planes.height)))
    }

    /// Frees the memory of finer passes over a picture.
    pub fn end_detection(&mut self) {
        self.finer = None;
    }

    /// Returns the mesh of the face in a square of the picture.
    pub fn landmarks(&mut self, view: View, square: Square) -> Result<Mesh, Error> {
        self.shared.0.landmarks.mesh(&mut self.landmarks, view, square)
    }

    /// Does the same for a film's frame: slower, and exact about lids and lips.
    pub fn film_landmarks(&mut self, view: View, square: Square) -> Result<Mesh, Error> {
        self.shared.0.film_landmarks.mesh(&mut self.film_landmarks, view, square)
    }

    /// Returns the number of recognizers of the pack.
    pub fn recognizers(&self) -> usize {
        self.recognizers.len()
    }

    /// Returns the aligned face as a recognizer takes it; `None` if the points lie in one place.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn aligned(&self, which: usize, view: View, mesh: &Mesh) -> Option<Planes> {
        let Recognizer { stage, alignment, .. } = &self.shared.0.recognizers[which];
        Some(warp::warped(view, alignment.fit(mesh)?, stage.input.width))
    }

    /// Returns a recognizer's vector for each aligned face. Its direction describes the face.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn recognize<const N: usize>(&mut self, which: usize, faces: [&Planes; N]) -> Result<[Vec<f32>; N], Error> {
        let outputs = self.shared.0.recognizers[which].stage.run_all(&mut self.recognizers[which], &faces)?;
        let mut outputs = outputs.into_iter();
        Ok(faces.map(|_| outputs.next().expect("one for each face").concat()))
    }

    /// Returns the length of a good picture's vector; `None` if the length says nothing.
    ///
    /// # Panics
    /// If `which` is not below [`Networks::recognizers`].
    pub fn length(&self, which: usize) -> Option<f32> {
        self.shared.0.recognizers[which].length
    }

    /// Returns a square of the picture as the age network takes it.
    pub fn age_crop(&self, view: View, square: Square) -> Planes {
        let side = self.shared.0.age.input.width;
        warp::warped_over_edges(view, square.crop(side), side)
    }

    /// Returns the age network's output for each such crop: years, unbounded.
    pub fn years<const N: usize>(&mut self, crops: [&Planes; N]) -> Result<[f32; N], Error> {
        let outputs = self.shared.0.age.run_all(&mut self.age, &crops)?;
        Ok(std::array::from_fn(|crop| outputs[crop][0][0]))
    }

    /// Returns the crop of each network against spoofs: its sides as multiples of those of the face's box.
    pub fn spoof_crops(&self) -> Vec<f32> {
        self.shared.0.spoofs.iter().map(|spoof| spoof.crop).collect()
    }

    /// Returns a network's logits for this part of a picture: print, real face, display.
    ///
    /// # Panics
    /// If `which` is not one of [`Networks::spoof_crops`].
    pub fn spoof(&mut self, which: usize, view: View, part: FaceBox) -> Result<Vec<f32>, Error> {
        let stage = &self.shared.0.spoofs[which].stage;
        let planes = resample::part(view, part, stage.input.width);
        let outputs = stage.run(&mut self.spoofs[which], &planes)?;
        Ok(outputs.into_iter().flatten().collect())
    }

    /// Returns the thresholds of the pack's liveness checks.
    pub fn liveness(&self) -> &Liveness {
        &self.shared.0.liveness
    }

    /// Returns true if scores depend on whether people are young.
    pub fn discounts_young(&self) -> bool {
        self.curves().is_some_and(|curves| !curves.discounts.young.all().is_empty())
    }

    /// Returns the curves by which this pack scores templates; `None` for a pack without calibration.
    pub fn curves(&self) -> Option<&Curves> {
        self.shared.0.curves.as_ref()
    }

    /// Makes a template of this pack from the recognizers' vectors; `None` if they have no direction.
    pub fn template(&self, vector: &[f32]) -> Option<Template> {
        Template::new(self.shared.0.template_version, vector)
    }
}
