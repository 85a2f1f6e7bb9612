//! Measures how near each network of the built-in pack comes to the limit of the processor's multiply-adds, on one thread.
//!
//! The limit is the rate of convolutions whose weights and images stay in the nearest caches. The result goes to
//! `target/speed/limits.json`.

use onnx::graph::Graph;
use onnx::{Engine, Executable, Runner, resolve};
use onnx_convert::INPUT;
use onnx_convert::writer::{Output, Writer, ints};
use serde_json::{Value, json};

use crate::rounds::timed;

#[path = "speed/pack.rs"]
mod pack;
#[path = "speed/rounds.rs"]
#[expect(dead_code, reason = "there are no peers")]
mod rounds;

const ROUNDS: usize = 40;
/// Runs in a round. The shortest of all rounds counts, as the one that nothing else on the machine disturbed.
const RUNS: usize = 8;
/// Channels and pixels of the convolutions of 3 x 3 that show the limit, and their number. On a processor whose fused
/// multiply-adds reach 85 to 87 billion a second in registers alone, they reach 86.
const CHANNELS: usize = 32;
const PIXELS: [usize; 2] = [14, 14];
const LAYERS: usize = 40;

struct Task {
    name: String,
    multiply_adds: usize,
    runner: Runner,
    input: Vec<f32>,
    best_s: f64,
}

impl Task {
    fn new(name: &str, graph: &Graph, shape: &[usize]) -> Self {
        let shapes: [(&str, &[usize]); 1] = [(&graph.inputs[0].name, shape)];
        let executable = Executable::new(graph, Engine::Packed, &shapes).expect("it compiles");
        Self {
            name: name.to_owned(),
            multiply_adds: resolve::network(graph, &shapes).expect("it compiles").multiply_adds(),
            runner: Runner::new(&executable),
            input: pack::image(shape),
            best_s: f64::MAX,
        }
    }

    fn run(&mut self) {
        let seconds = timed(RUNS, || drop(self.runner.run(&[&self.input]).expect("the input has its size")));
        self.best_s = seconds.into_iter().fold(self.best_s, f64::min);
    }

    fn rate(&self) -> f64 {
        self.multiply_adds as f64 / self.best_s
    }
}

/// Returns the network that shows the limit.
fn limit() -> Task {
    let mut writer = Writer::default();
    let dims = [CHANNELS, CHANNELS, 3, 3];
    let terms = dims[1..].iter().product::<usize>() as f32;
    let weights: Vec<f32> = pack::image(&dims).iter().map(|value| value / terms).collect();
    writer.floats("weights", &dims, &weights);
    let padded = || vec![ints("pads", &[1; 4])];
    let name = |layer: usize| if layer == 0 { INPUT.to_owned() } else { format!("v{layer}") };
    (0..LAYERS).for_each(|at| writer.node("Conv", &name(at), &[&name(at), "weights"], padded(), &name(at + 1)));
    let shape = [1, CHANNELS, PIXELS[0], PIXELS[1]];
    let output = Output { name: name(LAYERS), dims: vec![None; 4] };
    let file = writer.finish("limit", &shape.map(Some), vec![output]);
    Task::new("limit", &Graph::from_bytes(file.into()).expect("it is whole"), &shape)
}

fn main() {
    let network = |&(file, side): &(&str, usize)| {
        let graph = Graph::read(&pack::path(file)).expect("it is in the project");
        Task::new(file, &graph, &[1, 3, side, side])
    };
    let mut tasks: Vec<Task> = pack::NETWORKS.iter().map(network).chain([limit()]).collect();
    (0..ROUNDS).for_each(|_| tasks.iter_mut().for_each(Task::run));
    let limit = tasks.pop().expect("it was just added").rate();
    println!("limit: {:.1} billion multiply-adds a second", limit / 1e9);
    let row = |task: &Task| {
        let (millions, ms) = (task.multiply_adds as f64 / 1e6, 1000.0 * task.best_s);
        println!(
            "{:22} {millions:7.1} million {ms:7.3} ms   {:.2} times the limit's time",
            task.name,
            limit / task.rate()
        );
        json!({ "network": task.name, "millions": millions, "ms": ms, "times": limit / task.rate() })
    };
    let networks: Vec<Value> = tasks.iter().map(row).collect();
    rounds::write("limits", &[json!({ "limit": limit / 1e9, "networks": networks })]);
}
