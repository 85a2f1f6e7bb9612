//! Compares whole networks on a GPU with packed kernels, and repeats runs on several threads at once.

use std::thread;

use onnx::gpu::Gpu;
use onnx::graph::Graph;
use onnx::{Engine, Executable, Port, Runner};
use testkit::project;

use crate::agreement;
use crate::networks::{closed, files, picture};

/// Largest difference from packed kernels, relative to the largest value of an output (at least one).
const TOLERANCE: f32 = 1e-4;
const THREADS: usize = 3;
const RUNS: usize = 3;

/// A built-in network and a picture for it.
struct Case {
    name: String,
    graph: Graph,
    shape: Vec<usize>,
    picture: Vec<f32>,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        files(&project::path("models")).into_iter().map(|file| {
            let graph = Graph::read(&file).expect("it is whole");
            let shape = closed(&graph.inputs[0]);
            let picture = picture(&shape, 127.5, 1.0);
            let name = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
            Self { name, graph, shape, picture }
        })
    }

    fn shapes(&self) -> [(&str, &[usize]); 1] {
        [(&self.graph.inputs[0].name, &self.shape)]
    }

    fn on_gpu(&self) -> Executable {
        let gpu = Gpu::open().expect("these tests need a GPU, or what tools/gpu installs");
        Executable::on_gpu(&self.graph, &gpu, &self.shapes()).expect("it compiles")
    }

    fn run(&self, runner: &mut Runner) -> Vec<Vec<f32>> {
        runner.run(&[&self.picture]).expect("it runs")
    }
}

#[test]
fn the_built_in_networks_give_on_a_gpu_what_packed_kernels_give() {
    let mut faults = Vec::new();
    for case in Case::all() {
        let packed = Executable::new(&case.graph, Engine::Packed, &case.shapes()).expect("it compiles");
        let executable = case.on_gpu();
        assert_eq!((executable.inputs(), executable.outputs()), (packed.inputs(), packed.outputs()));
        let (wanted, found) = (case.run(&mut Runner::new(&packed)), case.run(&mut Runner::new(&executable)));
        for ((Port { name: port, .. }, wanted), found) in executable.outputs().iter().zip(&wanted).zip(&found) {
            let difference = agreement::difference(wanted, found, TOLERANCE);
            faults.extend(difference.map(|difference| format!("{}, '{port}': {difference}", case.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn threads_that_share_a_gpu_get_the_same_bits_every_time() {
    for case in Case::all() {
        let executable = case.on_gpu();
        let wanted = case.run(&mut Runner::new(&executable)).concat();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut runner = Runner::new(&executable);
                    for _ in 0..RUNS {
                        let found = case.run(&mut runner).concat();
                        assert!(agreement::same_bits(&wanted, &found), "{}: another run gives other bits", case.name);
                    }
                });
            }
        });
    }
}
