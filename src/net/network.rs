//! A network for fixed input shapes: known operators, known shapes, constants folded.
//!
//! Both executors start here. All run-time values are f32; integers only occur in constants.

use std::collections::HashMap;
use std::sync::Arc;

use crate::net::error::Error;
use crate::net::fold;
use crate::net::graph::Graph;
use crate::net::graph::Input;
use crate::net::lower;
use crate::net::simplify;
use crate::net::tensor;
use crate::net::tensor::Tensor;

/// Index into [`Net::values`].
pub type ValueId = usize;

#[derive(Debug)]
pub struct Net {
    /// In an order in which every node follows the producers of its inputs.
    pub nodes: Vec<Node>,
    pub values: Vec<Value>,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
}

#[derive(Clone, Debug)]
pub struct Value {
    pub name: String,
    pub shape: Vec<usize>,
    pub constant: Option<Arc<Tensor>>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<ValueId>,
    pub output: ValueId,
}

/// An operator with every parameter resolved. Shapes in ONNX order: images are `[N, C, H, W]`.
#[derive(Clone, Debug)]
pub enum Op {
    /// Image, weight `[O, C / group, kh, kw]`, bias `[O]`; weight and bias are constants.
    Conv {
        group: usize,
        window: Window,
    },
    /// `[.., K]`, weight `[O, K]`, bias `[O]`; weight and bias are constants.
    Linear,
    /// `x[:, c] * scale[c] + shift[c]` along axis 1; inputs x, scale `[C]`, shift `[C]` (constants).
    Affine,
    /// Leaky rectifier with a slope for each index of axis 1; inputs x, slope `[C]` (constant).
    PRelu,
    Unary(Unary),
    Binary(Binary),
    Pool {
        kind: Pool,
        window: Window,
    },
    Resize {
        rows: Vec<Tap>,
        columns: Vec<Tap>,
    },
    Softmax {
        axis: usize,
    },
    /// Keeps the reduced axes with size 1.
    Reduce {
        kind: Reduce,
        axes: Vec<usize>,
    },
    Reshape,
    Transpose {
        perm: Vec<usize>,
    },
    Concat {
        axis: usize,
    },
    Slice {
        starts: Vec<usize>,
        steps: Vec<usize>,
    },
    Pad {
        before: Vec<usize>,
        value: f32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    LeakyRelu(f32),
    Clip(f32, f32),
    Sigmoid,
    /// `x * clamp(x * alpha + beta, 0, 1)` without the leading `x` when `gated` is false.
    HardSigmoid {
        alpha: f32,
        beta: f32,
        gated: bool,
    },
    Tanh,
    Exp,
    Sqrt,
    Abs,
    Neg,
}

impl Unary {
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::LeakyRelu(slope) => x.max(0.0) + slope * x.min(0.0),
            Self::Clip(low, high) => x.max(low).min(high),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid { alpha, beta, gated } => {
                (x * alpha + beta).clamp(0.0, 1.0) * if gated { x } else { 1.0 }
            }
            Self::Tanh => x.tanh(),
            Self::Exp => x.exp(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Neg => -x,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    Max,
    /// Padding counts as zeros if `count_padding`, else it is left out of the mean.
    Average {
        count_padding: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
    L2,
}

/// One output row or column of a resize: `(1 - weight) * x[low] + weight * x[high]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    pub low: usize,
    pub high: usize,
    pub weight: f32,
}

/// A sliding window over height and width, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub before: [usize; 2],
    pub after: [usize; 2],
}

impl Window {
    /// Output height and width, or `None` if the window is larger than the padded image.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |d: usize| {
            let reach = (self.kernel[d] - 1) * self.dilation[d] + 1;
            let room = (size[d] + self.before[d] + self.after[d]).checked_sub(reach)?;
            Some(room / self.stride[d] + 1)
        };
        Some([along(0)?, along(1)?])
    }
}

impl Net {
    /// Resolves `graph` for the given input shapes; inputs not named there keep the file's shape,
    /// and a first dimension the file leaves open becomes `batch`.
    ///
    /// Fails on operators, parameters or shapes we do not know, naming the node.
    pub fn new(graph: &Graph, batch: usize, shapes: &[(&str, &[usize])]) -> Result<Self, Error> {
        let mut net = Self { nodes: vec![], values: vec![], inputs: vec![], outputs: vec![] };
        let mut names = HashMap::new();
        for (name, tensor) in &graph.consts {
            names.insert(name.clone(), net.constant(name, tensor.clone()));
        }
        for input in &graph.inputs {
            let given = shapes.iter().find(|(name, _)| *name == input.name);
            let shape = match given {
                Some((_, shape)) => shape.to_vec(),
                None => closed_shape(input, batch)?,
            };
            if tensor::checked_len(&shape).is_none_or(|len| len == 0) {
                let reason = format!("shape {shape:?} is empty or too large");
                return Err(Error::Input { name: input.name.clone(), reason });
            }
            let id = net.value(&input.name, shape);
            net.inputs.push(id);
            names.insert(input.name.clone(), id);
        }
        for node in &graph.nodes {
            let results = lower::node(&mut net, node, &names, graph.opset)?;
            names.extend(node.outputs.iter().cloned().zip(results));
        }
        for name in &graph.outputs {
            let id = names.get(name).copied();
            let id = id.ok_or_else(|| Error::Model(format!("nothing produces output '{name}'")))?;
            if net.values[id].constant.as_ref().is_some_and(|tensor| tensor.as_f32().is_none()) {
                return Err(Error::Model(format!("output '{name}' is not of floats")));
            }
            net.outputs.push(id);
            net.values[id].name.clone_from(name);
        }
        simplify::run(&mut net);
        Ok(net)
    }

    pub fn value(&mut self, name: &str, shape: Vec<usize>) -> ValueId {
        self.values.push(Value { name: name.to_owned(), shape, constant: None });
        self.values.len() - 1
    }

    pub fn constant(&mut self, name: &str, tensor: impl Into<Arc<Tensor>>) -> ValueId {
        let tensor = tensor.into();
        let id = self.value(name, tensor.shape.clone());
        self.values[id].constant = Some(tensor);
        id
    }

    /// Appends a node, or computes it now where every input is a constant.
    pub fn emit(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, shape: Vec<usize>) -> ValueId {
        let constants: Option<Vec<&Tensor>> = inputs.iter().map(|&id| self.values[id].constant.as_deref()).collect();
        if let Some(tensor) = constants.and_then(|inputs| fold::constant(&op, &inputs, &shape)) {
            return self.constant(name, tensor);
        }
        let output = self.value(name, shape);
        self.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        output
    }

    /// The constant behind `id`, which the operator's contract says is a float tensor.
    pub fn weights(&self, id: ValueId) -> &[f32] {
        let constant = self.values[id].constant.as_deref();
        constant.and_then(Tensor::as_f32).expect("lowering made this input a float constant")
    }
}

fn closed_shape(input: &Input, batch: usize) -> Result<Vec<usize>, Error> {
    let sizes = input.shape.iter().enumerate();
    let sizes = sizes.map(|(axis, size)| size.or((axis == 0).then_some(batch)));
    sizes.collect::<Option<_>>().ok_or_else(|| Error::Input {
        name: input.name.clone(),
        reason: format!("the file leaves its shape open ({:?}): give one", input.shape),
    })
}
