//! Measures each network of the built-in pack on one thread, beside the same network on other runtimes.
//!
//! All run in turns, in rounds, so that other load on the machine affects them alike. A ratio compares times of the
//! same round. The result goes to `target/speed/networks.json`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use onnx::graph::Graph;
use onnx::{Engine, Executable, Runner};
use serde_json::{Value, json};

const PACK: &str = "models";
/// Files of the pack, and the side length of each one's square input.
const NETWORKS: [(&str, usize); 6] = [
    ("blazeface.onnx", 256),
    ("facemesh.onnx", 192),
    ("attention_mesh.onnx", 192),
    ("age_gender.onnx", 112),
    ("recognizer.onnx", 112),
    ("spoof.onnx", 80),
];
/// Other runtimes, as `benches/networks/peer.py` names them.
const PEERS: [&str; 4] = ["onnxruntime", "openvino", "opencv", "tract"];
/// The environment variable with the Python interpreter that has these runtimes.
const PYTHON: &str = "SPEED_PYTHON";
const ROUNDS: usize = 25;
/// The least time for each runtime in a round.
const TURN: Duration = Duration::from_millis(40);

/// A runtime that loads a network and runs it.
trait Peer {
    fn name(&self) -> String;
    fn load(&mut self, file: &Path, shape: &[usize]);
    /// Returns the seconds of each of `times` runs.
    fn run(&mut self, times: usize) -> Vec<f64>;
}

/// The packed kernels. Burn's tensors are left out: a release build does not optimise them.
#[derive(Default)]
struct Ours(Option<(Runner, Vec<f32>)>);

impl Peer for Ours {
    fn name(&self) -> String {
        "packed kernels".to_owned()
    }

    fn load(&mut self, file: &Path, shape: &[usize]) {
        let graph = Graph::read(file).expect("it is in the project");
        let executable =
            Executable::new(&graph, Engine::Packed, &[(&graph.inputs[0].name, shape)]).expect("it compiles");
        let mut state = 1u32;
        let image = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32
        });
        let image = image.take(shape.iter().product()).collect();
        self.0 = Some((Runner::new(&executable), image));
    }

    fn run(&mut self, times: usize) -> Vec<f64> {
        let (runner, image) = self.0.as_mut().expect("it is loaded");
        let mut once = || {
            let begun = Instant::now();
            runner.run(&[image]).expect("the picture has its size");
            begun.elapsed().as_secs_f64()
        };
        (0..times).map(|_| once()).collect()
    }
}

/// Another runtime, in a process of its own.
struct Other {
    name: String,
    process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(python: &Path, runtime: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/networks/peer.py");
        let mut command = Command::new(python);
        command.arg(script).arg(runtime).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("tools/speed makes the environment");
        let to = process.stdin.take().expect("it is piped");
        let mut from = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let version = from.next().expect("it starts").expect("it is text");
        let version: String = serde_json::from_str(&version).expect("it says its version");
        let version = version.split('-').next().unwrap_or_default();
        Self { name: format!("{runtime} {version}"), process, to, from }
    }

    fn ask(&mut self, asked: &Value) -> Value {
        writeln!(self.to, "{asked}").expect("it listens");
        let answer = self.from.next().expect("it answers").expect("it is text");
        serde_json::from_str(&answer).expect("it is JSON")
    }
}

impl Peer for Other {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn load(&mut self, file: &Path, shape: &[usize]) {
        self.ask(&json!({ "load": file, "shape": shape }));
    }

    fn run(&mut self, times: usize) -> Vec<f64> {
        serde_json::from_value(self.ask(&json!({ "run": times }))).expect("they are numbers")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the quantile `part` of the values.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// Measures one network on all runtimes; the others' times are compared with the first one's.
fn measure(peers: &mut [Box<dyn Peer>], file: &str, side: usize) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PACK).join(file);
    let times: Vec<usize> = peers
        .iter_mut()
        .map(|peer| {
            peer.load(&path, &[1, 3, side, side]);
            let second = peer.run(3)[2];
            (TURN.as_secs_f64() / second).ceil().max(3.0) as usize
        })
        .collect();
    // The best time of each round, by runtime.
    let mut bests: Vec<Vec<f64>> = vec![vec![]; peers.len()];
    for _ in 0..ROUNDS {
        for ((peer, times), bests) in peers.iter_mut().zip(&times).zip(&mut bests) {
            bests.push(quantile(&peer.run(*times), 0.0));
        }
    }
    let row = |(name, own): (String, &Vec<f64>)| {
        let ratios: Vec<f64> = bests[0].iter().zip(own).map(|(ours, theirs)| ours / theirs).collect();
        let ratio = [0.1, 0.5, 0.9].map(|part| quantile(&ratios, part));
        println!(
            "{file:22} {name:22} {:8.3} ms   ours / theirs {:.2} ({:.2} to {:.2})",
            1000.0 * quantile(own, 0.5),
            ratio[1],
            ratio[0],
            ratio[2]
        );
        json!({ "runtime": name, "ms": 1000.0 * quantile(own, 0.5), "ratio": ratio })
    };
    let rows: Vec<Value> = peers.iter().map(|peer| peer.name()).zip(&bests).map(row).collect();
    json!({ "network": file, "side": side, "rounds": ROUNDS, "peers": rows })
}

fn main() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(Ours::default())];
    match std::env::var_os(PYTHON) {
        Some(python) => {
            let python = PathBuf::from(python);
            peers.extend(PEERS.map(|runtime| -> Box<dyn Peer> { Box::new(Other::start(&python, runtime)) }));
        }
        None => println!("alone: tools/speed runs this beside other runtimes"),
    }
    let wanted = NETWORKS.iter().filter(|(file, _)| asked.as_ref().is_none_or(|asked| file.contains(asked.as_str())));
    let measured: Vec<Value> = wanted.map(|&(file, side)| measure(&mut peers, file, side)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/speed");
    std::fs::create_dir_all(&folder).expect("there is room");
    let text = serde_json::to_string_pretty(&measured).expect("it is JSON");
    std::fs::write(folder.join("networks.json"), text + "\n").expect("there is room");
}
