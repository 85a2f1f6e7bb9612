//! Times one task on several peers, by turns, so that other load on the machine affects all of them alike.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Names the interpreter of an environment that has the peers of `peer.py`.
const PYTHON: &str = "SPEED_PYTHON";
/// Names a folder with the modules of `peer.mjs`.
const NODE: &str = "SPEED_NODE";
/// The peer that is `peer.mjs`.
pub const FACE_API: &str = "face-api";
const ROUNDS: usize = 25;
/// The least time that each peer runs in a round.
const TURN: Duration = Duration::from_millis(40);

/// Runs a task that it has loaded.
pub trait Peer {
    fn name(&self) -> String;
    /// Loads the task that `asked` describes, as `benches/speed/peer.py` reads it. The answer has the `template` of a
    /// picture's face.
    fn load(&mut self, asked: &Value) -> Value;
    /// Returns the seconds of each of `times` runs.
    fn run(&mut self, times: usize) -> Vec<f64>;
}

/// A peer in a process of its own.
pub struct Other {
    name: String,
    process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Other {
    /// Starts a peer; `None` if its environment is not there.
    fn start(peer: &str) -> Option<Self> {
        let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed").join(name);
        let mut command = if peer == FACE_API {
            std::env::var_os(NODE)?;
            Command::new("node")
        } else {
            Command::new(std::env::var_os(PYTHON)?)
        };
        command.arg(script(if peer == FACE_API { "peer.mjs" } else { "peer.py" })).arg(peer);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("tools/speed makes the environment");
        let to = process.stdin.take().expect("it is piped");
        let mut from = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let name = from.next().expect("it starts").expect("it is text");
        let name = serde_json::from_str(&name).expect("it says its name and version");
        Some(Self { name, process, to, from })
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

    fn load(&mut self, asked: &Value) -> Value {
        self.ask(asked)
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

/// Returns the seconds of each of `times` runs of `once`.
pub fn timed(times: usize, mut once: impl FnMut()) -> Vec<f64> {
    let mut second = || {
        let begun = Instant::now();
        once();
        begun.elapsed().as_secs_f64()
    };
    (0..times).map(|_| second()).collect()
}

/// Returns `ours`, and after it the peers whose environments `tools/speed` made.
pub fn peers(ours: Box<dyn Peer>, others: &[&str]) -> Vec<Box<dyn Peer>> {
    let started = others.iter().filter_map(|peer| Other::start(peer));
    let others: Vec<Box<dyn Peer>> = started.map(|peer| -> Box<dyn Peer> { Box::new(peer) }).collect();
    if others.is_empty() {
        println!("alone: tools/speed runs this beside its peers");
    }
    [ours].into_iter().chain(others).collect()
}

/// Returns the value below which this part of all lies.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// Returns the cosine of two templates; `None` where there are none.
fn cosine(one: &Value, other: &Value) -> Option<f64> {
    let numbers = |values: &Value| serde_json::from_value::<Vec<f64>>(values.clone()).ok();
    let (one, other) = (numbers(one)?, numbers(other)?);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    Some(product(&one, &other) / (product(&one, &one) * product(&other, &other)).sqrt())
}

/// Times a task on all peers. Each ratio compares the first peer with another, within one round.
pub fn measure(peers: &mut [Box<dyn Peer>], task: &str, asked: &Value) -> Value {
    let loaded: Vec<Value> = peers.iter_mut().map(|peer| peer.load(asked)).collect();
    let turn = |peer: &mut Box<dyn Peer>| (TURN.as_secs_f64() / peer.run(3)[2]).ceil().max(1.0) as usize;
    let times: Vec<usize> = peers.iter_mut().map(turn).collect();
    // The shortest time of each round, by peer.
    let mut bests: Vec<Vec<f64>> = vec![vec![]; peers.len()];
    for _ in 0..ROUNDS {
        for ((peer, times), bests) in peers.iter_mut().zip(&times).zip(&mut bests) {
            bests.push(quantile(&peer.run(*times), 0.0));
        }
    }
    let row = |(at, (name, own)): (usize, (String, &Vec<f64>))| {
        let ratios: Vec<f64> = bests[0].iter().zip(own).map(|(ours, theirs)| ours / theirs).collect();
        let ratio = [0.1, 0.5, 0.9].map(|part| quantile(&ratios, part));
        let ms = 1000.0 * quantile(own, 0.5);
        println!(
            "{task:28} {name:26} {ms:9.3} ms   ours / theirs {:.2} ({:.2} to {:.2})",
            ratio[1], ratio[0], ratio[2]
        );
        let agreement = cosine(&loaded[0]["template"], &loaded[at]["template"]);
        json!({ "peer": name, "ms": ms, "ratio": ratio, "cosine": agreement })
    };
    let rows: Vec<Value> = peers.iter().map(|peer| peer.name()).zip(&bests).enumerate().map(row).collect();
    json!({ "task": task, "rounds": ROUNDS, "peers": rows })
}

/// Writes `measured` to `target/speed/<name>.json`.
pub fn write(name: &str, measured: &[Value]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/speed");
    std::fs::create_dir_all(&folder).expect("there is room");
    let text = serde_json::to_string_pretty(measured).expect("it is JSON");
    std::fs::write(folder.join(format!("{name}.json")), text + "\n").expect("there is room");
}
