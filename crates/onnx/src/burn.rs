//! Runs a network on burn tensors: on the CPU slower than a plan, and the reference that plans are tested against; on a
//! GPU the only executor.
//!
//! Ranks are known at run time only, so every value is a `Tensor<4>` whose shape has leading ones.

use ::burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, GridSampleOptions, GridSamplePaddingMode, InterpolateMode, MaxPoolOptions,
};
use ::burn::tensor::{Device, Int, Slice, Tensor, TensorData, activation, module};

use crate::Values;
use crate::error::Error;
use crate::network::{Net, Node, Value, ValueId};
use crate::operator::{Binary, GridSample, Op, Pool, Reduce, Tap, Unary, Window};

const RANK: usize = 4;

/// A network whose weights are burn tensors. Shared by any number of threads.
pub struct Executor {
    nodes: Vec<Node>,
    shapes: Vec<Vec<usize>>,
    constants: Vec<Option<Tensor<RANK>>>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
    readers: Vec<usize>,
    device: Device,
}

impl Executor {
    /// Copies the weights to the device. Fails if the network has tensors of more than four axes: its values cannot hold
    /// them.
    pub fn new(net: &Net, device: Device) -> Result<Self, Error> {
        Self::with(net, device, |_| None)
    }

    /// Makes an executor of the same network for inputs of another size. Both share the weights on the device. `own` is
    /// the network of this executor.
    pub fn resized(&self, own: &Net, net: &Net) -> Result<Self, Error> {
        let is_same = |id: ValueId| own.values.get(id).is_some_and(|value| value.constant == net.values[id].constant);
        Self::with(net, self.device.clone(), |id| is_same(id).then(|| self.constants[id].clone()).flatten())
    }

    /// `known` returns the constants that lie on the device already.
    fn with(net: &Net, device: Device, known: impl Fn(ValueId) -> Option<Tensor<RANK>>) -> Result<Self, Error> {
        for node in &net.nodes {
            if net.values[node.output].shape.len() > RANK {
                let reason = format!("more than {RANK} axes");
                return Err(Error::Node { node: node.name.clone(), op: format!("{:?}", node.op), reason });
            }
        }
        let copied = |value: &Value| {
            let values = value.constant.as_ref()?.as_f32()?.to_vec();
            Some(Tensor::from_data(TensorData::new(values, full(&value.shape)?), &device))
        };
        let constant = |(id, value)| known(id).or_else(|| copied(value));
        Ok(Self {
            nodes: net.nodes.clone(),
            shapes: net.values.iter().map(|value| value.shape.clone()).collect(),
            constants: net.values.iter().enumerate().map(constant).collect(),
            inputs: net.inputs.clone(),
            outputs: net.outputs.clone(),
            readers: net.readers(),
            device,
        })
    }

    /// Runs the network, with the contract of [`crate::worker::Worker::run`]. Fails with the device's reason if the device
    /// fails, which the CPU does not.
    pub fn run(&self, inputs: Values) -> Result<Values, String> {
        let mut values = self.constants.clone();
        for (&id, given) in self.inputs.iter().zip(inputs) {
            let shape = full(&self.shapes[id]).expect("checked on creation");
            values[id] = Some(Tensor::from_data(TensorData::new(given, shape), &self.device));
        }
        let mut readers = self.readers.clone();
        for node in &self.nodes {
            // The last reader takes the tensor, so that burn may work in place.
            let inputs = node.inputs.iter().map(|&id| {
                readers[id] -= 1;
                let value = if readers[id] == 0 { values[id].take() } else { values[id].clone() };
                value.expect("nodes follow their producers")
            });
            let inputs = inputs.collect();
            values[node.output] = Some(self.node(node, inputs));
        }
        let read = |&id: &ValueId| {
            let tensor = values[id].clone().expect("every output was produced");
            let data = tensor.try_into_data().map_err(|error| error.to_string())?;
            Ok(data.try_to_vec::<f32>().expect("run-time values are f32"))
        };
        self.outputs.iter().map(read).collect()
    }

    fn node(&self, node: &Node, inputs: Vec<Tensor<RANK>>) -> Tensor<RANK> {
        let rank = self.shapes[node.inputs[0]].len();
        let missing = RANK - rank;
        let shape = full(&self.shapes[node.output]).expect("checked on creation");
        let mut inputs = inputs.into_iter();
        let x = inputs.next().expect("every node has an input");
        let mut next = || inputs.next().expect("the operator's contract");
        match &node.op {
            Op::Conv { group, window } => {
                let (weight, bias) = (next(), next());
                let options = ConvOptions::new_with_padding(window.stride, padding(window), window.dilation, *group);
                module::conv2d(x, weight, Some(bias.flatten(0, 3)), options)
            }
            Op::Linear => x.matmul(next().swap_dims(2, 3)) + next(),
            Op::Affine => {
                let channel = |t: Tensor<RANK>| per_channel(t, rank);
                x * channel(next()) + channel(next())
            }
            Op::PRelu if rank == RANK => activation::prelu(x, next().flatten(0, 3)),
            Op::PRelu => {
                let slope = per_channel(next(), rank);
                x.clone().clamp_min(0.0) + x.clamp_max(0.0) * slope
            }
            Op::Unary(op) => unary(*op, x),
            Op::Binary(op) => binary(*op, x, next()),
            Op::Pool { kind, window } => pool(*kind, window, x),
            Op::Resize { rows, columns } => resize(&resize(&x, 2, rows), 3, columns),
            Op::GridSample(sample) => x.grid_sample_2d(next(), sampling(*sample)),
            Op::Softmax { axis } => activation::softmax(x, missing + axis),
            Op::Reduce { kind, axes } => {
                axes.iter().fold(Reduction::start(*kind, x), |r, axis| r.along(missing + axis)).end()
            }
            Op::Reshape => x.reshape(shape),
            Op::Transpose { perm } => {
                let lead = (0..missing).map(|axis| axis as isize);
                let axes: Vec<isize> = lead.chain(perm.iter().map(|a| (a + missing) as isize)).collect();
                let axes: [isize; RANK] = axes.try_into().expect("one for each axis");
                x.permute(axes)
            }
            Op::Concat { axis } => {
                let all: Vec<_> = std::iter::once(x).chain(inputs).collect();
                Tensor::cat(all, missing + axis)
            }
            Op::Gather { axis, indices } => x.select(missing + axis, places(indices.iter().copied(), &self.device)),
            Op::Slice { starts, steps } => {
                let range = |axis: usize| match axis.checked_sub(missing) {
                    None => Slice::new(0, None, 1),
                    Some(own) => {
                        let end = starts[own] + (shape[axis] - 1) * steps[own] + 1;
                        Slice::new(starts[own] as isize, Some(end as isize), steps[own] as isize)
                    }
                };
                x.slice(std::array::from_fn::<Slice, RANK, _>(range))
            }
            Op::Pad { before, value } => {
                let sizes = x.dims();
                let range = |axis: usize| {
                    let start = axis.checked_sub(missing).map_or(0, |own| before[own]);
                    Slice::new(start as isize, Some((start + sizes[axis]) as isize), 1)
                };
                let around = Tensor::full(shape, *value, &self.device);
                around.slice_assign(std::array::from_fn::<Slice, RANK, _>(range), x)
            }
        }
    }
}

/// Returns `shape` with leading ones; `None` for more than four axes.
fn full(shape: &[usize]) -> Option<[usize; RANK]> {
    let missing = RANK.checked_sub(shape.len())?;
    Some(std::array::from_fn(|axis| axis.checked_sub(missing).map_or(1, |own| shape[own])))
}

/// Lays a list `[C]` along axis 1 of a tensor of `rank` axes.
fn per_channel(list: Tensor<RANK>, rank: usize) -> Tensor<RANK> {
    let mut shape = [1; RANK];
    shape[RANK - rank + 1] = list.dims()[RANK - 1];
    list.reshape(shape)
}

fn padding(window: &Window) -> [(usize, usize); 2] {
    [0, 1].map(|d| (window.before[d], window.after[d]))
}

fn pool(kind: Pool, window: &Window, x: Tensor<RANK>) -> Tensor<RANK> {
    match kind {
        Pool::Max => {
            let mut options = MaxPoolOptions::new(window.kernel);
            (options.stride, options.dilation) = (window.stride, window.dilation);
            options.padding = padding(window);
            module::max_pool2d(x, options)
        }
        // Two means are several times faster than a pooling window of the same size.
        Pool::Average { .. } if x.dims()[2..] == window.kernel => x.mean_dim(3).mean_dim(2),
        Pool::Average { count_padding } => {
            let mut options = AvgPoolOptions::new(window.kernel);
            (options.stride, options.padding) = (window.stride, padding(window));
            options.count_include_pad = count_padding;
            module::avg_pool2d(x, options)
        }
    }
}

fn sampling(GridSample { align_corners, border }: GridSample) -> GridSampleOptions {
    let padding = if border { GridSamplePaddingMode::Border } else { GridSamplePaddingMode::Zeros };
    GridSampleOptions::new(InterpolateMode::Bilinear).with_padding_mode(padding).with_align_corners(align_corners)
}

fn places(indices: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let indices: Vec<i64> = indices.map(|index| index as i64).collect();
    let count = indices.len();
    Tensor::from_data(TensorData::new(indices, [count]), device)
}

fn resize(x: &Tensor<RANK>, axis: usize, taps: &[Tap]) -> Tensor<RANK> {
    let device = x.device();
    let pick = |at: &dyn Fn(&Tap) -> usize| x.clone().select(axis, places(taps.iter().map(at), &device));
    let low = pick(&|tap| tap.low);
    if taps.iter().all(|tap| tap.weight == 0.0) {
        return low;
    }
    let mut shape = [1; RANK];
    shape[axis] = taps.len();
    let weights: Vec<f32> = taps.iter().map(|tap| tap.weight).collect();
    let weights = Tensor::<RANK>::from_data(TensorData::new(weights, shape), &device);
    let high = pick(&|tap| tap.high);
    low.clone() + (high - low) * weights
}

fn unary(op: Unary, x: Tensor<RANK>) -> Tensor<RANK> {
    match op {
        Unary::LeakyRelu(0.0) => activation::relu(x),
        Unary::LeakyRelu(slope) => activation::leaky_relu(x, slope.into()),
        Unary::Clip(low, high) => x.clamp(low, high),
        Unary::Sigmoid => activation::sigmoid(x),
        Unary::HardSigmoid { alpha, beta, gated } => {
            let gate = (x.clone() * alpha + beta).clamp(0.0, 1.0);
            if gated { x * gate } else { gate }
        }
        Unary::Tanh => x.tanh(),
        Unary::Exp => x.exp(),
        Unary::Sqrt => x.sqrt(),
        Unary::Abs => x.abs(),
        Unary::Neg => x.neg(),
    }
}

fn binary(op: Binary, a: Tensor<RANK>, b: Tensor<RANK>) -> Tensor<RANK> {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => a.max_pair(b),
        Binary::Min => a.min_pair(b),
        Binary::Pow => a.powf(b),
    }
}

/// A reduction over several axes, one after the other.
struct Reduction {
    kind: Reduce,
    x: Tensor<RANK>,
}

impl Reduction {
    fn start(kind: Reduce, x: Tensor<RANK>) -> Self {
        let x = if kind == Reduce::L2 { x.clone() * x } else { x };
        Self { kind, x }
    }

    fn along(self, axis: usize) -> Self {
        let x = match self.kind {
            Reduce::Sum | Reduce::L2 => self.x.sum_dim(axis),
            Reduce::Mean => self.x.mean_dim(axis),
            Reduce::Max => self.x.max_dim(axis),
            Reduce::Min => self.x.min_dim(axis),
        };
        Self { x, ..self }
    }

    fn end(self) -> Tensor<RANK> {
        if self.kind == Reduce::L2 { self.x.sqrt() } else { self.x }
    }
}
