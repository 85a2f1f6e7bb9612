//! A network compiled to steps on one arena: images are channels last, layers are fused, every place is fixed.

use crate::arena::Arena;
use crate::error::Error;
use crate::fold;
use crate::kernels::bands::{self, Bands};
use crate::kernels::conv::{Conv, Parts};
use crate::kernels::isa::Isa;
use crate::nest::{self, Nest, View};
use crate::network::{Net, Node, ValueId};
use crate::operator::Op;
use crate::step::Step;

mod layer;
mod movement;

/// Floats after the last buffer: vector loads of a pixel may run past its channels.
const SLACK: usize = 64;

/// A compiled network, shared by any number of [`crate::worker::Worker`]s.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    arena_len: usize,
    /// Zeros at the start of the arena.
    zeros: usize,
    /// Constants that are not packed into a layer, each with the arena index of its first float.
    constants: Vec<(usize, Vec<f32>)>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// An input or output of the network.
#[derive(Debug)]
pub struct Port {
    pub(crate) view: View,
    /// Walks the arena (first) and the caller's row-major tensor (second).
    pub(crate) walk: Nest<2>,
}

impl Port {
    pub fn len(&self) -> usize {
        self.view.shape.iter().product()
    }

    fn new(view: View) -> Self {
        let plain = fold::strides(&view.shape);
        let walk = Nest::new(&view.shape, [view.start, 0], [&view.strides, &plain]);
        Self { view, walk }
    }
}

impl Plan {
    /// Compiles for the best instruction set of this processor.
    pub fn new(net: &Net) -> Result<Self, Error> {
        Self::for_isa(net, Isa::best())
    }

    /// Compiles for `isa`. Fails, naming the node, if intermediate values are too large for 32-bit places.
    pub fn for_isa(net: &Net, isa: Isa) -> Result<Self, Error> {
        let mut compiler = Compiler::new(net, isa);
        let constants = compiler.place_constants();
        let inputs: Vec<Port> = net.inputs.iter().map(|&id| compiler.place_input(id)).collect();
        for (index, node) in net.nodes.iter().enumerate() {
            if !compiler.fused[index] {
                compiler.node(index, node)?;
            }
        }
        let output = |&id: &ValueId| {
            let view = compiler.views[id].clone().expect("every output was produced");
            Port::new(view)
        };
        let outputs = net.outputs.iter().map(output).collect();
        let arena_len = compiler.arena.len() + SLACK;
        let Compiler { steps, zeros, .. } = compiler;
        Ok(Self { steps: in_bands(steps), arena_len, zeros, constants, inputs, outputs })
    }

    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Floats of memory that a worker needs.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Writes what steps read but none writes: an arena may come from a run of another plan.
    pub(crate) fn prepare(&self, arena: &mut [f32]) {
        arena[..self.zeros].fill(0.0);
        self.constants.iter().for_each(|(at, values)| nest::write(arena, *at, 1, values));
    }
}

/// Joins convolutions of large images that follow each other.
fn in_bands(steps: Vec<Step>) -> Vec<Step> {
    let mut joined = Vec::with_capacity(steps.len());
    let mut convs = vec![];
    for step in steps {
        match step {
            Step::Conv(conv) if bands::suit(&conv) => convs.push(conv),
            other => {
                join(&mut convs, &mut joined);
                joined.push(other);
            }
        }
    }
    join(&mut convs, &mut joined);
    joined
}

/// Moves convolutions to the steps: several as one step.
fn join(convs: &mut Vec<Conv>, steps: &mut Vec<Step>) {
    match convs.len() {
        0 | 1 => steps.extend(convs.pop().map(Step::Conv)),
        _ => steps.push(Step::Bands(Bands::new(std::mem::take(convs)))),
    }
}

/// A plan under construction.
struct Compiler<'a> {
    net: &'a Net,
    isa: Isa,
    /// Floats at the start of the arena that stay zero.
    zeros: usize,
    arena: Arena,
    steps: Vec<Step>,
    /// The place of each value, once it is produced.
    views: Vec<Option<View>>,
    /// Readers still to come, for each value.
    readers: Vec<usize>,
    /// Nodes that became part of an earlier layer.
    fused: Vec<bool>,
}

impl<'a> Compiler<'a> {
    fn new(net: &'a Net, isa: Isa) -> Self {
        // Taps outside the image read zeros: as many as one pixel of the widest layer has channels.
        let widest = net.nodes.iter().filter_map(|node| net.values[node.inputs[0]].shape.get(1));
        let zeros = widest.max().map_or(0, |channels| channels.next_multiple_of(Isa::GRANULE));
        Self {
            net,
            isa,
            zeros,
            arena: Arena::new(zeros),
            steps: vec![],
            views: vec![None; net.values.len()],
            readers: net.readers(),
            fused: vec![false; net.nodes.len()],
        }
    }

    /// Gives a place to each constant that a step reads like any other value.
    fn place_constants(&mut self) -> Vec<(usize, Vec<f32>)> {
        let mut placed = Vec::new();
        let outputs = self.net.outputs.clone();
        let packed = |node: &&Node| !matches!(node.op, Op::Conv { .. } | Op::Linear | Op::Affine | Op::PRelu);
        let read = self.net.nodes.iter().filter(packed).flat_map(|node| node.inputs.clone());
        for id in read.chain(outputs) {
            let constant = self.net.values[id].constant.as_deref();
            let Some(values) = constant.and_then(|tensor| tensor.as_f32()) else { continue };
            if self.views[id].is_none() {
                let view = self.plain(&self.net.values[id].shape);
                placed.push((view.start, values.to_vec()));
                self.views[id] = Some(view);
                self.readers[id] += 1;
            }
        }
        placed
    }

    /// Gives an input its place: images lie channels last without gaps, other tensors in row-major order.
    fn place_input(&mut self, id: ValueId) -> Port {
        let value = &self.net.values[id];
        let mut view = self.plain(&value.shape);
        if let [_, channels, height, width] = value.shape[..] {
            let row = width * channels;
            view.strides = vec![height * row, 1, row, channels];
        }
        self.views[id] = Some(view.clone());
        // An input that nobody reads keeps its place too.
        self.readers[id] = self.readers[id].max(1);
        Port::new(view)
    }

    fn node(&mut self, index: usize, node: &Node) -> Result<(), Error> {
        match &node.op {
            Op::Conv { .. } | Op::Linear | Op::Affine | Op::PRelu => self.layer(index, node)?,
            Op::Unary(unary) => {
                let walk = self.elementwise(node);
                self.steps.push(Step::Unary(*unary, walk));
            }
            Op::Binary(binary) => self.binary(node, *binary),
            Op::Pool { kind, window } => self.pool(node, *kind, *window)?,
            Op::Resize { rows, columns } => self.resize(node, rows, columns),
            Op::GridSample(sample) => self.grid_sample(node, *sample),
            Op::Softmax { axis } => self.softmax(node, *axis),
            Op::Reduce { kind, axes } => self.reduce(node, *kind, axes),
            Op::Reshape => self.reshape(node),
            Op::Transpose { perm } => self.transpose(node, perm),
            Op::Concat { axis } => self.concat(node, *axis),
            Op::Gather { axis, indices } => self.gather(node, *axis, indices),
            Op::Slice { starts, steps } => self.slice(node, starts, steps),
            Op::Pad { before, value } => self.pad(node, before, *value),
        }
        node.inputs.iter().for_each(|&id| self.release(id));
        Ok(())
    }

    fn shape(&self, id: ValueId) -> &'a [usize] {
        &self.net.values[id].shape
    }

    fn view(&self, id: ValueId) -> View {
        self.views[id].clone().expect("nodes follow their producers")
    }

    /// Allocates a buffer in row-major order.
    fn plain(&mut self, shape: &[usize]) -> View {
        let buffer = self.arena.allocate(shape.iter().product());
        let start = self.arena.start(buffer);
        View { buffer, start, shape: shape.to_vec(), strides: fold::strides(shape) }
    }

    /// Allocates a buffer for an image, channels last and padded to whole vectors.
    fn image(&mut self, [n, channels, height, width]: [usize; 4]) -> View {
        let pixel = channels.next_multiple_of(Isa::GRANULE);
        let row = width * pixel;
        let buffer = self.arena.allocate(n * height * row);
        View {
            buffer,
            start: self.arena.start(buffer),
            shape: vec![n, channels, height, width],
            strides: vec![height * row, 1, row, pixel],
        }
    }

    /// Allocates a buffer in the layout that suits the shape.
    fn place(&mut self, shape: &[usize]) -> View {
        match *shape {
            [n, c, h, w] => self.image([n, c, h, w]),
            _ => self.plain(shape),
        }
    }

    fn copy(&mut self, from: &View, to: &View) {
        let walk = Nest::new(&to.shape, [to.start, from.start], [&to.strides, &from.strides]);
        self.steps.push(Step::Copy(walk));
    }

    fn conv(&mut self, parts: &Parts) {
        self.steps.push(Step::Conv(Conv::new(self.isa, parts)));
    }

    /// Counts one reader of `id` as done, and frees the buffer after the last reader.
    fn release(&mut self, id: ValueId) {
        self.readers[id] -= 1;
        if let (0, Some(view)) = (self.readers[id], &self.views[id]) {
            self.arena.release(view.buffer);
        }
    }
}
