//! A network for fixed input shapes: known operators, known shapes, constants folded.
//!
//! Both executors start here. All run-time values are f32; integers only occur in constants.

use std::sync::Arc;

use crate::fold;
use crate::operator::Op;
use crate::tensor::{self, Tensor};

/// Broadcasting and concatenation turn small constants into large ones. A result that is larger than this, and larger
/// than its largest input, is computed at run time, where sizes are checked.
const FOLDED_LEN_MAX: usize = 1 << 20;

/// Index into [`Net::values`].
pub type ValueId = usize;

#[derive(Debug, Default)]
pub struct Net {
    /// Every node follows the producers of its inputs.
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

impl Net {
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

    /// Appends a node, or folds it into a constant if every input is one.
    pub fn emit(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, shape: Vec<usize>) -> ValueId {
        let constants: Option<Vec<&Tensor>> = inputs.iter().map(|&id| self.values[id].constant.as_deref()).collect();
        let foldable = constants.filter(|inputs| {
            let largest = inputs.iter().map(|tensor| tensor.len()).max().unwrap_or(0);
            tensor::checked_len(&shape).is_some_and(|len| len <= largest.max(FOLDED_LEN_MAX))
        });
        if let Some(tensor) = foldable.and_then(|inputs| fold::constant(&op, &inputs, &shape)) {
            return self.constant(name, tensor);
        }
        let output = self.value(name, shape);
        self.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        output
    }

    /// Returns the constant behind `id`, which the operator's contract says is a float tensor.
    pub fn weights(&self, id: ValueId) -> &[f32] {
        let constant = self.values[id].constant.as_deref();
        constant.and_then(Tensor::as_f32).expect("lowering made this input a float constant")
    }

    /// Counts the multiplications of weights, each with its addition, that one run needs without any trick.
    pub fn multiply_adds(&self) -> usize {
        let of = |node: &Node| match node.op {
            Op::Conv { .. } | Op::Linear => {
                let [weight, output] = [node.inputs[1], node.output].map(|id| &self.values[id].shape);
                output.iter().product::<usize>() * weight[1..].iter().product::<usize>()
            }
            _ => 0,
        };
        self.nodes.iter().map(of).sum()
    }

    /// Counts the readers of each value; a network output counts as a reader.
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.values.len()];
        let read = self.nodes.iter().flat_map(|node| &node.inputs).chain(&self.outputs);
        read.for_each(|&id| readers[id] += 1);
        readers
    }
}
