//! Lowers ONNX nodes to [`Op`]: reads attributes, resolves parameters, infers shapes.

use std::collections::HashMap;

use crate::error::Error;
use crate::graph::RawNode;
use crate::network::{Net, ValueId};
use crate::operator::{Binary, Op, Reduce, Unary};
use crate::tensor::{self, Tensor};

mod arithmetic;
mod image;
mod shape;

/// The node being lowered, and the network it is added to.
struct Lowering<'a> {
    net: &'a mut Net,
    raw: &'a RawNode,
    /// `None` for an optional input that the node leaves out.
    inputs: Vec<Option<ValueId>>,
    opset: i64,
}

/// Adds `raw` to `net` and returns the values of its outputs, in order.
pub fn node(net: &mut Net, raw: &RawNode, names: &HashMap<String, ValueId>, opset: i64) -> Result<Vec<ValueId>, Error> {
    let find = |name: &String| match name.as_str() {
        "" => Ok(None),
        _ => {
            names.get(name).map(|&id| Some(id)).ok_or_else(|| raw.error(format!("nothing produces its input '{name}'")))
        }
    };
    let inputs = raw.inputs.iter().map(find).collect::<Result<_, _>>()?;
    let mut lowering = Lowering { net, raw, inputs, opset };
    let outputs = match raw.op.as_str() {
        "Split" => lowering.split()?,
        _ => vec![lowering.single()?],
    };
    // Executors rely on tensors that are not empty and whose sizes do not overflow.
    for &id in &outputs {
        let value = &net.values[id];
        let len = tensor::checked_len(&value.shape).filter(|&len| len > 0);
        if len.is_none() && value.constant.is_none() {
            return Err(raw.error(format!("its output would be {:?}", value.shape)));
        }
    }
    Ok(outputs)
}

impl Lowering<'_> {
    /// Lowers every operator with one output.
    fn single(&mut self) -> Result<ValueId, Error> {
        let raw = self.raw;
        match raw.op.as_str() {
            "Conv" => self.conv(),
            "MaxPool" | "AveragePool" => self.pool(),
            "GlobalAveragePool" | "GlobalMaxPool" => self.global_pool(),
            "Resize" | "Upsample" => self.resize(),
            "GridSample" => self.grid_sample(),
            "BatchNormalization" => self.batch_normalization(),
            "Gemm" => self.gemm(),
            "MatMul" => self.mat_mul(),
            "PRelu" => self.prelu(),
            "Relu" => self.unary(Unary::LeakyRelu(0.0)),
            "LeakyRelu" => self.unary(Unary::LeakyRelu(raw.float("alpha", 0.01))),
            "Clip" => self.clip(),
            "Sigmoid" => self.unary(Unary::Sigmoid),
            "HardSigmoid" => self.hard_sigmoid(raw.float("alpha", 0.2), raw.float("beta", 0.5), false),
            "HardSwish" => self.hard_sigmoid(1.0 / 6.0, 0.5, true),
            "Tanh" => self.unary(Unary::Tanh),
            "Exp" => self.unary(Unary::Exp),
            "Sqrt" => self.unary(Unary::Sqrt),
            "Abs" => self.unary(Unary::Abs),
            "Neg" => self.unary(Unary::Neg),
            "Add" => self.binary(Binary::Add),
            "Sub" => self.binary(Binary::Sub),
            "Mul" => self.binary(Binary::Mul),
            "Div" => self.binary(Binary::Div),
            "Max" => self.binary(Binary::Max),
            "Min" => self.binary(Binary::Min),
            "Pow" => self.binary(Binary::Pow),
            "Softmax" => self.softmax(),
            "ReduceMean" => self.reduce(Reduce::Mean),
            "ReduceSum" => self.reduce(Reduce::Sum),
            "ReduceMax" => self.reduce(Reduce::Max),
            "ReduceMin" => self.reduce(Reduce::Min),
            "ReduceL2" => self.reduce(Reduce::L2),
            "Flatten" => self.flatten(),
            "Reshape" => self.reshape(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "Transpose" => self.transpose(),
            "Concat" => self.concat(),
            "Slice" => self.slice(),
            "Pad" => self.pad(),
            "Shape" => self.shape_of(),
            "Gather" => self.gather(),
            "Cast" => self.cast(),
            "ConstantOfShape" => self.constant_of_shape(),
            "Identity" | "Dropout" => self.input(0),
            _ => Err(Error::UnknownOp { node: raw.name.clone(), op: raw.op.clone() }),
        }
    }

    fn input(&self, index: usize) -> Result<ValueId, Error> {
        self.optional(index).ok_or_else(|| self.raw.error(format!("input {index} is missing")))
    }

    fn optional(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.net.values[id].shape.clone()
    }

    /// Returns the shape of input `index`, which must be an image `[N, C, H, W]`.
    fn image(&self, index: usize) -> Result<[usize; 4], Error> {
        let shape = self.shape(self.input(index)?);
        let found = format!("its input is {shape:?}, not [N, C, H, W]");
        shape.try_into().map_err(|_| self.raw.error(found))
    }

    /// Returns a constant input; `None` if the node leaves it out. Fails if it is computed at run time.
    fn constant(&self, index: usize) -> Result<Option<&Tensor>, Error> {
        let Some(id) = self.optional(index) else { return Ok(None) };
        let constant = self.net.values[id].constant.as_deref();
        constant.map(Some).ok_or_else(|| self.raw.error(format!("input {index} must be constant")))
    }

    fn floats(&self, index: usize) -> Result<Option<Vec<f32>>, Error> {
        let wrong = || self.raw.error(format!("input {index} must hold floats"));
        let constant = self.constant(index)?;
        constant.map(|t| t.as_f32().map(<[f32]>::to_vec).ok_or_else(wrong)).transpose()
    }

    fn integers(&self, index: usize) -> Result<Option<Vec<i64>>, Error> {
        let wrong = || self.raw.error(format!("input {index} must hold integers"));
        let constant = self.constant(index)?;
        constant.map(|t| t.as_i64().map(<[i64]>::to_vec).ok_or_else(wrong)).transpose()
    }

    /// Returns integers that older operator sets keep in an attribute and newer ones in an input.
    fn ints(&self, attribute: &str, index: usize) -> Result<Option<Vec<i64>>, Error> {
        match self.raw.ints(attribute) {
            Some(values) => Ok(Some(values.to_vec())),
            None => self.integers(index),
        }
    }

    /// Resolves an axis that may count from the end.
    fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        let from_start = if axis < 0 { axis + rank as i64 } else { axis };
        let valid = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
        valid.ok_or_else(|| self.raw.error(format!("axis {axis} of a tensor of rank {rank}")))
    }

    fn new_constant(&mut self, part: &str, tensor: Tensor) -> ValueId {
        self.net.constant(&format!("{}.{part}", self.raw.name), tensor)
    }

    fn emit(&mut self, op: Op, inputs: Vec<ValueId>, shape: Vec<usize>) -> ValueId {
        self.net.emit(&self.raw.name, op, inputs, shape)
    }
}
