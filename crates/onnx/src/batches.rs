//! Runs one network on a GPU for several threads: pictures that wait at the same time go there as one batch.
//!
//! No timer holds a picture back. A picture that comes while the network is idle runs at once. Pictures that come during a
//! run wait for its end; then as many as a batch holds run together, and the others after them.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::burn::Executor;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::network::Net;
use crate::{Values, resolve};

/// The numbers of pictures in a batch, in rising order. All share the weights on the GPU.
const SIZES: [usize; 3] = [2, 4, 8];
/// The largest difference between a picture's outputs alone and in a batch, relative to the largest value of the output
/// (at least one). A network that mixes the pictures of a batch differs by far more.
const TOLERANCE: f32 = 1e-3;

/// A network on a GPU, compiled for one picture and for each size of batch that it can run.
pub struct Batches {
    /// In rising order of size; the first runs one picture.
    compiled: Vec<Batch>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Batch {
    size: usize,
    executor: Executor,
}

#[derive(Default)]
struct Queue {
    /// The number of the next picture.
    next: u64,
    waiting: VecDeque<(u64, Values)>,
    /// Outputs that their thread has not taken yet, or the reason why the GPU failed.
    done: HashMap<u64, Result<Values, String>>,
    is_running: bool,
}

impl Batches {
    /// Copies the weights of `net`, to which `graph` was resolved, to the GPU. Runs each size of batch once, since the first
    /// run compiles the shaders, and leaves out sizes in which a picture's outputs depend on the others.
    ///
    /// Fails if the GPU fails.
    pub fn new(graph: &Graph, net: &Net, gpu: &Gpu) -> Result<Self, Error> {
        let mut compiled = vec![Batch { size: 1, executor: Executor::new(net, gpu.device().clone())? }];
        for size in SIZES {
            let Some(enlarged) = enlarged(graph, net, size) else { break };
            compiled.push(Batch { size, executor: compiled[0].executor.resized(net, &enlarged)? });
        }
        let largest = compiled.last().map_or(1, |batch| batch.size);
        let pictures: Vec<Values> = (0..largest).map(|seed| noise(net, seed as u32)).collect();
        let mut alone = Vec::new();
        for picture in &pictures {
            alone.extend(compiled[0].run(vec![picture.clone()]).map_err(Error::Device)?);
        }
        let mut right = 1;
        for batch in &compiled[1..] {
            let together = batch.run(pictures[..batch.size].to_vec()).map_err(Error::Device)?;
            if !together.iter().zip(&alone).all(|(one, other)| agree(one, other)) {
                break;
            }
            right += 1;
        }
        compiled.truncate(right);
        Ok(Self { compiled, queue: Mutex::default(), changed: Condvar::new() })
    }

    /// Returns the number of pictures in the largest batch.
    pub fn largest(&self) -> usize {
        self.compiled.last().map_or(1, |batch| batch.size)
    }

    /// Runs the network on each picture's inputs, and returns each one's outputs. Fails if the GPU fails.
    pub fn run(&self, pictures: Vec<Values>) -> Result<Vec<Values>, Error> {
        let mut queue = self.lock();
        let own: Vec<u64> = pictures.into_iter().map(|picture| queue.enter(picture)).collect();
        while !own.iter().all(|number| queue.done.contains_key(number)) {
            if queue.is_running {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let fits = self.compiled.iter().rfind(|batch| batch.size <= queue.waiting.len());
            let batch = fits.expect("a picture of this thread waits, since no batch with it runs");
            let (numbers, inputs): (Vec<u64>, Vec<Values>) = queue.waiting.drain(..batch.size).unzip();
            queue.is_running = true;
            drop(queue);
            let ran = batch.run(inputs);
            queue = self.lock();
            queue.is_running = false;
            match ran {
                Ok(outputs) => queue.done.extend(numbers.into_iter().zip(outputs.into_iter().map(Ok))),
                Err(why) => queue.done.extend(numbers.into_iter().map(|number| (number, Err(why.clone())))),
            }
            self.changed.notify_all();
        }
        let done: Vec<_> = own.iter().filter_map(|number| queue.done.remove(number)).collect();
        done.into_iter().collect::<Result<_, _>>().map_err(Error::Device)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn enter(&mut self, picture: Values) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back((number, picture));
        number
    }
}

impl Batch {
    /// Runs as many pictures as the batch has, and returns each one's outputs, or the reason why the GPU failed.
    fn run(&self, pictures: Vec<Values>) -> Result<Vec<Values>, String> {
        let mut pictures = pictures.into_iter();
        let mut inputs = pictures.next().expect("a batch has a picture");
        for picture in pictures {
            inputs.iter_mut().zip(picture).for_each(|(all, one)| all.extend(one));
        }
        // A driver's panic must not leave the threads that wait for this run without an answer.
        let ran = catch_unwind(AssertUnwindSafe(|| self.executor.run(inputs)));
        let outputs = ran.unwrap_or_else(|_| Err("its driver panicked".into()))?;
        let picture = |index: usize| {
            let part = |all: &Vec<f32>| all.chunks(all.len() / self.size).nth(index).unwrap_or(&[]).to_vec();
            outputs.iter().map(part).collect()
        };
        Ok((0..self.size).map(picture).collect())
    }
}

/// Returns the network for `size` pictures at once; `None` if its inputs or outputs are not of one picture, or if it does
/// not accept more.
fn enlarged(graph: &Graph, net: &Net, size: usize) -> Option<Net> {
    let shape = |id: &usize| Some([&[size], net.values[*id].shape.strip_prefix(&[1])?].concat());
    let inputs: Vec<Vec<usize>> = net.inputs.iter().map(shape).collect::<Option<_>>()?;
    let outputs: Vec<Vec<usize>> = net.outputs.iter().map(shape).collect::<Option<_>>()?;
    let named = graph.inputs.iter().zip(&inputs).map(|(input, shape)| (input.name.as_str(), shape.as_slice()));
    let enlarged = resolve::network(graph, &named.collect::<Vec<_>>()).ok()?;
    let is_right = enlarged.outputs.iter().map(|&id| &enlarged.values[id].shape).eq(&outputs);
    is_right.then_some(enlarged)
}

/// Returns inputs of pseudo-random values from 0 to 1.
fn noise(net: &Net, seed: u32) -> Values {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32
    };
    let input = |id: &usize| (0..net.values[*id].shape.iter().product()).map(|_| next()).collect();
    net.inputs.iter().map(input).collect()
}

fn agree(one: &Values, other: &Values) -> bool {
    one.iter().zip(other).all(|(one, other)| {
        let most = one.iter().fold(1.0f32, |most, value| most.max(value.abs()));
        one.iter().zip(other).all(|(a, b)| (a - b).abs() <= TOLERANCE * most)
    })
}
