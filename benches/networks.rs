//! Measures the time of each network of the built-in pack on one thread, beside the same network on other runtimes.
//!
//! The result goes to `target/speed/networks.json`.

use std::path::Path;

use onnx::graph::Graph;
use onnx::{Engine, Executable, Runner};
use serde_json::{Value, json};

use crate::rounds::{Peer, measure, timed};

#[path = "speed/pack.rs"]
mod pack;
#[path = "speed/rounds.rs"]
mod rounds;

/// Other runtimes, as `benches/speed/peer.py` names them.
const PEERS: [&str; 4] = ["onnxruntime", "openvino", "opencv", "tract"];

/// The packed kernels. Burn's tensors are left out: a release build does not optimise them.
#[derive(Default)]
struct Ours(Option<(Runner, Vec<f32>)>);

impl Peer for Ours {
    fn name(&self) -> String {
        "packed kernels".to_owned()
    }

    fn load(&mut self, asked: &Value) -> Value {
        let file = asked["load"].as_str().expect("it names a file");
        let shape: Vec<usize> = serde_json::from_value(asked["shape"].clone()).expect("it has a shape");
        let graph = Graph::read(Path::new(file)).expect("it is in the project");
        let shapes: [(&str, &[usize]); 1] = [(&graph.inputs[0].name, &shape)];
        let executable = Executable::new(&graph, Engine::Packed, &shapes).expect("it compiles");
        self.0 = Some((Runner::new(&executable), pack::image(&shape)));
        json!({})
    }

    fn run(&mut self, times: usize) -> Vec<f64> {
        let (runner, image) = self.0.as_mut().expect("it is loaded");
        timed(times, || drop(runner.run(&[image]).expect("the picture has its size")))
    }
}

fn main() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut peers = rounds::peers(Box::new(Ours::default()), &PEERS);
    let wanted =
        pack::NETWORKS.iter().filter(|(file, _)| asked.as_ref().is_none_or(|asked| file.contains(asked.as_str())));
    let one = |&(file, side): &(&str, usize)| {
        measure(&mut peers, file, &json!({ "load": pack::path(file), "shape": [1, 3, side, side] }))
    };
    let measured: Vec<Value> = wanted.map(one).collect();
    rounds::write("networks", &measured);
}
