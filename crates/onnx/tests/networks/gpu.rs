//! Compares whole networks on a GPU with packed kernels, and repeats runs on several threads at once.

use std::path::PathBuf;
use std::sync::LazyLock;
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

/// A built-in network on the GPU and on the CPU, and a picture for it.
struct Case {
    name: String,
    on_gpu: Executable,
    packed: Executable,
    picture: Vec<f32>,
}

/// Compiled once for all tests.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let gpu = Gpu::open().expect("these tests need a GPU, or what tools/gpu installs");
    let case = |file: PathBuf| {
        let graph = Graph::read(&file).expect("it is whole");
        let shape = closed(&graph.inputs[0]);
        let shapes: [(&str, &[usize]); 1] = [(&graph.inputs[0].name, &shape)];
        Case {
            name: file.file_stem().expect("it has a name").to_string_lossy().into_owned(),
            on_gpu: Executable::on_gpu(&graph, &gpu, &shapes).expect("it compiles"),
            packed: Executable::new(&graph, Engine::Packed, &shapes).expect("it compiles"),
            picture: picture(&shape, 127.5, 1.0),
        }
    };
    files(&project::path("models")).into_iter().map(case).collect()
});

impl Case {
    fn run(&self, runner: &mut Runner) -> Vec<Vec<f32>> {
        runner.run(&[&self.picture]).expect("it runs")
    }
}

#[test]
fn the_built_in_networks_give_on_a_gpu_what_packed_kernels_give() {
    let mut faults = Vec::new();
    for case in CASES.iter() {
        let Case { on_gpu, packed, .. } = case;
        assert_eq!((on_gpu.inputs(), on_gpu.outputs()), (packed.inputs(), packed.outputs()));
        let (wanted, found) = (case.run(&mut Runner::new(packed)), case.run(&mut Runner::new(on_gpu)));
        for ((Port { name: port, .. }, wanted), found) in on_gpu.outputs().iter().zip(&wanted).zip(&found) {
            let difference = agreement::difference(wanted, found, TOLERANCE);
            faults.extend(difference.map(|difference| format!("{}, '{port}': {difference}", case.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn threads_that_share_a_gpu_get_what_each_gets_alone() {
    for case in CASES.iter() {
        let wanted = case.run(&mut Runner::new(&case.on_gpu)).concat();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut runner = Runner::new(&case.on_gpu);
                    for _ in 0..RUNS {
                        let found = case.run(&mut runner).concat();
                        assert!(agreement::same_bits(&wanted, &found), "{}: another run gives other bits", case.name);
                    }
                });
            }
        });
    }
}

#[test]
fn a_batch_gives_each_picture_its_own_outputs() {
    for case in CASES.iter() {
        assert_eq!(case.on_gpu.batch(), 8, "{}", case.name);
        let mut runner = Runner::new(&case.on_gpu);
        // One more than the largest batch holds.
        let scales: Vec<f32> = (1..=9).map(|scale| scale as f32 / 9.0).collect();
        let scaled = |scale: &f32| vec![case.picture.iter().map(|value| value * scale).collect::<Vec<f32>>()];
        let together = runner.run_all(scales.iter().map(scaled).collect()).expect("it runs");
        assert_eq!(together.len(), scales.len());
        for (scale, found) in scales.iter().zip(&together) {
            let alone = runner.run(&[&scaled(scale)[0]]).expect("it runs");
            assert!(agreement::same_bits(&alone.concat(), &found.concat()), "{}, times {scale}", case.name);
        }
        assert_ne!(together[0], together[1], "{}", case.name);
    }
}
